#!/bin/sh
# Does the draft say what the sources cite, and do the sources have what the draft lays out?
#
#  1. Each anchor that a source file cites, as draft and the name in {#}, is one of the draft.
#  2. Each {{x}} in the draft is an anchor, or a reference that it defines.
#  3. The generated text, where it is there, has no broken reference.
#  4. The draft's `struct` blocks are the layouts of libproto/protocol.def, field by field.
#  5. The draft's table of extended errors has the codes of libproto/agree_errors.h.
#
# Exit status 0: all of it holds. Else each failure is a line on standard error.
set -u
LC_ALL=C
export LC_ALL
top=${top_srcdir:-.}
draft=$top/rfc-draft/draft-agree-consensus-service.md
text=$top/rfc-draft/draft-agree-consensus-service.txt
work=$(mktemp -d) || exit 1
trap 'rm -rf "$work"' EXIT
failures=0

fail() {
	echo "anchors.sh: $*" >&2
	failures=$((failures + 1))
}

# Lines of standard input, each as one failure behind the words.
fail_each() {
	while IFS= read -r line; do
		fail "$* $line"
	done <"$work/bad"
}

[ -s "$draft" ] || { fail "$draft is missing"; exit 1; }

# 1, 2
grep -oE '\{: ?#[a-z0-9-]+|\{#[a-z0-9-]+' "$draft" | sed 's/.*#//' | sort >"$work/anchors"
uniq -d "$work/anchors" >"$work/bad"
fail_each "anchor defined twice:"
(cd "$top" && find . -path ./.git -prune -o -type f \
	\( -name '*.[ch]' -o -name '*.def' -o -name '*.sh' -o -name '*.in' -o -name '*.inc' \
	-o -name '*.py' -o -name '*.[1-8]' \) -print) |
	sed "s|^|$top/|" >"$work/files"
while IFS= read -r file; do
	grep -oE 'draft \{#[a-z0-9-]+\}(, \{#[a-z0-9-]+\})*' "$file" |
		grep -oE '#[a-z0-9-]+' | tr -d '#' | sort -u | sed "s|$| (cited in $file)|"
done <"$work/files" | sort >"$work/cited"
[ -s "$work/cited" ] || fail "no source file cites the draft: the search is broken"
join -v 1 "$work/cited" "$work/anchors" >"$work/bad"
fail_each "the draft has no anchor"
sed -n 's/^  \([A-Z][A-Z0-9]*\):$/\1/p' "$draft" | sort >"$work/references"
grep -oE '\{\{[^}]*\}\}' "$draft" | sed 's/^{{[!?]*//; s/}}$//' | sort -u >"$work/used"
sort -u "$work/anchors" "$work/references" | comm -23 "$work/used" - >"$work/bad"
fail_each "BROKEN REFERENCE in the draft:"
comm -13 "$work/used" "$work/references" >"$work/bad"
fail_each "reference that is never used:"

# 3
if [ -s "$text" ]; then
	grep -n 'BROKEN REFERENCE' "$text" >"$work/bad"
	fail_each "in the generated text: line"
fi

# 4: both sides as `layout kind field` lines
awk '
	/^(LAYOUT|RECORD|MESSAGE|OP)\(/ {
		gsub(/[(),]/, " "); name = $1 == "LAYOUT" ? $2 : $3
		code = $1 == "MESSAGE" || $1 == "OP" ? $2 : ""
		print name, "code", code
	}
	/^\t(FIELD|LIST)\(/ {
		list = /LIST\(/; gsub(/[(),]/, " ")
		print name, list ? "list(" $2 ")" : $2, $3
	}' "$top/libproto/protocol.def" >"$work/sources"
awk '
	/^struct / { name = $2; if (name == "example") name = ""; else print name, "code", $3; next }
	name != "" && /^  [a-z]/ { print name, $1, $2; next }
	/^(~~~)?$/ { name = "" }' "$draft" >"$work/layouts"
# operations whose code is said in words, and records, whose type is in the heading
sed -E 's/^((nonces|enckey|deal|complaint|ready) code) .*/\1 /; s/ $//' "$work/sources" |
	sort >"$work/sources.sorted"
sed 's/ $//' "$work/layouts" | sort >"$work/layouts.sorted"
comm -23 "$work/sources.sorted" "$work/layouts.sorted" >"$work/bad"
fail_each "in protocol.def, but not in the draft:"
comm -13 "$work/sources.sorted" "$work/layouts.sorted" >"$work/bad"
fail_each "in the draft, but not in protocol.def:"
# the same lines in another order
for layout in $(cut -d' ' -f1 "$work/sources" | sort -u); do
	grep "^$layout [^c]" "$work/sources" >"$work/a"
	grep "^$layout [^c]" "$work/layouts" >"$work/b"
	cmp -s "$work/a" "$work/b" || fail "fields of $layout are in another order"
done

# 5
tr -d '\n\t\\' <"$top/libproto/agree_errors.h" |
	grep -oE 'E\(AGREE_E[A-Z0-9]+, *-?[0-9]+, *[0-9]+' | grep -oE '[0-9]+$' | grep -v '^0$' |
	sort >"$work/codes"
grep -oE '^\| 491[0-9][0-9] ' "$draft" | tr -d '| ' | sort >"$work/codes.draft"
[ -s "$work/codes" ] || fail "no codes found in agree_errors.h: the search is broken"
comm -3 "$work/codes" "$work/codes.draft" | tr -d '\t' >"$work/bad"
fail_each "extended error in one of draft and agree_errors.h only:"

[ "$failures" -eq 0 ] || { echo "anchors.sh: $failures failures" >&2; exit 1; }
echo "anchors.sh: $(wc -l <"$work/anchors") anchors, $(wc -l <"$work/cited") citations," \
	"$(wc -l <"$work/codes") codes, $(wc -l <"$work/sources") lines of layouts: all agree"
