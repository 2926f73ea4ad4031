/*
 * VIEW-CHANGE and NEW-VIEW as octets: draft {#view-change}, {#new-view}. The core knows what they
 * say; here they are made and signed, taken apart and proven, and kept to be sent again: the
 * highest VIEW-CHANGE of each member, and the NEW-VIEW in force.
 */
#ifndef DAEMON_VIEWS_H
#define DAEMON_VIEWS_H

#include "daemon/pbft/pbft.h"
#include "daemon/verify.h"

enum {
	VIEWS_SIGNER = 8 + 64,
	/* 2f PREPAREs, 2f+1 CHECKPOINTs at n = 13 */
	VIEWS_CERTIFICATE_MAX =
		AP_MAX_proposal + 64 + 2 + 2 * (AP_THRESHOLD_MAX - 1) * VIEWS_SIGNER,
	VIEWS_STABLE_MAX = 2 + (2 * (AP_THRESHOLD_MAX - 1) + 1) * VIEWS_SIGNER,
	/* 179,723 octets: a full window of certificates */
	VIEWS_CHANGE_MAX = 8 + 8 + 1 + 8 + 32 + 4 + VIEWS_STABLE_MAX + 4 +
			   PBFT_WINDOW_MAX * VIEWS_CERTIFICATE_MAX + 64,
	/* 1,642,216 octets: 2f+1 of those, and a signature for each of the window */
	VIEWS_NEW_VIEW_MAX = 8 + 8 + 1 + 8 + 4 +
			     (2 * (AP_THRESHOLD_MAX - 1) + 1) * (4 + VIEWS_CHANGE_MAX) + 4 +
			     PBFT_WINDOW_MAX * (32 + 64) + 64,
};
_Static_assert(VIEWS_NEW_VIEW_MAX < AP_FRAME_MAX, "a NEW-VIEW of full windows fits a frame");

struct views {
	uint8_t *change[AP_REPLICAS_MAX];
	size_t change_len[AP_REPLICAS_MAX];
	uint8_t *new_view;
	size_t new_view_len;
	/* what was taken apart last: the core's event points here */
	struct pbft_view_change changes[AP_REPLICAS_MAX];
	struct pbft_new_view says;
	uint8_t n_changes;
};

struct views *views_new(void); /* NULL: no memory */
void views_free(struct views *);

/* Takes a copy in place of what was there. false: no memory. */
bool views_keep_change(struct views *, uint8_t replica, ap_bytes octets);
bool views_keep_new_view(struct views *, ap_bytes octets);
ap_bytes views_change(const struct views *, uint8_t replica); /* data NULL: none */
ap_bytes views_new_view(const struct views *);

/* Makes, signs and keeps the own one of an effect. false: no memory. */
bool views_make_change(struct views *, const struct verifier *, const uint8_t secret[64],
		       const struct pbft_effect *);
bool views_make_new_view(struct views *, const struct verifier *, const uint8_t secret[64],
			 const struct pbft_effect *);

/* Takes apart and proves every signature of it (own: it comes from the own journal, and was proven
 * before). NULL, or why it is refused. At changes[0], and says with the first n_changes. */
const char *views_read_change(struct views *, const struct verifier *, ap_bytes octets, bool own);
const char *views_read_new_view(struct views *, const struct verifier *, ap_bytes octets, bool own);

#endif
