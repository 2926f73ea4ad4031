#!/bin/sh
# Malformed datagrams, records and files each get an answer that says what is wrong, and change
# nothing.
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/wire.sh"

out=$work/out
deadline=$(($(date +%s) + 600))

# dns OPCODE-AND-FLAGS COUNTS REST: a message with id 4660, all in hex
message() { printf '1234%s%s%s' "$1" "$2" "$3"; }
# a name in wire format
name() { for label in $(echo "$1" | tr . ' '); do printf '%02x%s' "${#label}" "$(words "$label")"; done; printf 00; }
opt=0000291000000000000000
zone=$(name $domain)00060001
udp_says() {
	poke "$host" "$port" "$1" | tee "$out"
	shift
	for words in "$@"; do grep -Eq -e "$words" "$out"; done
}
# proposal RDATA [OWNER]: an UPDATE in hex
proposal() {
	owner=${2:-$(instance bad "$deadline").$domain}
	message 2800 0001000000010001 \
		"$zone$(name "$owner")ff79000100000000$(printf %04x "$((${#1} / 2))")$1$opt"
}

silence_is_for_non_messages() {
	udp_says 1234 silence
	udp_says "$(message 8000 0001000000000000 "$zone")" silence
	udp_says 1234 silence
}
header_alone() { udp_says "$(message 0000 0000000000000000 '')" FORMERR id=4660; }
two_questions() { udp_says "$(message 0000 0002000000000000 "$zone$zone")" FORMERR; }
octets_left_over() { udp_says "$(message 0000 0001000000000000 "${zone}00")" FORMERR; }
count_without_record() { udp_says "$(message 0000 0001000100000000 "$zone")" FORMERR; }
pointer_to_itself() { udp_says "$(message 0000 0001000000000000 c00c00060001)" FORMERR; }
pointer_forward() { udp_says "$(message 0000 0001000000000000 c0ff00060001)" FORMERR; }
label_type() { udp_says "$(message 0000 0001000000000000 4161000000060001)" FORMERR; }
two_opts() { udp_says "$(message 0000 0001000000000002 "$zone$opt$opt")" FORMERR; }
opt_in_answer() { udp_says "$(message 0000 0001000100000000 "$zone$opt")" FORMERR; }
short_cookie() { udp_says "$(message 0000 0001000000000001 "${zone}000029100000000000000b000a000701020304050607")" FORMERR; }
edns_version() { udp_says "$(message 0000 0001000000000001 "${zone}0000291000000100000000")" BADVERS; }
unknown_opcode() { udp_says "$(message 3000 0001000000000000 "$zone")" NOTIMP; }

propose_that_does_not_decode() { udp_says "$(proposal 01)" FORMERR 'ede=491'; }
propose_version() {
	good=$(propose bad "$deadline" x)
	udp_says "$(proposal "02${good#01}")" '(REFUSED|FORMERR)' 'ede=491'
}
propose_verb() {
	good=$(propose bad "$deadline" x)
	udp_says "$(proposal "0109${good#0101}")" '(REFUSED|FORMERR)' 'ede=491'
}
propose_with_tail() { udp_says "$(proposal "$(propose bad "$deadline" x)00")" FORMERR 'ede=491'; }
propose_truncated() {
	good=$(propose bad "$deadline" x)
	for cut in 2 10 40 "$((${#good} - 2))"; do
		udp_says "$(proposal "$(printf %s "$good" | cut -c "1-$cut")")" FORMERR
	done
}
propose_under_another_name() {
	udp_says "$(proposal "$(propose bad "$deadline" x)" "$(instance good "$deadline").$domain")" REFUSED ede=49154
}
propose_outside_the_zone() {
	udp_says "$(proposal "$(propose bad "$deadline" x)" elsewhere.test)" NOTZONE
}
update_of_another_zone() {
	udp_says "$(message 2800 0001000000000000 "$(name other.test)00060001")" NOTAUTH
}
update_that_is_no_proposal() {
	udp_says "$(message 2800 0001000000010000 "$zone$(name "x.$domain")0001000100000e1000047f000001")" REFUSED
}
propose_too_far_ahead() {
	deadline=$(($(date +%s) + 400 * 86400))
	udp_says "$(proposal "$(propose bad "$deadline" x)")" REFUSED ede=49160
}
propose_too_late() {
	deadline=$(($(date +%s) - 3600))
	poke "$host" "$port" "$(proposal "$(propose bad "$deadline" x)")" | tee "$out"
	grep -Eq 'NOERROR|REFUSED ede=49163' "$out"
	dig "@$host" -p "$port" +norec "$(instance bad "$deadline").$domain" TXT +short | grep -q 'outcome=unknown'
}
oversized_datagram() {
	{
		message 2800 0001000000010000 "$zone"
		printf '%0130000d\n' 0 | cut -c 1-100000
	} | tr -d '\n' | poke "$host" "$port" - | tee "$out"
	grep -q ' tc' "$out"
}

nothing_was_decided() {
	dig "@$host" -p "$port" +norec "$(instance bad "$deadline").$domain" TXT +short | tee "$out"
	grep -q '"outcome=unknown"' "$out"
}

# Damaged copies of a good proposal: some are well-formed and answered, all replicas live on.
survives_damage() {
	good=$(proposal "$(propose survive "$deadline" x)" "$(instance survive "$deadline").$domain")
	for i in 0 1 2 3; do
		poke -m 5000 "$((i + 7))" "$host" "$((port + i))" "$good"
	done
	"$localnet" status --dir "$net"
	ask propose after damage +deadline=600s +short
	eventually 10 are_level
}

survives_streams() {
	for to in "$port" $((port + 100)); do
		poke -t "$host" "$to" 00
		poke -t "$host" "$to" 0000
		poke -t "$host" "$to" ffff0102
		poke -t "$host" "$to" 16030100050100000103
		poke -t "$host" "$to" "$(printf '%04096d' 0)"
	done
	poke -t "$host" "$port" "0011$(message 0000 0001000000000000 0000060001)" | tee "$out"
	grep -q REFUSED "$out"
	"$localnet" status --dir "$net"
	ask propose after streams +deadline=600s +short
}

# ---- at start ----

# A fifth replica's files, which belong to no network that runs.
spare() {
	rm -rf "$work/spare"
	cp -r "$net/replica-0" "$work/spare"
	rm -rf "$work/spare/data" "$work/spare/agreed.log" "$work/spare/agreed.pid" "$work/spare/control.sock"
	mkdir -m 700 "$work/spare/data"
}
daemon_says() {
	exits 1 "$build/daemon/agreed" -c "$work/spare/agreed.conf" >"$out" 2>&1
	cat "$out"
	for words in "$@"; do grep -Eq -e "$words" "$out"; done
	# one sentence (what begins with + is the shell's trace)
	[ "$(grep -vc '^+' "$out")" -eq 1 ]
}
port_in_use() { spare; daemon_says "127.0.0.1#$((port + 100))|127.0.0.1#$port" 'in use'; }
missing_key() { spare; rm "$work/spare/identity.key"; daemon_says 'spare/identity.key'; }
missing_network() { spare; rm "$work/spare/network"; daemon_says 'spare/network'; }
damaged_network() {
	spare
	sed -i 's/^domain: .*/domain: /' "$work/spare/network"
	daemon_says 'spare/network:2'
}
unknown_option() {
	spare
	printf 'replica:\n\tcolour: green\n' >>"$work/spare/agreed.conf"
	daemon_says "agreed.conf:$(wc -l <"$work/spare/agreed.conf")" colour
	exits 1 agreectl checkconf -c "$work/spare/agreed.conf" || exits 1 "$build/daemon/agreed" -t -c "$work/spare/agreed.conf"
}
missing_configuration() { rm -rf "$work/spare"; daemon_says 'spare/agreed.conf'; }
stranger() {
	spare
	rm "$work/spare/identity.key"
	agreectl init -d "$work/stranger" replica-0 127.0.0.1#1 127.0.0.1#2 >/dev/null 2>&1
	cp "$work/stranger/identity.key" "$work/spare/identity.key"
	daemon_says 'identity.key|network'
}
good_configuration() { spare; "$build/daemon/agreed" -t -c "$work/spare/agreed.conf"; }
# What -t finds before the first start.
not_on_this_host() {
	spare
	sed -i "s|^\(\tnetwork: network\)|\1\n\t$1: $2|" "$work/spare/agreed.conf"
	exits 1 "$build/daemon/agreed" -t -c "$work/spare/agreed.conf" >"$out" 2>&1
	grep -Fq -e "$2" "$out"
}
# On a disk of its own that is too small for a journal.
full_disk() {
	spare
	mount -t tmpfs -o size=2m agree-test "$work/spare/data"
	sed -i "s/^\(\tnetwork: network\)/\1\n\tlisten: $host#$((port + 60))\n\tlink-listen: $host#$((port + 61))/" \
		"$work/spare/agreed.conf"
	status=0
	daemon_says 'space|full|MiB' || status=1
	umount "$work/spare/data"
	return $status
}

network_start
check "no answer to what is no request" silence_is_for_non_messages
check "a header alone: FORMERR" header_alone
check "two questions: FORMERR" two_questions
check "octets left over: FORMERR" octets_left_over
check "a count without its record: FORMERR" count_without_record
check "a compression pointer to itself: FORMERR" pointer_to_itself
check "a compression pointer forward: FORMERR" pointer_forward
check "an unknown label type: FORMERR" label_type
check "two OPT records: FORMERR" two_opts
check "OPT in the answer section: FORMERR" opt_in_answer
check "a short cookie: FORMERR" short_cookie
check "EDNS version 1: BADVERS" edns_version
check "an unknown opcode: NOTIMP" unknown_opcode
check "PROPOSE that does not decode: FORMERR and the field" propose_that_does_not_decode
check "PROPOSE of another version" propose_version
check "PROPOSE with an unknown verb" propose_verb
check "PROPOSE with octets behind it: FORMERR" propose_with_tail
check "PROPOSE cut short: FORMERR" propose_truncated
check "PROPOSE under another instance's name: REFUSED" propose_under_another_name
check "PROPOSE outside the zone: NOTZONE" propose_outside_the_zone
check "UPDATE of another zone: NOTAUTH" update_of_another_zone
check "UPDATE that is no proposal: REFUSED" update_that_is_no_proposal
check "a deadline beyond the horizon: REFUSED" propose_too_far_ahead
check "a deadline that has passed decides nothing" propose_too_late
check "a datagram larger than any: TC" oversized_datagram
needs dig bind9-dnsutils "none of these has decided anything" nothing_was_decided
check "20,000 damaged proposals: all replicas live on" survives_damage
check "nonsense over TCP and on the links: all replicas live on" survives_streams
check "at start: a good configuration" good_configuration
check "-t: an address that is not here" not_on_this_host listen 192.0.2.77#5000
check "at start: a port in use" port_in_use
check "at start: no key file" missing_key
check "at start: no network file" missing_network
check "at start: a damaged network file, with its line" damaged_network
check "at start: an unknown option, with its line" unknown_option
check "at start: no configuration" missing_configuration
check "at start: a key that is no member's" stranger
if [ "$(id -u)" = 0 ] && mkdir "$work/mnt" && mount -t tmpfs -o size=1m agree-test "$work/mnt" 2>/dev/null; then
	umount "$work/mnt"
	check "at start: a full disk" full_disk
else
	skip "at start: a full disk" "needs root, and the right to mount a small file system"
fi
finish
