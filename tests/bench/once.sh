#!/bin/sh
# agree once, called by 50 at the same moment: exactly one runs the command, 200 times out of 200.
#
#	once.sh [ROUNDS [CALLERS]]
#
# Prints `name: value unit` lines; exit status 1 if a round had none, or more than one.
. "$(dirname "$0")/../e2e/lib.sh"

rounds=${1:-200}
callers=${2:-50}

once() { agree once "$domain" "+dns=$host#$port" "+key=$(key)" "$@"; }

# How many of them ran the command.
round() {
	rm -rf "$work/ran"
	mkdir "$work/ran"
	pids=
	for i in $(seq "$callers"); do
		once "round-$1" "+deadline=$later" +tries=6 +nocomments -- touch "$work/ran/$i" &
		pids="$pids $!"
	done
	for pid in $pids; do wait "$pid"; done
	find "$work/ran" -type f | wc -l
}

network_start
later=$(date -u -d '+2 hours' +%Y-%m-%dT%H:%M:%SZ)
good=0
begun=$(date +%s%N)
for r in $(seq "$rounds"); do
	ran=$(round "$r")
	if [ "$ran" -eq 1 ]; then good=$((good + 1)); else echo "round $r: $ran have run" >&2; fi
done
echo "once_rounds: $rounds rounds"
echo "once_callers: $callers callers"
echo "once_exactly_one: $good rounds"
echo "once_round: $((($(date +%s%N) - begun) / 1000000 / rounds)) ms"
[ "$good" -eq "$rounds" ]
