#!/bin/sh
# contrib/examples/pgcommit: a bank and a cash machine, each with a PostgreSQL server of its own. Parties, servers and
# replicas are killed at every step of a transfer; afterwards both have it or neither, to the last unit of money.
. "$(dirname "$0")/lib.sh"

example=$top_srcdir/contrib/examples/pgcommit
program=$build/contrib/examples/pgcommit/pgcommit
bin=$(ls -d /usr/lib/postgresql/*/bin 2>/dev/null | sort -V | tail -n 1)
[ -x "$bin/postgres" ] || skip_all "no PostgreSQL server: install the Debian package postgresql"
[ -x "$program" ] || skip_all "pgcommit is not built: install the Debian package libpq-dev, and configure"
pg=$work/pg
steps="work prepare prepare-sent vote vote-sent proof finish finish-sent end"

# ---- two servers, which do not run as root ----

owner=$(id -un)
if [ "$owner" = root ]; then
	owner=nobody
	! id postgres >/dev/null 2>&1 || owner=postgres
fi
as_owner() {
	[ "$(id -u)" = 0 ] || exec "$@"
	exec setpriv --reuid="$owner" --regid="$(id -g "$owner")" --clear-groups "$@"
}
port_of() { [ "$1" = bank ] && echo 5432 || echo 5433; }
sql() { psql -h "$pg" -p "$(port_of "$1")" -U "$owner" -d "$1" -qAtX -v ON_ERROR_STOP=1 -c "$2"; }

pg_make() { (as_owner "$bin/initdb" -D "$pg/$1" -U "$owner" -A trust -E UTF8 --locale=C -N >"$pg/$1.log" 2>&1); }
pg_start() {
	background as_owner "$bin/postgres" -D "$pg/$1" -k "$pg" -p "$(port_of "$1")" -c listen_addresses= \
		-c max_prepared_transactions=64 -c autovacuum=off >>"$pg/$1.log" 2>&1
	eventually 30 "$bin/pg_isready" -q -h "$pg" -p "$(port_of "$1")" -d postgres || { tail "$pg/$1.log" && false; }
}
# All processes of a server; the postmaster is the first.
pg_processes() {
	postmaster=$(head -n 1 "$pg/$1/postmaster.pid" 2>/dev/null) || return 0
	echo "$postmaster" "$(pgrep -d ' ' -P "$postmaster")"
}
is_dead() { case $(sed 's/.*) //; s/ .*//' "/proc/$1/stat" 2>/dev/null) in '' | Z | X) ;; *) return 1 ;; esac; }
pg_kill() {
	processes=$(pg_processes "$1")
	for process in $processes; do kill -KILL "$process" 2>/dev/null || :; done
	for process in $processes; do eventually 10 is_dead "$process"; done
	# a process that ended is there until somebody has waited for it, which these would take for a running one
	rm -f "$pg/$1/postmaster.pid" "$pg/.s.PGSQL.$(port_of "$1").lock"
}

# ---- two parties ----

make_party() {
	agree keygen "$work/$1.key" +short >"$work/$1.public"
	psql -h "$pg" -p "$(port_of "$1")" -U "$owner" -d postgres -qX -c "CREATE DATABASE $1"
	psql -h "$pg" -p "$(port_of "$1")" -U "$owner" -d "$1" -qX -v ON_ERROR_STOP=1 -f "$example/agree.sql" -f "$example/$1.sql"
}
# ticket VALUE [+OPTIONS]: of a transfer that both must approve, within a minute unless an option says otherwise
ticket() {
	value=$1
	shift
	ask new +short "+parties=$(cat "$work/bank.public"),$(cat "$work/atm.public")" "+value=$value" +deadline=60s "$@"
}
# party NAME VERB [ARGUMENTS]
party() {
	name=$1
	shift
	env PGHOST="$pg" PGPORT="$(port_of "$name")" PGDATABASE="$name" PGUSER="$owner" AGREE_IDENTITY="$work/$name.key" \
		AGREE_DNS="$host#$port" AGREE_KEY="$(key)" "$program" "$@"
}
run() { party "$1" run "$domain" "$2"; }
# killing HOW STEP NAME TICKET: runs it, and HOW (a hook below) happens at that step.
killing() { PGCOMMIT_HOOK="exec sh $work/hook $1 $2 $3" run "$3" "$4"; }
other() { [ "$1" = bank ] && echo atm || echo bank; }

# hook HOW STEP NAME, and the step that has come
write_hook() {
	cat >"$work/hook" <<END
[ "\$2" = "\$4" ] || exit 0
echo "\$3 \$4" >>"$work/reached"
echo \$PPID >"$work/pid.\$3"
case \$1 in
party) kill -KILL \$PPID ;;
server)
	postmaster=\$(head -n 1 "$pg/\$3/postmaster.pid")
	kill -KILL \$postmaster \$(pgrep -P \$postmaster)
	;;
replica) "$localnet" kill 3 --dir "$net" ;;
replicas) "$localnet" kill 3 --dir "$net" && "$localnet" kill 2 --dir "$net" ;;
esac
END
}

# ---- accounts: each has 100 to begin with; what is gone from it must have been paid out ----

account() { sql bank "INSERT INTO account VALUES ('$1', 100)"; }
balance() { sql bank "SELECT balance FROM account WHERE name = '$1'"; }
paid() { sql atm "SELECT coalesce(sum(total), 0) FROM payout WHERE name = '$1'"; }
# has NAME PAID: so much was paid out, and debited.
has() { [ "$(paid "$1")" = "$2" ] && [ "$(balance "$1")" = $((100 - $2)) ]; }
all_or_nothing() { has "$1" 0 || has "$1" 50; }
nothing_in_doubt() {
	for name in bank atm; do [ "$(sql "$name" "SELECT count(*) FROM pg_prepared_xacts")" = 0 ] || return 1; done
}
recovered() { party bank recover && party atm recover; }
# Both go on with what they left behind, again and again, as a timer would have them do.
recover() {
	eventually 30 recovered
	nothing_in_doubt
}
# The steps of both parties have all been reached, so each was killed at each.
reached_all() {
	for name in bank atm; do
		for step in $steps; do grep -qx "$name $step" "$work/reached"; done
	done
}

# ---- tests ----

both_commit() {
	account plain
	t=$(ticket "plain 50")
	run atm "$t" &
	run bank "$t"
	wait $!
	has plain 50
}
twice_is_once() {
	t=$(ticket "plain 10")
	for name in bank atm bank atm; do run "$name" "$t" & done
	wait
	run bank "$t"
	run atm "$t"
	has plain 60
}
what_the_bank_cannot_do_is_not_done() {
	t=$(ticket "plain 70")
	run atm "$t" >"$work/out" &
	exits 13 run bank "$t"
	exits 13 wait $!
	grep -q aborted "$work/out"
	has plain 60
}
what_the_machine_cannot_do_is_not_done() {
	t=$(ticket "plain 5")
	run bank "$t" &
	exits 13 run atm "$t"
	exits 13 wait $!
	has plain 60
}
a_party_that_never_comes() {
	account alone
	exits 13 run bank "$(ticket "alone 50" +deadline=2s)"
	has alone 0
}

# At each step one dies, and comes back at once.
killed_and_again() {
	account "again-$1-$2"
	t=$(ticket "again-$1-$2 50")
	run "$(other "$1")" "$t" &
	exits 137 killing party "$2" "$1" "$t"
	run "$1" "$t"
	wait $!
}
# At each step one dies, and comes back when all is over: who had not approved before has it aborted by the deadline.
# Whether an approval has arrived that was just sent, the other's end tells.
killed_and_late() {
	account "late-$1-$2"
	case $2 in
	work | prepare | prepare-sent | vote) ends=13 seconds=14 ;;
	vote-sent) ends='0 13' seconds=14 ;;
	*) ends=0 seconds=60 ;;
	esac
	t=$(ticket "late-$1-$2 50" "+deadline=${seconds}s")
	exits 137 killing party "$2" "$1" "$t" &
	status=0
	run "$(other "$1")" "$t" || status=$?
	wait $!
	case " $ends " in *" $status "*) echo "$1 $2 $status" >>"$work/ended" ;; *) return 1 ;; esac
}
as_the_other_ended() {
	while read -r victim step status; do
		[ "$status" = 0 ] && want=50 || want=0
		has "late-$victim-$step" $want
	done <"$work/ended"
	[ "$(wc -l <"$work/ended")" = 18 ]
}
# The late ones, all at once, have time for the others.
parties_are_killed() {
	: >"$work/reached"
	pids=
	for victim in bank atm; do
		for step in $steps; do
			killed_and_late "$victim" "$step" &
			pids="$pids $!"
		done
	done
	for step in $steps; do
		killed_and_again bank "$step" &
		pids="$pids $!"
		killed_and_again atm "$step"
	done
	for pid in $pids; do wait "$pid"; done
	reached_all
	recover
	for name in bank atm; do
		for step in $steps; do has "again-$name-$step" 50; done
	done
	as_the_other_ended
}

# Recovery is killed at every step that it has, one after the other, on the same deal.
recovery_is_killed() {
	account recovery
	t=$(ticket "recovery 50")
	run atm "$t" &
	exits 137 killing party vote bank "$t"
	for step in vote vote-sent proof finish finish-sent; do
		PGCOMMIT_HOOK="exec sh $work/hook party $step bank" exits 137 party bank recover
	done
	wait $!
	recover
	has recovery 50
}

# The server of each party, in a transfer of its own, at the same step; both transfers meet both servers.
servers_killed_at() {
	for name in bank atm; do
		account "server-$name-$1"
		ticket "server-$name-$1 50" +deadline=4s >"$work/ticket.$name"
	done
	pids=
	for name in bank atm; do
		run "$(other "$name")" "$(cat "$work/ticket.$name")" &
		pids="$pids $!"
		killing server "$1" "$name" "$(cat "$work/ticket.$name")" &
		pids="$pids $!"
	done
	for pid in $pids; do wait "$pid" || :; done
	for name in bank atm; do
		{ pg_kill $name && pg_start $name; } &
		pids=$!
	done
	wait # for the two
	recover
	all_or_nothing "server-bank-$1"
	all_or_nothing "server-atm-$1"
}
servers_are_killed() {
	for step in $steps; do servers_killed_at "$step"; done
}

one_replica_is_killed() {
	for step in prepare vote vote-sent finish; do
		account "replica-$step"
		t=$(ticket "replica-$step 50")
		run atm "$t" &
		killing replica "$step" bank "$t"
		wait $!
		has "replica-$step" 50
		"$localnet" restart 3 --dir "$net"
	done
}
both_prepared() { [ -n "$(prepared bank)" ] && [ -n "$(prepared atm)" ]; }
# Without a quorum nobody can decide, so nobody has; the parties die too, and are in doubt until it is back.
two_replicas_are_killed() {
	account stalled
	t=$(ticket "stalled 50" +deadline=10s)
	killing replicas prepare bank "$t" &
	bank_job=$!
	killing nothing prepare atm "$t" &
	atm_job=$!
	eventually 10 both_prepared
	sleep 1
	kill -KILL "$(cat "$work/pid.bank")" "$(cat "$work/pid.atm")"
	exits 137 wait $bank_job
	exits 137 wait $atm_job
	both_prepared
	has stalled 0
	"$localnet" restart 3 --dir "$net"
	"$localnet" restart 2 --dir "$net"
	recover
	all_or_nothing stalled
}

# ---- what is left to people ----

# decided_but_for NAME AMOUNT: NAME dies when it has approved, the other has committed; $t is the ticket.
decided_but_for() {
	account "$1"
	t=$(ticket "$1 $2")
	exits 137 killing party proof "$1" "$t" &
	run "$(other "$1")" "$t"
	wait $!
}
proof() { sql "$1" "SELECT encode(proof, 'hex') FROM agree_proof WHERE gid = '$domain/$2'"; }
prepared() { sql "$1" "SELECT gid FROM pg_prepared_xacts"; }

# Nobody but the other party is asked.
settle() { AGREE_DNS="$host#1" party atm settle "$@"; }
the_proof_of_another_settles() {
	decided_but_for atm 50
	good=$(proof bank "$t")
	exits 1 settle "$domain/$t" "${good%????}0000"
	exits 1 settle "$domain/$t" "${good%??}"
	exits 1 settle "$domain/$t" nothing
	exits 1 settle "$domain/$t" "$(sql bank "SELECT encode(proof, 'hex') FROM agree_proof WHERE id LIKE '0%' AND
		outcome = 'decided' AND gid <> '$domain/$t' LIMIT 1")"
	[ "$(prepared atm)" = "$domain/$t" ]
	settle "$domain/$t" "$good"
	has atm 50
	nothing_in_doubt
}
# The same terms, but the deadline, which is the octets behind version and k, was 30 days ago.
ticket_of_last_month() {
	ticket "forgotten 50" >"$work/ticket"
	python3 - "$work/ticket" "$(key)" <<'END'
import base64, hashlib, sys, time
octets = lambda text: base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
terms = bytearray(octets(open(sys.argv[1]).read().strip()[len("agree1-"):])[:-4])
terms[2:7] = int(time.time() - 30 * 86400).to_bytes(5, "big")
check = hashlib.sha256(b"agree1-ticket".ljust(16, b"\0") + octets(sys.argv[2]) + terms).digest()[:4]
print("agree1-" + base64.urlsafe_b64encode(bytes(terms) + check).decode().rstrip("="))
END
}
what_is_forgotten_stays_prepared() {
	account forgotten
	t=$(ticket_of_last_month)
	exits 16 run bank "$t" 2>"$work/out"
	not grep -q settle "$work/out"
	sql bank "BEGIN; UPDATE account SET balance = 50 WHERE name = 'forgotten'; PREPARE TRANSACTION '$domain/$t'"
	exits 16 party bank recover 2>"$work/out"
	grep -q "pgcommit settle '$domain/$t'" "$work/out"
	[ "$(prepared bank)" = "$domain/$t" ]
	sql bank "ROLLBACK PREPARED '$domain/$t'"
	has forgotten 0
}
a_broken_promise_is_seen() {
	decided_but_for bank 50
	sql bank "ROLLBACK PREPARED '$domain/$t'"
	sql bank "UPDATE account SET balance = 10 WHERE name = 'bank'"
	exits 10 run bank "$t" 2>"$work/out"
	grep -q "BROKEN PROMISE" "$work/out"
	# as the decision stands, our half of it can be done as long as nobody has: with the money it goes through
	sql bank "UPDATE account SET balance = 100 WHERE name = 'bank'"
	run bank "$t"
	has bank 50
}

# ---- what is no deal ----

refuses() {
	exits 1 run bank "$1" 2>"$work/out"
	grep -q "refused: .*$2" "$work/out"
}
bad_tickets_are_refused() {
	account bad
	refuses "$(ticket "bad 50" +k=1)" "need all of them"
	refuses "$(ticket "bad 50" +deadline=2h)" "an hour"
	refuses "$(ticket "bad 50                                            ")" "198 characters"
	refuses "$(ask new +short "+parties=$(cat "$work/bank.public")" "+value=bad 50" +deadline=60s)" "two parties"
	refuses "$(ask new +short "+parties=$(cat "$work/bank.public"),lock" "+value=bad 50" +deadline=60s \
		"+secrets=$work/secrets")" "by their keys"
	refuses "$(ask new +short "+parties=$(cat "$work/bank.public"),$(cat "$work/atm.public")" +deadline=60s)" "fix the value"
	exits 1 run bank "$(ticket "bad 50" | sed 's/....$/AAAA/')"
	has bad 0
	nothing_in_doubt
}
no_promise_without_fsync() {
	sql bank "ALTER SYSTEM SET fsync = off"
	sql bank "SELECT pg_reload_conf()"
	eventually 5 sh -c "[ \$(psql -h '$pg' -p 5432 -U '$owner' -d bank -AtXc 'SHOW fsync') = off ]"
	refuses "$(ticket "bad 50")" "fsync"
	sql bank "ALTER SYSTEM RESET fsync"
	sql bank "SELECT pg_reload_conf()"
	has bad 0
}

all_money_is_there() {
	nothing_in_doubt
	accounts=$(sql bank "SELECT count(*) FROM account")
	[ $(($(sql bank "SELECT sum(balance) FROM account") + $(sql atm "SELECT sum(total) FROM payout"))) = $((100 * accounts)) ]
	[ "$(sql bank "SELECT id FROM agree_done ORDER BY id")" = "$(sql atm "SELECT id FROM agree_done ORDER BY id")" ]
}

network_start
chmod 711 "$work"
mkdir "$pg"
[ "$owner" = "$(id -un)" ] || chown "$owner" "$pg"
write_hook
two_servers() {
	pg_make bank &
	pg_make atm
	wait $!
	for name in bank atm; do pg_start $name && make_party $name; done
}
check "two servers, two databases, two keys" two_servers
check "both commit" both_commit
check "to run it twice, or side by side, does it once" twice_is_once
check "what the bank cannot do is not done" what_the_bank_cannot_do_is_not_done
check "what the cash machine cannot do is not done" what_the_machine_cannot_do_is_not_done
check "a party that never comes does not hold up the other past the deadline" a_party_that_never_comes
check "a party is killed at every step, and comes back at once, or when all is over" parties_are_killed
check "recovery is killed at every step" recovery_is_killed
check "both servers are killed at every step" servers_are_killed
check "one replica is killed on the way, and nobody notices" one_replica_is_killed
check "without a quorum nothing is decided, and all goes on later" two_replicas_are_killed
needs python3 python3 "what is forgotten stays prepared" what_is_forgotten_stays_prepared
check "the proof that another party has settles it, without the network" the_proof_of_another_settles
check "a broken promise is seen" a_broken_promise_is_seen
check "bad tickets are refused" bad_tickets_are_refused
check "there is no promise without fsync" no_promise_without_fsync
check "all money is there" all_money_is_there
finish
