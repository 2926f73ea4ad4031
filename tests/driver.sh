#!/bin/sh
# A driver of `make check` for tests/run.sh: automake's own, and what came of each test is kept in a directory, with
# the time it took. `make distcheck` leaves nothing else behind.
#
#	make check LOG_DRIVER='tests/driver.sh DIR $(SHELL) $(top_srcdir)/build-aux/test-driver'
set -eu
kept=$1
shift
option='' log=''
for argument; do
	[ "$option" != --log-file ] || log=$argument
	option=$argument
done
base=${log%.log}

started=$(date +%s%N)
status=0
"$@" || status=$?
mkdir -p "$(dirname "$kept/$base")"
cp "$log" "$kept/$base.log"
echo $((($(date +%s%N) - started) / 1000000)) >"$kept/$base.ms"
if [ -e "$base.trs" ]; then cp "$base.trs" "$kept/$base.trs"; fi
exit "$status"
