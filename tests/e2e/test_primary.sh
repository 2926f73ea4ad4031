#!/bin/sh
# The primary is killed under load, and the next one, and the next: somebody else takes over in time,
# the dead come back, and nothing that was acknowledged is lost or changed.
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/crowd.sh"

limit_ms=5000 # with all else that a machine under test has to do; tests/bench/failover.sh has figures

# The primary dies at once; the others go on without it, and it catches up.
primary_killed() {
	who=$(primary)
	before=$(now_us)
	"$localnet" kill --dir "$net" "$who"
	killed=$(now_us)
	echo "$killed" >>"$work/killed"
	others=$(echo "$replicas" | tr -d "$who")
	# shellcheck disable=SC2086
	serves 10 $others
	echo "primary replica-$who killed within $((killed - before)) us, service after $((($(now_us) - killed) / 1000)) ms"
	not test "$(primary)" = "$who"
	"$localnet" restart --dir "$net" "$who"
	catches_up "$who" 15
}

# While one is down no other may fail; a primary that was replaced is an ordinary backup.
killed_one_after_the_other() {
	crowd_start "$work/load" 8 0 1 2 3
	for _ in 1 2 3 4; do
		sleep 0.3
		primary_killed
	done
	crowds_stop
}

restored_in_time() {
	while read -r killed; do
		took=$(restored_ms "$work/load" "$killed")
		echo "restored after $took ms"
		[ "$took" -le $limit_ms ]
	done <"$work/killed"
}

# With nobody asking, nobody watches; the first request finds out.
killed_when_idle() {
	who=$(primary)
	"$localnet" kill --dir "$net" "$who"
	sleep 1
	began=$(now_ms)
	serves 10 $(((who + 2) % 4))
	took=$(($(now_ms) - began))
	echo "restored after $took ms"
	[ $took -le $limit_ms ]
	"$localnet" restart --dir "$net" "$who"
	catches_up "$who" 15
}

# The next primary dies while it takes over.
two_in_a_row() {
	crowd_start "$work/row" 8 0 1 2 3
	sleep 0.3
	first=$(primary)
	second=$(((first + 1) % 4))
	"$localnet" kill --dir "$net" "$first"
	sleep 0.4
	"$localnet" kill --dir "$net" $second
	"$localnet" restart --dir "$net" "$first"
	serves 15 "$first" $(((first + 2) % 4)) $(((first + 3) % 4))
	"$localnet" restart --dir "$net" $second
	catches_up $second 15
	crowds_stop
}

nothing_is_lost() { proved "$work/load" "$work/row"; }

# The reader has teeth: another value, sequence or time than what was acknowledged is a wrong answer.
change_is_noticed() {
	for change in '$2 = substr($2, 1, length($2) - 2) "77"' '$3 = $3 "0"' '$4 = $4 "0"'; do
		awk "NR == 1 { $change; print }" "$work/merged" >"$work/changed"
		exits 1 load -d "$domain" -k "$(key)" -s "$host#$port" -r "$work/changed" >"$work/read"
		grep '^wrong: 1 ' "$work/read"
	done
}

network_start
check "each primary killed under load: another takes over, the dead come back" killed_one_after_the_other
check "service is back in time, each time" restored_in_time
check "the primary of an idle network is missed at the first request" killed_when_idle
check "the next primary killed while it takes over" two_in_a_row
check "no acknowledged outcome was lost or changed" nothing_is_lost
check "one that was changed would be noticed" change_is_noticed
finish
