#!/bin/sh
# Replicas are killed with SIGKILL and come back; what was acknowledged stays as it was.
. "$(dirname "$0")/lib.sh"

# crowd FILE COUNT REPLICA...: acknowledged outcomes go to FILE.
crowd() {
	file=$1
	count=$2
	shift 2
	set -- $(for i in "$@"; do echo "-s $host#$((port + i))"; done)
	load -d "$domain" -k "$(key)" "$@" -w 16 -n "$count" -t 500 -T 120 -a "$file"
}

# Every outcome in FILE, asked of replica I, is the same record.
all_same() { load -d "$domain" -k "$(key)" -s "$host#$((port + $2))" -w 64 -r "$1"; }

is_running() { "$localnet" status --dir "$net" | grep -q "^replica $1: pid"; }

service_goes_on_without_a_backup() {
	background crowd "$work/one" 4000 0 1 3
	sleep 0.3
	"$localnet" kill --dir "$net" 2
	not is_running 2
	wait "$last"
	[ "$(wc -l <"$work/one")" -eq 4000 ]
}

backup_comes_back_and_catches_up() {
	"$localnet" restart --dir "$net" 2
	eventually 30 are_level
	all_same "$work/one" 2
}

killed_while_it_catches_up() {
	"$localnet" kill --dir "$net" 2
	crowd "$work/two" 1000 0 1 3
	"$localnet" restart --dir "$net" 2
	"$localnet" kill --dir "$net" 2
	"$localnet" restart --dir "$net" 2
	eventually 30 are_level
	all_same "$work/two" 2
}

# One after the other, so that the primary is among them: the others choose another one, and go on. Answers are asked of the next replica.
each_is_killed() {
	for i in 0 1 2 3; do
		next=$(((i + 1) % 4))
		"$localnet" kill --dir "$net" "$i"
		began=$(date +%s)
		[ "$(agree propose "$domain" "without-$i" "replica-$i" +deadline=600s +short \
			"+dns=$host#$((port + next))" "+key=$(key)")" = "replica-$i" ]
		[ $(($(date +%s) - began)) -le 5 ]
		all_same "$work/one" "$next"
		"$localnet" restart --dir "$net" "$i"
		eventually 30 are_level
		[ "$(ask propose "with-$i" "replica-$i" +deadline=600s +short)" = "replica-$i" ]
	done
}

all_killed_under_load() {
	background crowd "$work/all-$1" 4000 0 1 2 3
	sleep "$1"
	kills=
	for i in 0 1 2 3; do
		"$localnet" kill --dir "$net" "$i" &
		kills="$kills $!"
	done
	# shellcheck disable=SC2086
	wait $kills
	for i in 0 1 2 3; do "$localnet" restart --dir "$net" "$i"; done
	wait "$last"
	[ "$(wc -l <"$work/all-$1")" -eq 4000 ]
	for i in 0 1 2 3; do all_same "$work/all-$1" "$i"; done
}

everything_is_still_there() {
	"$localnet" stop --dir "$net"
	"$localnet" start --dir "$net"
	for file in "$work/one" "$work/two" "$work"/all-*; do
		for i in 0 1 2 3; do all_same "$file" "$i"; done
	done
	eventually 30 are_level
}

key_is_the_same() {
	for i in 0 1 2 3; do cmp "$net/group.pub" "$net/replica-$i/data/group.pub"; done
}

network_start
cp "$net/group.pub" "$work/key"
check "the service goes on without a backup" service_goes_on_without_a_backup
check "a backup that comes back catches up" backup_comes_back_and_catches_up
check "a backup killed while it catches up comes back too" killed_while_it_catches_up
check "any one is killed, the primary too: the others go on within seconds" each_is_killed
check "all replicas killed under load: each acknowledged outcome is the same" all_killed_under_load 0.3
check "the same at another moment" all_killed_under_load 0.7
check "an orderly stop and start changes nothing" everything_is_still_there
check "the group key has not changed" cmp "$work/key" "$net/group.pub"
check "all replicas have the same group key" key_is_the_same
finish
