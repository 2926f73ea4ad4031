#!/bin/sh
# Some scenarios of twins for `make check`, the same each time up to a limit of time; more than f twins have to be caught.
# TAP is sim's own.
set -eu
sim=$top_builddir/tests/sim/sim
seconds=12
[ -z "${sanitizers:-}" ] || seconds=2

"$sim" --twins --steps 2 --time $seconds
"$sim" --twins --sample 10000 --steps 8 --groups 5 --time $seconds
"$sim" --twins --interval 1 --sample 8000 --steps 10 --time $seconds
"$sim" --twins --n 7 --twins-of 2 --sample 4000 --steps 8 --groups 3 --time $seconds
"$sim" --twins --twins-of 2 --steps 3 --expect-fork
