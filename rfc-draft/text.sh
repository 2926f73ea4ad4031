#!/bin/sh
# Is the committed text what its source gives? Skipped where the tools are not, or are others than
# those that made it: their line breaks differ.
set -u
made_with='xml2rfc 3.16.0'
name=draft-agree-consensus-service.txt
top=${top_srcdir:-.}
work=$(mktemp -d) || exit 1
trap 'rm -rf "$work"' EXIT

"${XML2RFC:-xml2rfc}" --version 2>/dev/null | grep -qx "$made_with" || {
	echo "text.sh: skipped, the text was made with $made_with, which is not here"
	exit 77
}
top_srcdir=$top sh "$top/rfc-draft/build.sh" "$work" || exit
cmp "$top/rfc-draft/$name" "$work/$name" || {
	echo "text.sh: the text is older than its source: make draft" >&2
	exit 1
}
echo "text.sh: the text is what its source gives"
