#!/bin/sh
# A person with agree: proposes, reads, saves, verifies.
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/wire.sh"

out=$work/out
again=$work/again
later=$(date -u -d '+10 minutes' +%Y-%m-%dT%H:%M:%SZ)
later_s=$(date -u -d "$later" +%s)

fresh_instance_is_decided() {
	ask propose lunch pizza +deadline=600s +json | tee "$out"
	[ "$(wc -l <"$out")" -eq 1 ]
	[ "$(field .outcome "$out")" = decided ]
	[ "$(field .value "$out")" = pizza ]
	[ "$(field .value_hex "$out")" = 70697a7a61 ]
	[ "$(field .verified "$out")" = true ]
	[ "$(field .name "$out")" = "$(field .id "$out").$domain" ]
	[ "$(field .sequence "$out")" -gt 0 ]
	field .time "$out" | grep -Eq '^20[0-9]{2}-[0-9]{2}-[0-9]{2}T[0-9:]{8}\.[0-9]{3}Z$'
	field .ticket "$out" | grep -q '^agree1-[A-Za-z0-9_-]*$'
	field .server "$out" | grep -Eq "^$host#[0-9]+$"
	cp "$out" "$work/lunch"
}

same() { [ "$(jq -c '[.outcome, .value, .value_hex, .id, .sequence, .time]' "$1")" = \
	"$(jq -c '[.outcome, .value, .value_hex, .id, .sequence, .time]' "$2")" ]; }

read_by() {
	ask get "$(field "$1" "$work/lunch")" +json >"$out"
	same "$out" "$work/lunch"
	[ "$(field .verified "$out")" = true ]
}

any_replica_gives_the_same() {
	for i in 0 1 2 3; do
		agree "@$host" -p $((port + i)) get "$domain" "$(field .ticket "$work/lunch")" +json \
			"+key=$(key)" >"$out"
		[ "$(field .server "$out")" = "$host#$((port + i))" ]
		same "$out" "$work/lunch"
	done
}

fresh_means_fresh() {
	ask propose lunch soup +deadline=600s +json >"$out"
	[ "$(field .value "$out")" = soup ]
	[ "$(field .id "$out")" != "$(field .id "$work/lunch")" ]
}

label_and_deadline_name_one_instance() {
	ask propose leader alpha "+deadline=$later" +json >"$out"
	[ "$(field .value "$out")" = alpha ]
	[ "$(field .id "$out")" = "$(instance leader "$later_s")" ]
	exits 17 ask propose leader beta "+deadline=$later" +json >"$again"
	same "$out" "$again"
	exits 0 ask propose leader alpha "+deadline=$later" +json >"$again"
	same "$out" "$again"
	ask get leader "+deadline=$later" +json >"$again"
	same "$out" "$again"
}

one_of_many_wins() {
	for i in 1 2 3 4 5 6 7 8; do
		ask propose race "runner-$i" "+deadline=$later" +json >"$work/race-$i" &
	done
	wait
	for i in 2 3 4 5 6 7 8; do same "$work/race-1" "$work/race-$i"; done
}

value_is_octets() {
	ask propose octets "caf$(printf '\303\251') \"\\ %" +json >"$out"
	[ "$(field .value "$out")" = "caf$(printf '\303\251') \"\\ %" ]
	[ "$(field .value_hex "$out")" = 636166c3a920225c2025 ]
	long=$(printf '%0255d' 7)
	[ "$(ask propose longest "$long" +short)" = "$long" ]
	exits 1 ask propose too-long "8$long"
}

short_is_the_value() {
	[ "$(ask get "$(field .ticket "$work/lunch")" +short)" = pizza ]
	exits 15 ask get "$(instance nobody "$later_s")" +short >"$out" 2>"$again"
	[ ! -s "$out" ]
}

ticket_first_value_later() {
	ask new supper +deadline=600s +short >"$out" || ask new supper +deadline=600s >"$out"
	ticket=$(grep -o 'agree1-[A-Za-z0-9_-]*' "$out" | head -n 1)
	exits 14 ask get "$ticket" +json >"$again"
	[ "$(field .outcome "$again")" = pending ]
	[ "$(field .verified "$again")" = true ]
	ask propose "$ticket" rice +json >"$out"
	[ "$(field .value "$out")" = rice ]
	[ "$(field .ticket "$out")" = "$ticket" ]
}

unknown_and_aborted() {
	exits 15 ask get "$(instance nobody "$later_s")" +json >"$out"
	[ "$(field .outcome "$out")" = unknown ]
	exits 13 ask get nobody "+deadline=$(date -u -d '-1 minute' +%Y-%m-%dT%H:%M:%SZ)" +json >"$out"
	[ "$(field .outcome "$out")" = aborted ]
	[ "$(field .reason "$out")" = deadline ]
	exits 16 ask get nobody "+deadline=$(date -u -d '-30 days' +%Y-%m-%dT%H:%M:%SZ)" +json >"$out"
	[ "$(field .outcome "$out")" = forgotten ]
}

too_far_ahead() {
	exits 11 ask propose far away +deadline=2099-01-01T00:00:00Z >"$out" 2>&1
	grep -q 'horizon' "$out"
}

proof_is_checked_offline() {
	ask propose deed mine +deadline=600s "+proof=$work/proof" +json >"$out"
	"$localnet" kill --dir "$net" 3
	agree verify "$work/proof" "+key=$(key)" +json >"$again"
	"$localnet" restart --dir "$net" 3
	same "$out" "$again"
	[ "$(field .verified "$again")" = true ]
}

# A good key, of somebody else: a member's own.
other_key() { sed -n 's/^member: replica-0 \([^ ]*\) .*/\1/p' "$net/replica-0/network"; }

wrong_key_is_found() {
	wrong=$1
	exits 12 agree verify "$work/proof" "+key=$wrong" >"$out" 2>&1
	for what in .id .ticket; do
		exits 12 agree get "$domain" "$(field $what "$work/lunch")" "+dns=$host#$port" \
			"+key=$wrong" >"$out" 2>&1
		cat "$out"
		not grep -q pizza "$out"
		grep -Eqi '^(;; )?agree: .* [a-z]+ [a-z]+' "$out"
	done
	exits 12 agree propose "$domain" lunch pasta +deadline=600s "+dns=$host#$port" \
		"+key=$wrong" +json >"$out" 2>&1
	not grep -q decided "$out"
}

# Each character of the proof's record, changed one at a time, is found (a sample of places).
tampered_proof_is_found() {
	record=$(sed -n 's/^record: //p' "$work/proof")
	at=1
	while [ "$at" -le "${#record}" ]; do
		was=$(printf %s "$record" | cut -c "$at")
		is=$(printf %s "$was" | tr 'A-Za-z0-9_-' 'B-ZAb-za1-90A')
		before=$(printf %s "$record" | cut -c "1-$at")
		sed "s/^record: .*/record: ${before%?}$is$(printf %s "$record" | cut -c "$((at + 1))-")/" \
			"$work/proof" >"$work/tampered"
		not cmp -s "$work/proof" "$work/tampered"
		exits 12 agree verify "$work/tampered" "+key=$(key)" >"$out" 2>&1
		at=$((at + 17))
	done
	head -n 3 "$work/proof" >"$work/tampered"
	exits 12 agree verify "$work/tampered" "+key=$(key)"
}

usage_is_said() {
	exits 1 ask propose
	exits 1 ask get agree1-damaged
	exits 1 agree frobnicate "$domain" x y z
	exits 1 ask get lunch +nonsense
}

nobody_there() {
	exits 9 agree get "$domain" lunch "+deadline=$later" +dns=127.0.0.1#1 "+key=$(key)" +time=1 +tries=1
}

info_shows_the_network() {
	ask info >"$out"
	grep -Fq -e "$(key)" "$out"
	[ "$(grep -c "$host#$port\|$host#$((port + 1))\|$host#$((port + 2))\|$host#$((port + 3))" "$out")" -ge 4 ]
	agree "$domain" "+dns=$host#$port" "+key=$(key)" >"$again"
	grep -Fq -e "$(key)" "$again"
}

tcp_only() { [ "$(ask get "$(field .ticket "$work/lunch")" +short +tcp)" = pizza ]; }

waits_for_the_outcome() {
	ticket=$(ask new tea +deadline=600s | grep -o 'agree1-[A-Za-z0-9_-]*' | head -n 1)
	background ask get "$ticket" +wait=20s +short +tcp >"$out"
	sleep 0.5
	ask propose "$ticket" green
	wait "$last"
	[ "$(cat "$out")" = green ]
}

waits_for_the_deadline() {
	exits 13 ask get nobody "+deadline=$(date -u -d '+3 seconds' +%Y-%m-%dT%H:%M:%SZ)" +wait=20s +json >"$out"
	[ "$(field .outcome "$out")" = aborted ]
}

command -v jq >/dev/null || skip_all "no jq: install the Debian package jq"
network_start
check "a fresh instance is decided in one command" fresh_instance_is_decided
check "read by ticket" read_by .ticket
check "read by id" read_by .id
check "any replica gives the same outcome" any_replica_gives_the_same
check "a relative deadline makes a fresh instance" fresh_means_fresh
check "label and deadline name one instance, decided once" label_and_deadline_name_one_instance
check "one of many at the same time wins, and all see it" one_of_many_wins
check "a value is octets, 255 at most" value_is_octets
check "+short is the value, or nothing" short_is_the_value
check "a ticket first, the value later" ticket_first_value_later
check "unknown, aborted, forgotten" unknown_and_aborted
check "a deadline beyond the horizon is refused" too_far_ahead
check "a proof is checked offline" proof_is_checked_offline
check "the wrong key is found" wrong_key_is_found "$(other_key)"
check "an altered proof is found" tampered_proof_is_found
check "mistakes in the command line are said" usage_is_said
check "nobody there: exit 9" nobody_there
check "info shows key and replicas" info_shows_the_network
check "TCP alone" tcp_only
check "a get that waits has the outcome" waits_for_the_outcome
check "a get that waits sees the deadline pass" waits_for_the_deadline
finish
