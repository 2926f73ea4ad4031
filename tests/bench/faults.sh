#!/bin/sh
# What do f silent replicas cost? A network of four, all at default settings: throughput and latency
# with all of them, with a backup killed, with a backup stopped (its connections stay open). All in
# turn and several times over, since machines drift; the figures are medians, and ratios to the
# healthy ones. Clients ask the three others throughout. Figures: name: value unit.
rounds=5 count=20000
# shellcheck disable=SC2034 # read by options.sh
takes="rounds count"
. "$(dirname "$0")/options.sh"

figure() { sed -n "s/^$1: \([0-9.]*\).*/\1/p" "$work/run"; }
divide() { awk "BEGIN { printf \"%.2f\", $1 / $2 }"; }

# measure NAME: with few requests under way, for latency; with many, for throughput.
measure() {
	# shellcheck disable=SC2046
	set -- "$1" -d "$domain" -k "$(key)" $(servers $(but_silent))
	name=$1
	before=$(view)
	shift
	load "$@" -w 4 -n $((count / 10)) >"$work/run"
	figure latency_p50 >>"$work/$name.p50"
	figure latency_p99 >>"$work/$name.p99"
	load "$@" -l 2 -w 128 -n "$count" >"$work/run"
	figure agreements_per_second >>"$work/$name.rate"
	figure latency_p99 >>"$work/$name.p99_full"
	echo $(($(view) - before)) >>"$work/$name.views"
}
but_silent() { echo "$replicas" | tr -d "$silent"; }

# A view change in between would make another primary: the silent one is always a backup.
choose() { silent=$((($(primary) + 1 + $1 % 3) % 4)); }

round() {
	choose "$1"
	measure healthy
	pid=$(cat "$net/replica-$silent/agreed.pid")
	kill -STOP "$pid"
	sleep 1
	measure stopped
	kill -CONT "$pid"
	catches_up "$silent" 60
	measure healthy
	"$localnet" kill --dir "$net" "$silent"
	sleep 1
	measure killed
	"$localnet" restart --dir "$net" "$silent"
	catches_up "$silent" 60
}

figures_head
network_start
choose 0
measure warm
i=0
while [ $i -lt "$rounds" ]; do
	round $i
	i=$((i + 1))
done
for name in healthy stopped killed; do
	echo "${name}_agreements_per_second: $(median "$work/$name.rate") 1/s"
	echo "${name}_latency_p50: $(median "$work/$name.p50") ms"
	echo "${name}_latency_p99: $(median "$work/$name.p99") ms"
	echo "${name}_latency_p99_saturated: $(median "$work/$name.p99_full") ms"
	echo "${name}_view_changes: $(awk '{ n += $1 } END { print n }' "$work/$name.views")"
done
for name in stopped killed; do
	echo "${name}_throughput_ratio: $(divide "$(median "$work/$name.rate")" "$(median "$work/healthy.rate")")"
	echo "${name}_latency_p99_ratio: $(divide "$(median "$work/$name.p99")" "$(median "$work/healthy.p99")")"
	echo "${name}_latency_p99_saturated_ratio:" \
		"$(divide "$(median "$work/$name.p99_full")" "$(median "$work/healthy.p99_full")")"
done
echo "load_average_after: $(cut -d' ' -f1 /proc/loadavg)"
