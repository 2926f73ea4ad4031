/*
 * What an answer is worth. draft {#client}
 *
 *  1. It must be an answer to what is in flight: id, opcode, question, our cookie.
 *  2. TC: the whole of it comes over TCP.  BADCOOKIE: once more with the cookie that came along.
 *  3. A record that is proven under the network's key counts, whatever the RCODE; one that is not
 *     is a lie.
 *  4. Without a record: SERVFAIL sends us to the next replica, another RCODE is a refusal, and
 *     none is no replica of ours.
 */
#include "config.h"

#include "resolver/query.h"

#include <string.h>

#include "libproto/errors.h"
#include "libproto/outcome.h"
#include "libproto/proof.h"

static void conclude(struct stub_judgement *j, enum stub_verdict verdict, int error)
{
	j->verdict = verdict;
	j->error = error;
}

static bool question_is_ours(const struct stub_query *q, const struct ap_name *name, uint16_t type,
			     uint16_t class)
{
	bool read = q->conf.ask == STUB_READ;

	return class == AP_CLASS_IN && type == (read ? AP_RR_AGREE : AP_RR_SOA) &&
	       ap_name_equal(name, read ? &q->name : &q->conf.zone);
}

/*
 * Octets that are no message. Under our id and question they are an answer that was cut or altered
 * on its way, or by the replica.
 */
static void judge_broken(const struct stub_query *q, const struct stub_peer *peer, bool tcp,
			 const void *wire, size_t len, struct stub_judgement *j)
{
	struct ap_walk w;

	ap_walk_init(&w, wire, len);
	if (w.reader.bad == NULL && w.id == peer->id && (w.flags & AP_FLAG_QR) != 0 &&
	    w.counts[AP_QUESTION] == 1 && question_is_ours(q, &w.qname, w.qtype, w.qclass))
		conclude(j, STUB_LIE, AGREE_ERECORD);
	else if (tcp)
		conclude(j, STUB_NEXT, AGREE_EREPLY);
	else
		conclude(j, STUB_IGNORED, AGREE_EREPLY);
}

static bool answer_is_ours(const struct stub_query *q, const struct stub_peer *peer,
			   const struct ap_dns *m)
{
	uint8_t opcode = q->conf.ask == STUB_READ ? AP_OPCODE_QUERY : AP_OPCODE_UPDATE;

	if (m->id != peer->id || (m->flags & AP_FLAG_QR) == 0 || m->opcode != opcode)
		return false;
	if (m->has_question)
		return question_is_ours(q, &m->qname, m->qtype, m->qclass);
	/* a server that could not read so far repeats no question */
	return m->rcode == AP_RCODE_FORMERR || m->rcode == AP_RCODE_NOTIMP;
}

/* RFC 7873 section 5.3: a wrong client cookie, or none where there always was one, is a forgery. */
static bool cookie_is_ours(struct stub_query *q, size_t endpoint, bool tcp, const struct ap_dns *m)
{
	struct stub_cookie *cookie;

	if (q->conf.tuning.no_cookie)
		return true;
	cookie = stub_jar_find(q->conf.jar, &q->conf.endpoints[endpoint].address, q->conf.random);
	if (cookie == NULL)
		return false;
	if (m->edns.cookie.data == NULL)
		return tcp || !stub_cookie_is_whole(cookie);
	return stub_cookie_take(cookie, m->edns.cookie);
}

static const struct ap_rr *record_find(const struct stub_query *q, const struct ap_dns *m)
{
	const struct ap_rr *rr;
	struct ap_name owner;
	size_t at = 0;

	while ((rr = ap_dns_next(m, AP_ANSWER, &at)) != NULL) {
		ap_dns_owner(m, rr, &owner);
		if (rr->type == AP_RR_AGREE && rr->class == AP_CLASS_IN &&
		    ap_name_equal(&owner, &q->name))
			return rr;
	}
	return NULL;
}

/* draft {#votes}: of the same id, and of locks that are not ours. */
static bool is_other(const struct stub_query *q, const ap_outcome *o)
{
	if (q->conf.ask == STUB_READ || q->conf.terms == NULL)
		return false;
	if (o->status == AP_STATUS_UNKNOWN || o->status == AP_STATUS_FORGOTTEN)
		return false;
	return memcmp(&o->terms, q->conf.terms, sizeof(o->terms)) != 0;
}

/*
 * A vote that was executed is in the tally, or has ended the instance. A replica that had a read
 * ordered in its place, under the same nonce, gives a good proof of too little.
 */
static bool is_withheld(const struct stub_query *q, const ap_outcome *o)
{
	if (q->conf.ask == STUB_READ)
		return false;
	if (o->status == AP_STATUS_UNKNOWN) /* to the descriptor, that is no answer */
		return true;
	if (q->conf.ask == STUB_OBSERVE || q->waiting || o->status != AP_STATUS_PENDING)
		return false;
	return q->conf.vote == NULL || ((o->yes | o->no) >> q->conf.vote->party & 1) == 0;
}

static void judge_record(const struct stub_query *q, const struct ap_rr *rr,
			 struct stub_judgement *j)
{
	struct ap_reader r;
	ap_agree agree;
	int err;

	ap_reader_init(&r, rr->rdata.data, rr->rdata.len);
	ap_agree_get(&r, &agree);
	if (!ap_reader_done(&r)) {
		conclude(j, STUB_LIE, AGREE_ERECORD);
		return;
	}
	err = ap_proof_check(q->conf.key, q->conf.id.octets, &agree, q->nonce.octets);
	if (err == AGREE_ENOMEM) {
		conclude(j, STUB_NEXT, err);
		return;
	}
	conclude(j, err == 0 ? STUB_PROVEN : STUB_LIE, err);
	j->record = rr->rdata;
	/* what is forgotten never changes either */
	j->is_final =
		ap_outcome_is_final(&agree.outcome) || agree.outcome.status == AP_STATUS_FORGOTTEN;
	if (err == 0 && is_other(q, &agree.outcome))
		conclude(j, STUB_OTHER, AGREE_ETERMS);
	else if (err == 0 && is_withheld(q, &agree.outcome))
		conclude(j, q->waiting ? STUB_NEXT : STUB_LIE, AGREE_EWITHHELD);
}

static void judge_rcode(const struct stub_peer *peer, const struct ap_dns *m, bool tcp,
			struct stub_judgement *j)
{
	int error = m->edns.has_ede ? ap_error_of_ede(m->edns.ede)->number : AGREE_EREFUSED;

	switch (m->rcode) {
	case AP_RCODE_NOERROR:
	case AP_RCODE_YXRRSET:
		conclude(j, STUB_LIE, AGREE_EREPLY);
		break;
	case AP_RCODE_SERVFAIL:
		conclude(j, STUB_NEXT, m->edns.has_ede ? error : AGREE_ESERVER);
		break;
	default:
		if (peer->bare && error == AGREE_ENODESCRIPTOR) {
			conclude(j, STUB_AGAIN, error);
			break;
		}
		/* it has too much to do for those that it does not know: TCP shows where we are */
		j->over_tcp = !tcp && error == AGREE_ERATE;
		conclude(j, j->over_tcp ? STUB_AGAIN : STUB_REFUSAL, error);
		break;
	}
}

void stub_judge(struct stub_query *q, size_t endpoint, bool tcp, const void *wire, size_t len,
		struct stub_judgement *j)
{
	const struct stub_peer *peer = &q->peers[endpoint];
	const struct ap_rr *rr;
	struct ap_dns m;

	memset(j, 0, sizeof(*j));
	if (ap_dns_reply(&m, wire, len) != 0) {
		judge_broken(q, peer, tcp, wire, len, j);
		return;
	}
	if (!answer_is_ours(q, peer, &m) || !cookie_is_ours(q, endpoint, tcp, &m)) {
		conclude(j, STUB_IGNORED, AGREE_EREPLY);
		return;
	}
	j->rcode = m.rcode;
	rr = record_find(q, &m);
	if ((m.flags & AP_FLAG_TC) != 0 && rr == NULL) {
		j->over_tcp = true;
		conclude(j, tcp ? STUB_NEXT : STUB_AGAIN, tcp ? AGREE_EREPLY : 0);
	} else if (rr != NULL) {
		judge_record(q, rr, j);
	} else if (m.rcode == AP_RCODE_BADCOOKIE && !q->conf.tuning.no_cookie) {
		j->over_tcp = peer->badcookies >= STUB_BADCOOKIE_MAX || m.edns.cookie.len <= 8;
		conclude(j, tcp ? STUB_NEXT : STUB_AGAIN, AGREE_ERATE);
	} else {
		judge_rcode(peer, &m, tcp, j);
	}
}
