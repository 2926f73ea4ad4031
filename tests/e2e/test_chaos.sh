#!/bin/sh
# Everything at once, under load: all replicas killed together, replicas stopped, links that lose,
# delay and divide. Two crowds ask about the same instances all the while; what each was told is
# compared in the end, with what the other was told and what each replica says then.
#
# With --long: more rounds, a replica stopped for a minute.
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/crowd.sh"
. "$(dirname "$0")/links.sh"

kills=3 stop_s=4 storm_s=6 storms=1
if [ "${1:-}" = --long ]; then kills=10 stop_s=60 storm_s=20 storms=5; fi

pid_of() { cat "$net/replica-$1/agreed.pid"; }
others() { echo "$replicas" | tr -d "$1"; }
backup() { echo $((($(primary) + 2) % 4)); }

all_killed() {
	round=0
	while [ $round -lt $kills ]; do
		sleep 0.$((3 + round % 7))
		# shellcheck disable=SC2046
		kill -KILL $(for i in $replicas; do pid_of "$i"; done)
		for i in $replicas; do "$localnet" restart --dir "$net" "$i"; done
		# every other time they are killed again while they come back
		[ $((round % 2)) -eq 1 ] || serves 20 0
		round=$((round + 1))
	done
	for i in $replicas; do serves 20 "$i"; done
}

# A process that does nothing keeps its connections and says nothing.
stopped() {
	kill -STOP "$(pid_of "$1")"
	# shellcheck disable=SC2046
	serves 10 $(others "$1")
	sleep "$2"
	# shellcheck disable=SC2046
	serves 10 $(others "$1")
	kill -CONT "$(pid_of "$1")"
	catches_up "$1" 20
}
backup_stopped() { stopped "$(backup)" $stop_s; }
primary_stopped() {
	before=$(primary)
	stopped "$before" $stop_s
	not test "$(primary)" = "$before"
}
all_stopped() {
	# shellcheck disable=SC2046
	kill -STOP $(for i in $replicas; do pid_of "$i"; done)
	sleep 3
	# shellcheck disable=SC2046
	kill -CONT $(for i in $replicas; do pid_of "$i"; done)
	for i in $replicas; do serves 20 "$i"; done
}

# Loss beneath TCP shows as delay, or ends the connection; frames are lost where a backlog is full.
bad_links() {
	links delay all all 2 15
	links lose all all 20
	links break all all 1
	sleep 2
	for i in $replicas; do serves 20 "$i"; done
	sleep 1
	links heal all all
	serves 20 0
}

cut_off() { # REPLICA, all of whose connections end
	links part $(($1 + 1)) "$(but $(($1 + 1)))"
	# shellcheck disable=SC2046
	serves 10 $(others "$1")
	not serves 1 "$1"
	links heal all all
	catches_up "$1" 20
	serves 10 "$1"
}
backup_cut_off() { cut_off "$(backup)"; }
primary_cut_off() {
	before=$(primary)
	cut_off "$before"
	not test "$(primary)" = "$before"
}

# It hears everything, and nobody hears it; its connections stay.
primary_unheard() {
	before=$(primary)
	links cut $((before + 1)) "$(but $((before + 1)))"
	# shellcheck disable=SC2046
	serves 10 $(others "$before")
	links heal all all
	catches_up "$before" 20
	not test "$(primary)" = "$before"
}
# It is heard, and hears nothing.
backup_deaf() {
	who=$(backup)
	links cut "$(but $((who + 1)))" $((who + 1))
	# shellcheck disable=SC2046
	serves 10 $(others "$who")
	links heal all all
	catches_up "$who" 20
}

# Neither half may decide anything; what was under way is decided afterwards, once.
two_halves() {
	links part 1,2 3,4
	sleep 0.5 # for what was committed already
	for i in $replicas; do not serves 1 "$i"; done
	links heal all all
	for i in $replicas; do serves 30 "$i"; done
}

# Links stop one by one and are released in another order, from a seed.
storm() {
	awk -v seed="$1" -v seconds="$2" 'BEGIN {
		srand(seed)
		for (ms = 0; ms < seconds * 1000; ms += pause) {
			a = 1 + int(rand() * 4); b = 1 + (a + int(rand() * 3)) % 4
			what = int(rand() * 8)
			if (what < 2) print "cut", a, b
			else if (what == 2) print "part", a, b
			else if (what == 3) print "delay", a, b, int(rand() * 100), int(rand() * 100)
			else if (what == 4) print "lose", a, b, int(rand() * 300)
			else print "heal", a, b
			pause = 50 + int(rand() * 250)
			print "wait", pause
		}
		print "heal all all"
	}' >"$work/storm"
	cat "$work/storm" >&3
	sleep $(($2 + 1))
	for i in $replicas; do serves 60 "$i"; done
}
storms() {
	round=0
	while [ $round -lt $storms ]; do
		storm $((seed + round)) $storm_s
		round=$((round + 1))
	done
}

links_were_used() {
	kill "$links_pid"
	eventually 5 grep 'frames passed' "$work/links"
	awk '/frames passed/ { exit !($3 > 1000 && $6 > 0 && $8 > 0) }' "$work/links"
}

network_start
links_between
# shellcheck disable=SC2034 # crowd_start reads it
deadline=$(($(date +%s) + 3600))
crowd_start "$work/left" 4 0 1
crowd_start "$work/right" 4 2 3
check "all replicas killed at once, again and again" all_killed
check "a backup stopped: the others go on, it catches up" backup_stopped
check "the primary stopped: another takes over, it catches up" primary_stopped
check "all stopped for some seconds: they go on" all_stopped
check "links that lose, delay and break" bad_links
check "a backup cut off" backup_cut_off
check "the primary cut off" primary_cut_off
check "the primary unheard" primary_unheard
check "a backup that hears nothing" backup_deaf
check "two halves decide nothing, and are one again" two_halves
check "a storm over all links" storms
check "all that was asked is answered in the end" crowds_stop
check "no acknowledged outcome was lost or changed" proved "$work/left" "$work/right"
check "frames went through the links, and were lost there" links_were_used
finish
