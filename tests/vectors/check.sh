#!/bin/sh
# Are the committed vectors what the program makes? `check.sh update` commits to what it makes now.
set -u
top=${top_srcdir:-.}
make=${top_builddir:-.}/tests/vectors/make_vectors
vectors=$top/rfc-draft/vectors

if [ "${1-}" = update ]; then
	mkdir -p "$vectors" && exec "$make" "$vectors"
fi
work=$(mktemp -d) || exit 1
trap 'rm -rf "$work"' EXIT
"$make" "$work" || exit 1
if ! diff -r "$vectors" "$work" >"$work.diff"; then
	cut -c1-200 "$work.diff" | head -20 >&2
	rm -f "$work.diff"
	echo "check.sh: the vectors have changed: if the draft has changed so, tests/vectors/check.sh update" >&2
	exit 1
fi
rm -f "$work.diff"
set -- "$work"/*.json
echo "check.sh: $# files of vectors are as committed"
