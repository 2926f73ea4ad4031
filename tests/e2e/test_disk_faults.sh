#!/bin/sh
# Disks that fail under a running replica: it stops at the first failed write or sync and says why, the
# others go on without it, and it comes back when the disk is good again. A slow disk stops nobody.
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/crowd.sh"

which=2 # the replica whose disk fails
others="0 1 3"
log=$net/replica-$which/agreed.log
is_running() { "$localnet" status --dir "$net" | grep -q "^replica $1: pid"; }
what_it_does() {
	agreectl status -c "$(conf_of "$which")" || :
	tail -n 5 "$work/strace" "$log"
}
stopped_saying() {
	eventually 30 not is_running "$which" || { what_it_does; return 1; }
	tail -n 3 "$log"
	tail -n 3 "$log" | grep -Eq -e "$1"
}
# shellcheck disable=SC2086
others_serve() { serves 10 $others; }
comes_back() {
	"$localnet" restart --dir "$net" $which
	catches_up $which 20
	serves 30 $which
}

# ---- faults of single system calls ----

can_trace() {
	command -v strace >/dev/null && strace -o "$work/strace" -e trace=fdatasync true 2>/dev/null
}

# with_faults STRACE-OPTION...: the replica starts anew, with faults in its system calls.
with_faults() {
	"$localnet" kill --dir "$net" $which
	background strace -f -o "$work/strace" "$@" "$build/daemon/agreed" -c "$(conf_of $which)"
	tracer=$last
}

# fails_with SENTENCE STRACE-OPTION...
fails_with() {
	sentence=$1
	shift
	with_faults "$@"
	# it may be there for less time than it takes to look
	eventually 30 not is_ours "$tracer" || { what_it_does; return 1; }
	stopped_saying "$sentence"
	grep -c INJECTED "$work/strace"
	others_serve
	comes_back
}

# Once is enough: the next sync would say that all is well (what was lost stays lost).
syncs_fail_once() {
	fails_with 'cannot sync .*journal.*: Input/output error: the disk fails' \
		-e trace=fdatasync -e inject=fdatasync:error=EIO:when=30
	[ "$(grep -c INJECTED "$work/strace")" -eq 1 ]
}
syncs_find_no_room() {
	fails_with 'the disk is full: free room, then start again' \
		-e trace=fdatasync -e inject=fdatasync:error=ENOSPC:when=30+
}
writes_fail_once() {
	fails_with 'cannot write .*journal.*: Input/output error: the disk fails' \
		-e trace=pwrite64 -e inject=pwrite64:error=EIO:when=30
}
writes_find_no_room() {
	fails_with 'the disk is full: free room, then start again' \
		-e trace=pwrite64 -e inject=pwrite64:error=ENOSPC:when=30+
}

# The store is written at checkpoints, by a thread of its own.
store_fails() {
	fails_with 'store.*(Input/output error|cannot be read)' -P "$net/replica-$which/data/store/data.mdb" \
		-e trace=pwrite64,pwritev,fdatasync -e inject=pwrite64,pwritev,fdatasync:error=EIO:when=2+
}

# At a start everything that was voted is read, and a new run number is written.
fails_at_a_start() {
	"$localnet" kill --dir "$net" $which
	exits 1 strace -f -o "$work/strace" -e trace=fsync -e inject=fsync:error=EIO \
		"$build/daemon/agreed" -c "$(conf_of $which)" >"$work/said" 2>&1
	cat "$work/said"
	grep -q 'Input/output error: the disk fails' "$work/said"
	not is_running $which
	comes_back
}

# A sync takes 300 ms now: nobody who waits for it could be as quick, even once. The machine may be busy.
serve_at_once() {
	began=$(now_ms)
	for _ in 1 2 3 4 5; do others_serve; done
	[ $(($(now_ms) - began)) -lt 1500 ]
}

# Its votes come too late to count; the others do not wait for them.
slow_disk() {
	with_faults -e trace=fdatasync -e inject=fdatasync:delay_exit=300000
	eventually 20 is_running $which
	sleep 3
	is_running $which
	eventually 2 serve_at_once
	serves 30 $which
	"$localnet" kill --dir "$net" $which
	comes_back
}

# ---- a disk that is really full ----

if [ "$(id -u)" = 0 ]; then own_mounts=-m; else own_mounts=-rm; fi
can_mount() { unshare $own_mounts mount -t tmpfs -o size=1m none "$work" 2>"$work/why"; }

# in_room COMMAND...: where the replica's data are on a small file system of their own; gives the
# command's exit status.
in_room() {
	rm -f "$work/room.status"
	echo "$* >$work/room.out 2>&1; echo \$? >$work/room.new; mv $work/room.new $work/room.status" >&4
	eventually 30 test -e "$work/room.status"
	cat "$work/room.out"
	return "$(cat "$work/room.status")"
}

room_open() {
	"$localnet" kill --dir "$net" $which
	mkfifo "$work/room"
	exec 4<>"$work/room"
	background sh -c "exec unshare $own_mounts sh <&4"
	data=$net/replica-$which/data
	mv "$data" "$work/kept"
	mkdir -m 0700 "$data"
	in_room mount -t tmpfs -o size=160m,mode=0700 none "$data"
	in_room cp -a "$work/kept/." "$data/"
	in_room "$localnet" restart --dir "$net" $which
	catches_up $which 20
}

# To the last octet, at once; journal files have their room beforehand, the store grows with each checkpoint. The replica
# sees it coming, votes on nothing that clients ask for, and goes on when there is room; or a checkpoint was quicker, and it
# stops and says why.
full_disk() {
	room_open
	lines=$(wc -l <"$net/replica-$which/agreed.log")
	not in_room dd if=/dev/zero of="$data/filler" bs=64k
	eventually 30 says_full
	others_serve
	in_room rm "$data/filler"
	sleep 1
	is_running $which || in_room "$localnet" restart --dir "$net" $which
	catches_up $which 20
	serves 30 $which
	"$localnet" kill --dir "$net" $which
	room_close
	comes_back
}
says_full() {
	tail -n "+$((lines + 1))" "$net/replica-$which/agreed.log" |
		grep -Eq 'is nearly full: this replica votes on nothing|the disk is full: free room'
}

# The data go back to where they were.
room_close() {
	rm -rf "$work/kept"
	in_room cp -a "$data/." "$work/kept/"
	in_room umount "$data"
	rmdir "$data"
	mv "$work/kept" "$data"
}

network_start
# shellcheck disable=SC2086
crowd_start "$work/load" 4 $others
if can_trace; then
	check "a sync fails once: it stops and says why, and comes back" syncs_fail_once
	check "a sync finds no room" syncs_find_no_room
	check "a write fails once" writes_fail_once
	check "a write finds no room" writes_find_no_room
	if [ "$(id -u)" = 0 ]; then
		check "the store's disk fails" store_fails
	else
		skip "the store's disk fails" "which files a replica has open is root's to know"
	fi
	check "the disk fails at a start" fails_at_a_start
	check "a slow disk holds up nobody" slow_disk
else
	skip "faults of system calls" "strace is not there, or may not trace"
fi
if can_mount; then
	check "a full disk: it says so, goes on with what keeps the network, and catches up" full_disk
else
	skip "a full disk" "cannot mount here: $(tail -n 1 "$work/why")"
fi
check "all that was asked is answered in the end" crowds_stop
check "no acknowledged outcome was lost or changed" proved "$work/load"
finish
