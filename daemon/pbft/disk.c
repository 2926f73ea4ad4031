/*
 * Disks that are nearly full: draft {#disk-marks}. What is voted is written down first, so a
 * replica that may soon be unable to write has to choose in time what it still votes on: first only
 * what keeps the network alive, then nothing. It falls behind meanwhile, and catches up when there
 * is room.
 */
#include "daemon/pbft/core.h"

static bool keeps(const struct pbft_batch *batch)
{
	for (size_t i = 0; i < batch->n_bundles; i++)
		if (!batch->bundles[i].keeps)
			return false;
	return true;
}

bool pbft_disk_takes(const struct pbft *p, const struct pbft_slot *slot)
{
	switch (p->disk) {
	case PBFT_DISK_ENOUGH:
		return true;
	case PBFT_DISK_SHORT:
		return slot->reproposed || keeps(&slot->batch);
	case PBFT_DISK_FULL:
		break;
	}
	return false;
}

bool pbft_disk_is_short(const struct pbft *p)
{
	uint16_t who = p->disk != PBFT_DISK_ENOUGH ? pbft_bit(p, p->conf.self) : 0;

	for (uint8_t id = 1; id <= p->conf.n; id++)
		if (id != p->conf.self && p->peers[id - 1].up &&
		    p->peers[id - 1].disk != PBFT_DISK_ENOUGH)
			who |= pbft_bit(p, id);
	return pbft_quorum_weak(p->conf.n, who);
}

void pbft_on_disk(struct pbft *p, const struct pbft_event *ev)
{
	enum pbft_disk before = p->disk;

	p->disk = ev->u.disk;
	if (p->disk == before)
		return;
	pbft_send_status(p, PBFT_EVERYONE);
	if (p->disk < before)
		p->revote = p->rewrite = true;
}

/* What was held back for want of room: votes by pbft_vote_held(), and here what they led to. */
static void go_on(struct pbft *p)
{
	for (uint64_t seq = p->window.base + 1; seq <= p->window.top; seq++) {
		struct pbft_slot *slot = pbft_window_find(&p->window, seq);

		if (pbft_room(p) < PBFT_ROOM_SLOT) {
			p->more = true;
			return;
		}
		if (slot != NULL)
			pbft_slot_advance(p, slot);
	}
	p->rewrite = false;
}

void pbft_disk_settle(struct pbft *p)
{
	bool is_short = pbft_disk_is_short(p);

	if (p->is_short && !is_short)
		pbft_watch_restart(p); /* nobody's timer ran, so nothing is overdue yet */
	p->is_short = is_short;
	if (p->rewrite)
		go_on(p);
}
