#!/bin/sh
# Checks view_change.pml with Spin, and that each mistake built into it is found. TAP; README.md says what is proven.
#
#	tests/model/run.sh [--views N] [--small]
#
# --views N: the highest view; 2 (the default) is about a minute and a half and 350 MB. --small: one view change, and
# the mistakes that it can show.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
top=$(cd "$here/../.." && pwd)
. "$top/contrib/lib.sh"

# mistakes that one view change shows, and those that need a second one
one_change="QUORUM COMMITS PREPARES CLAIMS WATERMARK RECOMPUTE BELOW"
two_changes="LOWEST"
views=2 wrong="$one_change $two_changes"
memory=6000 # MB
optimize=-O2
while [ $# -gt 0 ]; do
	case $1 in
	--views) views=${2:?--views N} && shift ;;
	--small) views=1 wrong=$one_change optimize=-O0 ;; # compiled more often than run
	*) die "usage: tests/model/run.sh [--views N] [--small]" ;;
	esac
	shift
done

install_missing spin gcc libc6-dev

work=$(mktemp -d "${TMPDIR:-/tmp}/agree-model.XXXXXX")
trap 'rm -rf "$work"' EXIT
trap 'exit 1' INT TERM HUP
count=0 failed=0

# ok NAME STATUS
ok() {
	count=$((count + 1))
	if [ "$2" = 0 ]; then
		echo "ok $count - $1"
	else
		echo "not ok $count - $1"
		failed=$((failed + 1))
	fi
}

# check DEFINITION...: the whole state space, or up to the first violation; what pan says is in $work/log
check() {
	(
		cd "$work"
		spin -a "$@" "$here/view_change.pml" >log &&
			gcc -w $optimize -DSAFETY -DCOLLAPSE -DMEMLIM=$memory -o pan pan.c &&
			./pan -m500000 >>log
	)
}

# Figures of the last check, as comments.
figures() {
	sed -n 's/^ *\([0-9]* states, stored\).*/# \1/p; s/^ *\([0-9.]*\)\ttotal actual memory usage/# \1 MB/p
		s/^pan: elapsed time \(.*\)/# \1/p; s/^pan:1: /# /p' "$work/log"
}

# It went through everything, found nothing, and no part of the model lay idle.
is_exhausted() {
	grep -q 'errors: 0$' "$work/log" && ! grep -Eq 'Search not completed|max search depth too small' "$work/log" &&
		! sed -n '/^unreached in/,$p' "$work/log" | grep -q '^[[:space:]]*.*view_change.pml:[0-9]*, state [0-9]*, "[^-]'
}

status=0
check "-DLAST_VIEW=$views" || status=$?
[ $status = 0 ] && is_exhausted || status=1
ok "no violation, n=4, one liar, views 0 to $views" $status
figures
[ $status = 0 ] || tail -n 40 "$work/log" | sed 's/^/# /'
for mistake in $wrong; do
	status=0
	check "-DLAST_VIEW=$views" "-DBUG_$mistake" || status=$?
	grep -q 'assertion violated' "$work/log" && status=0 || status=1
	ok "finds the mistake $mistake" $status
	figures
done
echo "1..$count"
[ $failed = 0 ]
