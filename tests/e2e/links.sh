# shellcheck shell=sh
# A network whose links go through tests/e2e/links. Sourced behind lib.sh; arguments of network_start.

seed=${AGREE_SEED:-$(shuf -i 1-999999 -n 1)}

# Replicas listen 50 ports higher than the network file says; links listens there instead.
links_between() {
	"$localnet" stop --dir "$net"
	for i in 0 1 2 3; do
		sed -i -e "s/^replica:\$/&\\n\\tlink-listen: $host#$((port + 150 + i))/" "$(conf_of $i)"
	done
	mkfifo "$work/commands"
	exec 3<>"$work/commands"
	# a background command's input is nothing unless it says otherwise itself
	background sh -c 'exec "$@" <&3' sh "$build/tests/e2e/links" "$seed" 50 "$net/replica-0/network" \
		"$net/replica-0/identity.key" "$net/replica-1/identity.key" \
		"$net/replica-2/identity.key" "$net/replica-3/identity.key" \
		>"$work/links" 2>&1
	links_pid=$last
	if ! eventually 5 grep -q '^ready' "$work/links" ||
		! "$localnet" start --dir "$net" >"$work/start" 2>&1; then
		sed 's/^/# /' "$work/links" "$work/start"
		echo "Bail out! no network with links in between"
		exit 1
	fi
	echo "# seed $seed: set AGREE_SEED to repeat it"
}
# links COMMAND FROM TO [NUMBERS]: see tests/e2e/links.c; members are counted from 1.
links() { echo "$*" >&3; }
# The members but these.
but() { seq 1 4 | grep -Fvx -e "$1" -e "${2:-none}" | paste -sd, -; }
