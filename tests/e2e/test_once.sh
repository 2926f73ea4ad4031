#!/bin/sh
# agree once: of many that call it at the same moment, one runs the command.
. "$(dirname "$0")/lib.sh"

rounds=10
callers=50
out=$work/out

# once LABEL OPTIONS... -- COMMAND...
once() { agree once "$domain" "+dns=$host#$port" "+key=$(key)" "$@"; }

# Exactly one of the callers has run; all others say 0 too, with a note.
round() {
	rm -rf "$work/ran" "$work/notes"
	mkdir "$work/ran" "$work/notes"
	callers_pids=
	for i in $(seq "$callers"); do
		once "round-$1" "+deadline=$later" +tries=6 -- touch "$work/ran/$i" 2>"$work/notes/$i" &
		callers_pids="$callers_pids $!"
	done
	for pid in $callers_pids; do wait "$pid"; done
	set -- "$work"/ran/*
	[ $# -eq 1 ]
	[ -e "$1" ]
	[ "$(cat "$work"/notes/* | grep -c 'another has the turn')" -eq $((callers - 1)) ]
}
one_of_fifty_runs() {
	later=$(date -u -d '+10 minutes' +%Y-%m-%dT%H:%M:%SZ)
	for i in $(seq "$rounds"); do round "$i"; done
}

status_is_the_command_s() {
	exits 3 once a +period=1h -- sh -c 'exit 3'
	exits 127 once b +period=1h -- /nowhere/at/all 2>"$out"
	grep -q 'has the turn, but' "$out"
	exits 126 once c +period=1h -- "$work"
	[ "$(once d +period=1h -- echo ran)" = ran ]
}
second_call_does_not_run() {
	once e +period=1h +value=first -- true
	[ -z "$(once e +period=1h -- echo ran 2>"$out")" ]
	grep -q 'another has the turn: "first ' "$out"
	[ -z "$(once e +period=1h +nocomments -- echo ran 2>"$out")" ]
	not grep -q 'has the turn' "$out"
	ask get e +period=1h +json >"$out"
	field .value "$out" | grep -Eq '^first [0-9a-f]{32}$'
}
command_knows_its_turn() {
	once f +period=1h -- env >"$out"
	sequence=$(sed -n 's/^AGREE_SEQUENCE=//p' "$out")
	[ "$sequence" -gt 0 ]
	ask get f +period=1h +json >"$work/f"
	[ "$(field .sequence "$work/f")" = "$sequence" ]
	[ "$(field .value "$work/f")" = "$(sed -n 's/^AGREE_VALUE=//p' "$out")" ]
	[ "$(field .id "$work/f")" = "$(sed -n 's/^AGREE_ID=//p' "$out")" ]
}
# Whoever knows the label alone names another instance.
group_has_a_turn_of_its_own() {
	echo 'a secret of several hosts' >"$work/group"
	once g +period=1h -- true
	[ "$(once g +period=1h "+group=$work/group" -- echo ran)" = ran ]
	G='a secret of several hosts'
	export G
	[ -z "$(once g +period=1h +group=env:G -- echo ran 2>"$out")" ]
	grep -q 'another has the turn' "$out"
	[ "$(once h +period=1h +group=- -- echo ran <"$work/group")" = ran ]
}
arguments_are_handed_on() {
	[ "$(once i +period=1h -- printf '%s|' '+json' '--' 'a b' '')" = "+json|--|a b||" ]
}
usage_is_125() {
	exits 125 once
	exits 125 once j +period=1h
	exits 125 once j -- true
	exits 125 once j +deadline=1h -- true
	exits 125 once j +nonsense -- true
	exits 125 once j +period=1h +value="$(printf '%0250d' 1)" -- true
	exits 125 once "$(printf 'a\tb')" +period=1h -- true
}
unreachable_network_is_125() {
	exits 125 agree once "$domain" k +period=1h "+dns=$host#1" "+key=$(key)" +time=1 +tries=1 \
		-- touch "$work/k"
	[ ! -e "$work/k" ]
}
# Two of four are down: nothing can be ordered, and nothing runs.
too_few_replicas_is_125() {
	"$localnet" kill --dir "$net" 2
	"$localnet" kill --dir "$net" 3
	exits 125 once l +period=1h +time=1 +tries=1 +wait=3s -- touch "$work/l" 2>"$out"
	[ ! -e "$work/l" ]
	grep -q 'the command was not run' "$out"
	"$localnet" restart --dir "$net" 2
	"$localnet" restart --dir "$net" 3
}
# It asks until the network is there, and then has the turn.
patience_wins() {
	"$localnet" kill --dir "$net" 2
	"$localnet" kill --dir "$net" 3
	once m +period=1h +time=1 +tries=1 +wait=60s -- touch "$work/m" &
	caller=$!
	"$localnet" restart --dir "$net" 2
	"$localnet" restart --dir "$net" 3
	wait $caller
	[ -e "$work/m" ]
}

network_start
check "of fifty callers exactly one runs, ten times" one_of_fifty_runs
check "the status is the command's" status_is_the_command_s
check "a second call does not run" second_call_does_not_run
check "the command knows its turn" command_knows_its_turn
check "a group has a turn of its own" group_has_a_turn_of_its_own
check "arguments are handed on" arguments_are_handed_on
check "usage is 125" usage_is_125
check "a network that is not there is 125" unreachable_network_is_125
check "too few replicas is 125" too_few_replicas_is_125
check "who has patience has the turn" patience_wins
finish
