#include "config.h"
#include "daemon/journal_format.h"
#include <string.h>

static const uint8_t magic[8] = {'A', 'G', 'R', 'E', 'E', 'J', 'N', 'L'};

size_t journal_rec_size(size_t length)
{
	return JOURNAL_REC + (length + JOURNAL_ALIGN - 1) / JOURNAL_ALIGN * JOURNAL_ALIGN;
}

bool journal_is_zero(const uint8_t *at, size_t n)
{
	/* Comparing with itself, one octet shifted, is as fast as memcmp is. */
	return n == 0 || (at[0] == 0 && memcmp(at, at + 1, n - 1) == 0);
}

void journal_head_put(uint8_t at[JOURNAL_HEAD], const struct journal_head *head)
{
	memcpy(at, magic, sizeof(magic));
	disk_put32(at + 8, head->format);
	disk_put32(at + 12, head->size);
	disk_put64(at + 16, head->number);
	disk_put64(at + 24, head->first);
	disk_put64(at + 32, head->chain);
	disk_put64(at + 40, head->before);
	memcpy(at + 48, head->owner, JOURNAL_OWNER_SIZE);
	memcpy(at + 80, head->key, DISK_SUM_KEY);
	disk_put64(at + 96, disk_sum(head->key, at, 96));
}

int journal_head_get(const uint8_t at[JOURNAL_HEAD], struct journal_head *head)
{
	memset(head, 0, sizeof(*head));
	if (memcmp(at, magic, sizeof(magic)) != 0)
		return DISK_EDAMAGED;
	/* Where a newer format has its sum is not known here. */
	head->format = disk_get32(at + 8);
	if (head->format > JOURNAL_FORMAT)
		return DISK_EVERSION;
	head->size = disk_get32(at + 12);
	head->number = disk_get64(at + 16);
	head->first = disk_get64(at + 24);
	head->chain = disk_get64(at + 32);
	head->before = disk_get64(at + 40);
	memcpy(head->owner, at + 48, JOURNAL_OWNER_SIZE);
	memcpy(head->key, at + 80, DISK_SUM_KEY);
	if (disk_get64(at + 96) != disk_sum(head->key, at, 96) || head->format == 0)
		return DISK_EDAMAGED;
	if (head->size < JOURNAL_SEGMENT_MIN || head->size > JOURNAL_SEGMENT_MAX ||
	    head->size % 4096 != 0 || head->number == 0 || head->first == 0)
		return DISK_EDAMAGED;
	return 0;
}

void journal_rec_put(uint8_t at[JOURNAL_REC], struct journal_rec *rec, const uint8_t *key)
{
	disk_put32(at, rec->length);
	disk_put32(at + 4, rec->group);
	disk_put64(at + 8, rec->number);
	disk_put64(at + 16, rec->seq);
	memset(at + 24, 0, 8);
	at[24] = rec->type;
	disk_put64(at + 32, rec->prev);
	disk_put64(at + 40, rec->payload_sum);
	rec->sum = disk_sum(key, at, 48);
	disk_put64(at + 48, rec->sum);
}

bool journal_rec_get(const uint8_t at[JOURNAL_REC], struct journal_rec *rec, const uint8_t *key,
		     uint32_t segment_size)
{
	rec->length = disk_get32(at);
	rec->group = disk_get32(at + 4);
	rec->number = disk_get64(at + 8);
	rec->seq = disk_get64(at + 16);
	rec->type = at[24];
	rec->prev = disk_get64(at + 32);
	rec->payload_sum = disk_get64(at + 40);
	rec->sum = disk_get64(at + 48);
	/* The cheap tests come first: this is also asked of every place in a torn tail. */
	if (rec->type == 0 || rec->type > JOURNAL_TYPE_MAX || rec->length > JOURNAL_PAYLOAD_MAX ||
	    rec->length > segment_size || !journal_is_zero(at + 25, 7))
		return false;
	if (rec->group < JOURNAL_START || rec->group >= segment_size ||
	    rec->group % JOURNAL_ALIGN != 0)
		return false;
	return rec->sum == disk_sum(key, at, 48);
}

void journal_mark_put(uint8_t at[JOURNAL_MARK], uint64_t durable, const uint8_t *key)
{
	disk_put64(at, durable);
	disk_put64(at + 8, disk_sum(key, at, 8));
}

uint64_t journal_mark_get(const uint8_t at[JOURNAL_MARK], const uint8_t *key)
{
	return disk_get64(at + 8) == disk_sum(key, at, 8) ? disk_get64(at) : 0;
}
