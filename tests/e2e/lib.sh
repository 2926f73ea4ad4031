# shellcheck shell=sh
# What the tests over real processes share: a network of their own in a temporary directory, and
# TAP. A test is a function; it has failed when one of its commands has (set -e), and what it did
# is shown then (set -x). Sourced with top_srcdir and top_builddir set, or from the tree itself.
set -u
export LC_ALL=C.UTF-8

top_srcdir=${top_srcdir:-$(cd "$(dirname "$0")/../.." && pwd)}
build=${top_builddir:-${AGREE_BUILD:-$top_srcdir}}
localnet=$top_srcdir/contrib/localnet
export AGREE_BUILD="$build"

# Short, since there are Unix sockets in it.
work=$(mktemp -d "${TMPDIR:-/tmp}/agree-e2e.XXXXXX") || exit 1
net=$work/net
domain=example.test
host=127.0.0.1
port=
number=0
failed=0

# A user's own files have no part in this. Reports of sanitizers are looked for at the end; the
# daemon forbids tracing, so it cannot be searched for leaks.
export HOME="$work" XDG_CONFIG_HOME="$work/config" NO_COLOR=1
export ASAN_OPTIONS="detect_leaks=0:log_path=$work/sanitizer" UBSAN_OPTIONS="log_path=$work/sanitizer"
unset AGREE_DNS AGREE_KEY 2>/dev/null || :

agree() { "$build/resolver/agree" "$@"; }
agreectl() { "$build/daemon/agreectl" "$@"; }
load() { "$build/tests/bench/load" "$@"; }
poke() { "$build/tests/e2e/poke" "$@"; }
conf_of() { echo "$net/replica-$1/agreed.conf"; }
key() { cat "$net/group.pub"; }
# What most commands have in common.
ask() {
	verb=$1
	shift
	agree "$verb" "$domain" "$@" "+dns=$host#$port" "+key=$(key)"
}

# ---- processes: only those that were started here are ever ended ----

# Ports below those that the kernel gives to clients; a network takes P to P+n and P+100 to P+100+n,
# other servers of a test take P+50 and on. AGREE_PORTS=A-B (0 to 110) keeps tests that run side by side apart.
free_port() { echo $((10000 + 200 * $(shuf -i "${AGREE_PORTS:-0-110}" -n 1))); }

# network_start [localnet options]
network_start() {
	for _ in 1 2 3 4 5 6 7 8; do
		port=$(free_port)
		rm -rf "$net"
		if "$localnet" start --dir "$net" --domain "$domain" --port "$port" "$@" \
			>"$work/start" 2>&1; then
			return 0
		fi
		grep -q 'cannot listen' "$work/start" || break
	done
	sed 's/^/# /' "$work/start"
	echo "Bail out! no network"
	exit 1
}

# background COMMAND...: its process id in $last.
background() {
	"$@" &
	last=$!
	echo "$last" >>"$work/started"
}

# Is it still ours? A number that was given to another process is not in our process group.
is_ours() { [ -d "/proc/$1" ] && [ "$(ps -o pgid= -p "$1")" = "$(ps -o pgid= -p $$)" ]; }
all_ended() {
	while read -r pid; do
		not is_ours "$pid" || return 1
	done <"$work/started"
}
signal_started() {
	while read -r pid; do
		not is_ours "$pid" || kill "-$1" "$pid"
	done <"$work/started"
}
# A crowd waits for its answers, which may never come now.
end_started() {
	[ -e "$work/started" ] || return 0
	signal_started TERM
	eventually 5 all_ended || signal_started KILL
}

clean() {
	status=$?
	trap - EXIT INT TERM HUP
	[ ! -d "$net" ] || "$localnet" stop --dir "$net" >/dev/null 2>&1
	end_started 2>/dev/null
	rm -rf "$work"
	exit "$status"
}
trap clean EXIT
trap 'exit 1' INT TERM HUP

# ---- tests ----

# check NAME FUNCTION [ARGUMENTS]
check() {
	name=$1
	shift
	number=$((number + 1))
	(
		set -ex
		"$@"
	) >"$work/output" 2>&1
	if [ $? -eq 0 ]; then
		echo "ok $number - $name"
		return 0
	fi
	failed=$((failed + 1))
	echo "not ok $number - $name"
	tail -n 60 "$work/output" | sed 's/^/# /'
	return 0
}

skip() {
	number=$((number + 1))
	echo "ok $number - $1 # SKIP $2"
}

# skip_all REASON: none of this file's tests can run.
skip_all() {
	echo "1..0 # SKIP $1"
	exit 77
}

# needs COMMAND PACKAGE NAME FUNCTION: checked where the command is there, else skipped.
needs() {
	if command -v "$1" >/dev/null 2>&1; then
		shift 2
		check "$@"
	else
		skip "$3" "no $1: install the Debian package $2"
	fi
}

# A command that must fail (`! command` would not end a test).
not() {
	if "$@"; then return 1; fi
}

# exits STATUS COMMAND...
exits() {
	want=$1
	shift
	got=0
	"$@" || got=$?
	[ "$got" = "$want" ]
}

# eventually SECONDS COMMAND...: until it is true.
eventually() {
	tenths=$(($1 * 10))
	shift
	until "$@"; do
		[ "$tenths" -gt 0 ] || return 1
		tenths=$((tenths - 1))
		sleep 0.1
	done
}

# The outcome's field of an `agree +json` line.
field() { jq -er "$1" "$2"; }

sequence_of() { agreectl status -c "$(conf_of "$1")" | sed -n 's/^sequence  *//p'; }

# Have all replicas executed the same?
are_level() {
	first=$(sequence_of 0)
	[ -n "$first" ] || return 1
	for i in 1 2 3; do
		[ "$(sequence_of $i)" = "$first" ] || return 1
	done
}

no_sanitizer_report() {
	for report in "$work"/sanitizer.*; do
		[ ! -e "$report" ] || ! cat "$report"
	done
}

# Must be the last line of a test.
finish() {
	[ ! -d "$net" ] || check "the replicas stop in order" "$localnet" stop --dir "$net"
	check "no sanitizer has reported anything" no_sanitizer_report
	echo "1..$number"
	[ "$failed" -eq 0 ]
	exit
}
