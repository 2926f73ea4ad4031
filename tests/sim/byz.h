/* Between byz.c and byz_view.c. */
#ifndef SIM_BYZ_H
#define SIM_BYZ_H

#include "libproto/codec.h"
#include "tests/sim/sim.h"

enum { BYZ_COPY_MAX = 1 << 20 };

void byz_sign_view(const uint8_t secret[64], struct ap_message *m);
/* Changes m, and says whether it did. */
bool byz_lie_views(const struct node *n, struct rng *r, const uint8_t secret[64],
		   struct ap_message *m);

#endif
