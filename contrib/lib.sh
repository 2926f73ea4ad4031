# What contrib/quickstart.sh, tests/run.sh and tests/bench/run.sh share; to be sourced. Sets `top`.
# shellcheck shell=sh

# Debian packages, by what needs them.
build_packages="autoconf automake libtool pkg-config gcc libc6-dev make libc-ares-dev libssl-dev libevent-dev \
libsodium-dev liblmdb-dev"
check_packages="$build_packages libcmocka-dev clang-14 libclang-rt-14-dev xz-utils mandoc ruby-kramdown-rfc2629 python3 jq nsd \
bind9-dnsutils knot-dnsutils ldnsutils tshark dnsperf procps strace spin postgresql libpq-dev"
bench_packages="$build_packages libcmocka-dev nsd dnsperf bind9-dnsutils procps"

die() {
	echo "$(basename "$0"): $*" >&2
	exit 1
}

as_root() {
	if [ "$(id -u)" = 0 ]; then
		"$@"
	elif command -v sudo >/dev/null; then
		sudo "$@"
	else
		die "$1 needs root: run this as root, or install sudo"
	fi
}

# Debian's PostgreSQL would make a database server and start it, which nobody here needs: tests start their own.
no_cluster=/etc/postgresql-common/createcluster.d/agree-tests.conf
apt_install() {
	as_root apt-get update -qq || return 1
	case " $* " in
	*" postgresql "*) as_root sh -c "mkdir -p ${no_cluster%/*} && echo create_main_cluster = false >$no_cluster" ;;
	esac
	apt_status=0
	as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "$@" || apt_status=$?
	[ ! -e $no_cluster ] || as_root rm -f $no_cluster
	return $apt_status
}

# Installs those of the packages that are missing, and says which.
install_missing() {
	missing=
	for package; do
		[ "$(dpkg-query -W -f '${db:Status-Status}' "$package" 2>/dev/null)" = installed ] || missing="$missing $package"
	done
	[ -n "$missing" ] || return 0
	echo "Installing:$missing"
	log=$(mktemp)
	# shellcheck disable=SC2086
	if ! apt_install $missing >"$log" 2>&1; then
		tail -n 20 "$log" >&2
		rm -f "$log"
		die "apt-get could not install$missing"
	fi
	rm -f "$log"
}

# A copy of the sources in DIR, as a clone has them, with configure made; so nothing is left in the tree.
copy_sources() {
	mkdir -p "$1"
	if git -C "$top" rev-parse --git-dir >/dev/null 2>&1; then
		git -C "$top" ls-files -z --cached --others --exclude-standard | (cd "$top" && xargs -0 -r sh -c '
			for f; do if [ -e "$f" ]; then printf "%s\0" "$f"; fi; done' sh) |
			tar -C "$top" --null -T - -cf - | tar -C "$1" -xf -
	else
		tar -C "$top" --exclude=./build* -cf - . | tar -C "$1" -xf -
	fi
	(cd "$1" && autoreconf -fi)
}
