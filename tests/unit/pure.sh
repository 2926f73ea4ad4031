#!/bin/sh
# The cores are pure: whatever the objects of daemon/pbft/, machine/ and transfer/ call, and none of them
# has, stands in pure.allow. A sanitizer's or coverage build calls more, so there it is skipped.
set -eu
src=${top_srcdir:-.}
build=${top_builddir:-.}
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

sed -e 's/#.*//' -e 's/[[:space:]]*$//' -e '/^$/d' "$src/tests/unit/pure.allow" | sort -u >"$work/allow"
grep -v / "$work/allow" >"$work/allowed"

# archive[object.o]: name type ...; of libproto only the objects that pure.allow names
for dir in daemon/pbft daemon/machine daemon/transfer libproto; do
	archive=$build/$dir/.libs/lib$(basename "$dir" | sed 's/^lib//').a
	if [ ! -f "$archive" ]; then
		echo "pure.sh: $archive is missing: run make first" >&2
		exit 99
	fi
	nm -A -P "$archive" | sed -E "s|^[^[]*\[(lib[a-z]*_la-)?([^]]*)\.o\]: |$dir/\2 |"
done >"$work/all"
awk -v list="$work/allow" '
	BEGIN { while ((getline line < list) > 0) named[line] = 1 }
	$1 !~ /^libproto\// || $1 in named' "$work/all" >"$work/objects"

awk '$3 ~ /^[TDBRVWC]$/ { print $2 }' "$work/objects" | sort -u >"$work/own"
awk '$3 ~ /^[Uwv]$/ { print $2 }' "$work/objects" | sort -u >"$work/wanted"
comm -23 "$work/wanted" "$work/own" >"$work/called"
for name in pbft_step machine_apply transfer_next ap_digest_batch; do
	if ! grep -qx "$name" "$work/own"; then
		echo "pure.sh: nm does not show $name" >&2
		exit 99
	fi
done
if grep -qE '^(__asan|__ubsan|__tsan|__msan|__sanitizer|__gcov|__llvm)' "$work/called"; then
	echo "SKIP: an instrumented build calls its run-time library"
	exit 77
fi

comm -23 "$work/called" "$work/allowed" >"$work/refused"
if [ -s "$work/refused" ]; then
	echo "not pure: these are called, but tests/unit/pure.allow does not name them:" >&2
	while read -r name; do
		awk -v n="$name" '$2 == n && $3 ~ /^[Uwv]$/ { print "  " n ", by " $1 }' "$work/objects" >&2
	done <"$work/refused"
	exit 1
fi
echo "PASS: $(wc -l <"$work/called") names from outside, all allowed"
