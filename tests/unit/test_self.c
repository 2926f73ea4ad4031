#include "config.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include <cmocka.h>

#include "daemon/self.h"
#include "libproto/agree_errors.h"
#include "libproto/name.h"
#include "tests/lib/nettext.h"
#include "tests/lib/tempdir.h"

static char dir[TEMPDIR_MAX], sentence[512];
static struct conf conf;
static struct ap_text why;

static void store(const char *name, const char *text, mode_t mode)
{
	char path[TEMPDIR_MAX + 32];

	snprintf(path, sizeof path, "%s/%s", dir, name);
	tempdir_store(path, (const uint8_t *)text, strlen(text));
	assert_int_equal(chmod(path, mode), 0);
}

static void key_store(unsigned i)
{
	char octets[128];
	struct ap_text t;
	uint8_t seed[32];

	nettext_seed(seed, i);
	ap_text_init(&t, octets, sizeof octets);
	ap_text_add(&t, "agree-identity 1\n");
	ap_base64url_show(&t, seed, sizeof seed);
	ap_text_add(&t, "\n");
	store("identity.key", octets, 0600);
}

static void conf_store(const char *text)
{
	char path[TEMPDIR_MAX + 32];

	conf_clear(&conf);
	store("agreed.conf", text, 0644);
	snprintf(path, sizeof path, "%s/agreed.conf", dir);
	assert_int_equal(conf_load(&conf, path, &why), 0);
}

static int make_files(void **state)
{
	char text[NETTEXT_MAX];

	(void)state;
	tempdir_make(dir);
	ap_text_init(&why, sentence, sizeof sentence);
	(void)nettext_make(text, 4);
	store("network", text, 0644);
	key_store(2);
	conf_store("");
	return 0;
}

static int drop_files(void **state)
{
	(void)state;
	conf_clear(&conf);
	tempdir_remove(dir);
	return 0;
}

static void a_replica_finds_itself_by_its_key(void **state)
{
	static const uint8_t zero[32];
	struct self self;
	uint8_t seed[32];

	(void)state;
	assert_int_equal(self_load(&self, &conf, &why), 0);
	assert_int_equal(self.id, 3);
	assert_string_equal(self.net.domain, "example.test");
	nettext_seed(seed, 2);
	assert_memory_equal(self.seed, seed, 32);
	assert_int_equal(self.n_listen, 1);
	assert_true(addr_equal(&self.listen[0], &self.net.members[2].client));
	assert_true(addr_equal(&self.link_listen, &self.net.members[2].link));
	self_wipe(&self);
	assert_memory_equal(self.seed, zero, 32);
}

static void the_configuration_says_where_to_listen(void **state)
{
	struct self self;

	(void)state;
	conf_store("replica:\nlisten: 10.0.0.1#1\nlisten: ::#2\nlink-listen: 10.0.0.1#3\n");
	assert_int_equal(self_load(&self, &conf, &why), 0);
	assert_int_equal(self.n_listen, 2);
	assert_true(addr_equal(&self.listen[1], &conf.listen.at[1]));
	assert_true(addr_equal(&self.link_listen, &conf.link_listen.at[0]));
}

static void assert_not_here(const char *text, const char *words)
{
	struct self self;

	conf_store(text);
	assert_int_equal(self_load(&self, &conf, &why), 0);
	ap_text_init(&why, sentence, sizeof sentence);
	assert_int_not_equal(self_check_host(&self, &conf, &why), 0);
	if (strstr(sentence, words) == NULL)
		fail_msg("\"%s\" is not in \"%s\"", words, sentence);
	self_wipe(&self);
}

static void what_this_host_lacks_is_named(void **state)
{
	static const char good[] = "replica:\nlisten: 127.0.0.1#1\nlink-listen: 127.0.0.1#2\n";
	char text[512];
	struct self self;

	(void)state;
	conf_store(good);
	assert_int_equal(self_load(&self, &conf, &why), 0);
	assert_int_equal(self_check_host(&self, &conf, &why), 0);
	self_wipe(&self);
	snprintf(text, sizeof text, "%sdata: none/data\n", good);
	assert_not_here(text, "/none: No such file");
	snprintf(text, sizeof text, "%sdata: network\n", good);
	assert_not_here(text, "data: ");
	snprintf(text, sizeof text, "%sserver:\nusername: no-such-account\n", good);
	assert_not_here(text, "username: there is no account no-such-account");
	assert_not_here("replica:\nlisten: 192.0.2.77#5000\nlink-listen: 127.0.0.1#2\n",
			"listen: cannot listen at 192.0.2.77#5000");
	assert_not_here("replica:\nlisten: 127.0.0.1#1\nlink-listen: 192.0.2.77#5000\n",
			"link-listen: cannot listen at 192.0.2.77#5000");
}

static void a_stranger_is_refused(void **state)
{
	static const uint8_t zero[32];
	struct self self;

	(void)state;
	key_store(7);
	assert_int_equal(self_load(&self, &conf, &why), AGREE_EIDENTITY);
	assert_non_null(strstr(sentence, "identity.key: not the key of any member in "));
	assert_memory_equal(self.seed, zero, 32);
}

static void faults_of_the_files_are_said(void **state)
{
	struct self self;

	(void)state;
	store("identity.key", "x", 0600);
	assert_int_equal(self_load(&self, &conf, &why), AGREE_EIDENTITY);
	assert_non_null(strstr(sentence, "identity.key:1: not an identity key"));
	store("network", "x\n", 0644);
	ap_text_init(&why, sentence, sizeof sentence);
	assert_int_equal(self_load(&self, &conf, &why), AGREE_EUSAGE);
	assert_non_null(strstr(sentence, "network:1: not a network file"));
}

int main(void)
{
#define ONE(test) cmocka_unit_test_setup_teardown(test, make_files, drop_files)
	const struct CMUnitTest tests[] = {
		ONE(a_replica_finds_itself_by_its_key), ONE(the_configuration_says_where_to_listen),
		ONE(what_this_host_lacks_is_named),	ONE(a_stranger_is_refused),
		ONE(faults_of_the_files_are_said),
	};

	return cmocka_run_group_tests_name("self", tests, NULL, NULL);
}
