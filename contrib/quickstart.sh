#!/bin/sh
# From a fresh Debian 12 to an agreement that four replicas signed: installs what is missing, builds, forms a network of
# four on this machine, finds it by its name, agrees, verifies. Leaves nothing behind but the packages.
set -eu
top=$(cd "$(dirname "$0")/.." && pwd)
. "$top/contrib/lib.sh"

usage() {
	cat <<'END'
usage: quickstart.sh [--keep] [--port P]
  --keep    leave the build and the network running, and say where
  --port P  first of the ports on 127.0.0.1 (17853)
END
}

keep=no port=17853
while [ $# -gt 0 ]; do
	case $1 in
	--keep) keep=yes ;;
	--port)
		[ $# -gt 1 ] || die "--port needs a number"
		port=$2
		shift
		;;
	-h | --help) usage && exit 0 ;;
	*) usage >&2 && exit 1 ;;
	esac
	shift
done

work=$(mktemp -d "${TMPDIR:-/tmp}/agree-quickstart.XXXXXX")
net=$work/net

clean() {
	status=$?
	[ ! -d "$net" ] || [ $keep = yes ] || "$top/contrib/localnet" stop --dir "$net" >/dev/null 2>&1 || true
	[ $keep = yes ] || rm -rf "$work"
	exit $status
}
trap clean EXIT
trap 'exit 1' INT TERM HUP

# Shows a command as one would type it, and runs it.
show() {
	printf '\n$ %s\n' "$1"
	shift
	"$@"
}

step() { printf '\n== %s\n' "$1"; }

quietly() {
	"$@" >"$work/log" 2>&1 || {
		tail -n 30 "$work/log" >&2
		die "failed: $*"
	}
}

step "Packages"
# shellcheck disable=SC2086
install_missing $build_packages
echo "All there."

step "Build"
echo "In $work, which goes away at the end."
quietly copy_sources "$work/src"
mkdir "$work/build"
cd "$work/build"
quietly ../src/configure --prefix="$work/installed"
quietly make -j "$(nproc)"
agree=$work/build/resolver/agree
echo "Done: agree, agreectl, agreed."

step "Four replicas form a network: key generation without a dealer, ordered by their own consensus"
show "contrib/localnet start --dir net --n 4 --domain example.test --port $port" \
	"$top/contrib/localnet" start --dir "$net" --n 4 --domain example.test --port "$port" --build "$work/build"
key=$(cat "$net/group.pub")
export AGREE_DNS="127.0.0.1#$port"
export XDG_CONFIG_HOME="$work/config"

step "Found by its domain name: SRV says where, TXT says which key (here a replica itself is asked; the zone file is net/zone)"
show "agree info example.test +dns=$AGREE_DNS +key=$key" "$agree" info example.test "+key=$key"

step "An agreement: whoever proposes first under this label, within ten minutes, decides"
show "agree propose example.test backup-leader host-a +deadline=600s +key=... +proof=proof" \
	"$agree" propose example.test backup-leader host-a +deadline=600s "+key=$key" "+proof=$work/proof"
ticket=$("$agree" propose example.test turn host-a +deadline=600s "+key=$key" +json | sed -n 's/.*"ticket": *"\([^"]*\)".*/\1/p')
[ -n "$ticket" ] || die "no ticket in the answer"

step "Another client with the ticket of such an instance asks for it: it gets the same record"
show "agree get example.test TICKET +key=... +short" "$agree" get example.test "$ticket" "+key=$key" +short

step "The saved answer proves the outcome to anybody, offline, with the network's key alone"
show "agree verify proof +key=..." "$agree" verify "$work/proof" "+key=$key"

step "One replica is killed; the others go on"
show "contrib/localnet kill --dir net 3" "$top/contrib/localnet" kill --dir "$net" 3
show "agree propose example.test after-a-crash yes +deadline=600s +key=... +short" \
	"$agree" propose example.test after-a-crash yes +deadline=600s "+key=$key" +short

if [ $keep = yes ]; then
	step "Kept"
	echo "Programs: $work/build/resolver/agree, $work/build/daemon/. Network: $net (key in $net/group.pub)."
	echo "End it with: $top/contrib/localnet stop --dir $net; rm -rf $work"
else
	step "Done"
	echo "The network is stopped and everything but the packages is removed. With --keep it stays."
fi
