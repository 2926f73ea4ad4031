#!/bin/sh
# Each field of each message between replicas, changed in each way, for `make check`: all of them where nothing
# slows it down, else as many as there is time for. TAP is sim's own.
set -eu
seconds=40
[ -z "${sanitizers:-}" ] || seconds=8
exec "$top_builddir/tests/sim/sim" --mutate --time $seconds
