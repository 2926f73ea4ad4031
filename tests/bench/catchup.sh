#!/bin/sh
# How long does a replica with an empty disk take to have all that the others have? A network of four at
# default settings decides COUNT agreements; then one replica's data directory is emptied but for its key
# share, and it is started again while the other three run at half of the rate that all four had.
# Figures, a line each: name: value unit.
count=1000000
# shellcheck disable=SC2034 # read by options.sh
takes=count
. "$(dirname "$0")/options.sh"

figure() { sed -n "s/^$1: \([0-9.]*\).*/\1/p" "$work/run"; }
# As options of load: many requests at all replicas but the last.
crowd() { echo "-d $domain -k $(key) $(servers 0 1 2 | tr '\n' ' ') -l 2 -w 128"; }

empty_disk() {
	"$localnet" kill --dir "$net" 3
	cp "$net/replica-3/data/share" "$work/share"
	rm -r "$net/replica-3/data"
	mkdir -m 700 "$net/replica-3/data"
	cp "$work/share" "$net/replica-3/data/share"
}
# Sequences by which the last replica is behind, once it says so.
behind() {
	own=$(sequence_of 3 2>/dev/null) || return 1
	echo $(($(sequence_of 0) - ${own:-0}))
}
# What is under way is always missing: half a second's batches, at most.
has_caught_up() { [ "$(behind)" -le 64 ]; }
votes() { agreectl status -c "$(conf_of 3)" | grep -q '^recovering  *no'; }

figures_head
network_start --capacity $((8 * count))
# shellcheck disable=SC2046
load $(crowd) -n "$count" >"$work/run"
echo "agreements: $(figure agreements) outcomes"
echo "agreements_per_second: $(figure agreements_per_second) 1/s"
rate=$(($(figure agreements_per_second) / 2))
empty_disk
# shellcheck disable=SC2046
background "$build/tests/bench/load" $(crowd) -R "$rate" -n $((rate * 120)) -T 100 >"$work/half"
crowd_pid=$last
sleep 1
began=$(now_ms)
"$localnet" restart --dir "$net" 3
eventually 120 has_caught_up
echo "caught_up: $(($(now_ms) - began)) ms"
eventually 120 votes
echo "votes_again: $(($(now_ms) - began)) ms"
kill "$crowd_pid"
eventually 10 not is_ours "$crowd_pid"
cp "$work/half" "$work/run"
echo "meanwhile_per_second: $(figure agreements_per_second) 1/s"
echo "meanwhile_lost: $(figure lost) requests"
eventually 30 are_level
echo "states_transferred: $(grep -c 'info state transferred checkpoint=' "$net/replica-3/agreed.log" || :)"
echo "store: $(du -sm "$net/replica-3/data/store" | cut -f1) MiB"
