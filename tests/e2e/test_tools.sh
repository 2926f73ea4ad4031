#!/bin/sh
# Stock DNS tools read outcomes and make proposals.
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/wire.sh"

deadline=$(($(date +%s) + 600))

query() { dig "@$host" -p "$port" +norec +time=5 +tries=1 "$@"; }
# decided FILE VALUE: octets in hex, in any spacing and case, of a version 1 DECIDED of this value
decided() { tr -d ' \n\t()' <"$1" | tr A-F a-f | grep -q "010200$(printf %02x "${#2}")$(words "$2")"; }

nsupdate_decides() {
	update first "$deadline" one >"$work/script"
	nsupdate -v "$work/script" >"$work/out"
	cat "$work/out"
	grep -q 'status: NOERROR' "$work/out"
	grep -q 'TYPE65400' "$work/out"
	decided "$work/out" one
}

nsupdate_repeats() { exits 0 nsupdate -v "$work/script"; }

nsupdate_loses() {
	update first "$deadline" two >"$work/other"
	exits 2 nsupdate -v "$work/other" >"$work/out" 2>&1
	cat "$work/out"
	grep -q 'status: YXRRSET' "$work/out"
	decided "$work/out" one
}

nsupdate_over_udp() {
	update udp "$deadline" over-udp >"$work/script"
	nsupdate "$work/script"
	query "$(instance udp "$deadline").$domain" TXT +short | grep -q '"value=over-udp"'
}

nsupdate_finds_the_zone() {
	update zoneless "$deadline" found | grep -v '^zone' >"$work/script"
	nsupdate -v "$work/script"
	query "$(instance zoneless "$deadline").$domain" TXT +short | grep -q '"value=found"'
}

nsupdate_tsig() {
	exits 2 nsupdate -v -y hmac-sha256:nobody:c2VjcmV0IHNlY3JldA== "$work/script" >"$work/out" 2>&1
	cat "$work/out"
	grep -q 'NOTAUTH(BADKEY)' "$work/out"
}

knsupdate_decides_and_loses() {
	update knot "$deadline" knot-one >"$work/script"
	knsupdate -v "$work/script" >"$work/out" 2>&1
	cat "$work/out"
	decided "$work/out" knot-one
	update knot "$deadline" knot-two >"$work/script"
	exits 1 knsupdate -v "$work/script" >"$work/out" 2>&1
	cat "$work/out"
	grep -q YXRRSET "$work/out"
}

dig_reads_the_record() {
	query "$(instance first "$deadline").$domain" TYPE65400 >"$work/out"
	cat "$work/out"
	grep -q 'status: NOERROR' "$work/out"
	grep -q 'flags: qr aa' "$work/out"
	decided "$work/out" one
}

dig_reads_it_in_one_datagram() {
	query "$(instance first "$deadline").$domain" TYPE65400 +ignore +padding=512 >"$work/out"
	cat "$work/out"
	grep -q '(UDP)' "$work/out"
	grep -q 'flags: qr aa;' "$work/out"
	decided "$work/out" one
}

dig_reads_text() {
	query "$(instance first "$deadline").$domain" TXT +short >"$work/out"
	cat "$work/out"
	grep -q '"outcome=decided"' "$work/out"
	grep -q '"value=one"' "$work/out"
	grep -Eq '"sequence=[1-9][0-9]*"' "$work/out"
	grep -Eq '"time=20[0-9-]*T[0-9:.]*Z"' "$work/out"
}

# All replicas, and any letter case of the name, give the same record but for its proof.
same_everywhere() {
	name=$(instance first "$deadline" | tr a-v A-V).$domain
	for i in 0 1 2 3; do
		dig "@$host" -p $((port + i)) +norec "$name" TXT +short
	done | sort -u >"$work/out"
	cat "$work/out"
	[ "$(wc -l <"$work/out")" -eq 1 ]
}

unknown_instance() {
	query "$(instance nobody "$deadline").$domain" TYPE65400 +tcp >"$work/out"
	cat "$work/out"
	grep -q 'status: NOERROR' "$work/out"
	tr -d ' \n\t' <"$work/out" | grep -q '0INTYPE65400\\#[0-9]*0104'
	query "$(instance nobody "$deadline").$domain" TXT +short | grep -q '"outcome=unknown"'
}

drill_reads() {
	drill -a -p "$port" "$(instance first "$deadline").$domain" "@$host" TYPE65400 >"$work/out"
	cat "$work/out"
	decided "$work/out" one
}

kdig_reads_json() {
	kdig "@$host#$port" "$(instance first "$deadline").$domain" TYPE65400 +cookie +json >"$work/out"
	jq -e '[.. | strings] | any(ascii_downcase | contains("010200036f6e65"))' "$work/out"
}

dnsperf_reads() {
	cookie=$(query "$domain" SOA | sed -n 's/^; COOKIE: \([0-9a-f]*\).*/\1/p')
	echo "$(instance first "$deadline").$domain TYPE65400" >"$work/queries"
	dnsperf -s "$host" -p "$port" -d "$work/queries" -e -E "10:$cookie" -n 1000 >"$work/out" 2>&1
	cat "$work/out"
	grep -q 'Queries completed:    1000 (100.00%)' "$work/out"
	grep -q 'NOERROR 1000' "$work/out"
}

network_start
needs nsupdate bind9-dnsutils "nsupdate decides with nxrrset" nsupdate_decides
needs nsupdate bind9-dnsutils "the winner's own repetition is no conflict" nsupdate_repeats
needs nsupdate bind9-dnsutils "nsupdate loses with YXRRSET and sees the other value" nsupdate_loses
needs nsupdate bind9-dnsutils "nsupdate decides over UDP" nsupdate_over_udp
needs nsupdate bind9-dnsutils "nsupdate finds the zone by itself" nsupdate_finds_the_zone
needs nsupdate bind9-dnsutils "an unknown TSIG key is answered NOTAUTH(BADKEY)" nsupdate_tsig
needs knsupdate knot-dnsutils "knsupdate decides, and loses" knsupdate_decides_and_loses
needs dig bind9-dnsutils "dig reads an outcome as TYPE65400" dig_reads_the_record
needs dig bind9-dnsutils "a padded dig needs one datagram" dig_reads_it_in_one_datagram
needs dig bind9-dnsutils "dig reads an outcome as TXT" dig_reads_text
needs dig bind9-dnsutils "every replica gives the same outcome, in any letter case" same_everywhere
needs dig bind9-dnsutils "an instance that nobody has asked for is unknown" unknown_instance
needs drill ldnsutils "drill reads an outcome" drill_reads
needs kdig knot-dnsutils "kdig reads an outcome as JSON" kdig_reads_json
needs dnsperf dnsperf "dnsperf reads an outcome a thousand times" dnsperf_reads
finish
