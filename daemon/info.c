/* What agreectl shows of a running replica. */
#include "config.h"

#include <dirent.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "daemon/run_priv.h"
#include "daemon/scrub.h"
#include "daemon/status.h"
#include "libproto/dns.h"

static const char *phase_name(enum machine_phase phase)
{
	static const char *const names[] = {
		[MACHINE_ENCKEYS] = "enckeys", [MACHINE_DEALS] = "deals",
		[MACHINE_READIES] = "readies", [MACHINE_TRIAL] = "trial",
		[MACHINE_LIVE] = "live",       [MACHINE_FAILED] = "failed"};

	return names[phase];
}

/* Room that the files of a directory take on the disk. */
static uint64_t octets_below(const char *dir, const char *name)
{
	char path[DISK_PATH_MAX];
	uint64_t octets = 0;
	const struct dirent *entry;
	struct stat st;
	DIR *d;

	snprintf(path, sizeof(path), "%s/%s", dir, name);
	d = opendir(path);
	if (d == NULL)
		return 0;
	while ((entry = readdir(d)) != NULL) {
		if (fstatat(dirfd(d), entry->d_name, &st, AT_SYMLINK_NOFOLLOW) == 0 &&
		    S_ISREG(st.st_mode))
			octets += (uint64_t)st.st_blocks * 512;
	}
	closedir(d);
	return octets;
}

static const char *disk_name(enum pbft_disk disk)
{
	static const char *const names[] = {[PBFT_DISK_ENOUGH] = "enough",
					    [PBFT_DISK_SHORT] = "nearly-full",
					    [PBFT_DISK_FULL] = "full"};

	return names[disk];
}

void run_status(const struct run *r, struct ap_text *out)
{
	const struct machine_key *key = machine_key(r->machine);
	struct relay_info relay;
	struct pbft_info core;
	struct status s = {.net = &r->net, .self = r->self};

	pbft_info(r->pbft, &core);
	relay_info(clients_relay(r->clients), &relay);
	s.phase = r->quarantine != QUARANTINE_NONE ? "quarantine"
		  : core.lacks			   ? "transfer"
						   : phase_name(key->phase);
	s.culprit = key->culprit;
	s.epoch = key->phase >= MACHINE_TRIAL ? key->epoch : 0;
	memcpy(s.key, key->pk, 32);
	s.recovering = core.recovering;
	s.unsure = core.empty;
	s.shareless = keygen_shareless(r->keygen);
	s.incarnation = core.incarnation;
	s.votes_from = core.votes_from;
	s.view = core.view;
	s.seq = core.executed;
	s.stable = core.stable;
	s.time_ms = machine_time(r->machine);
	s.floor_ms = machine_floor(r->machine);
	s.up = peers_up(r->peers);
	s.queued = relay.queued;
	s.outstanding = relay.outstanding;
	s.unsigned_batches = (uint32_t)sign_missing(r->sign);
	for (uint8_t id = 1; id <= r->net.n; id++) {
		struct machine_pool_info pool;

		machine_pool(r->machine, id, &pool);
		s.pool[id - 1] = pool.left;
	}
	s.instances = machine_used(r->machine, r->self);
	s.disk = disk_name(core.disk);
	s.journal_octets = octets_below(r->conf->data, "journal");
	s.store_octets = octets_below(r->conf->data, "store");
	s.disk_free_octets = disk_room(r->conf->data);
	s.uptime_s = (run_now() - r->started_ms) / 1000;
	status_show(out, &s);
	scrub_show(r, out);
}

static void line(struct ap_text *t, const char *name, uint64_t value)
{
	ap_text_addf(t, "%s=%" PRIu64 "\n", name, value);
}

/* Who does not sign: a line for each. */
static void signers(const struct run *r, struct ap_text *out)
{
	for (uint8_t id = 1; id <= r->net.n; id++) {
		const struct machine_signer *it = machine_signer(r->machine, id);

		if (machine_signers_is_out(it))
			ap_text_addf(out, "left_out_of_signing_%s=%s\n",
				     r->net.members[id - 1].name,
				     it->blamed ? "proven bad" : "silent");
	}
}

void run_stats(const struct run *r, struct ap_text *out)
{
	struct clients_info c;
	struct pbft_info core;
	struct votes_info votes;
	uint64_t refused = 0;

	clients_info(r->clients, &c);
	votes_info(r->votes, &votes);
	pbft_info(r->pbft, &core);
	line(out, "batches", r->batches);
	line(out, "requests", r->requests);
	line(out, "queries", c.queries);
	line(out, "updates", c.updates);
	line(out, "final_reads", c.final_reads);
	line(out, "udp_in", c.udp_in);
	line(out, "udp_out", c.udp_out);
	line(out, "tcp_in", c.tcp_in);
	line(out, "tcp_open", c.tcp_open);
	line(out, "waiting", c.waiting);
	line(out, "undecided", machine_undecided_count(r->machine));
	line(out, "votes_verified", votes.verified);
	line(out, "votes_remembered", votes.remembered);
	line(out, "cookieless", c.cookieless);
	line(out, "truncated", c.truncated);
	line(out, "dropped", c.dropped);
	for (uint16_t i = 0; i < 24; i++) {
		const char *name = ap_rcode_name(i);

		if (c.rcodes[i] > 0 && name != NULL)
			ap_text_addf(out, "rcode_%s=%" PRIu64 "\n", name, c.rcodes[i]);
	}
	for (size_t i = 0; i < 256; i++)
		refused += r->refused[i];
	line(out, "frames_refused", refused);
	for (size_t i = 0; i < sizeof(core.dropped) / sizeof(core.dropped[0]); i++)
		ap_text_addf(out, "messages_without_effect_%zu=%" PRIu64 "\n", i, core.dropped[i]);
	signers(r, out);
	line(out, "body_octets", bodies_octets(r->bodies));
	fetch_state_show(r, out);
}

void run_peers(const struct run *r, struct ap_text *out)
{
	for (uint8_t id = 1; id <= r->net.n; id++) {
		struct peer_info p;

		if (id == r->self)
			continue;
		peers_info(r->peers, id, &p);
		ap_text_addf(out,
			     "peer=%s id=%u up=%s boot=%" PRIu64 " frames_in=%" PRIu64
			     " frames_out=%" PRIu64 " octets_in=%" PRIu64 " octets_out=%" PRIu64
			     " dropped=%" PRIu64 " refused=%" PRIu64 " backlog=%" PRIu64 "\n",
			     r->net.members[id - 1].name, id, p.up ? "yes" : "no", p.boot,
			     p.frames_in, p.frames_out, p.octets_in, p.octets_out, p.dropped,
			     p.refused, p.backlog);
	}
}
