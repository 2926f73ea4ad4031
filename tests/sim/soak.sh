#!/bin/sh
# soak.sh HOURS [sim arguments]: sweeps fresh seeds for so long, on all processors. Prints the state commit, and a
# shrunk scenario file for each failure, into the current directory.
set -eu
[ $# -ge 1 ] || { echo "usage: soak.sh HOURS [sim arguments]" >&2; exit 1; }
hours=$1
shift
sim=${SIM:-tests/sim/sim}
[ -x "$sim" ] || { echo "soak.sh: $sim is not built: make tests/sim/sim" >&2; exit 1; }
first=$(date +%s)000000
last=$((first + 999999999))
commit=$(git -C "$(dirname "$0")" rev-parse --short HEAD 2>/dev/null || echo unknown)
echo "commit $commit, seeds from $first"
status=0
"$sim" --seeds "$first..$last" -j "$(nproc)" --time "$(awk "BEGIN { print int($hours * 3600) }")" --failures 1000000 "$@" |
	while read -r line; do
		echo "$line"
		case $line in
		seed*)
			seed=${line#seed }
			seed=${seed%%:*}
			"$sim" --seed "$seed" "$@" --shrink "seed-$seed.txt" | tail -n 1
			;;
		*\ seeds,\ 0\ failures*) ;;
		*\ failures*) exit 2 ;;
		esac
	done || status=$?
exit "$status"
