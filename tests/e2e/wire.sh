# shellcheck shell=sh
# The wire format by hand, as whoever has nothing but the draft would make it: what stock DNS tools
# send is not made by the programs that are tested. Sourced after lib.sh.

octets() { tr a-f A-F | basenc --base16 -d; }
hex() { od -An -v -tx1 | tr -d ' \n'; }
# words TEXT: its octets in hex
words() { printf %s "$1" | hex; }

# descriptor LABEL DEADLINE: draft {#descriptor}; an open instance, salt zero, no locks
descriptor() {
	printf '0101%010x%010d00%02x%s%032d0000' "$2" 0 "${#1}" "$(words "$1")" 0
}

# instance LABEL DEADLINE: draft {#id}, the first label of its name
instance() {
	terms=$(descriptor "$1" "$2")
	terms=${terms%00}
	hash=$(printf '%s00%s%s' "$(words agree1-instance)" \
		"$(printf '%s=' "$(key)" | basenc --base64url -d | hex)" "$terms" | octets | sha256sum)
	printf '%010x%s' "$2" "${hash%% *}" | octets | basenc --base32hex -w 0 | tr -d = | tr A-Z a-z
}

# propose LABEL DEADLINE VALUE: draft {#propose}, RDATA with nonce zero and no credential
propose() {
	terms=$(descriptor "$1" "$2")
	printf '0101%032dff%02x%s00%04x%s' 0 "${#3}" "$(words "$3")" "$((${#terms} / 2))" "$terms"
}

# update LABEL DEADLINE VALUE: a script for nsupdate and knsupdate, with the prerequisite that no
# outcome is there
update() {
	rdata=$(propose "$1" "$2" "$3")
	cat <<END
server $host $port
zone $domain
prereq nxrrset $(instance "$1" "$2").$domain TYPE65400
add $(instance "$1" "$2").$domain 0 TYPE65401 \\# $((${#rdata} / 2)) $rdata
send
answer
END
}
