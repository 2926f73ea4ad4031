#!/usr/bin/env bash
# Installs what is missing, builds with both compilers, runs every test. Last line: N passed, N failed, N skipped.
# Builds and runs in a temporary directory; --keep leaves it.
#
# Three lines of work go on side by side, see the functions of these names: `sanitized` and `distributed` compute, at a
# low priority, `processes` mostly waits and is never kept waiting. Where the time went is shown at the end.
set -eu
top=$(cd "$(dirname "$0")/.." && pwd)
. "$top/contrib/lib.sh"

keep=no
case ${1:-} in
--keep) keep=yes ;;
'') ;;
*) die "usage: tests/run.sh [--keep]" ;;
esac

now_ms() { echo $(($(date +%s%N) / 1000000)); }
started=$(now_ms)
work=$(mktemp -d "${TMPDIR:-/tmp}/agree-tests.XXXXXX")
jobs=$(nproc)
lines= # process groups, one a line of work

clean() {
	status=$?
	trap - EXIT INT TERM HUP
	for line in $lines; do kill -TERM -- "-$line" 2>/dev/null || :; done
	wait
	[ $keep = yes ] && echo "kept: $work" || rm -rf "$work"
	exit $status
}
trap clean EXIT
trap 'exit 1' INT TERM HUP

# ---- what came of it: counts, times and words, of several lines of work at once ----

say() { printf '%4d s  %s\n' $((($(now_ms) - started) / 1000)) "$*"; }

# count VERDICT NUMBER
count() { echo "$1 $2" >>"$work/counts"; }
total() { awk -v verdict="$1" '$1 == verdict { n += $2 } END { print n + 0 }' "$work/counts"; }

# took MS NAME: of a test
took() { echo "$*" >>"$work/times"; }

# In one piece.
show() { flock "$work/counts" cat; }

# result NAME STATUS LOG: 0 passed, 77 skipped (with the reason, the log's last line), else failed, with the log's end.
result() {
	case $2 in
	0) count passed 1 ;;
	77)
		count skipped 1
		say "skipped: $1: $(tail -n 1 "$3")"
		;;
	*)
		count failed 1
		{ say "FAILED: $1" && tail -n 60 "$3"; } | show
		;;
	esac
}

# results NAME STATUS LOG: each test of a log in TAP (plan 1..N) counts; any other log is of one test.
results() {
	planned=$(sed -n 's/^1\.\.\([0-9][0-9]*\).*/\1/p' "$3" | awk '{ n += $1 } END { print n + 0 }')
	if [ "$2" = 77 ] || [ "$planned" = 0 ]; then
		result "$1" "$2" "$3"
		return
	fi
	skips=$(grep -Eci '^ok .*# skip' "$3") || :
	good=$(($(grep -c '^ok ' "$3") - skips)) || :
	bad=$(grep -c '^not ok ' "$3") || :
	count passed "$good" && count failed "$bad" && count skipped "$skips"
	grep -Ei '^ok .*# skip' "$3" | sed "s|^|        skipped: $1: |" | show
	if [ "$bad" != 0 ]; then
		{ say "FAILED: $1" && grep -A 60 '^not ok ' "$3" | head -n 200; } | show
	elif [ "$2" != 0 ] || [ "$planned" != $((good + skips)) ]; then
		result "$1: exit status $2, $((good + skips)) of $planned tests" 1 "$3"
	fi
}

# one NAME COMMAND...: one test; many NAME COMMAND...: as many as its output in TAP has.
one() { run result "$@"; }
many() { run results "$@"; }
run() {
	counting=$1 test_name=$2
	shift 2
	log=$work/log.$(echo "$test_name" | tr -c 'A-Za-z0-9\n' _)
	status=0
	began=$(now_ms)
	"$@" >"$log" 2>&1 </dev/null || status=$?
	took $(($(now_ms) - began)) "$test_name"
	"$counting" "$test_name" "$status" "$log"
}

# part NAME COMMAND...: of a line of work
part() {
	part_name=$1
	shift
	say "$part_name"
	part_began=$(now_ms)
	"$@"
	echo "$(now_ms) $part_began $part_name" >>"$work/parts"
}

# Where the time went.
show_times() {
	say "parts, as they ended: how long, and from when on"
	sort -n "$work/parts" | while read -r ended began name; do
		printf '%8d s  from %4d s  %s\n' $(((ended - began) / 1000)) $(((began - started) / 1000)) "$name"
	done
	say "the slowest 15 tests"
	sort -rn "$work/times" | head -n 15 | while read -r ms name; do
		printf '%8d.%d s  %s\n' $((ms / 1000)) $((ms / 100 % 10)) "$name"
	done
}

# ---- builds ----

# configured NAME CONFIGURE-ARGUMENTS...: in a directory of that name
configured() {
	dir=$work/$1
	shift
	mkdir -p "$dir"
	cd "$dir"
	"$work/src/configure" -q "$@"
}
build() { (configured "$@" && make -s -j "$jobs" all); }
# The code under test with -O1, and what simulates networks, since a good part of the tests computes in these; the other
# tests without, which compiles in a third of the time.
build_sanitized() {
	(configured clang CC=clang-14 --enable-werror --enable-sanitize --enable-fuzz CFLAGS="-gline-tables-only -O1" &&
		make -s -j "$jobs" all && make -s -j "$jobs" tests/lib/libkit.a tests/sim/sim && # not at once: all is a make of its own
		make -s -j "$jobs" check TESTS= CFLAGS="-gline-tables-only -O0")
}

# checked NAME TEST COMMAND...: a make that runs the unit tests; each of them counts.
checked() {
	name=$1 test_name=$2
	shift 2
	one "$test_name" env CMOCKA_MESSAGE_OUTPUT=TAP "$@" \
		LOG_DRIVER="'$work/src/tests/driver.sh' '$work/checked.$name' \$(SHELL) \$(top_srcdir)/build-aux/test-driver"
	(cd "$work/checked.$name" && find . -name '*.ms' | sort) >"$work/list.$name"
	while read -r ms; do
		base=${ms#./} && base=${base%.ms}
		kept=$work/checked.$name/$base
		took "$(cat "$kept.ms")" "$name: $base"
		case $(sed -n 's/^:global-test-result: //p' "$kept.trs") in
		PASS) results "$name: $base" 0 "$kept.log" ;;
		SKIP) results "$name: $base" 77 "$kept.log" ;;
		*) results "$name: $base" 1 "$kept.log" ;;
		esac
	done <"$work/list.$name"
	[ -s "$work/list.$name" ]
}
make_check() { (cd "$work/clang" && checked clang "make check, sanitized" make -s -k -j "$jobs" check); }
make_distcheck() {
	(cd "$work/gcc" && checked gcc "make distcheck" make -s -j "$jobs" distcheck AM_MAKEFLAGS= VERBOSE=1 \
		DISTCHECK_CONFIGURE_FLAGS="--enable-werror CFLAGS=-O2")
}

# ---- the three lines of work ----

fuzz() {
	for target in $("$top/tests/fuzz/run.sh" --build "$work/clang" --list); do
		one "fuzz: $target" "$top/tests/fuzz/run.sh" --build "$work/clang" "$target"
	done
}
sanitized() {
	trap 'touch "$work/sanitized"' EXIT # whatever comes of it, somebody waits
	part "build: clang, sanitizers, fuzz targets" one "build with clang and sanitizers" build_sanitized
	touch "$work/sanitized"
	part "unit tests: clang, AddressSanitizer, UndefinedBehaviorSanitizer" make_check
	part "fuzz targets over their corpora, a bounded number of runs" fuzz
}

library_alone() {
	one "build without the daemon" build alone CC=gcc --enable-werror --disable-daemon
	one "libagree links c-ares and libcrypto only" sh -c "
		objdump -p '$work/alone/resolver/.libs/libagree.so' | sed -n 's/ *NEEDED *//p' | sort | tee /dev/stderr |
		tr '\n' ' ' | grep -Eqx '(libc.so.6 |libcares.so.2 |libcrypto.so.3 )+'"
}
manual_pages() {
	for page in "$top"/man/*.[0-9]; do
		one "mandoc: $(basename "$page")" sh -c "mandoc -Tlint -Wwarning '$page' >&2"
	done
}
distributed() {
	part "distribution, and unit tests: gcc" make_distcheck
	part "quickstart" many "e2e: test_quickstart" "$top/tests/e2e/test_quickstart.sh"
	part "model of the view change, one of them (tests/model/run.sh checks two)" \
		many "model of the view change" "$top/tests/model/run.sh" --small
	part "library alone: needs c-ares and OpenSSL only" library_alone
	part "manual pages" manual_pages
}

real_processes() {
	for script in "$top"/tests/e2e/test_*.sh; do
		[ "$script" != "$top/tests/e2e/test_quickstart.sh" ] || continue
		many "e2e: $(basename "$script" .sh)" env AGREE_BUILD="$work/gcc" "$script"
	done
}
real_processes_sanitized() {
	until [ -e "$work/sanitized" ]; do sleep 1; done
	for name in agree bad_input chaos crash primary tools; do
		many "e2e, sanitized: test_$name" env AGREE_BUILD="$work/clang" "$top/tests/e2e/test_$name.sh"
	done
}
processes() {
	part "end to end, real processes" real_processes
	part "end to end, sanitized" real_processes_sanitized
}

# line FUNCTION NICENESS PORTS: a process group of its own, so that it can be ended; ports: see tests/e2e/lib.sh
line() {
	set -m
	(
		set +m
		renice -n "$2" -p "$BASHPID" >/dev/null
		export AGREE_PORTS="$3"
		"$1"
	) </dev/null &
	set +m
	lines="$lines $!"
}

for file in counts times parts; do : >"$work/$file"; done
say "packages"
# shellcheck disable=SC2086
install_missing $check_packages
part "sources and configure" one "autoreconf from a clean copy" copy_sources "$work/src"
part "build: gcc, warnings are errors" one "build with gcc" build gcc CC=gcc --enable-werror

line sanitized 8 0-0
line distributed 12 1-20
line processes 0 21-110
for process in $lines; do
	wait "$process" || {
		count failed 1
		say "FAILED: a line of work ended early"
	}
done
lines=

show_times
say "done"
failed=$(total failed)
echo "$(total passed) passed, $failed failed, $(total skipped) skipped"
[ "$failed" = 0 ]
