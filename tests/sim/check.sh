#!/bin/sh
# A small sweep of the simulator, and all scenario files, for `make check`. TAP is sim's own for the scenarios.
set -eu
sim=$top_builddir/tests/sim/sim

# the same seeds each time, one process, at most 20 seconds
"$sim" --seeds 1..100000 --time 12 --failures 5
# nothing wrong but signers that are silent, slow, bad: no primary is deposed, retries are few
for n in 4 7; do
	"$sim" --seeds 1..100000 --time 4 --failures 5 n=$n calm=1 loss_pm=0 dup_pm=0 full_pm=0 form_faults=0 \
		skew_ms=0 disk_more_us=1000 delay_more_us=1000 faulty=$((n == 4 ? 8 : 72)) core=$((n == 4 ? 7 : 55)) lies=57408 lie_pm=1000
done
set -- "$top_srcdir"/tests/scenario/*.txt
if [ -e "$1" ]; then
	"$sim" --scenario "$@"
fi
