#!/bin/sh
# A small sweep of the simulator, and all scenario files, for `make check`. TAP is sim's own for the scenarios.
set -eu
sim=$top_builddir/tests/sim/sim

# the same seeds each time, one process, at most 12 seconds
"$sim" --seeds 1..100000 --time 12 --failures 5
set -- "$top_srcdir"/tests/scenario/*.txt
if [ -e "$1" ]; then
	"$sim" --scenario "$@"
fi
