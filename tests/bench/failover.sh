#!/bin/sh
# How long is a network without service when its primary dies? The primary is killed under load, again
# and again, at default settings; from the kill to the first answer about something decided after it.
# Figures, a line each: name: value unit. Exit status 1 if anything acknowledged was lost or changed.
kills=20
# shellcheck disable=SC2034 # read by options.sh
takes=kills
. "$(dirname "$0")/options.sh"

kill_primary() {
	who=$(primary)
	"$localnet" kill --dir "$net" "$who"
	now_us >>"$work/killed"
	# shellcheck disable=SC2046
	serves 60 $(echo "$replicas" | tr -d "$who")
	"$localnet" restart --dir "$net" "$who"
	catches_up "$who" 60
	sleep 0.5
}

figures_head
network_start
crowd_start "$work/load" 8 0 1 2 3
sleep 2
i=0
while [ $i -lt "$kills" ]; do
	kill_primary
	i=$((i + 1))
done
crowds_stop >"$work/ended"
while read -r killed; do restored_ms "$work/load" "$killed"; done <"$work/killed" | sort -n >"$work/took"
proved "$work/load" >"$work/proof" || {
	cat "$work/proof"
	exit 1
}
echo "kills: $(wc -l <"$work/took")"
echo "failover_min: $(head -n 1 "$work/took") ms"
echo "failover_median: $(median "$work/took") ms"
echo "failover_max: $(tail -n 1 "$work/took") ms"
echo "views: $(view)"
echo "proof: $(tail -n 1 "$work/proof")"
