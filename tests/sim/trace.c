/* Every step of a run: its hash, so that two runs of one seed can be compared, and the last ones,
 * to be read by somebody who wants to know why it failed. */
#include "config.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "libproto/codec.h"
#include "tests/sim/sim.h"

enum { KEPT = 512, TEXT_MAX = 200, LINE_MAX = 700 };

struct note {
	uint64_t at_us, x;
	const char *word;
	uint8_t node, from;
	struct blob *blob;
	char text[TEXT_MAX]; /* if word is NULL */
};

struct trace {
	struct sim_show show;
	uint64_t hash, count;
	struct note kept[KEPT];
};

struct trace *trace_new(const struct sim_show *show)
{
	struct trace *t = calloc(1, sizeof(*t));

	if (t == NULL)
		abort();
	t->show = *show;
	return t;
}

void trace_free(struct trace *t)
{
	if (t == NULL)
		return;
	for (size_t i = 0; i < KEPT; i++)
		blob_drop(t->kept[i].blob);
	free(t);
}

uint64_t trace_hash(const struct trace *t)
{
	return t->hash;
}

static void message_show(struct ap_text *t, const struct blob *b)
{
	static struct ap_message m;

	if (ap_message_get(&m, b->type, b->octets, b->len) == NULL)
		ap_message_show(t, &m);
	else
		ap_text_addf(t, "type %u, %zu octets", b->type, b->len);
	if (b->tampered)
		ap_text_add(t, " (tampered with)");
}

static void show(FILE *to, const struct note *n)
{
	char line[LINE_MAX];
	struct ap_text t;

	ap_text_init(&t, line, sizeof(line));
	ap_text_addf(&t, "%8" PRIu64 ".%03" PRIu64 " ", n->at_us / 1000, n->at_us % 1000);
	if (n->word == NULL) {
		ap_text_add(&t, n->text);
	} else {
		ap_text_addf(&t, "%2u %s", n->node, n->word);
		if (n->from != 0)
			ap_text_addf(&t, " %u", n->from);
		if (n->x != 0)
			ap_text_addf(&t, " %" PRIu64, n->x);
		if (n->blob != NULL) {
			ap_text_add(&t, ": ");
			message_show(&t, n->blob);
		}
	}
	fprintf(to, "%s\n", line);
}

static struct note *take(struct trace *t)
{
	struct note *n = &t->kept[t->count++ % KEPT];

	blob_drop(n->blob);
	n->blob = NULL;
	n->at_us = sim->now_us;
	return n;
}

void trace_note(const char *word, uint8_t node, uint8_t from, const struct blob *b, uint64_t x)
{
	struct trace *t = sim->trace;
	struct note *n = take(t);
	uint64_t all[3] = {sim->now_us, (uint64_t)node << 32 | (uint64_t)from << 24 |
						(uint64_t)(uint8_t)word[0] << 16 | (uint8_t)word[1],
			   x};

	t->hash = crypto_hash64(t->hash, all, sizeof(all));
	/* what was hashed when it was said need not be when it is heard */
	if (b != NULL)
		t->hash = crypto_hash64(t->hash + b->type, b->octets,
					from == 0 || b->len < 40 ? b->len : 40);
	n->word = word;
	n->node = node;
	n->from = from;
	n->x = x;
	if (b != NULL) {
		n->blob = (struct blob *)(uintptr_t)b;
		n->blob->refs++;
	}
	if (t->show.trace != NULL)
		show(t->show.trace, n);
}

static void say(struct trace *t, FILE *script, const char *format, va_list args)
	__attribute__((format(printf, 3, 0)));
static void say(struct trace *t, FILE *script, const char *format, va_list args)
{
	struct note *n = take(t);

	n->word = NULL;
	vsnprintf(n->text, sizeof(n->text), format, args);
	t->hash = crypto_hash64(t->hash, n->text, strlen(n->text));
	if (t->show.trace != NULL)
		show(t->show.trace, n);
	if (script != NULL)
		fprintf(script, "> %s\n", n->text);
}

void trace_say(const char *format, ...)
{
	va_list args;

	va_start(args, format);
	say(sim->trace, NULL, format, args);
	va_end(args);
}

/* How a network forms is of interest only where the plan disturbs it. */
static bool is_dull(void)
{
	return sim->phase == SIM_FORM && sim->o.form_faults == 0;
}

void trace_mile(const char *format, ...)
{
	va_list args;

	if (is_dull())
		return;
	va_start(args, format);
	say(sim->trace, sim->trace->show.script, format, args);
	va_end(args);
}

void trace_action(const struct action *a)
{
	FILE *to = sim->trace->show.script;

	if (to == NULL)
		return;
	fputs("> ", to);
	action_print(to, a);
}

void trace_dump(FILE *to)
{
	const struct trace *t = sim->trace;
	uint64_t first = t->count > KEPT ? t->count - KEPT : 0;

	for (uint64_t i = first; i < t->count; i++)
		show(to, &t->kept[i % KEPT]);
}
