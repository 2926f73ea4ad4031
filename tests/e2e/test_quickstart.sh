#!/bin/sh
# contrib/quickstart.sh, what a newcomer runs first: builds, shows an agreement, leaves nothing.
. "$(dirname "$0")/lib.sh"

run_quickstart() {
	mkdir "$work/tmp"
	TMPDIR="$work/tmp" "$top_srcdir/contrib/quickstart.sh" --port "$(free_port)" >"$work/quickstart" 2>&1 ||
		{ cat "$work/quickstart" && return 1; }
}
shows() { grep -Eq -e "$1" "$work/quickstart"; }

agreement_is_shown() {
	shows '^\$ contrib/localnet start --dir net --n 4'
	shows '_agree._udp|REPLICAS|NETWORK'
	[ "$(grep -c 'AGREEMENT: decided, sequence [0-9]*, .*signature: good' "$work/quickstart")" -ge 2 ]
	shows '^host-a$'
	shows '^yes$'
}

nothing_is_left() {
	ls -la "$work/tmp"
	[ -z "$(ls -A "$work/tmp")" ]
	not pgrep -f "$work/tmp"
}

check "quickstart.sh runs through" run_quickstart
check "it shows an agreement, found by name and verified offline" agreement_is_shown
check "it leaves no file and no process" nothing_is_left
finish
