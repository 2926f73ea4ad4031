#!/bin/sh
# RFC 8906, "A Common Operational Problem in DNS Servers: Failure to Communicate": the tests of its
# section 8, and what the draft says about each.
. "$(dirname "$0")/lib.sh"

command -v dig >/dev/null || skip_all "no dig: install the Debian package bind9-dnsutils"

query() {
	dig "@$host" -p "$port" +norec +time=5 +tries=1 "$@" >"$work/out"
	cat "$work/out"
}
says() { grep -Eq -e "$1" "$work/out"; }
noerror() {
	query "$domain" SOA "$@"
	says 'status: NOERROR'
	says '^example\.test\..*SOA'
	not says 'flags:.* ra'
}

plain() { noerror +noedns; says 'flags: qr aa'; }
unknown_type() {
	query "$domain" TYPE1000
	says 'status: NOERROR'
	says 'ANSWER: 0'
	says 'SOA'
}
cd_flag() { noerror +noedns +cd; }
ad_flag() { noerror +noedns +ad; not says 'flags:.* ad'; }
z_flag() { noerror +noedns +zflag; not says 'MBZ'; }
rd_flag() { noerror +noedns +rec; says 'flags: qr aa rd'; }
opcode() {
	query "$domain" +noedns +opcode=15 +header-only
	says 'status: NOTIMP'
	says 'opcode: RESERVED15'
}
tcp() { noerror +noedns +tcp; says '\(TCP\)'; }
edns() { noerror +edns=0 +nocookie; says 'EDNS: version: 0'; }
edns_version() {
	query "$domain" SOA +edns=1 +noednsneg +nocookie
	says 'status: BADVERS'
	not says '^example.*SOA.*replica'
}
edns_option() { noerror +edns=0 +ednsopt=100 +nocookie; not says 'OPT=100'; }
edns_flag() { noerror +edns=0 +ednsflags=0x40 +nocookie; not says 'MBZ'; }
edns_version_flag() {
	query "$domain" SOA +edns=1 +noednsneg +ednsflags=0x40 +nocookie
	says 'status: BADVERS'
	not says 'MBZ'
}
edns_version_option() {
	query "$domain" SOA +edns=1 +noednsneg +ednsopt=100 +nocookie
	says 'status: BADVERS'
	not says 'OPT=100'
}
truncated() {
	query "_agree._udp.$domain" SRV +bufsize=512 +ignore +nocookie
	says 'flags: qr aa tc'
}
dnssec() { noerror +dnssec +nocookie; says 'flags: do'; }
many_options() { noerror +cookie +nsid +expire +subnet=0.0.0.0/0; }
cookie_returned() { noerror +cookie; says 'COOKIE: [0-9a-f]{48} \(good\)'; }
other_zone() { query a.root-servers.net A; says 'status: REFUSED'; }
transfer() { query "$domain" AXFR; says 'Transfer failed|status: REFUSED'; }
other_class() { query "$domain" SOA -c CH; says 'status: (REFUSED|NOTAUTH)'; }
no_such_name() {
	query "nothing.$domain" A
	says 'status: NXDOMAIN'
	says 'SOA'
}
empty_update() { query "$domain" SOA +opcode=update; says 'opcode: UPDATE, status: REFUSED'; }
notify() { query "$domain" SOA +opcode=notify; says 'status: NOTIMP'; }
identity() { query id.server TXT -c CH; says 'replica-0'; }

network_start
check "plain DNS" plain
check "unknown type: NODATA with the SOA" unknown_type
check "CD is no matter" cd_flag
check "AD is not echoed" ad_flag
check "Z is not echoed" z_flag
check "RD is echoed" rd_flag
check "unknown opcode: NOTIMP" opcode
check "TCP" tcp
check "EDNS" edns
check "EDNS version 1: BADVERS" edns_version
check "unknown EDNS option is not echoed" edns_option
check "unknown EDNS flag is not echoed" edns_flag
check "EDNS version 1 and a flag" edns_version_flag
check "EDNS version 1 and an option" edns_version_option
check "what does not fit is truncated" truncated
check "DO" dnssec
check "several options at once" many_options
check "a server cookie is given" cookie_returned
check "another zone: REFUSED" other_zone
check "zone transfer: REFUSED" transfer
check "another class is refused" other_class
check "no such name: NXDOMAIN with the SOA" no_such_name
check "an empty UPDATE: REFUSED" empty_update
check "NOTIFY: NOTIMP" notify
check "id.server names the replica" identity
finish
