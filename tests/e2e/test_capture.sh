#!/bin/sh
# What goes over the wire is DNS: a capture has no packet that a dissector calls malformed.
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/wire.sh"

deadline=$(($(date +%s) + 600))
capture=$work/capture.pcap

command -v tshark >/dev/null || skip_all "no tshark: install the Debian package tshark"
tshark -q -i lo -a duration:1 -w "$capture" >/dev/null 2>"$work/why" ||
	skip_all "no capture of the loopback interface: $(tail -n 1 "$work/why")"

decode() {
	as=
	for i in 0 1 2 3; do as="$as -d udp.port==$((port + i)),dns -d tcp.port==$((port + i)),dns"; done
	# shellcheck disable=SC2086
	tshark -n -r "$capture" $as "$@"
}

traffic_is_captured() {
	background tshark -q -n -i lo -f "portrange $port-$((port + 3))" -w "$capture" 2>"$work/log"
	eventually 10 grep -q Capturing "$work/log"
	sleep 1
	ask propose seen one +deadline=600s +tcp
	ask propose seen two +deadline=600s
	ask get nobody +deadline=2027-01-01T00:00:00Z || :
	ask info
	update tools "$deadline" three >"$work/script"
	nsupdate -v "$work/script"
	nsupdate "$work/script"
	dig "@$host" -p "$port" +norec "$(instance tools "$deadline").$domain" TYPE65400
	dig "@$host" -p "$port" +norec "$(instance tools "$deadline").$domain" TXT
	dig "@$host" -p "$port" "_agree._udp.$domain" ANY
	dig "@$host" -p "$port" "$domain" SOA +edns=1 +noednsneg
	load -d "$domain" -k "$(key)" -s "$host#$port" -w 8 -n 200
	sleep 1
	kill -INT "$last"
	wait "$last" || :
}

updates_and_records_are_seen() {
	decode -Y 'dns.flags.opcode == 5' >"$work/out"
	[ "$(wc -l <"$work/out")" -ge 400 ]
	decode -Y 'dns.resp.type == 65400' >"$work/out"
	[ "$(wc -l <"$work/out")" -ge 200 ]
}

nothing_is_malformed() {
	decode -Y '_ws.malformed || dns.unsolicited' | tee "$work/out"
	[ ! -s "$work/out" ]
}

network_start
check "traffic is captured" traffic_is_captured
check "updates and AGREE records are seen" updates_and_records_are_seen
check "no packet is malformed" nothing_is_malformed
finish
