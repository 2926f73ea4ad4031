/* load: asks a network of replicas for many agreements, and says what it got. */
#include "config.h"

#include <arpa/inet.h>
#include <inttypes.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "tests/bench/load.h"

enum { LINE = 2 * AP_VALUE_MAX + 128, DEADLINE_S = 600 };

static struct load load;

static void stop(int signal)
{
	(void)signal;
	load.stop = 1;
}

static int usage(const char *why)
{
	fprintf(stderr,
		"load: %s\n"
		"usage: load -d DOMAIN -k KEY -s ADDRESS#PORT [-s ...] [options]\n"
		"  -n COUNT    agreements to ask for (10000)\n"
		"  -l LINKS    sockets for each replica (1)\n"
		"  -w WINDOW   requests under way for each socket (1)\n"
		"  -R RATE     at most so many requests a second (as many as the windows take)\n"
		"  -t MS       until a request is sent again (1000)\n"
		"  -T TRIES    until it is given up (5)\n"
		"  -x DEADLINE instances that are shared with every crowd of the same DEADLINE "
		"(seconds UTC)\n"
		"  -a FILE     write what was acknowledged: id, value, sequence, time (ms), and "
		"when "
		"it was\n"
		"              asked and answered (us, UTC; asked is 0 if the value is another "
		"crowd's)\n"
		"  -r FILE     read the instances in such a file instead: each must be the same\n"
		"SIGINT and SIGTERM: nothing new is asked; with -a the answers under way are "
		"waited "
		"for.\n",
		why);
	return 2;
}

static bool server_add(const char *text)
{
	struct sockaddr_storage *ss = &load.servers[load.n_servers];
	struct sockaddr_in *in = (struct sockaddr_in *)ss;
	struct sockaddr_in6 *in6 = (struct sockaddr_in6 *)ss;
	char host[INET6_ADDRSTRLEN];
	const char *mark = strchr(text, '#');
	unsigned long port = mark != NULL ? strtoul(mark + 1, NULL, 10) : 0;

	if (load.n_servers == LOAD_SERVERS_MAX || port == 0 || port > UINT16_MAX ||
	    (size_t)(mark - text) >= sizeof(host))
		return false;
	memcpy(host, text, (size_t)(mark - text));
	host[mark - text] = '\0';
	if (inet_pton(AF_INET, host, &in->sin_addr) == 1) {
		in->sin_family = AF_INET;
		in->sin_port = htons((uint16_t)port);
	} else if (inet_pton(AF_INET6, host, &in6->sin6_addr) == 1) {
		in6->sin6_family = AF_INET6;
		in6->sin6_port = htons((uint16_t)port);
	} else {
		return false;
	}
	load.n_servers++;
	return true;
}

static uint64_t number(const char *text, uint64_t max)
{
	char *end;
	uint64_t n = strtoull(text, &end, 10);

	return end == text || *end != '\0' || n > max ? 0 : n;
}

/* ---- the file of what was acknowledged ---- */

static bool hex_parse(struct load_record *record, const char *text)
{
	size_t len = strlen(text);

	if (len % 2 != 0 || len / 2 > AP_VALUE_MAX)
		return false;
	record->value_len = (uint8_t)(len / 2);
	for (size_t i = 0; i < len / 2; i++) {
		const char pair[3] = {text[2 * i], text[2 * i + 1], '\0'};
		char *end;

		record->value[i] = (uint8_t)strtoul(pair, &end, 16);
		if (*end != '\0')
			return false;
	}
	return true;
}

static bool record_parse(struct load_record *record, char *line)
{
	char *id = strtok(line, " "), *value = strtok(NULL, " "), *sequence = strtok(NULL, " "),
	     *time_ms = strtok(NULL, " \n");

	if (time_ms == NULL || ap_label_to_id(record->id, id, strlen(id)) != 0 ||
	    !hex_parse(record, value))
		return false;
	record->sequence = number(sequence, UINT64_MAX);
	record->time_ms = number(time_ms, UINT64_MAX);
	return record->sequence > 0 && record->time_ms > 0;
}

static bool records_read(const char *path)
{
	struct load_record *records = NULL, *more;
	FILE *f = fopen(path, "re");
	char line[LINE];
	size_t n = 0;
	bool good = f != NULL;

	while (good && fgets(line, sizeof(line), f) != NULL) {
		if (n % 4096 == 0) {
			more = realloc(records, (n + 4096) * sizeof(*records));
			records = more != NULL ? more : records;
			good = more != NULL && n < LOAD_COUNT_MAX;
		}
		good = good && record_parse(&records[n], line);
		n++;
	}
	if (f != NULL)
		fclose(f);
	load.records = records;
	load.count = n;
	return good;
}

/* ---- options ---- */

/* NULL, or what is wrong. */
static const char *option(int c, const char *text)
{
	switch (c) {
	case 'd':
		return ap_name_parse(&load.zone, text) != 0 ? "-d: not a domain" : NULL;
	case 'k':
		return ap_key_parse(load.key, text, strlen(text)) != 0 ? "-k: not a key" : NULL;
	case 's':
		return server_add(text) ? NULL : "-s: give ADDRESS#PORT, at most 13 times";
	case 'n':
		load.count = number(text, LOAD_COUNT_MAX);
		return load.count > 0 ? NULL : "-n: not a number of agreements";
	case 'l':
		load.links = number(text, LOAD_LINKS_MAX / LOAD_SERVERS_MAX);
		return load.links > 0 ? NULL : "-l: not a number of sockets, at most 4";
	case 'w':
		load.window = number(text, LOAD_WINDOW_MAX);
		return load.window > 0 ? NULL : "-w: not a number of requests, at most 256";
	case 'R':
		load.rate = number(text, LOAD_RATE_MAX);
		return load.rate > 0 ? NULL : "-R: not a number of requests";
	case 't':
		load.wait_us = 1000 * number(text, 600000);
		return load.wait_us > 0 ? NULL : "-t: not a number of milliseconds";
	case 'T':
		load.tries = (unsigned)number(text, 10000);
		return load.tries > 0 ? NULL : "-T: not a number of tries";
	case 'x':
		load.deadline_s = number(text, UINT32_MAX);
		load.shared = true;
		return load.deadline_s > 0 ? NULL : "-x: not a time";
	case 'a':
		load.acknowledged = fopen(text, "we");
		return load.acknowledged != NULL ? NULL : "-a: cannot write there";
	case 'r':
		return records_read(text) ? NULL : "-r: not a file that -a has written";
	default:
		return "what is that?";
	}
}

static const char *parse(int argc, char **argv)
{
	const char *wrong = NULL;
	int c;

	load.count = 10000;
	load.links = load.window = 1;
	load.wait_us = 1000000;
	load.tries = 5;
	while (wrong == NULL && (c = getopt(argc, argv, "d:k:s:n:l:w:R:t:T:x:a:r:")) != -1)
		wrong = option(c, optarg);
	if (wrong == NULL && (load.n_servers == 0 || load.zone.len == 0 || optind < argc))
		wrong = "a domain, a key and a server are needed";
	if (wrong == NULL && ap_verify_key_init(&load.verifier, load.key) != 0)
		wrong = "-k: not a key to verify with";
	return wrong;
}

/* Salts and values are fresh, but for the salts of shared instances: those follow from the
 * deadline. */
static bool names_make(void)
{
	struct timespec utc;
	struct ap_writer w;

	clock_gettime(CLOCK_REALTIME, &utc);
	load.epoch_us =
		(uint64_t)utc.tv_sec * 1000000 + (uint64_t)utc.tv_nsec / 1000 - load_now_us();
	if (ap_random(load.name, sizeof(load.name)) != 0)
		return false;
	if (load.shared) {
		ap_writer_init(&w, load.seed, sizeof(load.seed));
		ap_u64_put(&w, &load.deadline_s);
		return true;
	}
	load.deadline_s = (uint64_t)utc.tv_sec + DEADLINE_S;
	memcpy(load.seed, load.name, sizeof(load.seed));
	return true;
}

/* ---- report ---- */

static int ascending(const void *a, const void *b)
{
	uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;

	return (x > y) - (x < y);
}

static double percentile_ms(double part)
{
	return load.good == 0
		       ? 0
		       : (double)load.latency_us[(uint64_t)((double)(load.good - 1) * part)] / 1000;
}

static void report(double seconds)
{
	qsort(load.latency_us, load.good, sizeof(*load.latency_us), ascending);
	printf("agreements: %" PRIu64 " answers\n", load.good);
	printf("seconds: %.3f s\n", seconds);
	printf("agreements_per_second: %.0f 1/s\n", (double)load.good / seconds);
	printf("latency_p50: %.3f ms\n", percentile_ms(0.5));
	printf("latency_p90: %.3f ms\n", percentile_ms(0.9));
	printf("latency_p99: %.3f ms\n", percentile_ms(0.99));
	printf("latency_max: %.3f ms\n", percentile_ms(1));
	printf("batch_mean: %.1f leaves\n",
	       load.good == 0 ? 0 : (double)load.leaves / (double)load.good);
	if (load.octets > 0)
		printf("answer_octets: %zu octets\n", load.octets);
	printf("signatures_verified: %" PRIu64 " signatures\n", load.checked);
	printf("resent: %" PRIu64 " requests\n", load.resent);
	printf("refused: %" PRIu64 " answers\n", load.refused);
	printf("lost: %" PRIu64 " requests\n", load.lost);
	printf("wrong: %" PRIu64 " answers\n", load.wrong);
}

int main(int argc, char **argv)
{
	struct sigaction action = {.sa_handler = stop};
	const char *wrong = parse(argc, argv);
	uint64_t began_us;
	bool ran = false;

	if (wrong != NULL)
		return usage(wrong);
	load.latency_us = calloc(load.count + 1, sizeof(*load.latency_us));
	if (load.latency_us == NULL || !names_make()) {
		fprintf(stderr, "load: no memory, or no random octets\n");
		return 2;
	}
	sigaction(SIGINT, &action, NULL);
	sigaction(SIGTERM, &action, NULL);
	began_us = load_now_us();
	ran = load_run(&load);
	if (load.acknowledged != NULL && fclose(load.acknowledged) != 0) {
		fprintf(stderr, "load: cannot write what was acknowledged\n");
		ran = false;
	}
	report((double)(load_now_us() - began_us) / 1e6);
	ap_verify_key_clear(&load.verifier);
	free(load.latency_us);
	free((void *)(uintptr_t)load.records);
	return !ran ? 2 : load.wrong + load.lost > 0;
}
