#!/bin/sh
# Every fuzz target of this build over its committed corpus, with or without a fuzzer.
set -eu
failed=0
# shellcheck disable=SC2154 # all three come from the Makefile
for program in $fuzz_targets; do
	target=$(basename "$program")
	corpus=$top_srcdir/tests/fuzz/corpus/$target
	if [ -d "$corpus" ] && "$top_builddir/$program" "$corpus"/*; then
		echo "good: $target"
	else
		echo "FAILED: $target"
		failed=1
	fi
done
[ -n "$fuzz_targets" ] && exit $failed
echo "no target was built"
exit 1
