# shellcheck shell=sh
# Crowds of clients that go on while replicas fail, and what they were told. Sourced behind lib.sh.

replicas="0 1 2 3"

now_us() { echo $(($(date +%s%N) / 1000)); }
now_ms() { echo $(($(date +%s%N) / 1000000)); }

# servers REPLICA...: as options of load
servers() { for i in "$@"; do echo "-s $host#$((port + i))"; done; }

# crowd_start FILE WINDOW REPLICA...: asks on and on, never gives up, and writes down what it was
# told. With $deadline set its instances are those of every crowd with that deadline.
crowd_start() {
	crowd_file=$1
	crowd_window=$2
	shift 2
	# shellcheck disable=SC2046
	background "$build/tests/bench/load" -d "$domain" -k "$(key)" $(servers "$@") \
		-w "$crowd_window" -n 1000000 -t 300 -T 10000 -a "$crowd_file" ${deadline:+-x "$deadline"} \
		>"$crowd_file.report"
	echo "$last $crowd_file" >>"$work/crowds"
}
# Once all that the crowds have asked is answered.
crowds_stop() {
	while read -r pid file; do kill "$pid"; done <"$work/crowds"
	while read -r pid file; do
		eventually 60 not is_ours "$pid"
		grep -E '^(agreements|latency_max|resent)' "$file.report"
		grep -q '^lost: 0 ' "$file.report"
		grep -q '^wrong: 0 ' "$file.report"
	done <"$work/crowds"
	rm "$work/crowds"
}

# One fresh agreement, made by asking one of these replicas, within SECONDS.
# serves SECONDS REPLICA...
serves() {
	tries=$(($1 * 5))
	shift
	# shellcheck disable=SC2046
	load -d "$domain" -k "$(key)" $(servers "$@") -n 1 -t 200 -T "$tries" >/dev/null
}

view_of() { agreectl status -c "$(conf_of "$1")" 2>/dev/null | sed -n 's/^view  *//p'; }
# The highest view that a running replica has, and its primary.
view() {
	highest=0
	for i in $replicas; do
		v=$(view_of "$i")
		[ "${v:-0}" -le "$highest" ] || highest=$v
	done
	echo "$highest"
}
primary() { echo $(($(view) % 4)); }

# The highest sequence that a running replica has executed.
front() {
	highest=0
	for i in $replicas; do
		s=$(sequence_of "$i" 2>/dev/null)
		[ "${s:-0}" -le "$highest" ] || highest=$s
	done
	echo "$highest"
}
is_at() {
	s=$(sequence_of "$1" 2>/dev/null)
	[ "${s:-0}" -ge "$2" ]
}
# catches_up REPLICA SECONDS: has what the others have now.
catches_up() { eventually "$2" is_at "$1" "$(front)"; }

# restored_ms FILE KILLED_US: until the first answer about something decided after that moment, which
# no dead primary can have had a part in; nothing if there is none.
restored_ms() {
	awk -v killed="$2" '
		$4 * 1000 > killed && (first == 0 || $6 < first) { first = $6 }
		END { if (first > 0) printf "%d\n", (first - killed) / 1000 }' "$1"
}

# The replicas' states at one and the same sequence: an idle network may still order its own business.
states_are_level() {
	for i in $replicas; do
		agreectl status -j -c "$(conf_of "$i")" >"$work/state-$i" || return 1
	done
	[ "$(jq -r .sequence "$work"/state-[0-3] | uniq | wc -l)" -eq 1 ]
}

# proved FILE...: no crowd was told anything that contradicts another or itself, the replicas are
# level, and each says the same about every instance now.
proved() {
	eventually 30 states_are_level
	"$top_srcdir/tests/e2e/history.py" --merged "$work/merged" --status "$work/state-0" \
		--status "$work/state-1" --status "$work/state-2" --status "$work/state-3" "$@"
	[ -s "$work/merged" ]
	for i in $replicas; do
		load -d "$domain" -k "$(key)" -s "$host#$((port + i))" -w 64 -r "$work/merged" \
			>"$work/read" || { cat "$work/read"; return 1; }
	done
}

# ---- figures ----

# median FILE: of numbers, one a line; the upper of two in the middle.
median() { sort -g "$1" | awk '{ at[NR] = $1 } END { print at[int(NR / 2) + 1] }'; }

# Where and when what follows was measured.
figures_head() {
	echo "date: $(date -u +%Y-%m-%dT%H:%M:%SZ)"
	echo "commit: $(git -C "$top_srcdir" rev-parse --short HEAD 2>/dev/null || echo unknown)"
	echo "cpu: $(nproc) x $(sed -n 's/^model name[^:]*: //p' /proc/cpuinfo | head -n 1)"
	echo "file_system: $(stat -f -c %T "$work")"
	echo "load_average: $(cut -d' ' -f1 /proc/loadavg)"
}
