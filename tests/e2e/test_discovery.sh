#!/bin/sh
# The network is found by its name: from a name server that has D/zone, and from a replica.
. "$(dirname "$0")/lib.sh"

out=$work/out
ns_port=
nsd=$(command -v nsd || command -v /usr/sbin/nsd) || skip_all "no nsd: install the Debian package nsd"

nsd_serves_the_zone() {
	cat >"$work/nsd.conf" <<END
server:
	ip-address: $host@$ns_port
	username: ""
	chroot: ""
	zonesdir: "$work"
	pidfile: "$work/nsd.pid"
	xfrdfile: "$work/xfrd.state"
	zonelistfile: "$work/zone.list"
	database: ""
	logfile: "$work/nsd.log"
	server-count: 1
remote-control:
	control-enable: no
zone:
	name: $domain
	zonefile: $1
END
	nsd-checkzone "$domain" "$1" || /usr/sbin/nsd-checkzone "$domain" "$1"
	background "$nsd" -d -c "$work/nsd.conf"
	eventually 10 nsd_answers
}
nsd_answers() { dig "@$host" -p "$ns_port" "$domain" SOA +short +tries=1 +time=1 | grep -q hostmaster; }

# by_name COMMAND...: the resolver is NSD; the replicas' ports are in SRV alone.
by_name() {
	verb=$1
	shift
	agree "$verb" "$domain" "$@" "+dns=$host#$ns_port"
}

found_with_the_key() {
	by_name propose dinner noodles +deadline=600s "+key=$(key)" +json | tee "$out"
	[ "$(jq -r .value "$out")" = noodles ]
	[ "$(jq -r .verified "$out")" = true ]
	[ "$(jq -r .trust "$out")" = caller ]
}

no_key_no_trust() {
	exits 18 by_name propose dinner noodles +deadline=600s +json >"$out" 2>&1
	not grep -q '"outcome"' "$out"
}

tofu_is_remembered() {
	by_name propose dinner rice +deadline=600s +tofu +json >"$out"
	[ "$(jq -r .trust "$out")" = tofu ]
	grep -Fq -e "$(key)" "$XDG_CONFIG_HOME/agree/known_networks"
	by_name propose dinner soup +deadline=600s +json >"$out"
	[ "$(jq -r .trust "$out")" = known_networks ]
}

info_by_name() {
	by_name info >"$out"
	grep -Fq -e "$(key)" "$out"
	for i in 0 1 2 3; do grep -q "$host#$((port + i))" "$out"; done
}

environment_names_the_resolver() {
	AGREE_DNS="$host#$ns_port" agree propose "$domain" dinner bread +deadline=600s +short >"$out"
	[ "$(cat "$out")" = bread ]
}

found_with_a_replica_dead() {
	"$localnet" kill --dir "$net" 1
	for i in 1 2 3 4 5 6; do
		[ "$(by_name propose dinner "dish-$i" +deadline=600s +short)" = "dish-$i" ]
	done
	"$localnet" restart --dir "$net" 1
}

# The DNS says another key: never a question, never an answer.
changed_key_is_a_failure() {
	other=$(sed -n 's/^member: replica-0 \([^ ]*\) .*/\1/p' "$net/replica-0/network")
	sed "s/k=$(key)/k=$other/" "$net/zone" >"$work/changed"
	not cmp -s "$net/zone" "$work/changed"
	ns_port=$((ns_port + 1))
	nsd_serves_the_zone "$work/changed"
	exits 12 by_name propose dinner fish +deadline=600s >"$out" 2>&1
	cat "$out"
	grep -q 'KEY HAS CHANGED' "$out"
	exits 12 by_name propose dinner fish +deadline=600s +tofu >"$out" 2>&1
}

no_such_network() {
	exits 9 agree propose nothing.example dinner fish +deadline=600s "+dns=$host#$ns_port" "+key=$(key)" \
		+time=1 +tries=1 >"$out" 2>&1
}

replica_is_its_own_name_server() {
	agree propose "$domain" dinner cake +deadline=600s "+dns=$host#$((port + 2))" "+key=$(key)" +short >"$out"
	[ "$(cat "$out")" = cake ]
}

records_are_the_same() {
	for name in "_agree._udp.$domain SRV" "_agree._tcp.$domain SRV" "_agree._udp.$domain TXT" \
		"replica-2.$domain A" "replica-2.$domain AAAA"; do
		# shellcheck disable=SC2086
		dig "@$host" -p "$ns_port" +norec +tcp $name +short | sort >"$work/nsd-says"
		dig "@$host" -p "$port" +norec +tcp $name +short | sort >"$work/replica-says"
		diff "$work/nsd-says" "$work/replica-says"
	done
}

network_start
ns_port=$((port + 50))
check "NSD serves D/zone" nsd_serves_the_zone "$net/zone"
check "found by name, with the key" found_with_the_key
check "without a key nothing is trusted: exit 18" no_key_no_trust
check "+tofu remembers the key" tofu_is_remembered
check "info by name" info_by_name
check "AGREE_DNS names the resolver" environment_names_the_resolver
check "found with a replica dead" found_with_a_replica_dead
check "NSD and the replicas give the same records" records_are_the_same
check "a changed key is a loud failure: exit 12" changed_key_is_a_failure
check "no network at a name: exit 9" no_such_network
check "a replica answers for the names of its network" replica_is_its_own_name_server
finish
