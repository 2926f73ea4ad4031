/*
 * How people share an instance: as a ticket, as a label with a deadline, as a label with a period.
 * draft {#ticket}, draft {#period}
 */
#ifndef AP_TICKET_H
#define AP_TICKET_H

#include "libproto/codec.h"
#include "libproto/kinds.h"

#define AP_TICKET_PREFIX "agree1-"
#define AP_TICKET_OCTETS (AP_MAX_descriptor + 4) /* descriptor and check octets */
/* Characters of the longest ticket with its NUL: prefix, base64url of descriptor and 4 check
 * octets. */
#define AP_TICKET_MAX (7 + (AP_TICKET_OCTETS * 4 + 2) / 3 + 1)

#define AP_PERIOD_MIN_S	  60
#define AP_PERIOD_MAX_S	  (366 * 86400)
#define AP_PERIOD_AHEAD_S 60 /* a period begins so long before its multiple of UTC */

/*
 * Text of a descriptor for the network with this key. 0; AGREE_EBADTERMS (see
 * ap_descriptor_check_draft()); AGREE_ESPACE if `size` characters do not hold it and a NUL:
 * AP_TICKET_MAX always do.
 */
int ap_ticket_make(char *text, size_t size, const uint8_t network[32],
		   const ap_descriptor *descriptor);

/*
 * 0, or AGREE_ETICKET (no ticket at all), AGREE_ETICKETNET (the check octets do not fit: damaged,
 * or for another network), AGREE_ETICKETTERMS (whole, but not a descriptor that
 * ap_descriptor_check_draft() takes).
 * The descriptor borrows from `octets`.
 */
int ap_ticket_parse(ap_descriptor *descriptor, uint8_t octets[AP_TICKET_OCTETS],
		    const uint8_t network[32], const char *text, size_t len);

/* Is this meant to be a ticket (and not a label, an id)? It has the prefix. */
bool ap_ticket_is(const char *text, size_t len);

/*
 * The open instance of label and absolute deadline: the same for everybody, since the salt is zero.
 * Who wants a fresh one puts 16 random octets into terms.salt. The label is borrowed. 0,
 * AGREE_ELABEL, AGREE_ETIME.
 */
int ap_ticket_open(ap_descriptor *descriptor, ap_bytes label, uint64_t deadline_s);

/*
 * The open instance of label and period that is on at now_s: its start is a multiple of the period
 * in UTC less AP_PERIOD_AHEAD_S, its deadline one period later. With a secret (len > 0) the salt is
 * the first half of HMAC-SHA-256(secret, T("agree1-period") ‖ network ‖ terms with salt zero),
 * without one it is zero. The label is borrowed. 0, AGREE_ELABEL, AGREE_EPERIOD, AGREE_ETIME (now_s
 * before the first period).
 */
int ap_ticket_recurring(ap_descriptor *descriptor, const uint8_t network[32], ap_bytes label,
			uint64_t period_s, uint64_t now_s, ap_bytes secret);

#endif
