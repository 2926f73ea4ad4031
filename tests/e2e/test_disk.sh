#!/bin/sh
# A replica whose disk has lost or changed something does not vote as if nothing had happened.
. "$(dirname "$0")/lib.sh"

out=$work/out
is_running() { "$localnet" status --dir "$net" | grep -q "^replica $1: pid"; }

# The replica's state as it is now comes back for the next test.
keep() {
	"$localnet" kill --dir "$net" 2
	rm -rf "$work/kept"
	cp -a "$net/replica-2/data" "$work/kept"
}
put_back() {
	rm -rf "$net/replica-2/data"
	cp -a "$work/kept" "$net/replica-2/data"
	"$localnet" restart --dir "$net" 2
	eventually 30 are_level
}

# Only with its vote could the others decide anything.
has_no_vote() {
	"$localnet" kill --dir "$net" 3
	got=0
	ask propose vote of-an-amnesiac +deadline=600s +time=2 +tries=1 >"$out" 2>&1 || got=$?
	"$localnet" restart --dir "$net" 3
	cat "$out"
	case $got in
	9 | 11) ;;
	*) return 1 ;;
	esac
}

# A replica that has nothing left votes for nothing before it has rejoined (test_rejoin.sh has the rest).
everything_is_lost() {
	keep
	rm -r "$net/replica-2/data"
	"$localnet" restart --dir "$net" 2 || :
	sleep 1
	has_no_vote
	"$localnet" kill --dir "$net" 2
	put_back
}

key_share_is_damaged() {
	keep
	printf 'x' | dd of="$net/replica-2/data/share" bs=1 seek=40 conv=notrunc status=none
	"$localnet" restart --dir "$net" 2
	grep -q 'the key share, is damaged' "$net/replica-2/agreed.log"
	agreectl status -c "$(conf_of 2)" | grep -q '^signing  *no-share'
	put_back
}

two_at_once() {
	exits 1 "$build/daemon/agreed" -c "$(conf_of 2)" >"$out" 2>&1
	cat "$out"
	is_running 2
}

identity_of_another() {
	keep
	cp "$net/replica-2/identity.key" "$work/identity.key"
	cp "$net/replica-1/identity.key" "$net/replica-2/identity.key"
	exits 1 "$localnet" restart --dir "$net" 2 >"$out" 2>&1
	cat "$out"
	cp "$work/identity.key" "$net/replica-2/identity.key"
	put_back
}

goes_on() { [ "$(ask propose still there +deadline=600s +short)" = there ]; }

network_start
load -d "$domain" -k "$(key)" -s "$host#$port" -w 16 -n 500 >/dev/null
check "no data at all: it does not vote" everything_is_lost
check "a damaged key share: it signs nothing" key_share_is_damaged
check "a second daemon on the same data: refused" two_at_once
check "another member's key: refused" identity_of_another
check "with everything put back the network goes on" goes_on
finish
