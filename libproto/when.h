/*
 * Points in time and durations, from text and to it. A point in time as text is what ap_text_time()
 * makes.
 */
#ifndef AP_WHEN_H
#define AP_WHEN_H

#include <stddef.h>
#include <stdint.h>

#include "libproto/text.h"

#define AP_DURATION_MAX_S (100ULL * 366 * 86400)

/*
 * RFC 3339: 2026-12-01T12:00:00Z, with an offset from UTC, with a fraction, of which milliseconds
 * are kept; T and Z in either case, a space for the T. Milliseconds since 1970. 0, AGREE_ETIME:
 * other text, no such date, before 1970, a leap second.
 */
int ap_when_parse(uint64_t *ms, const char *text);

/*
 * A number and s, m, h, d, w, or a number of seconds: 600s, 10m, 1h, 1d, 90. 0, AGREE_ETIME: other
 * text, zero, above AP_DURATION_MAX_S.
 */
int ap_duration_parse(uint64_t *seconds, const char *text);

/* The shortest that is exact: 600 is 10m. */
void ap_duration_show(struct ap_text *t, uint64_t seconds);

#endif
