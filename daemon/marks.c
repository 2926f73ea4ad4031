#include "config.h"

#include "daemon/marks.h"

enum {
	SHORT_PART = 4, /* of a segment: below, the first mark */
	FULL_PART = 16, /* the second */
	MERGE_PART = 8,
	TAKE_TIMES =
		4, /* the chunk, each outcome by place and id, its proof; pages that are not full */
};

/* Below a mark that was not reached, or not yet clear of one that was. */
static bool below(uint64_t room, uint64_t mark, bool reached)
{
	return room < (reached ? 2 * mark : mark);
}

enum pbft_disk marks_level(enum pbft_disk now, const struct marks_view *view)
{
	uint64_t first = view->segment / SHORT_PART, second = view->segment / FULL_PART;

	if (view->journal_short && below(view->journal_room, second, now == PBFT_DISK_FULL))
		return PBFT_DISK_FULL;
	if ((view->journal_short && below(view->journal_room, first, now >= PBFT_DISK_SHORT)) ||
	    below(view->disk_free, first, now >= PBFT_DISK_SHORT))
		return PBFT_DISK_SHORT;
	return PBFT_DISK_ENOUGH;
}

bool marks_may_merge(const struct marks_view *view)
{
	return view->disk_free >= view->segment / MERGE_PART;
}

bool marks_may_take(const struct marks_view *view, uint64_t octets)
{
	return view->disk_free / TAKE_TIMES >= octets &&
	       view->disk_free - octets * TAKE_TIMES >= view->segment / SHORT_PART;
}
