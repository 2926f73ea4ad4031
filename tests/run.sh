#!/bin/sh
# Installs what is missing, builds with both compilers, runs every test. Last line: N passed, N failed, N skipped.
# Builds and runs in a temporary directory; --keep leaves it.
set -eu
top=$(cd "$(dirname "$0")/.." && pwd)
. "$top/contrib/lib.sh"

keep=no
case ${1:-} in
--keep) keep=yes ;;
'') ;;
*) die "usage: tests/run.sh [--keep]" ;;
esac

started=$(date +%s)
work=$(mktemp -d "${TMPDIR:-/tmp}/agree-tests.XXXXXX")
jobs=$(nproc)
passed=0 failed=0 skipped=0

clean() {
	status=$?
	[ $keep = yes ] && echo "kept: $work" || rm -rf "$work"
	exit $status
}
trap clean EXIT
trap 'exit 1' INT TERM HUP

say() { printf '%4d s  %s\n' $(($(date +%s) - started)) "$*"; }

# result NAME STATUS LOG: 0 passed, 77 skipped (with the reason, the log's last line), else failed, with the log's end.
result() {
	case $2 in
	0) passed=$((passed + 1)) ;;
	77)
		skipped=$((skipped + 1))
		say "skipped: $1: $(tail -n 1 "$3")"
		;;
	*)
		failed=$((failed + 1))
		say "FAILED: $1"
		tail -n 60 "$3"
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
	passed=$((passed + good)) failed=$((failed + bad)) skipped=$((skipped + skips))
	grep -Ei '^ok .*# skip' "$3" | sed "s|^|        skipped: $1: |" || :
	if [ "$bad" != 0 ]; then
		say "FAILED: $1"
		grep -A 60 '^not ok ' "$3" | head -n 200
	elif [ "$2" != 0 ] || [ "$planned" != $((good + skips)) ]; then
		result "$1: exit status $2, $((good + skips)) of $planned tests" 1 "$3"
	fi
}

# one NAME COMMAND...: one test; many NAME COMMAND...: as many as its output in TAP has.
one() { run result "$@"; }
many() { run results "$@"; }
run() {
	count=$1 test_name=$2
	shift 2
	log=$work/log.$(echo "$test_name" | tr -c 'A-Za-z0-9\n' _)
	status=0
	"$@" >"$log" 2>&1 </dev/null || status=$?
	"$count" "$test_name" "$status" "$log"
}

# Counts each test of a `make check` by its .trs file.
check_results() {
	find "$1" -name '*.trs' | sort >"$work/list"
	while read -r trs; do
		test_name="$2: ${trs#"$1"/}"
		case $(sed -n 's/^:global-test-result: //p' "$trs") in
		PASS) results "$test_name" 0 "${trs%.trs}.log" ;;
		SKIP) results "$test_name" 77 "${trs%.trs}.log" ;;
		*) results "$test_name" 1 "${trs%.trs}.log" ;;
		esac
	done <"$work/list"
}

# build NAME CONFIGURE-ARGUMENTS...
build() {
	dir=$work/$1
	shift
	mkdir -p "$dir"
	(cd "$dir" && "$work/src/configure" -q "$@" && make -s -j "$jobs" all && make -s -j "$jobs" check TESTS=)
}

unit_tests() {
	(cd "$work/$1" && CMOCKA_MESSAGE_OUTPUT=TAP make -s -k -j "$jobs" check >"$work/check.$1" 2>&1 </dev/null) || true
	check_results "$work/$1" "$1"
	[ -s "$work/list" ] || one "$1: make check" sh -c "tail -n 40 '$work/check.$1'; exit 1"
}

say "packages"
# shellcheck disable=SC2086
install_missing $check_packages

say "sources and configure"
one "autoreconf from a clean copy" copy_sources "$work/src"

say "build: gcc, warnings are errors"
one "build with gcc" build gcc CC=gcc --enable-werror
say "unit tests, gcc"
unit_tests gcc

say "build: clang, sanitizers, fuzz targets"
one "build with clang and sanitizers" build clang CC=clang-14 --enable-werror --enable-sanitize --enable-fuzz CFLAGS="-g -O1"
say "unit tests, clang with AddressSanitizer and UndefinedBehaviorSanitizer"
unit_tests clang

if [ -x "$top/tests/fuzz/run.sh" ]; then
	say "fuzz targets over their corpora, a bounded number of runs"
	for target in $("$top/tests/fuzz/run.sh" --build "$work/clang" --list); do
		one "fuzz: $target" "$top/tests/fuzz/run.sh" --build "$work/clang" "$target"
	done
fi

say "end to end, real processes"
for script in "$top"/tests/e2e/test_*.sh; do
	many "e2e: $(basename "$script" .sh)" env AGREE_BUILD="$work/gcc" "$script"
done
for name in agree bad_input chaos crash primary tools; do
	many "e2e, sanitized: test_$name" env AGREE_BUILD="$work/clang" "$top/tests/e2e/test_$name.sh"
done

say "model of the view change, one of them (tests/model/run.sh checks two)"
many "model of the view change" "$top/tests/model/run.sh" --small

say "library alone: needs c-ares and OpenSSL only"
one "build without the daemon" build alone CC=gcc --enable-werror --disable-daemon
one "libagree links c-ares and libcrypto only" sh -c "
	objdump -p '$work/alone/resolver/.libs/libagree.so' | sed -n 's/ *NEEDED *//p' | sort | tee /dev/stderr |
	tr '\n' ' ' | grep -Eqx '(libc.so.6 |libcares.so.2 |libcrypto.so.3 )+'"

say "manual pages"
for page in "$top"/man/*.[0-9]; do
	one "mandoc: $(basename "$page")" sh -c "mandoc -Tlint -Wwarning '$page' >&2"
done

say "distribution"
one "make distcheck" sh -c "cd '$work/gcc' && make -s -j $jobs distcheck DISTCHECK_CONFIGURE_FLAGS=--enable-werror AM_MAKEFLAGS= VERBOSE=1"

say "done"
echo "$passed passed, $failed failed, $skipped skipped"
[ "$failed" = 0 ]
