#!/bin/sh
# What finds contradictions in what clients were told finds those that are there.
. "$(dirname "$0")/lib.sh"

# Three instances, the first of them told to two crowds; the second was asked after its answer.
write_good() {
	cat >"$work/one" <<'END'
aaaa 61 10 1000 999000 1005000
bbbb 62 12 1010 1008000 1015000
END
	cat >"$work/two" <<'END'
aaaa 61 10 1000 0 1006000
cccc 63 12 1010 1007000 1016000
END
	state 0 12 1.010
	state 1 12 1.010
}
state() {
	printf '{"phase":"live","group_key":"k","epoch":1,"sequence":%d,"time":"1970-01-01T00:00:0%sZ"}\n' \
		"$2" "$3" >"$work/state-$1"
}
judge() {
	"$top_srcdir/tests/e2e/history.py" --merged "$work/merged" --status "$work/state-0" \
		--status "$work/state-1" "$work/one" "$work/two"
}

consistent() {
	write_good
	judge
	[ "$(wc -l <"$work/merged")" -eq 3 ]
}

# finds KIND SED-SCRIPT FILE: with this change, this kind of contradiction.
finds() {
	write_good
	sed -i -e "$2" "$work/$3"
	exits 1 judge >"$work/said"
	cat "$work/said"
	grep -q "^$1: " "$work/said"
}

# A history cut off in the middle of a line was not written to its end.
cut_off() {
	write_good
	sed -i -e '2s/ 1015000$//' "$work/one"
	exits 2 judge
}

check "histories without a contradiction" consistent
check "another value for one crowd" finds "two records" 's/^aaaa 61/aaaa 64/' two
check "another deciding sequence" finds "two records" 's/^aaaa 61 10/aaaa 61 9/' two
check "another deciding time" finds "two records" 's/ 1000 0 / 1001 0 /' two
check "one batch with two times" finds "two times" 's/ 1010 / 1011 /' two
check "a later batch with an earlier time" finds "time sinks" \
	's/ 12 1010 / 13 1009 /' two
check "an answer before its question" finds "ahead of its time" 's/1007000 1016000/1007000 1006999/' two
check "a decision from the future" finds "ahead of its time" \
	's/.*cccc.*/cccc 63 12 1010 0 9000/' two
check "a decision before its question" finds "behind its time" \
	's/1007000 1016000/2010001 2010002/' two
check "a later question decided in an earlier batch" finds "overtaken" \
	's/.*cccc.*/cccc 63 10 1000 1007000 1016000/' two
check "a replica behind what was acknowledged" finds "lost" 's/"sequence":12/"sequence":11/' state-1
check "a replica behind another" finds "state" 's/"sequence":12/"sequence":13/' state-1
check "a replica that is not live" finds "state" 's/live/new/' state-1
check "another group key" finds "state" 's/"k"/"l"/' state-1
check "a history that ends within a line" cut_off
finish
