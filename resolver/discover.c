#include "config.h"

#include "resolver/discover.h"

#include <string.h>

static void row_add(struct stub_discover *d, const struct ap_name *name, uint16_t type,
		    size_t target, bool is_address)
{
	struct stub_lookup_row *row;

	if (d->n_rows == STUB_LOOKUPS_MAX)
		return;
	row = &d->rows[d->n_rows++];
	row->name = *name;
	row->type = type;
	row->target = is_address ? (int16_t)target : -1;
}

/* The three first lookups have fixed places. */
enum { ROW_TXT, ROW_UDP, ROW_TCP };

static bool service_name(struct ap_name *out, const char *protocol, const struct ap_name *domain)
{
	struct ap_name below;

	return ap_name_prepend(&below, protocol, strlen(protocol), domain) &&
	       ap_name_prepend(out, "_agree", 6, &below);
}

int stub_discover_init(struct stub_discover *d, const struct stub_discover_conf *conf)
{
	struct ap_name udp, tcp;

	memset(d, 0, sizeof(*d));
	d->conf = *conf;
	if (!service_name(&udp, "_udp", &conf->domain) ||
	    !service_name(&tcp, "_tcp", &conf->domain))
		return AGREE_EDOMAIN;
	row_add(d, &udp, AP_RR_TXT, 0, false);
	if (conf->txt_only)
		return 0;
	row_add(d, &udp, AP_RR_SRV, 0, false);
	row_add(d, &tcp, AP_RR_SRV, 0, false);
	return 0;
}

bool stub_discover_next(struct stub_discover *d, const struct ap_name **name, uint16_t *type,
			unsigned *tag)
{
	for (size_t i = 0; i < d->n_rows; i++) {
		if (d->rows[i].asked)
			continue;
		d->rows[i].asked = true;
		*name = &d->rows[i].name;
		*type = d->rows[i].type;
		*tag = (unsigned)i;
		return true;
	}
	return false;
}

/* ---- records ---- */

static void address_take(const struct stub_discover *d, struct stub_target *target,
			 const struct ap_rr *rr)
{
	struct stub_address a = {.port = target->srv.port};
	bool v4 = rr->type == AP_RR_A && rr->rdata.len == 4;
	bool v6 = rr->type == AP_RR_AAAA && rr->rdata.len == 16;

	if (rr->class != AP_CLASS_IN || (!v4 && !v6) ||
	    (d->conf.families & (v4 ? STUB_V4 : STUB_V6)) == 0)
		return;
	a.len = (uint8_t)rr->rdata.len;
	memcpy(a.octets, rr->rdata.data, rr->rdata.len);
	for (size_t i = 0; i < target->n_addresses; i++)
		if (stub_address_equal(&target->addresses[i], &a))
			return;
	if (target->n_addresses < STUB_TARGET_ADDRESSES_MAX)
		target->addresses[target->n_addresses++] = a;
}

static void srv_take(struct stub_srv_set *set, const struct ap_rr *rr, const uint8_t *message)
{
	struct ap_srv srv;

	if (!ap_srv_get(&srv, rr->rdata, message))
		return;
	/* RFC 2782: the target "." says that there is no such service */
	if (set->n < STUB_TARGETS_MAX && srv.target.len > 1 && srv.port != 0)
		set->targets[set->n++] = (struct stub_target){.srv = srv};
}

static void txt_take(struct stub_discover *d, const struct ap_rr *rr, bool ad)
{
	struct stub_txt txt;
	int what = stub_txt_parse(&txt, rr->rdata);

	if (what == STUB_TXT_OTHER)
		return;
	txt.authenticated = ad && d->conf.trusts_ad;
	d->n_txt++;
	d->txt = txt;
	d->txt_error = what == STUB_TXT_OURS ? 0 : what;
}

/*
 * draft {#discovery}: addresses need no trust, since a wrong one can only deny service; so those
 * that came along with the SRV records will do.
 */
static void row_record(struct stub_discover *d, unsigned tag, const struct ap_rr *rr,
		       const struct ap_name *owner, const struct ap_walk *w)
{
	struct stub_lookup_row *row = &d->rows[tag];
	struct stub_srv_set *set = tag == ROW_TCP ? &d->tcp : &d->udp;
	bool in_answer = rr->section == AP_ANSWER && rr->class == AP_CLASS_IN;

	if (row->target >= 0) {
		/* RFC 2782: a target is no alias, so a CNAME's other end does not count */
		if (in_answer && ap_name_equal(owner, &row->name))
			address_take(d, &d->chosen->targets[row->target], rr);
	} else if (row->type == AP_RR_TXT) {
		if (in_answer && rr->type == AP_RR_TXT)
			txt_take(d, rr, (w->flags & AP_FLAG_AD) != 0);
	} else if (in_answer && rr->type == AP_RR_SRV) {
		srv_take(set, rr, w->wire);
	} else {
		for (size_t i = 0; i < set->n; i++)
			if (ap_name_equal(owner, &set->targets[i].srv.target))
				address_take(d, &set->targets[i], rr);
	}
}

static void row_read(struct stub_discover *d, unsigned tag, const void *wire, size_t len)
{
	struct ap_name owner;
	struct ap_rr rr;
	struct ap_walk w;
	unsigned rcode;

	ap_walk_init(&w, wire, len);
	rcode = w.flags & 0xf;
	if (w.reader.bad != NULL || (w.flags & AP_FLAG_QR) == 0 || w.qtype != d->rows[tag].type ||
	    !ap_name_equal(&w.qname, &d->rows[tag].name) ||
	    (rcode != AP_RCODE_NOERROR && rcode != AP_RCODE_NXDOMAIN)) {
		d->rows[tag].error = AGREE_ERESOLVER;
		return;
	}
	while (ap_walk_next(&w, &rr, &owner))
		row_record(d, tag, &rr, &owner, &w);
	if (w.reader.bad != NULL)
		d->rows[tag].error = AGREE_ERESOLVER;
}

/* ---- the way on ---- */

static void ask_addresses(struct stub_discover *d)
{
	for (size_t i = 0; i < d->chosen->n; i++) {
		const struct stub_target *target = &d->chosen->targets[i];

		if (target->n_addresses > 0)
			continue;
		if ((d->conf.families & STUB_V4) != 0)
			row_add(d, &target->srv.target, AP_RR_A, i, true);
		if ((d->conf.families & STUB_V6) != 0)
			row_add(d, &target->srv.target, AP_RR_AAAA, i, true);
	}
}

static void choose(struct stub_discover *d)
{
	d->tcp_only = d->udp.n == 0 && d->tcp.n > 0;
	d->chosen = d->tcp_only ? &d->tcp : &d->udp;
	if (stub_targets_order(d->chosen->targets, d->chosen->n, d->conf.random) != 0) {
		d->error = AGREE_EINTERNAL;
		d->chosen->n = 0;
	}
	ask_addresses(d);
}

void stub_discover_answer(struct stub_discover *d, unsigned tag, int error, const void *wire,
			  size_t len)
{
	if (tag >= d->n_rows || !d->rows[tag].asked || d->rows[tag].answered)
		return;
	d->rows[tag].answered = true;
	d->rows[tag].error = error;
	if (error == 0)
		row_read(d, tag, wire, len);
	if (!d->conf.txt_only && d->chosen == NULL && d->rows[ROW_UDP].answered &&
	    d->rows[ROW_TCP].answered)
		choose(d);
}

bool stub_discover_is_over(const struct stub_discover *d)
{
	for (size_t i = 0; i < d->n_rows; i++)
		if (!d->rows[i].answered)
			return false;
	return true;
}

int stub_discover_status(const struct stub_discover *d)
{
	if (d->conf.txt_only)
		return 0;
	for (size_t i = 0; d->chosen != NULL && i < d->chosen->n; i++)
		if (d->chosen->targets[i].n_addresses > 0)
			return 0;
	for (size_t i = ROW_UDP; i < d->n_rows; i++)
		if (d->rows[i].error != 0)
			return d->rows[i].error;
	return d->error != 0 ? d->error : AGREE_ENONETWORK;
}

int stub_discover_txt_status(const struct stub_discover *d)
{
	if (d->n_txt == 1)
		return d->txt_error;
	if (d->n_txt > 1)
		return AGREE_ETXT;
	return d->rows[ROW_TXT].error != 0 ? d->rows[ROW_TXT].error : AGREE_ENONETWORK;
}

const struct stub_target *stub_discover_targets(const struct stub_discover *d, size_t *n)
{
	*n = d->chosen != NULL ? d->chosen->n : 0;
	return d->chosen != NULL ? d->chosen->targets : NULL;
}
