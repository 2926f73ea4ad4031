#!/bin/sh
# What agreements of several parties cost the replicas: four on this machine, every vote synced, every
# answer signed. Compared with open agreements in the same run, under the same load.
# Figures, a line each: name: value unit.
count=4000
# shellcheck disable=SC2034 # read by options.sh
takes=count
. "$(dirname "$0")/options.sh"

# Of all replicas, user and system, in microseconds.
cpu() {
	for i in 0 1 2 3; do sed 's/.*) //' "/proc/$(cat "$net/replica-$i/agreed.pid")/stat"; done |
		awk -v hz="$(getconf CLK_TCK)" '{ n += $12 + $13 } END { printf "%d\n", n * 1000000 / hz }'
}
resident() { sed -n 's/^VmRSS:[[:space:]]*\([0-9]*\) kB/\1/p' "/proc/$(cat "$net/replica-0/agreed.pid")/status"; }

# crowd KIND COUNT: standard output says when all is prepared and when it is done; a line goes on
crowd() {
	rm -f "$work/in" "$work/out"
	mkfifo "$work/in" "$work/out"
	python3 "$top_srcdir/tests/bench/votes_load.py" "$port" "$net/group.pub" "$domain" "$1" "$2" \
		<"$work/in" >"$work/out" &
	exec 3>"$work/in" 4<"$work/out"
}
next() { read -r _ <&4; }
go() { echo >&3; }
crowd_end() {
	go
	exec 3>&- 4<&-
	wait $!
}

# used KIND: microseconds of all replicas for each
used() {
	crowd "$1" "$count"
	next
	before=$(cpu)
	go
	next
	after=$(cpu)
	crowd_end
	awk "BEGIN { printf \"%.1f\", ($after - $before) / $count }"
}

figures_head
network_start
sleep 2
used open >/dev/null # caches and files are warm
open=$(used open)
secrets=$(used secrets)
keys=$(used keys)
echo "cpu_open: $open us"
echo "cpu_hash_lock_commit: $secrets us"
echo "cpu_signature_commit: $keys us"
awk "BEGIN {
	printf \"hash_lock_commit_by_open: %.2f times\n\", $secrets / $open
	printf \"signature_vote_more: %.1f us a vote and replica\n\", ($keys - $secrets) / 2 / 4
}"
before=$(resident)
crowd waits 10000
next
while [ "$(agreectl stats -c "$(conf_of 0)" | sed -n 's/^waiting=//p')" -lt 10000 ]; do sleep 0.2; done
after=$(resident)
echo "waiter_resident: $(((after - before) * 1024 / 10000)) octets"
go
next
crowd_end
