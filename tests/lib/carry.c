#include "tests/lib/carry.h"

#include <string.h>

bool carry(struct pbft_event *ev, const struct pbft_effect *e, uint8_t sender)
{
	switch (e->kind) {
	case PBFT_SEND_BUNDLE:
		ev->kind = PBFT_EV_BUNDLE;
		ev->u.bundle = e->u.bundle;
		return true;
	case PBFT_SEND_CHECKPOINT:
		ev->kind = PBFT_EV_CHECKPOINT;
		ev->u.checkpoint.seq = e->u.checkpoint.seq;
		ev->u.checkpoint.incarnation = e->u.checkpoint.incarnation;
		ev->u.checkpoint.replica = sender;
		memcpy(ev->u.checkpoint.state, e->u.checkpoint.state, 32);
		return true;
	case PBFT_SEND_STATUS:
		ev->kind = PBFT_EV_STATUS;
		ev->u.status.view = e->u.status.view;
		ev->u.status.executed = e->u.status.executed;
		ev->u.status.stable = e->u.status.stable;
		memcpy(ev->u.status.running, e->u.status.running, 32);
		ev->u.status.disk = e->u.status.disk;
		ev->u.status.heard = e->u.status.heard;
		ev->u.status.slow = e->u.status.slow;
		return true;
	case PBFT_SEND_FETCH:
		ev->kind = PBFT_EV_FETCH;
		ev->u.fetch.from = e->u.fetch.from;
		ev->u.fetch.to = e->u.fetch.to;
		ev->u.fetch.bodies = e->u.fetch.bodies;
		return true;
	case PBFT_SEND_FETCH_BATCH:
		ev->kind = PBFT_EV_FETCH_BATCH;
		ev->u.fetch_batch.seq = e->u.drop.seq;
		memcpy(ev->u.fetch_batch.batch, e->u.drop.batch, 32);
		return true;
	default:
		return false;
	}
}
