#include "config.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "libproto/crypto.h"
#include "tests/lib/nettext.h"

void nettext_seed(uint8_t seed[32], unsigned i)
{
	memset(seed, (int)(0x40 + i), 32);
}

void nettext_members(struct netfile *net, unsigned n)
{
	char sentence[NETFILE_WHY_MAX];
	struct ap_text why;

	memset(net, 0, sizeof *net);
	netfile_defaults(net);
	ap_text_init(&why, sentence, sizeof sentence);
	assert_int_equal(netfile_set_domain(net, "example.test", &why), 0);
	memset(net->nonce, 0xa5, sizeof net->nonce);
	net->n = (uint8_t)n;
	for (unsigned i = 0; i < n; i++) {
		struct netfile_member *m = &net->members[i];
		struct ap_sign_key key;
		uint8_t seed[32];
		char addr[ADDR_TEXT_MAX];

		snprintf(m->name, sizeof m->name, "m%u", i);
		nettext_seed(seed, i);
		assert_int_equal(ap_sign_key_init(&key, seed), 0);
		memcpy(m->key, key.public_key, 32);
		ap_sign_key_clear(&key);
		snprintf(addr, sizeof addr, "192.0.2.%u#7853", i + 1);
		assert_int_equal(addr_parse(&m->client, addr), 0);
		snprintf(addr, sizeof addr, "2001:db8::%x#7854", i + 1);
		assert_int_equal(addr_parse(&m->link, addr), 0);
	}
	netfile_finish(net);
}

size_t nettext_make(char text[NETTEXT_MAX], unsigned n)
{
	struct netfile net;
	struct ap_text t;

	nettext_members(&net, n);
	ap_text_init(&t, text, NETTEXT_MAX);
	netfile_show(&t, &net);
	assert_false(t.cut);
	return ap_text_len(&t);
}

static char *line_start(char *text, unsigned number)
{
	while (--number > 0) {
		text = strchr(text, '\n');
		assert_non_null(text);
		text++;
	}
	return text;
}

size_t nettext_replace(char text[NETTEXT_MAX], unsigned number, const char *line)
{
	char rest[NETTEXT_MAX], *at = line_start(text, number), *lf = strchr(at, '\n');

	assert_non_null(lf);
	strcpy(rest, lf + 1);
	assert_true((size_t)(at - text) + strlen(rest) + 600 < NETTEXT_MAX);
	*at = '\0';
	if (line != NULL) {
		strcat(text, line);
		strcat(text, "\n");
	}
	strcat(text, rest);
	return strlen(text);
}

void nettext_line(const char *text, unsigned number, char line[512])
{
	char copy[NETTEXT_MAX], *at;

	strcpy(copy, text);
	at = line_start(copy, number);
	*strchr(at, '\n') = '\0';
	assert_true(strlen(at) < 512);
	strcpy(line, at);
}
