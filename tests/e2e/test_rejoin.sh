#!/bin/sh
# A replica that has forgotten what it voted for comes back by itself: it votes in nothing until its
# REJOIN is ordered and a checkpoint a window later is stable, then it votes again, also where the
# network has nothing else to do.
. "$(dirname "$0")/lib.sh"

out=$work/out
status_of() { agreectl status -c "$(conf_of "$1")" | sed -n "s/^$2  *//p"; }
is_voting() { [ "$(status_of "$1" recovering)" = no ]; }
comes_back() { eventually 60 is_voting "$1"; }
incarnation_of() { status_of "$1" incarnation; }
logged() { grep -q -e "$2" "$net/replica-$1/agreed.log"; }
nobody_recovers() { for i in 0 1 2 3; do is_voting $i || return 1; done; }

# With one of the others away its vote is needed.
has_a_vote() {
	"$localnet" kill --dir "$net" "$2"
	[ "$(ask propose "vote-of-$1-$3" there +deadline=600s +time=20 +short)" = there ]
	"$localnet" restart --dir "$net" "$2"
	eventually 30 are_level
}

journal_is_lost() {
	"$localnet" kill --dir "$net" 2
	rm -r "$net/replica-2/data/journal"
	"$localnet" restart --dir "$net" 2
	logged 2 'recovering: its journal is gone'
	exits 0 comes_back 2
	[ "$(incarnation_of 2)" -gt 0 ]
	logged 2 'recovered: votes again'
	not test -e "$net/replica-2/data/recovering"
	has_a_vote 2 3 journal
}

# Nothing but the key share is left, which the operator has kept.
directory_is_lost() {
	"$localnet" kill --dir "$net" 3
	cp "$net/replica-3/data/share" "$work/share"
	rm -r "$net/replica-3/data"
	mkdir -m 700 "$net/replica-3/data"
	cp "$work/share" "$net/replica-3/data/share"
	"$localnet" restart --dir "$net" 3
	comes_back 3
	logged 3 'its data directory is empty'
	eventually 30 are_level
	has_a_vote 3 2 directory
}

# A copy of the data directory as it was before further votes; nobody says that it is one.
old_copy_is_put_back() {
	"$localnet" kill --dir "$net" 2
	cp -a "$net/replica-2/data" "$work/old"
	"$localnet" restart --dir "$net" 2
	eventually 30 are_level
	for i in 1 2 3 4 5; do ask propose "later-$i" v +deadline=600s +short; done
	before=$(incarnation_of 2)
	"$localnet" kill --dir "$net" 2
	rm -r "$net/replica-2/data"
	cp -a "$work/old" "$net/replica-2/data"
	"$localnet" restart --dir "$net" 2
	eventually 20 logged 2 'a vote of its own that it does not know'
	comes_back 2
	[ "$(incarnation_of 2)" -gt "$before" ]
	has_a_vote 2 3 old-copy
}

backup_is_marked() {
	before=$(incarnation_of 1)
	"$localnet" kill --dir "$net" 1
	agreectl restored -c "$(conf_of 1)"
	"$localnet" restart --dir "$net" 1
	logged 1 'recovering: restored from a backup'
	comes_back 1
	[ "$(incarnation_of 1)" -gt "$before" ]
}

# It stays mute over a restart in the middle.
starts_again_while_recovering() {
	"$localnet" kill --dir "$net" 1
	agreectl restored -c "$(conf_of 1)"
	"$localnet" restart --dir "$net" 1
	"$localnet" kill --dir "$net" 1
	test -e "$net/replica-1/data/recovering"
	"$localnet" restart --dir "$net" 1
	not is_voting 1
	comes_back 1
}

primary_is_lost() {
	primary=$(status_of 1 view)
	primary=$((primary % 4))
	"$localnet" kill --dir "$net" $primary
	rm -r "$net/replica-$primary/data/journal"
	"$localnet" restart --dir "$net" $primary
	comes_back $primary
	eventually 30 nobody_recovers
	[ "$(ask propose after-the-primary there +deadline=600s +short)" = there ]
}

journal_is_damaged() {
	"$localnet" kill --dir "$net" 2
	file=$(ls "$net"/replica-2/data/journal/journal-* | tail -n 1)
	printf '%064d' 0 | dd of="$file" bs=1 seek=20000 conv=notrunc status=none
	"$localnet" restart --dir "$net" 2
	comes_back 2
	ls -d "$net/replica-2/data/journal.damaged.1"
	eventually 30 are_level
}

key_share_is_lost() {
	"$localnet" kill --dir "$net" 3
	mv "$net/replica-3/data/share" "$work/share"
	"$localnet" restart --dir "$net" 3
	eventually 10 is_voting 3
	[ "$(status_of 3 signing)" = no-share ]
	logged 3 'signs nothing'
	[ "$(ask propose without-a-share there +deadline=600s +time=20 +short)" = there ]
	"$localnet" kill --dir "$net" 3
	mv "$work/share" "$net/replica-3/data/share"
	"$localnet" restart --dir "$net" 3
	[ "$(status_of 3 signing)" = yes ]
}

everything_stands() {
	[ "$(ask propose first v2 +deadline="$later" +short || :)" = v1 ]
	nobody_recovers
}

later=$(date -u -d '+1 hour' +%Y-%m-%dT%H:%M:%SZ)
network_start
load -d "$domain" -k "$(key)" -s "$host#$port" -w 16 -n 500 >/dev/null
ask propose first v1 +deadline="$later" +short >/dev/null
check "journal lost, idle network: it votes again" journal_is_lost
check "data directory lost: it votes again" directory_is_lost
check "an older copy put back: it notices, and votes again" old_copy_is_put_back
check "a backup that is marked: it votes again" backup_is_marked
check "started again in the middle: still recovering" starts_again_while_recovering
check "the primary has forgotten: another one serves" primary_is_lost
check "a damaged journal is set aside" journal_is_damaged
check "no key share: it votes and does not sign" key_share_is_lost
check "what was decided stands" everything_stands
finish
