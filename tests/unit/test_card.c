#include "config.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "daemon/card.h"
#include "libproto/agree_errors.h"
#include "tests/lib/nettext.h"

static char sentence[NETFILE_WHY_MAX];

static void make(char card[CARD_TEXT_MAX], struct netfile_member *member, unsigned i)
{
	struct netfile net;
	struct ap_text t;
	uint8_t seed[32];

	nettext_members(&net, 4);
	*member = net.members[i];
	memset(member->key, 0, sizeof member->key); /* comes from the seed */
	nettext_seed(seed, i);
	ap_text_init(&t, card, CARD_TEXT_MAX);
	assert_int_equal(card_make(&t, member, seed), 0);
	assert_false(t.cut);
	assert_memory_equal(member->key, net.members[i].key, 32);
}

static int parse(const char *card, size_t len)
{
	struct netfile_member member;
	struct ap_text why;
	char *copy = malloc(len > 0 ? len : 1); /* nothing behind it */
	int result;

	assert_non_null(copy);
	memcpy(copy, card, len);
	ap_text_init(&why, sentence, sizeof sentence);
	result = card_parse(&member, copy, len, &why);
	free(copy);
	return result;
}

static void a_card_says_what_it_was_made_of(void **state)
{
	struct netfile_member made, parsed;
	char card[CARD_TEXT_MAX];
	struct ap_text why;

	(void)state;
	ap_text_init(&why, sentence, sizeof sentence);
	for (unsigned i = 0; i < 4; i++) {
		make(card, &made, i);
		assert_int_equal(card_parse(&parsed, card, strlen(card), &why), 0);
		assert_memory_equal(&made, &parsed, sizeof made);
	}
}

/* These octets go by mail between operators whose programs may differ in version. */
static void the_layout_is_for_ever(void **state)
{
	struct netfile_member member;
	char card[CARD_TEXT_MAX];

	(void)state;
	make(card, &member, 0);
	assert_string_equal(card, "agree-card1 m0 Z3p02WTkqE_6UCWotVN7XEo3rW0UboVHg6xzRoSiB8Q "
				  "192.0.2.1#7853 2001:db8::1#7854 "
				  "mJn49z460ag8n0GmuXuqukK59yRmIKsLVNRD6ED8NdP_LAjK2-"
				  "y2VENODYAcLY5jqsCiaqbG2WUMC-aiNe7SAw");
}

static void every_truncation_is_refused(void **state)
{
	struct netfile_member member;
	char card[CARD_TEXT_MAX];

	(void)state;
	make(card, &member, 0);
	for (size_t cut = 0; cut < strlen(card); cut++)
		assert_int_not_equal(parse(card, cut), 0);
	assert_int_equal(parse(card, strlen(card)), 0);
}

static void every_changed_octet_is_found(void **state)
{
	struct netfile_member member;
	char card[CARD_TEXT_MAX];
	size_t len;

	(void)state;
	make(card, &member, 0);
	len = strlen(card);
	for (size_t at = 0; at < len; at++) {
		static const char others[] = {'\0', ' ', '\n', '1', 'A', 'b', '-', '\xff'};

		for (size_t i = 0; i < sizeof others; i++) {
			char old = card[at];

			card[at] = others[i];
			if (old != others[i]) {
				assert_int_not_equal(parse(card, len), 0);
				assert_string_not_equal(sentence, "");
			}
			card[at] = old;
		}
	}
}

static void anothers_key_cannot_be_entered(void **state)
{
	struct netfile_member one, two;
	char card[CARD_TEXT_MAX], other[CARD_TEXT_MAX];

	(void)state;
	make(card, &one, 0);
	make(other, &two, 1);
	/* m0's card with m1's key: its owner did not sign this */
	memcpy(strstr(card, " m0 ") + 4, strstr(other, " m1 ") + 4, 43);
	assert_int_equal(parse(card, strlen(card)), AGREE_ESIGNATURE);
	assert_non_null(strstr(sentence, "the card's signature is wrong"));
}

static void sentences_say_what_is_wrong(void **state)
{
	struct netfile_member member;
	char card[CARD_TEXT_MAX];

	(void)state;
	assert_int_equal(parse("hello", 5), AGREE_EUSAGE);
	assert_non_null(strstr(sentence, "not a card"));
	make(card, &member, 0);
	assert_int_equal(parse(card, strlen(card) - 1), AGREE_EUSAGE);
	assert_non_null(strstr(sentence, "cut or damaged at its end"));
	strstr(card, "192.0.2.1")[0] = 'x';
	assert_int_equal(parse(card, strlen(card)), AGREE_EUSAGE);
	assert_non_null(strstr(sentence, "the card is damaged: the first address"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_card_says_what_it_was_made_of),
		cmocka_unit_test(the_layout_is_for_ever),
		cmocka_unit_test(every_truncation_is_refused),
		cmocka_unit_test(every_changed_octet_is_found),
		cmocka_unit_test(anothers_key_cannot_be_entered),
		cmocka_unit_test(sentences_say_what_is_wrong),
	};

	return cmocka_run_group_tests_name("card", tests, NULL, NULL);
}
