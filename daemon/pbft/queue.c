#include "daemon/pbft/queue.h"

static struct pbft_bundle *place(struct pbft_line *line, uint32_t i)
{
	return &line->bundles[(line->head + i) % PBFT_OWN_MAX];
}

static const struct pbft_bundle *nth(const struct pbft_line *line, uint32_t i)
{
	return &line->bundles[(line->head + i) % PBFT_OWN_MAX];
}

bool pbft_queue_has(const struct pbft_queue *q, const struct pbft_bundle *b)
{
	const struct pbft_line *line = &q->lines[b->relay - 1];

	for (uint32_t i = 0; i < line->count; i++)
		if (nth(line, i)->start == b->start && nth(line, i)->counter == b->counter)
			return true;
	return false;
}

bool pbft_queue_push(struct pbft_queue *q, const struct pbft_bundle *b)
{
	struct pbft_line *line = &q->lines[b->relay - 1];
	uint32_t i;

	if (line->count == PBFT_OWN_MAX)
		return false;
	/* to the end, and before those with higher counters */
	for (i = line->count++; i > 0 && place(line, i - 1)->start == b->start &&
				place(line, i - 1)->counter > b->counter;
	     i--)
		*place(line, i) = *place(line, i - 1);
	*place(line, i) = *b;
	q->bundles++;
	q->requests += b->requests;
	q->octets += b->octets;
	return true;
}

const struct pbft_bundle *pbft_queue_first(const struct pbft_queue *q, uint8_t relay)
{
	const struct pbft_line *line = &q->lines[relay - 1];

	return line->count == 0 ? NULL : nth(line, 0);
}

void pbft_queue_pop(struct pbft_queue *q, uint8_t relay)
{
	struct pbft_line *line = &q->lines[relay - 1];
	const struct pbft_bundle *b = nth(line, 0);

	q->bundles--;
	q->requests -= b->requests;
	q->octets -= b->octets;
	line->head = (line->head + 1) % PBFT_OWN_MAX;
	line->count--;
}
