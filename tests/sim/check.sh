#!/bin/sh
# Small sweeps of the simulator, and all scenario files, for `make check`. In TAP: each sweep is a test, each scenario is one.
set -eu
sim=$top_builddir/tests/sim/sim
count=0 status=0

# sweep NAME SECONDS ARGUMENTS...: the same seeds each time, in one process, as many as there is time for; sanitizers,
# which look for other mistakes, have half of it
sweep() {
	name=$1 seconds=$2
	[ -z "${sanitizers:-}" ] || seconds=$((seconds / 2))
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
# nothing wrong but signers that are silent, slow, bad: no primary is deposed, retries are few
calm="calm=1 forgets=0 wipes=0 loss_pm=0 dup_pm=0 full_pm=0 form_faults=0 skew_ms=0 disk_more_us=1000 delay_more_us=1000 lies=57408 lie_pm=1000"
# shellcheck disable=SC2086
sweep "bad signers, n=4" 4 --seeds 1..1000000 n=4 $calm faulty=8 core=7
# shellcheck disable=SC2086
sweep "bad signers, n=7" 4 --seeds 1..1000000 n=7 $calm faulty=72 core=55
echo "1..$count"
set -- "$top_srcdir"/tests/scenario/*.txt
if [ -e "$1" ]; then
	"$sim" --scenario "$@" || status=1
fi
exit "$status"
