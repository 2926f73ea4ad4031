/* Random numbers of a run: streams that do not disturb each other. */
#ifndef SIM_RNG_H
#define SIM_RNG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct rng {
	uint64_t state;
};

void rng_init(struct rng *r, uint64_t seed, uint64_t stream);
uint64_t rng_next(struct rng *r);
uint64_t rng_below(struct rng *r, uint64_t below); /* 0 for 0 */
uint64_t rng_between(struct rng *r, uint64_t low, uint64_t high);
bool rng_chance(struct rng *r, uint64_t per_mille);
/* About mean on average, never more than 20 times it: many small, few large. */
uint64_t rng_spread(struct rng *r, uint64_t mean);
uint16_t rng_subset(struct rng *r, uint16_t of, unsigned count); /* `count` of the bits */
void rng_fill(struct rng *r, void *octets, size_t len);

#endif
