/* Names on the wire and as text, ids, base64url: libproto/name.h. */
#include "libproto/name.h"
#include "tests/fuzz/fuzz.h"

static void text_again(const struct ap_name *name)
{
	struct ap_name again;
	char text[AP_NAME_TEXT];
	struct ap_text t;

	ap_text_init(&t, text, sizeof(text));
	ap_name_show(&t, name);
	MUST(!t.cut);
	MUST(ap_name_parse(&again, text) == 0);
	MUST(fuzz_same(again.octets, again.len, name->octets, name->len));
}

static void wire_read(const uint8_t *octets, size_t len)
{
	struct ap_name name, parent;
	struct ap_reader r;

	/* the last octet says where in the message it begins */
	ap_reader_init(&r, octets, len);
	(void)ap_take(&r, octets[len - 1] % len);
	ap_name_get(&r, octets, &name);
	if (r.bad != NULL)
		return;
	MUST(name.len >= 1 && ap_name_labels(&name) <= AP_NAME_LABELS_MAX);
	text_again(&name);
	if (ap_name_parent(&parent, &name))
		MUST(ap_name_is_within(&name, &parent) &&
		     ap_name_common(&name, &parent) == parent.len);
}

static void text_read(const char *text, size_t len)
{
	uint8_t id[AP_ID_LEN], room[1024];
	char again[AP_ID_TEXT + 1];
	struct ap_name name;

	if (ap_name_parse(&name, text) == 0)
		text_again(&name);
	if (ap_label_to_id(id, text, len) == 0) {
		ap_label_of_id(again, id);
		MUST(strlen(again) == len);
	}
	MUST(ap_base64url_parse(room, sizeof(room), text, len) <= (int)sizeof(room));
}

int LLVMFuzzerTestOneInput(const uint8_t *octets, size_t len)
{
	char *text = malloc(len + 1);

	if (text == NULL)
		return 0;
	if (len > 0) {
		memcpy(text, octets, len);
		wire_read(octets, len);
	}
	text[len] = '\0';
	text_read(text, len);
	free(text);
	return 0;
}
