#!/bin/sh
# People with agree, as parties: secrets, keys, drafts, waits; and what they get wrong.
. "$(dirname "$0")/lib.sh"

out=$work/out

# A fresh instance of two parties that vote with secrets, in $ticket, $work/s.0 and $work/s.1.
with_secrets() {
	rm -f "$work"/s.*
	ticket=$(ask new "+parties=lock,lock" +value=go "+secrets=$work/s" +short +deadline=5m)
}
# The same of two that sign: $work/k.0, $work/k.1.
with_keys() {
	rm -f "$work"/k.*
	one=$(agree keygen "$work/k.0" +short)
	two=$(agree keygen "$work/k.1" +short)
	ticket=$(ask new lunch "+parties=$one,$two" +short +deadline=5m)
}

two_secrets_commit() {
	with_secrets
	[ "$(stat -c %a "$work/s.0")" = 600 ]
	exits 14 ask vote "$ticket" yes "+secrets=$work/s.0" +json >"$out"
	[ "$(field .outcome "$out")" = pending ]
	[ "$(field .tally "$out")" = "k=2 yes=1 no=0" ]
	[ "$(field .needed "$out")" = 1 ]
	ask vote yes "+secrets=$work/s.1" +json >"$out"
	[ "$(field .outcome "$out")" = decided ]
	[ "$(field .value "$out")" = go ]
}
one_no_aborts() {
	with_secrets
	exits 14 ask vote "$ticket" yes "+secrets=$work/s.0" +short
	exits 13 ask vote "$ticket" no "+secrets=$work/s.1" +json >"$out"
	[ "$(field .reason "$out")" = vetoed ]
}
two_keys_commit_or_split() {
	with_keys
	exits 14 ask vote "$ticket" pizza "+identity=$work/k.0" +short
	ask vote "$ticket" pizza "+identity=$work/k.1" +json >"$out"
	[ "$(field .value "$out")" = pizza ]
	with_keys
	exits 14 ask vote "$ticket" pizza "+identity=$work/k.0" +short
	exits 13 ask vote "$ticket" soup "+identity=$work/k.1" +json >"$out"
	[ "$(field .reason "$out")" = split ]
}
each_party_locks_the_draft() {
	rm -f "$work"/l.*
	draft=$(ask new "+parties=lock,lock" +value=go +short)
	exits 1 ask get "$draft" 2>"$out"
	grep -q 'agree lock' "$out"
	half=$(ask lock "$draft" 0 "+secrets=$work/l.0" +short)
	# without a network: the key is enough
	whole=$(agree lock "$half" 1 "+secrets=$work/l.1" "+key=$(key)" +short)
	exits 14 ask vote "$whole" yes "+secrets=$work/l.0" +short
	ask vote yes "+secrets=$work/l.1" +short | grep -qx go
}
secrets_come_from_anywhere() {
	with_secrets
	exits 14 ask vote "$ticket" yes +secrets=- +short <"$work/s.0"
	S=$(cat "$work/s.1")
	export S
	ask vote "$ticket" yes +secrets=env:S +short | grep -qx go
	with_secrets
	sed -n 's/^no: //p' "$work/s.1" | exits 13 ask vote "$ticket" no +secrets=- +short
}
k_of_n_release() {
	rm -f "$work"/s.*
	ticket=$(ask new "+parties=lock,lock,lock" +k=2 +value=open "+secrets=$work/s" +short)
	exits 14 ask vote "$ticket" no "+secrets=$work/s.0" +short
	exits 14 ask vote "$ticket" yes "+secrets=$work/s.1" +short
	ask vote "$ticket" yes "+secrets=$work/s.2" +short | grep -qx open
}

waiter_is_told() {
	with_secrets
	ask wait "$ticket" +wait=60s +json >"$work/waited" &
	waiter=$!
	exits 14 ask vote "$ticket" yes "+secrets=$work/s.0" +short
	ask vote "$ticket" yes "+secrets=$work/s.1" +short
	wait $waiter
	[ "$(field .outcome "$work/waited")" = decided ]
}
# The replica that the wait is at is killed, whichever it is: the next one tells.
waiter_outlives_a_replica() {
	with_secrets
	ask wait "$ticket" +wait=60s +json +trace >"$work/waited" 2>"$work/trace" &
	waiter=$!
	eventually 10 grep -q 'sent.*(TCP)' "$work/trace"
	at=$(sed -n 's/.*sent .* to .*#\([0-9]*\) (TCP)$/\1/p' "$work/trace" | head -n 1)
	"$localnet" kill --dir "$net" $((at - port))
	alive="+dns=$host#$((port + (at - port + 1) % 4))"
	exits 14 agree vote "$domain" "$ticket" yes "+secrets=$work/s.0" "$alive" "+key=$(key)" +short
	agree vote "$domain" "$ticket" yes "+secrets=$work/s.1" "$alive" "+key=$(key)" +short
	wait $waiter
	[ "$(field .outcome "$work/waited")" = decided ]
	"$localnet" restart --dir "$net" $((at - port))
}
wait_ends_at_the_deadline() {
	rm -f "$work"/s.*
	ticket=$(ask new "+parties=lock,lock" +value=go "+secrets=$work/s" +short +deadline=4s)
	exits 14 ask get "$ticket" +short
	exits 13 ask wait "$ticket" +json >"$out"
	[ "$(field .reason "$out")" = deadline ]
}
wait_ends_at_its_own_time() {
	with_secrets
	exits 14 ask wait "$ticket" +wait=2s +json >"$out"
	[ "$(field .outcome "$out")" = pending ]
}

# told STATUS WORD COMMAND...: it fails so, and says so on stderr.
told() {
	status=$1
	word=$2
	shift 2
	exits "$status" "$@" 2>"$out"
	grep -q "$word" "$out"
}
bad_terms_are_told() {
	one=$(agree keygen "$work/k.bad" +short)
	rm "$work/k.bad"
	told 1 'no key twice' ask new "+parties=$one,$one"
	told 1 'bad k' ask new "+parties=$one" +k=2
	told 1 'from 1 to 32' ask new "+parties=$one" +k=0
	told 1 'fixed' ask new "+parties=lock,lock"
	told 1 'bad key' ask new "+parties=lock,somebody" +value=go
	told 1 'bad value' ask new "+parties=lock" "+value=$(printf '%0256d' 1)"
	told 1 'deadline has passed' ask new late +deadline=2020-01-01T00:00:00Z
	told 1 'bad time' ask new far +deadline=10000-01-01T00:00:00Z
	told 1 'bad label' ask new "a$(printf '\001')b"
	told 1 'bad period' ask propose job x +period=5s
	told 1 'group secret' ask propose job x +period=1h "+group=$work/short"
}
bad_votes_are_told() {
	with_keys
	agree keygen "$work/k.2" +short
	told 11 'not a party' ask vote "$ticket" x "+identity=$work/k.2"
	with_secrets
	told 11 'fixed value' ask vote "$ticket" stop "+secrets=$work/s.0"
	told 11 'not a party' ask vote "$ticket" yes "+identity=$work/k.0"
	cp "$work/s.0" "$work/old"
	with_secrets
	told 1 'opens no lock' ask vote "$ticket" yes "+secrets=$work/old"
	sed 's/^yes: ./yes: _/' "$work/s.0" >"$work/bent"
	told 1 'damaged' ask vote "$ticket" yes "+secrets=$work/bent"
	told 10 'there already' ask new "+parties=lock" +value=go "+secrets=$work/s"
	told 10 'there already' agree keygen "$work/k.0"
	exits 14 ask get "$ticket" +json >"$out"
	[ "$(field .tally "$out")" = "k=2 yes=0 no=0" ]
}
# One bit of the ticket, in the middle of its octets.
bent_ticket_is_told() {
	with_secrets
	bent=$(printf %s "$ticket" | sed 's/^\(.\{60\}\)\(.\)/\1\n\2\n/' |
		sed '2y/ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_-/BADCFEHGJILKNMPORQTSVUXWZYbadcfehgjilknmporqtsvuxwzy1032547698-_/' | tr -d '\n')
	[ "$bent" != "$ticket" ]
	told 1 'damaged' ask vote "$bent" yes "+secrets=$work/s.0"
}
# The same terms with other locks come first: the secret stays here.
secret_stays_if_the_locks_are_others() {
	rm -f "$work"/l.* "$work"/m.*
	draft=$(ask new "+parties=lock,lock" +value=go +short)
	theirs=$(ask lock "$(ask lock "$draft" 0 "+secrets=$work/m.0" +short)" 1 "+secrets=$work/m.1" +short)
	ours=$(ask lock "$(ask lock "$draft" 0 "+secrets=$work/l.0" +short)" 1 "+secrets=$work/l.1" +short)
	exits 14 ask get "$theirs" +short
	told 12 'do not reveal' ask vote "$ours" yes "+secrets=$work/l.0" +qr
	told 12 'do not reveal' ask get "$ours"
	exits 14 ask get "$theirs" +json >"$out"
	[ "$(field .tally "$out")" = "k=2 yes=0 no=0" ]
}

printf 'too short\n' >"$work/short"
network_start
check "two secrets commit" two_secrets_commit
check "one no aborts" one_no_aborts
check "two keys commit, or split" two_keys_commit_or_split
check "each party locks the draft" each_party_locks_the_draft
check "secrets come from files, stdin, the environment" secrets_come_from_anywhere
check "k of n release" k_of_n_release
check "who waits is told" waiter_is_told
check "who waits outlives the replica" waiter_outlives_a_replica
check "a wait ends at the deadline" wait_ends_at_the_deadline
check "a wait ends at its own time" wait_ends_at_its_own_time
check "bad terms are told" bad_terms_are_told
check "bad votes are told" bad_votes_are_told
check "a ticket with one bit flipped is told" bent_ticket_is_told
check "a secret stays if the locks are others" secret_stays_if_the_locks_are_others
finish
