#!/bin/sh
# Small sweeps of the simulator, and all scenario files, for `make check`. In TAP: each sweep is a test, each scenario is one.
set -eu
sim=$top_builddir/tests/sim/sim
count=0 status=0

# sweep NAME SECONDS ARGUMENTS...: the same seeds each time, in one process, as many as there is time for
sweep() {
	name=$1 seconds=$2
	shift 2
	count=$((count + 1))
	if "$sim" --time "$seconds" --failures 5 "$@" >"$log"; then
		verdict=ok
	else
		verdict='not ok' status=1
	fi
	sed 's/^/# /' "$log"
	echo "$verdict $count - $name"
}

log=$(mktemp)
trap 'rm -f "$log"' EXIT
trap 'exit 1' INT TERM HUP
sweep "primary that does not lie" 6 --seeds 1..1000000
sweep "any faults" 14 --seeds 1..1000000 --mode full
sweep "any faults, real cryptography" 5 --seeds 1..1000000 --mode full --crypto real
echo "1..$count"
set -- "$top_srcdir"/tests/scenario/*.txt
if [ -e "$1" ]; then
	"$sim" --scenario "$@" || status=1
fi
exit "$status"
