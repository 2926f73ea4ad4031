#include "config.h"

#include "resolver/cli_proof.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "libproto/crypto.h"
#include "libproto/instance.h"
#include "libproto/name.h"
#include "resolver/cli_file.h"

static const char first_line[] = "agree-proof 1\n";

/* ---- text ---- */

void cli_proof_show(struct ap_text *t, const struct cli_proof *proof)
{
	size_t begin = ap_text_len(t);
	char id[AP_ID_TEXT + 1];

	ap_label_of_id(id, proof->id);
	ap_text_addf(t, "%sdomain: %s\n", first_line, proof->domain);
	if (proof->ticket[0] != '\0')
		ap_text_addf(t, "ticket: %s\n", proof->ticket);
	ap_text_addf(t, "id: %s\nrecord: ", id);
	ap_base64url_show(t, proof->record, proof->record_len);
	ap_text_add(t, "\n");
	cli_file_sum(t, begin);
}

static bool text_take(char *out, size_t size, const char *text, size_t len)
{
	if (len == 0 || len >= size || memchr(text, '\0', len) != NULL)
		return false;
	memcpy(out, text, len);
	out[len] = '\0';
	return true;
}

static bool fields_take(struct cli_proof *proof, const char **at, const char *end)
{
	const char *rest;
	size_t len;
	int n;

	if (!cli_file_take(at, end, "agree-proof 1", &rest, &len) || len != 0 ||
	    !cli_file_take(at, end, "domain: ", &rest, &len) ||
	    !text_take(proof->domain, sizeof(proof->domain), rest, len))
		return false;
	if (cli_file_take(at, end, "ticket: ", &rest, &len) &&
	    !text_take(proof->ticket, sizeof(proof->ticket), rest, len))
		return false;
	if (!cli_file_take(at, end, "id: ", &rest, &len) ||
	    ap_label_to_id(proof->id, rest, len) != 0 ||
	    !cli_file_take(at, end, "record: ", &rest, &len))
		return false;
	n = ap_base64url_parse(proof->record, sizeof(proof->record), rest, len);
	proof->record_len = n > 0 ? (size_t)n : 0;
	return n > 0;
}

int cli_proof_parse(struct cli_proof *proof, const char *text, size_t len)
{
	char again[CLI_PROOF_FILE_MAX];
	const char *at = text, *end = text + len, *rest;
	size_t rest_len;
	struct ap_text t;

	memset(proof, 0, sizeof(*proof));
	if (len >= CLI_PROOF_FILE_MAX || !fields_take(proof, &at, end) ||
	    !cli_file_take(&at, end, "sum: ", &rest, &rest_len) || rest_len != CLI_SUM_TEXT ||
	    at != end)
		return AGREE_EPROOFFILE;
	ap_text_init(&t, again, sizeof(again));
	cli_proof_show(&t, proof);
	if (t.cut || ap_text_len(&t) != len || memcmp(again, text, len) != 0)
		return AGREE_EPROOFFILE;
	return 0;
}

/* ---- files ---- */

/* A file of its own that takes the place of the old one when it is whole. */
static int file_replace(const char *path, const char *text, size_t len)
{
	char temporary[PATH_MAX];
	bool ok;
	int fd;

	if (snprintf(temporary, sizeof(temporary), "%s.new", path) >= (int)sizeof(temporary))
		return AGREE_EFILE;
	fd = open(temporary, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0666);
	if (fd < 0)
		return AGREE_EFILE;
	ok = cli_file_write(fd, text, len) && fsync(fd) == 0;
	ok = close(fd) == 0 && ok;
	if (ok && rename(temporary, path) == 0)
		return 0;
	(void)unlink(temporary);
	return AGREE_EFILE;
}

/* Devices and pipes are written to; they, and symbolic links that lead nowhere yet, stay. */
static int file_write(const char *path, const char *text, size_t len)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC | O_NOCTTY, 0666);
	bool ok;

	if (fd < 0)
		return AGREE_EFILE;
	ok = cli_file_write(fd, text, len);
	ok = close(fd) == 0 && ok;
	return ok ? 0 : AGREE_EFILE;
}

/* The open descriptor of what /dev/stdout and /dev/stderr are links to; -1: it is neither. */
static int standard_find(const struct stat *st)
{
	struct stat open_st;

	for (int fd = STDOUT_FILENO; fd <= STDERR_FILENO; fd++)
		if (fstat(fd, &open_st) == 0 && open_st.st_dev == st->st_dev &&
		    open_st.st_ino == st->st_ino)
			return fd;
	return -1;
}

int cli_proof_save(const char *path, const struct cli_proof *proof)
{
	char text[CLI_PROOF_FILE_MAX], target[PATH_MAX];
	struct ap_text t;
	struct stat st;
	int fd;

	ap_text_init(&t, text, sizeof(text));
	cli_proof_show(&t, proof);
	if (t.cut)
		return AGREE_EFILE;
	if (stat(path, &st) == 0) {
		fd = standard_find(&st);
		if (fd >= 0 && fflush(stdout) == 0) /* behind what is there already */
			return cli_file_write(fd, text, ap_text_len(&t)) ? 0 : AGREE_EFILE;
		if (!S_ISREG(st.st_mode))
			return file_write(path, text, ap_text_len(&t));
		/* behind symbolic links, which stay */
		if (realpath(path, target) == NULL)
			return AGREE_EFILE;
		return file_replace(target, text, ap_text_len(&t));
	}
	if (lstat(path, &st) == 0)
		return file_write(path, text, ap_text_len(&t));
	return file_replace(path, text, ap_text_len(&t));
}

int cli_proof_load(const char *path, struct cli_proof *proof)
{
	char text[CLI_PROOF_FILE_MAX];
	FILE *file = fopen(path, "re");
	size_t len;
	bool failed;

	if (file == NULL)
		return AGREE_EFILE;
	len = fread(text, 1, sizeof(text), file);
	failed = ferror(file) != 0;
	fclose(file);
	return failed ? AGREE_EFILE : cli_proof_parse(proof, text, len);
}

/* ---- what it proves ---- */

static int ticket_check(const struct cli_proof *proof, const uint8_t key[32])
{
	uint8_t room[AP_TICKET_OCTETS], id[AP_ID_LEN];
	ap_descriptor descriptor;

	if (proof->ticket[0] == '\0')
		return 0;
	if (ap_ticket_parse(&descriptor, room, key, proof->ticket, strlen(proof->ticket)) != 0 ||
	    !ap_instance_id(ap_sha256, id, key, &descriptor.terms) ||
	    memcmp(id, proof->id, sizeof(id)) != 0)
		return AGREE_EPROOFFILE;
	return 0;
}

int cli_proof_check(const struct cli_proof *proof, const uint8_t key[32], agree_outcome **outcome)
{
	int err = agree_verify(key, proof->id, proof->record, proof->record_len, outcome);

	if (err == 0)
		err = ticket_check(proof, key);
	if (err != 0 && *outcome != NULL) {
		agree_outcome_free(*outcome);
		*outcome = NULL;
	}
	return err;
}
