#!/bin/sh
# Each field of each message between replicas, changed in each way, for `make check`: as many as there is time for. TAP is
# sim's own.
set -eu
exec "$top_builddir/tests/sim/sim" --mutate --time 15
