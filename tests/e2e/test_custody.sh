#!/bin/sh
# Custody of messages: sender or receiver dies at each step, is away past the deadline, is cut off; replicas die too.
# However it goes, each message is in one custody, and both sides know in whose.
. "$(dirname "$0")/lib.sh"

programs=$build/contrib/examples/custody
[ -x "$programs/custody-send" ] || skip_all "not built: configure has --disable-daemon"

# Of each scenario: a directory with the spools s and r, ports of its own, and what was sent.
sender_steps="taken drafted offered accepted ticketed asked voted decided recorded moved settled told"
receiver_steps="offered stored promised accepted asked voted decided recorded moved settled"

# scenario NAME: the next one; $at is its directory, $peer the receiver's address. What it starts ends with it.
scenario() {
	at=$work/$1 sender='' receiver='' relay=''
	peer=127.0.0.1:$((port + 50 + $(next_number) % 50))
	trap 'kill $sender $receiver $relay 2>/dev/null || :' EXIT
	mkdir -p "$at/s/new"
	echo "the message of $1" >"$at/message"
}
next_number() { flock "$work/numbers" sh -c 'echo >>"$1" && wc -l <"$1"' - "$work/numbers"; }
hand_in() {
	cp "$at/message" "$at/s/.new"
	mv "$at/s/.new" "$at/s/new/mail"
}
# receive [VARIABLE=VALUE...], send likewise: in the background, their process ids in $receiver and $sender
receive() {
	background env "AGREE_DNS=$host#$port" "$@" "$programs/custody-receive" "$domain" "$(key)" "$at/r" "$peer" \
		2>>"$at/receive.log"
	receiver=$last
}
send() {
	background env "AGREE_DNS=$host#$port" "$@" "$programs/custody-send" -t "${deadline:-20}" "$domain" "$(key)" \
		"$at/s" "${to:-$peer}" 2>>"$at/send.log"
	sender=$last
}
dead() { ! kill -0 "$1" 2>/dev/null; }
end() {
	kill "$@"
	for pid; do eventually 5 dead "$pid"; done
}

files() { find "$at/$1" -maxdepth 1 -type f ! -name '.*' 2>/dev/null | wc -l; }
# All is settled: nothing is on its way, the receiver knows it all, and so does the sender.
settled() {
	[ "$(files s/new)" = 0 ] && [ "$(files s/cur)" = 0 ] && [ "$(files s/deal)" = 0 ] && [ "$(files s/tell)" = 0 ] &&
		[ "$(files r/deal)" = 0 ] && [ "$(files r/tmp)" = 0 ]
}
word_of() { sed -n 's/^outcome: //p' "$1"; }

# What must be true at any moment, whoever is dead: a message that is delivered was decided; one that its sender gave up
# was decided; and where both have an end, it is the same.
books_agree() {
	for file in "$at"/s/done/* "$at"/s/tell/*; do
		[ -e "$file" ] || continue
		id=${file##*/}
		if [ "$(word_of "$file")" = decided ]; then
			[ -e "$at/r/deal/$id" ] || [ "$(word_of "$at/r/done/$id")" = decided ]
		elif [ -e "$at/r/done/$id" ]; then
			[ "$(word_of "$at/r/done/$id")" != decided ]
		fi
	done
	for file in "$at"/r/new/*; do
		[ ! -e "$file" ] || [ "$(word_of "$at/r/done/${file##*/}")" = decided ]
	done
	if [ ! -e "$at/s/new/mail" ] && [ ! -e "$at/s/cur/mail" ] && [ -e "$at/handed" ]; then
		grep -q '^outcome: decided' "$at"/s/done/* "$at"/s/tell/* 2>/dev/null
	fi
}
# The end of all: delivered once, octet for octet, and both have a proof of it.
delivered_once() {
	books_agree
	[ "$(files r/new)" = 1 ]
	cmp "$at/message" "$at"/r/new/*
	id=$(basename "$at"/r/new/*)
	# each has its own proof of the same: signatures may differ
	[ "$(grep -v '^record: ' "$at/s/done/$id")" = "$(grep -v '^record: ' "$at/r/done/$id")" ]
	grep -q '^record: ..' "$at/s/done/$id"
	grep -q '^record: ..' "$at/r/done/$id"
	[ "$(cat "$at"/r/done/* | grep -c '^outcome: decided')" = 1 ]
	[ "$(cat "$at"/s/done/* | grep -c '^outcome: decided')" = 1 ]
}
handed() { hand_in && touch "$at/handed"; }

# The victim dies at the step; the books agree; it comes back at once.
dies_and_returns() { # WHO STEP
	scenario "${3:-back}-$1-$2"
	if [ "$1" = sender ]; then
		receive CUSTODY_DIE_AT=none
		send CUSTODY_DIE_AT="$2"
		victim=$sender
	else
		receive CUSTODY_DIE_AT="$2"
		send CUSTODY_DIE_AT=none
		victim=$receiver
	fi
	handed
	eventually 20 dead "$victim"
	books_agree
	if [ "$1" = sender ]; then send CUSTODY_DIE_AT=none; else receive CUSTODY_DIE_AT=none; fi
	eventually 40 settled
	delivered_once
	end "$sender" "$receiver"
}

# The victim dies at the step, and is away until the deadline is over. Who is left goes on alone, and is right.
dies_and_is_late() { # WHO STEP
	scenario "late-$1-$2"
	deadline=4
	if [ "$1" = sender ]; then
		receive CUSTODY_DIE_AT=none
		send CUSTODY_DIE_AT="$2"
		victim=$sender other=r/deal
	else
		receive CUSTODY_DIE_AT="$2"
		send CUSTODY_DIE_AT=none
		victim=$receiver other=
	fi
	handed
	eventually 20 dead "$victim"
	books_agree
	sleep 5
	# the receiver alone gets to know the end of all that it has promised
	[ -z "$other" ] || eventually 10 no_files "$other"
	books_agree
	deadline=20
	if [ "$1" = sender ]; then send CUSTODY_DIE_AT=none; else receive CUSTODY_DIE_AT=none; fi
	eventually 40 settled
	delivered_once
	end "$sender" "$receiver"
}
no_files() { [ "$(files "$1")" = 0 ]; }

# Scenarios side by side, a few at a time; each has failed or not in a file of its own.
crowd() { # FUNCTION
	running=
	for who in sender receiver; do
		if [ "$who" = sender ]; then steps=$sender_steps; else steps=$receiver_steps; fi
		for step in $steps; do
			(set -ex && "$1" "$who" "$step") >"$work/log.$1.$who.$step" 2>&1 &
			running="$running $!:$1.$who.$step"
		done
	done
	bad=0
	for one in $running; do
		wait "${one%%:*}" && continue
		bad=$((bad + 1))
		echo "== ${one#*:}"
		tail -n 15 "$work/log.${one#*:}"
		tail -n 5 "$work/$(echo "${one#*:}" | sed 's/dies_and_returns/back/; s/dies_and_is_late/late/; y/./-/')"/*.log
	done
	[ "$bad" = 0 ]
}

# The connection between them is cut within the offer, within its answer, and behind it.
cut_off() { # OCTETS
	scenario "cut-$1"
	to=127.0.0.1:$((port + 149))
	background python3 "$top_srcdir/tests/e2e/cut.py" "${to#*:}" "${peer#*:}" "$1" 3 >"$at/cut.log"
	relay=$last
	eventually 5 grep -q ready "$at/cut.log"
	receive CUSTODY_DIE_AT=none
	send CUSTODY_DIE_AT=none
	handed
	eventually 30 settled
	delivered_once
	end "$sender" "$receiver" "$relay"
}
connections_are_cut() {
	for octets in 0 3 150 430 520 700; do cut_off $octets; done
}

# Both vote; the sender is cut off from the network, and learns from the receiver, by its proof.
sender_learns_from_the_receiver() {
	scenario proof-to-sender
	receive CUSTODY_DIE_AT=none
	send CUSTODY_DIE_AT=voted
	handed
	eventually 10 dead "$sender"
	eventually 10 grep -q "^custody-receive: decided" "$at/receive.log"
	send "AGREE_DNS=127.0.0.1#9"
	eventually 20 settled
	delivered_once
	end "$sender" "$receiver"
}
# The other way round.
receiver_learns_from_the_sender() {
	scenario proof-to-receiver
	receive CUSTODY_DIE_AT=voted
	send CUSTODY_DIE_AT=none
	handed
	eventually 10 dead "$receiver"
	eventually 10 grep -q "^custody-send: mail: decided" "$at/send.log"
	receive "AGREE_DNS=127.0.0.1#9"
	eventually 20 settled
	delivered_once
	end "$sender" "$receiver"
}

# Both come back when the network has forgotten, and neither has a proof: the message stays with the sender, who hands it
# over anew. Clocks eight days behind make an instance that is past retention at once.
both_come_back_too_late() {
	scenario forgotten
	receive CUSTODY_CLOCK=-700000
	send CUSTODY_CLOCK=-700000
	handed
	eventually 10 grep -q "^custody-receive: forgotten" "$at/receive.log"
	eventually 10 grep -q "^custody-send: mail: forgotten" "$at/send.log"
	end "$sender" "$receiver"
	[ "$(files r/new)" = 0 ]
	[ "$(files s/cur)" = 1 ]
	receive CUSTODY_DIE_AT=none
	send CUSTODY_DIE_AT=none
	eventually 20 settled
	grep -l '^outcome: withdrawn' "$at"/s/done/* "$at"/r/done/*
	delivered_once
	end "$sender" "$receiver"
}

# A network that cannot order decides nothing, and nobody acts; when it can, all goes on.
nobody_acts_without_a_majority() {
	scenario majority
	"$localnet" kill 1 --dir "$net"
	"$localnet" kill 2 --dir "$net"
	receive CUSTODY_DIE_AT=none
	send CUSTODY_DIE_AT=none
	handed
	sleep 2
	books_agree
	[ "$(files s/cur)" = 1 ]
	[ "$(files r/new)" = 0 ]
	"$localnet" restart 1 --dir "$net"
	eventually 40 settled
	delivered_once
	end "$sender" "$receiver"
	"$localnet" restart 2 --dir "$net"
}
one_replica_is_dead() {
	"$localnet" kill 3 --dir "$net"
	dies_and_returns sender voted dead-replica
	"$localnet" restart 3 --dir "$net"
}

# The other custody: a receiver that is not there, and a sender that keeps what nobody took.
nobody_takes_it() {
	scenario nobody
	deadline=2
	send CUSTODY_DIE_AT=none
	handed
	sleep 3
	cmp "$at/message" "$at/s/cur/mail"
	not grep -q "^custody-send: mail: decided" "$at/send.log"
	deadline=20
	receive CUSTODY_DIE_AT=none
	eventually 20 settled
	delivered_once
	end "$sender" "$receiver"
}

network_start
check "either dies at each step, and comes back" crowd dies_and_returns
check "either dies at each step, and is away past the deadline" crowd dies_and_is_late
needs python3 python3 "connections between them are cut" connections_are_cut
check "the receiver's proof is enough for the sender" sender_learns_from_the_receiver
check "the sender's proof is enough for the receiver" receiver_learns_from_the_sender
check "both come back when all is forgotten" both_come_back_too_late
check "what nobody takes stays with its sender" nobody_takes_it
check "a replica is dead when the sender dies" one_replica_is_dead
check "without a majority nobody acts" nobody_acts_without_a_majority
finish
