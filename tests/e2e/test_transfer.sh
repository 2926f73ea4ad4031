#!/bin/sh
# A replica whose store is gone or damaged, and whose journal and those of the others no longer reach
# back that far, takes over the state of the others, and answers as they do.
. "$(dirname "$0")/lib.sh"

crowd() {
	file=$1
	count=$2
	shift 2
	set -- $(for i in "$@"; do echo "-s $host#$((port + i))"; done)
	load -d "$domain" -k "$(key)" "$@" -w 4 -n "$count" -t 500 -T 120 -a "$file"
}
all_same() { load -d "$domain" -k "$(key)" -s "$host#$((port + $2))" -w 64 -r "$1"; }
log_of() { cat "$net/replica-$1/agreed.log"; }
# How often a state was transferred to replica I.
transfers() { log_of "$1" | grep -c 'info state transferred checkpoint=' || :; }
transferred() { [ "$(transfers "$1")" -ge "$2" ]; }
# The oldest segment that is left is not the first one.
is_trimmed() { [ ! -e "$net/replica-$1/data/journal/journal-0000000001" ]; }

batches_are_no_longer_kept() {
	crowd "$work/one" 8000 0 1 2 3
	eventually 20 is_trimmed 0
	eventually 20 is_trimmed 3
	eventually 20 are_level
}

store_deleted() {
	"$localnet" kill --dir "$net" 3
	rm -r "$net/replica-3/data/store"
	"$localnet" restart --dir "$net" 3
	eventually 30 transferred 3 1
	eventually 30 are_level
	all_same "$work/one" 3
}

it_votes_again() {
	"$localnet" kill --dir "$net" 2
	crowd "$work/two" 500 0 1 3
	"$localnet" restart --dir "$net" 2
	eventually 30 are_level
}

# It serves what it was sent, as well: two of four have nothing else now.
store_deleted_at_another_one_under_load() {
	background crowd "$work/three" 2000 0 1 3
	"$localnet" kill --dir "$net" 2
	rm -r "$net/replica-2/data/store"
	"$localnet" restart --dir "$net" 2
	eventually 30 transferred 2 1
	wait "$last"
	eventually 30 are_level
	for i in 2 3; do
		all_same "$work/one" "$i"
		all_same "$work/three" "$i"
	done
}

# flip FILE COUNT: bits, in pages that hold something.
flip() {
	python3 - "$1" "$2" <<'END'
import random, sys
random.seed(20261124)
with open(sys.argv[1], "r+b") as f:
    data = f.read()
    used = [i for i in range(8192, len(data)) if data[i] != 0]
    for at in random.sample(used, int(sys.argv[2])):
        f.seek(at)
        f.write(bytes([data[at] ^ 1 << random.randrange(8)]))
END
}

bits_flipped() {
	"$localnet" kill --dir "$net" 1
	flip "$net/replica-1/data/store/data.mdb" 1000
	"$localnet" restart --dir "$net" 1
	eventually 30 transferred 1 1
	log_of 1 | grep 'is kept as .*store.aside'
	[ -e "$net/replica-1/data/store.aside/data.mdb" ]
	eventually 30 are_level
	all_same "$work/one" 1
	all_same "$work/three" 1
}

# Killed while it transfers, more than once: it goes on, and gets there.
killed_in_the_middle() {
	before=$(log_of 0 | grep -c 'info state transfer begins' || :)
	"$localnet" kill --dir "$net" 0
	rm -r "$net/replica-0/data/store"
	for pause in 0.02 0.05 0.1 0.2; do
		"$localnet" restart --dir "$net" 0
		sleep "$pause"
		"$localnet" kill --dir "$net" 0
	done
	"$localnet" restart --dir "$net" 0
	# the last kill may have come right behind the installation: then nothing was left to do
	[ "$(log_of 0 | grep -c 'info state transfer begins')" -gt "$before" ]
	eventually 30 are_level
	all_same "$work/one" 0
	[ "$(ask propose after transfer +deadline=600s +short "+dns=$host#$port")" = transfer ]
}

restarted_after_a_transfer() {
	for i in 0 1 2 3; do
		"$localnet" restart --dir "$net" "$i"
		eventually 30 are_level
	done
	for i in 0 3; do all_same "$work/three" "$i"; done
}

network_start --limit 'journal-segment: 1' --limit 'journal-keep: 256'
check "journals no longer reach back to the beginning" batches_are_no_longer_kept
check "a replica whose store was deleted takes over the others' state" store_deleted
check "it votes again: with it a quorum decides" it_votes_again
check "so does another one, while the network is busy" store_deleted_at_another_one_under_load
check "flipped bits in a store are found, and mended from the others" bits_flipped
check "a replica killed while it transfers gets there" killed_in_the_middle
check "what was transferred is there after restarts" restarted_after_a_transfer
finish
