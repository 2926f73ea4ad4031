#!/bin/sh
# Parties vote, clients wait, deadlines fire, and a replica admits by TSIG: over real processes.
. "$(dirname "$0")/lib.sh"

secret=AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=
votes() { python3 "$top_srcdir/tests/e2e/votes.py" "$port" "$net/group.pub" "$domain" "$1"; }
signed() { dig -y "hmac-sha256:$1" "@$host" -p "$port" +norec +time=5 +tries=1 "$domain" SOA; }

two_hash_locks_commit() { votes commit; }
a_veto_ends_it() { votes veto; }
a_deadline_fires_without_traffic() { votes deadline; }
nor_does_that_of_an_open_instance_need_any() { votes open_deadline; }
impossible_terms_are_refused() { votes bad_terms; }
too_early_is_told_for_how_long() { votes too_early; }
votes_without_right_are_refused() { votes bad_votes; }
false_locks_are_seen_by_everybody() { votes other_locks; }
a_wait_ends_at_its_time() { votes time_up; }
ten_thousand_wait_on_one_replica() { votes many; }

undecided_instances_outlive_a_restart() {
	votes nsupdate >"$work/script"
	nsupdate -v "$work/script"
	"$localnet" restart 0 --dir "$net"
	votes commit
	nsupdate -v "$work/script"
}

# From here on replica 0 has a key, and wants it for updates.
dig_signs() {
	printf '\nlimits:\n\ttsig-key: client.key:%s\n\ttsig-required: yes\n' "$secret" >>"$(conf_of 0)"
	"$localnet" restart 0 --dir "$net"
	signed "client.key:$secret" >"$work/out"
	grep -q 'status: NOERROR' "$work/out"
	not grep -q 'not be validated' "$work/out"
}
dig_with_another_secret_is_told() { signed "client.key:B${secret#A}" 2>&1 | grep -q BADSIG; }
dig_with_another_key_is_told() { signed "other.key:$secret" 2>&1 | grep -q BADKEY; }
nsupdate_signs_and_votes() {
	votes nsupdate >"$work/script"
	nsupdate -v -y "hmac-sha256:client.key:$secret" "$work/script"
}
nsupdate_without_key_is_refused() {
	exits 2 nsupdate -v "$work/script" >"$work/out" 2>&1
	grep -q REFUSED "$work/out"
}

network_start
needs python3 python3 "two parties commit by hash locks, three wait" two_hash_locks_commit
needs python3 python3 "a veto ends it" a_veto_ends_it
needs python3 python3 "a deadline fires without traffic" a_deadline_fires_without_traffic
needs python3 python3 "nor does that of an open instance need any" nor_does_that_of_an_open_instance_need_any
needs python3 python3 "impossible terms are refused, and nothing is stored" impossible_terms_are_refused
needs python3 python3 "too early is told for how long" too_early_is_told_for_how_long
needs python3 python3 "votes without right are refused, and nobody has voted" votes_without_right_are_refused
needs python3 python3 "false locks are seen by everybody" false_locks_are_seen_by_everybody
needs python3 python3 "a wait ends at its time" a_wait_ends_at_its_time
needs python3 python3 "ten thousand wait on one replica" ten_thousand_wait_on_one_replica
needs nsupdate bind9-dnsutils "undecided instances outlive a restart" undecided_instances_outlive_a_restart
needs dig bind9-dnsutils "dig -y is answered with a signature" dig_signs
needs dig bind9-dnsutils "a wrong TSIG secret is BADSIG" dig_with_another_secret_is_told
needs dig bind9-dnsutils "another TSIG key is BADKEY" dig_with_another_key_is_told
needs nsupdate bind9-dnsutils "nsupdate -y votes" nsupdate_signs_and_votes
needs nsupdate bind9-dnsutils "nsupdate without the key is refused" nsupdate_without_key_is_refused
finish
