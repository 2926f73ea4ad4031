#!/bin/sh
# Two hosts, one service: the witness, its guard or its service dies at each step, or sleeps. Never are there two primaries
# at once in the log of the resource, and the fencing numbers rise.
. "$(dirname "$0")/lib.sh"
command -v python3 >/dev/null || skip_all "no python3: install the Debian package python3"

example=$top_srcdir/contrib/examples/failover
steps="started ticket claimed clocked leased serving"
# Leases of 8 s in place of minutes; their instances are on from 4 s before them.
period=8 bound=300
export WITNESS_AHEAD=4 REAL_AGREE="$build/resolver/agree" AGREE="$top_srcdir/tests/e2e/short_period.py"

# scenario NAME: $at is its directory. What it starts ends with it.
scenario() {
	at=$work/$1 label=$1
	mkdir -p "$at"
	: >"$at/pids"
	trap end_all EXIT
}
# witness HOST [VARIABLE=VALUE...]: in the background, its process id in $last
witness() {
	name=$1
	shift
	background env "AGREE_OPTIONS=+dns=$host#$port +key=$(key)" "$@" "$example/witness" "$domain" "$label" "$name" \
		"$at/$name" "$period" "$bound" -- "$example/service" "$at/resource" "$name" 2>>"$at/$name.log"
	echo "$last" >>"$at/pids"
}
# Services are in groups of their own, as the witness does it: they end when their lease is gone.
end_all() {
	while read -r pid; do kill -TERM "$pid" 2>/dev/null || :; done <"$at/pids"
	rm -f "$at"/*/lease
}
dead() { ! kill -0 "$1" 2>/dev/null; }
has_written() { grep -q " $1 " "$at/resource/log" 2>/dev/null; }
# has_written_since HOST MS
has_written_since() { awk -v h="$1" -v t="$2" '$2 == h && $1 > t { n++ } END { exit n == 0 }' "$at/resource/log"; }

# Lines are "MS HOST FENCE works", in the order in which the resource took them. A host's turn is all lines of one fencing
# number on end; turns may not return, fences never sink, no fence is two hosts', and a new host begins only when the old
# one's lease is over: two bounds later, less what the last line took.
never_two() {
	awk -v gap=$((2 * bound - 100)) '
		$3 < fence { print "the fence sinks: " $0; bad = 1 }
		($3 in owner) && owner[$3] != $2 { print "two hosts with one fence: " $0; bad = 1 }
		host != "" && $2 != host && $3 == fence { print "another host, no new fence: " $0; bad = 1 }
		host != "" && $2 != host && $1 < last + gap { print "overlaps: " last " " $0; bad = 1 }
		{ owner[$3] = $2; fence = $3; host = $2; last = $1 }
		END { if (NR == 0) print "nothing was written"; exit bad || NR == 0 }
	' "$at/resource/log"
}

# A dies at the step, B takes over; A comes back, B is killed, A takes over again.
dies_at() {
	scenario "at-$1"
	witness A "WITNESS_DIE_AT=$1"
	victim=$last
	eventually 45 dead "$victim"
	witness B
	b=$last
	eventually 45 has_written B
	witness A
	kill -KILL "$b"
	since=$(date +%s%3N)
	eventually 45 has_written_since A "$since"
	never_two
}
group_of() { pgrep -f "^/bin/sh $example/service $at/resource $1\$"; }

# All of A sleeps between its look at the lease and its write, past the end of the lease: what it writes then is refused.
sleeper_is_fenced_off() {
	scenario sleeper
	witness A "SERVICE_SLEEPS=$at/sleep"
	a=$last
	eventually 45 has_written A
	guards=$(pgrep -P "$a" -f "$example/witness")
	# the witness and its guard first: nobody is left to end the service
	kill -STOP "$a" $guards
	touch "$at/sleep"
	witness B
	eventually 45 has_written B
	service=$(group_of A)
	rm "$at/sleep"
	kill -CONT $service
	eventually 5 grep -q ' A ' "$at/resource/refused"
	kill -CONT "$a" $guards
	never_two
}

# The witness alone dies, its service goes on: the guard ends it with the lease, and the other host begins after that.
guard_ends_the_service() {
	scenario guard
	witness A
	a=$last
	eventually 45 has_written A
	kill -KILL "$a"
	witness B
	eventually 45 has_written B
	[ -z "$(group_of A)" ]
	never_two
}

# A host with a wrong clock does not serve, though it gets the lease: its clock and the network's differ.
wrong_clock_does_not_serve() {
	scenario wrong
	mkdir "$at/bin"
	cat >"$at/bin/date" <<-'END'
		#!/bin/sh
		if [ "$*" = +%s%3N ]; then echo $(($(/bin/date +%s%3N) - 900)); else exec /bin/date "$@"; fi
	END
	chmod +x "$at/bin/date"
	witness A "PATH=$at/bin:$PATH"
	eventually 45 grep -q 'the clock is off' "$at/A.log"
	[ ! -e "$at/resource/log" ]
}

# Who is primary stays so from lease to lease, without a gap, also with a replica dead.
renews() {
	scenario renews
	period=16
	export WITNESS_AHEAD=8
	"$localnet" kill 2 --dir "$net"
	# it may have been the network's primary, whose change takes longer than these short leases leave for asking
	eventually 45 ask propose after-kill go "+deadline=10m" +time=2
	witness A
	eventually 45 has_written A
	witness B
	eventually 45 has_leases 2
	# it has the next lease, and goes on into it
	next=$((($(date +%s) / period + 1) * period))
	eventually 45 has_written_since A "${next}500"
	"$localnet" restart 2 --dir "$net"
	never_two
	not has_written B
}
has_leases() { [ "$(awk '{ print $3 }' "$at/resource/log" | sort -u | wc -l)" -ge "$1" ]; }

# The real thing, with a period of a minute: one of two hosts has the lease, and `agree once` says the same.
real_periods_are_taken() {
	scenario real
	t=$(ask new real-lease +period=120s +short)
	ask propose "$t" A +short >"$work/a"
	exits 17 ask propose real-lease B +period=120s
	[ "$(cat "$work/a")" = A ]
}

# All of them side by side, since most of each is waiting for leases.
others="sleeper_is_fenced_off guard_ends_the_service wrong_clock_does_not_serve renews"
side_by_side() {
	running=
	for one in $(printf 'dies_at:%s ' $steps) $others; do
		(set -ex && "${one%%:*}" "${one#*:}") >"$work/log.$one" 2>&1 &
		running="$running $!:$one"
	done
	for one in $running; do
		if wait "${one%%:*}"; then echo passed; else echo failed; fi >>"$work/log.${one#*:}"
	done
}
# passed DIRECTORY SCENARIO
passed() {
	tail -n 20 "$work/log.$2"
	tail -n 6 "$work/$1"/*.log "$work/$1/resource/log" || :
	[ "$(tail -n 1 "$work/log.$2")" = passed ]
}

network_start
side_by_side
for step in $steps; do
	check "either host dies, the first one at: $step" passed "at-$step" "dies_at:$step"
done
check "who slept past its lease is fenced off" passed sleeper sleeper_is_fenced_off
check "a service outlives its witness until its lease ends" passed guard guard_ends_the_service
check "a host with a wrong clock does not serve" passed wrong wrong_clock_does_not_serve
check "who is primary gets the next lease, and without a replica" passed renews renews
check "periods of the real length" real_periods_are_taken
finish
