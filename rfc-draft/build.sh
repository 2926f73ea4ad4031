#!/bin/sh
# Makes the draft's XML and text from its source: build.sh OUTPUT-DIRECTORY
# Tools are those that KRAMDOWN_RFC and XML2RFC name, else the ones in the path. Needs no network.
# Exit status 0; 77: a tool is missing; 1: the draft is bad.
set -u
kramdown=${KRAMDOWN_RFC-kramdown-rfc2629}
xml2rfc=${XML2RFC-xml2rfc}
out=${1:?output directory}
name=draft-agree-consensus-service
source=${top_srcdir:-.}/rfc-draft/$name.md

command -v "${kramdown:-none}" >/dev/null && command -v "${xml2rfc:-none}" >/dev/null || {
	echo "build.sh: kramdown-rfc2629 and xml2rfc are needed, see rfc-draft/README.md" >&2
	exit 77
}
mkdir -p "$out" || exit 1
"$kramdown" "$source" >"$out/$name.xml" 2>"$out/errors" || { cat "$out/errors" >&2; exit 1; }
# all references are defined in the source, which is what this warning says of each
if grep -v 'explicit settings completely override canned bibxml' "$out/errors" >&2; then
	exit 1
fi
"$xml2rfc" --no-network --v3 --text "$out/$name.xml" -o "$out/$name.txt" >"$out/errors" 2>&1 ||
	{ cat "$out/errors" >&2; exit 1; }
# that the draft is older than a few days is nothing wrong
sed -i '/Warning: The document date .* away from today/d' "$out/errors"
if grep -E 'Error|Warning' "$out/errors" >&2 || grep -n 'BROKEN REFERENCE' "$out/$name.txt" >&2; then
	exit 1
fi
rm -f "$out/errors"
