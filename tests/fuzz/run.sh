#!/bin/sh
# One fuzz target over its corpus, for a bounded number of runs: run.sh --build DIR TARGET
# The names of all of them: run.sh --build DIR --list
# DIR is a build with CC=clang-14 --enable-sanitize --enable-fuzz, and `make check TESTS=` in it.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
usage() { echo "usage: tests/fuzz/run.sh --build DIR [--list | TARGET]" >&2; exit 2; }

[ $# = 3 ] && [ "$1" = --build ] || usage
build=$2
if [ "$3" = --list ]; then
	ls "$here/corpus"
	exit 0
fi
target=$3
[ -d "$here/corpus/$target" ] || { echo "$target: no such target" >&2; exit 2; }
program=$build/tests/fuzz/$target
[ -x "$program" ] || { echo "$program: not built: see CONTRIBUTING.md, Tests" >&2; exit 1; }
"$program" -help=1 2>&1 | grep -q -- -max_total_time ||
	{ echo "$program: has no fuzzer: configure with CC=clang-14 --enable-fuzz" >&2; exit 1; }

work=$(mktemp -d "${TMPDIR:-/tmp}/agree-fuzz.XXXXXX")
trap 'rm -rf "$work"' EXIT
trap 'exit 1' INT TERM HUP
cp -r "$here/corpus/$target" "$work/corpus"
mkdir "$work/found"
status=0
"$program" -runs=20000 -max_total_time=10 -seed=1 -timeout=5 -print_final_stats=1 \
	-artifact_prefix="$work/found/" "$work/corpus" || status=$?
[ $status = 0 ] && exit 0
for input in "$work"/found/*; do
	[ -f "$input" ] || continue
	echo "input that did it: $(basename "$input"), $(wc -c <"$input") octets, in base64:"
	base64 "$input"
done
exit 1
