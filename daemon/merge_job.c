/* What a merge was given, freed when it is done or never began; ownership is in index_priv.h. */
#include "config.h"

#include <stdlib.h>

#include "daemon/index_priv.h"

void absorb_free(struct absorb *a)
{
	while (a != NULL) {
		struct absorb *next = a->next;

		for (size_t i = 0; i < a->n_chunks; i++) {
			free(a->chunks[i].leaf);
			free(a->chunks[i].nodes);
		}
		free(a->chunks);
		free(a->octets);
		free(a);
		a = next;
	}
}

void merge_leaves_clear(struct merge_leaf *leaves, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		free(leaves[i].changes);
		leaves[i].changes = NULL;
		leaves[i].changes_len = 0;
	}
}

void merge_job_free(struct merge_job *job)
{
	if (job == NULL)
		return;
	absorb_free(job->absorb);
	free(job->items);
	free(job->blocks);
	free(job->snapshot);
	free(job->proof);
	if (job->tail != NULL)
		merge_leaves_clear(job->tail, job->n_tail);
	free(job->tail);
	free(job);
}
