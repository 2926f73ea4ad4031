#!/bin/sh
# contrib/localnet itself, and what an idle network costs.
. "$(dirname "$0")/lib.sh"

files_are_there() {
	for i in 0 1 2 3; do
		for file in agreed.conf identity.key network data agreed.pid agreed.log; do
			[ -e "$net/replica-$i/$file" ]
		done
		[ "$(stat -c %a "$net/replica-$i/identity.key")" = 600 ]
		[ "$(stat -c %a "$net/replica-$i/data")" = 700 ]
	done
	[ "$(cat "$net/group.pub" | wc -c)" -eq 44 ]
	grep -q 'SRV' "$net/zone"
	cmp "$net/replica-0/network" "$net/replica-3/network"
}

status_says_what_runs() {
	"$localnet" status --dir "$net" | tee "$work/out"
	[ "$(grep -c '^replica [0-3]: pid [0-9]*, port [0-9]*, live, sequence [0-9]*$' "$work/out")" -eq 4 ]
	"$localnet" kill --dir "$net" 1
	exits 3 "$localnet" status --dir "$net" | tee "$work/out"
	grep -q '^replica 1: not running$' "$work/out"
	"$localnet" restart --dir "$net" 1
	"$localnet" status --dir "$net"
}

start_takes_up_what_is_there() {
	cp "$net/group.pub" "$work/key"
	"$localnet" kill --dir "$net" 2
	"$localnet" start --dir "$net"
	"$localnet" status --dir "$net"
	cmp "$net/group.pub" "$work/key"
	exits 1 "$localnet" start --dir "$net" --n 7
	exits 1 "$localnet" start --dir "$net" --domain other.test
}

only_its_own_are_ended() {
	pid=$(cat "$net/replica-3/agreed.pid")
	"$localnet" kill --dir "$net" 3
	sleep 60 &
	other=$!
	echo "$other" >"$net/replica-3/agreed.pid"
	"$localnet" kill --dir "$net" 3
	kill -0 "$other"
	kill "$other"
	[ "$pid" != "$other" ]
	"$localnet" restart --dir "$net" 3
}

bad_arguments_are_said() {
	exits 1 "$localnet" start --dir "$work/bad" --n 5
	exits 1 "$localnet" start --dir "$work/bad" --port 65500
	exits 1 "$localnet" start --dir "$work/bad" --domain 'no good'
	[ ! -e "$work/bad" ]
	exits 1 "$localnet" frobnicate --dir "$net"
	exits 1 "$localnet" kill --dir "$net" 4
	exits 1 "$localnet" stop --dir "$work/nowhere"
	exits 1 "$localnet" start
}

idle_is_small() {
	for i in 0 1 2 3; do
		resident=$(sed -n 's/^VmRSS:[^0-9]*\([0-9]*\) kB/\1/p' "/proc/$(cat "$net/replica-$i/agreed.pid")/status")
		[ "$resident" -lt "$1" ]
	done
}

seven_replicas_survive_two() {
	seven=$work/seven
	"$localnet" start --dir "$seven" --n 7 --domain seven.test --port $((port + 20))
	status=0
	"$localnet" kill --dir "$seven" 4 && "$localnet" kill --dir "$seven" 6 &&
		agree propose seven.test who seven +deadline=600s "+dns=$host#$((port + 20))" \
			"+key=$(cat "$seven/group.pub")" +short >"$work/out" && [ "$(cat "$work/out")" = seven ] ||
		status=1
	"$localnet" stop --dir "$seven"
	return $status
}

network_start
check "the files are where they should be" files_are_there
check "an idle replica is under 40 MiB" idle_is_small "$((40 * 1024 * ${MEMORY_FACTOR:-1}))"
check "status says what runs" status_says_what_runs
check "start takes up the network that is there" start_takes_up_what_is_there
check "a process that it did not start is never ended" only_its_own_are_ended
check "bad arguments are said" bad_arguments_are_said
check "seven replicas go on without two of them" seven_replicas_survive_two
finish
