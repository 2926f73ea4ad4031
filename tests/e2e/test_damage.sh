#!/bin/sh
# Disks that give back something else than was written: no wrong answer, no crash loop, nobody has to move anything by hand.
# What is damaged is found by whoever reads it, by a scrub or at a start, and had again from the others; a state that differs
# from theirs puts a replica into quarantine.
. "$(dirname "$0")/lib.sh"

crowd() {
	file=$1
	count=$2
	shift 2
	set -- $(for i in "$@"; do echo "-s $host#$((port + i))"; done)
	load -d "$domain" -k "$(key)" "$@" -w 4 -n "$count" -t 500 -T 120 -a "$file"
}
# Every answer that replica I gives is the one that was given before.
all_same() { load -d "$domain" -k "$(key)" -s "$host#$((port + $1))" -w 64 -r "$work/one"; }
log_of() { cat "$net/replica-$1/agreed.log"; }
status_of() { agreectl status -c "$(conf_of "$1")" | sed -n "s/^$2  *//p"; }
status_is() { [ "$(status_of "$1" "$2")" = "$3" ]; }
reaches() { [ "$(status_of "$1" "$2")" -ge "$3" ]; }
pid_of() { cat "$net/replica-$1/agreed.pid"; }
transfers() { log_of "$1" | grep -c 'info state transferred checkpoint=' || :; }

# scrub I: a pass from end to end.
scrub() {
	passes=$(status_of "$1" scrub_passes)
	agreectl scrub -c "$(conf_of "$1")"
	eventually 30 reaches "$1" scrub_passes $((passes + 1))
}

# change KIND FILE [COUNT]: what a bad disk does. Seeded, so that a failure comes again.
change() {
	python3 - "$@" <<'END'
import random, sys
kind, name = sys.argv[1:3]
count = int(sys.argv[3]) if len(sys.argv) > 3 else 1
random.seed(20261124)
with open(name, "r+b") as f:
    data = f.read()
    pages = [p for p in range(2, len(data) // 4096) if any(data[4096 * p:4096 * p + 4096])]
    for _ in range(count):
        if kind == "bits":
            at = random.choice(pages) * 4096 + random.randrange(4096)
            f.seek(at)
            f.write(bytes([data[at] ^ 1 << random.randrange(8)]))
        elif kind == "zeros":
            f.seek(random.choice(pages) * 4096)
            f.write(bytes(4096))
        elif kind == "records":  # of a journal: where they stand
            end = max(p for p in pages) * 4096
            f.seek(random.randrange(8192, end))
            f.write(b"\xa5\x5a\xa5\x5a")
    if kind == "cut":
        f.truncate(len(data) // 3)
    elif kind == "noise":
        f.seek(0)
        f.write(random.randbytes(len(data)))
END
}

wait_whole() {
	eventually 40 status_is "$1" phase live
	eventually 40 are_level
}

# It counts: with another one away nothing is decided without it.
votes() {
	"$localnet" kill --dir "$net" "$2"
	ask propose "vote-$1-$2-$(date +%s%N)" yes +deadline=600s +short "+dns=$host#$((port + $1))"
	"$localnet" restart --dir "$net" "$2"
	eventually 30 are_level
}

agreed_on_much() {
	crowd "$work/one" 3000 0 1 2 3
	ask propose left yes +deadline=600s
	eventually 20 are_level
	for i in 0 1 2 3; do eventually 20 reaches "$i" stable_checkpoint 256; done
}

nothing_is_wrong() {
	for i in 0 1 2 3; do
		scrub "$i"
		status_is "$i" damages 0
		[ -n "$(status_of "$i" scrub_last)" ]
	done
}

nothing_is_wrong_under_load() {
	background crowd "$work/more" 1500 0 1 2 3
	for _ in 1 2 3; do
		for i in 0 1 2 3; do scrub "$i"; done
	done
	wait "$last"
	for i in 0 1 2 3; do status_is "$i" damages 0; done
	eventually 20 are_level
}

# Found by the scrub, while nobody asks.
bits_in_a_live_store() {
	pid=$(pid_of 3)
	before=$(transfers 3)
	change bits "$net/replica-3/data/store/data.mdb" 200
	agreectl scrub -c "$(conf_of 3)"
	eventually 30 reaches 3 damages 1
	wait_whole 3
	[ "$(transfers 3)" -gt "$before" ]
	[ "$(pid_of 3)" = "$pid" ]
	all_same 3
	scrub 3
	status_is 3 damages 1
	votes 3 2
}

# Found by those who ask.
values_in_a_live_store() {
	pid=$(pid_of 2)
	python3 - "$net/replica-2/data/store/data.mdb" <<'END'
import sys
with open(sys.argv[1], "r+b") as f:
    data = f.read()
    at, found = -1, 0
    while (at := data.find(b"vvvvvvvv", at + 8)) >= 0:
        f.seek(at + 2)
        f.write(b"w")
        found += 1
    sys.exit(0 if found else "nothing found")
END
	all_same 2
	eventually 30 reaches 2 damages 1
	wait_whole 2
	[ "$(pid_of 2)" = "$pid" ]
	all_same 2
	votes 2 3
}

# closed KIND COUNT: while it is stopped.
closed() {
	"$localnet" kill --dir "$net" 1
	change "$1" "$net/replica-1/data/store/data.mdb" "$2"
	"$localnet" restart --dir "$net" 1
	wait_whole 1
	log_of 1 | tail -n 40 | grep 'is kept as .*store.aside'
	all_same 1
	scrub 1
	votes 1 2
}

# Batches that are settled: the votes are whole.
old_batches() {
	[ "$(ls "$net"/replica-0/data/journal/journal-0* | wc -l)" -ge 2 ]
	first=$(ls "$net"/replica-0/data/journal/journal-0* | head -n 1)
	change records "$first" 3
	scrub 0
	log_of 0 | grep 'batches that are settled long since'
	not grep -q 'it votes in nothing' "$net/replica-0/agreed.log"
	all_same 0
	votes 0 1
	"$localnet" restart --dir "$net" 0
	wait_whole 0
	all_same 0
}

# The segment that is written to: votes that count may be in it. It follows and answers, and votes no more.
votes_that_count() {
	current=$(ls "$net"/replica-3/data/journal/journal-0* | tail -n 1)
	change records "$current" 3
	agreectl scrub -c "$(conf_of 3)"
	eventually 30 reaches 3 damages 1
	eventually 5 grep -q 'it votes in nothing' "$net/replica-3/agreed.log"
	ask propose after-its-votes-are-lost yes +deadline=600s +short
	eventually 20 are_level
	all_same 3
}

# With a checkpoint while it starts it would be in quarantine before it is up.
leave_the_checkpoint_behind() {
	while [ $(($(sequence_of 0) % 128)) -ge 64 ]; do
		ask propose "$(sequence_of 0)" on +deadline=600s >"$work/on"
	done
}
differs_from_the_others() {
	leave_the_checkpoint_behind
	"$localnet" stop --dir "$net" >/dev/null
	"$build/tests/e2e/alter" "$net/replica-2/network" "$net/replica-2/data"
	"$localnet" start --dir "$net"
	eventually 20 are_level
	crowd "$work/two" 1500 0 1 3
	eventually 30 grep -q 'error quarantine: ' "$net/replica-2/agreed.log"
	eventually 30 grep -q 'state transferred' "$net/replica-2/agreed.log"
	eventually 30 are_level
	status_is 2 phase quarantine
	[ -e "$net/replica-2/data/store.aside/data.mdb" ]
	[ -e "$net/replica-2/data/state.aside" ]
	all_same 2
}
a_restart_lifts_nothing() {
	"$localnet" restart --dir "$net" 2
	eventually 30 are_level
	status_is 2 phase quarantine
	# without it, and without one more, there is no quorum
	"$localnet" kill --dir "$net" 3
	exits 9 ask propose in-quarantine yes +deadline=600s +time=2 +tries=1
	"$localnet" restart --dir "$net" 3
	eventually 30 are_level
}
an_operator_lifts_it() {
	"$localnet" kill --dir "$net" 2
	rm "$net/replica-2/data/quarantine"
	"$localnet" restart --dir "$net" 2
	wait_whole 2
	votes 2 3
}

network_start --limit 'journal-segment: 1' --limit 'journal-keep: 1500' --limit 'scrub-hours: 24'
check "four replicas have agreed on much" agreed_on_much
check "a scrub of what is whole finds nothing" nothing_is_wrong
check "nor does it while the network is busy" nothing_is_wrong_under_load
check "flipped bits in a live store: found by a scrub, and mended" bits_in_a_live_store
check "changed values in a live store: no wrong answer, and mended" values_in_a_live_store
check "a thousand flipped bits in a closed store" closed bits 1000
check "a zeroed page in a closed store" closed zeros 1
check "a closed store that is cut short" closed cut 0
check "a closed store that is nothing but noise" closed noise 0
check "old batches in the journal: said, and no more" old_batches
check "a state that differs from the others': quarantine, and it follows" differs_from_the_others
check "a restart does not lift it" a_restart_lifts_nothing
check "an operator does" an_operator_lifts_it
check "votes in the journal that count: it votes no more, follows and answers" votes_that_count
finish
