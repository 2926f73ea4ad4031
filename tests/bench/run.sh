#!/bin/sh
# Figures, a line each: name: value unit. A network of four on this machine with every vote synced and every answer
# signed and verified; NSD with 100,000 names in the same run, as the measure of what a DNS answer costs.
set -eu
top=$(cd "$(dirname "$0")/../.." && pwd)
. "$top/contrib/lib.sh"

count=200000 latency_count=1000 queries=300000
while [ $# -gt 0 ]; do
	case $1 in
	--quick) count=40000 latency_count=200 queries=60000 ;;
	--build)
		[ $# -gt 1 ] || die "--build needs a directory"
		build=$(cd "$2" && pwd)
		shift
		;;
	*) die "usage: tests/bench/run.sh [--quick] [--build DIR]" ;;
	esac
	shift
done

# shellcheck disable=SC2086
install_missing $bench_packages
work=$(mktemp -d "${TMPDIR:-/tmp}/agree-bench.XXXXXX")
net=$work/net
port=${AGREE_BENCH_PORT:-27100}

clean() {
	status=$?
	[ ! -d "$net" ] || "$top/contrib/localnet" stop --dir "$net" >/dev/null 2>&1 || true
	if [ -s "$work/nsd.pid" ]; then
		nsd_pid=$(cat "$work/nsd.pid")
		kill "$nsd_pid" 2>/dev/null || true
		for _ in 1 2 3 4 5 6 7 8 9 10; do
			kill -0 "$nsd_pid" 2>/dev/null || break
			sleep 0.2
		done
	fi
	rm -rf "$work"
	exit $status
}
trap clean EXIT
trap 'exit 1' INT TERM HUP

if [ -z "${build:-}" ]; then
	build=$work/build
	mkdir "$build"
	copy_sources "$work/src" >"$work/log" 2>&1 || die "autoreconf failed: $(tail -n 5 "$work/log")"
	(cd "$build" && ../src/configure -q CFLAGS="-O2 -g" && make -s -j "$(nproc)" all) >"$work/log" 2>&1 ||
		die "the build failed: $(tail -n 20 "$work/log")"
fi
load=$build/tests/bench/load
domain=agreements.testnet # 20 octets on the wire

# CPU of processes, user and system, in microseconds.
cpu() {
	total=0
	for pid; do
		# the command name is in parentheses and may hold anything: fields count from behind it
		ticks=$(sed 's/.*) //' "/proc/$pid/stat" | awk '{ print $12 + $13 }')
		total=$((total + ticks))
	done
	echo $((total * 1000000 / $(getconf CLK_TCK)))
}

figure() { sed -n "s/^$1: \([0-9.]*\).*/\1/p" "$2"; }
divide() { awk "BEGIN { printf \"%.2f\", $1 / $2 }"; }

echo "date: $(date -u +%Y-%m-%dT%H:%M:%SZ)"
echo "commit: $(git -C "$top" rev-parse --short HEAD 2>/dev/null || echo unknown)"
echo "cpu: $(nproc) x $(sed -n 's/^model name[^:]*: //p' /proc/cpuinfo | head -n 1)"
echo "kernel: $(uname -r)"
echo "file_system: $(stat -f -c %T "$work")"
echo "load_average: $(cut -d' ' -f1 /proc/loadavg)"

"$top/contrib/localnet" start --dir "$net" --domain $domain --port "$port" --build "$build" >/dev/null
key=$(cat "$net/group.pub")
pids=
servers=
for i in 0 1 2 3; do
	pids="$pids $(cat "$net/replica-$i/agreed.pid")"
	servers="$servers -s 127.0.0.1#$((port + i))"
done
sleep 3
resident=0
for pid in $pids; do
	kib=$(sed -n 's/^VmRSS:[[:space:]]*\([0-9]*\) kB/\1/p' "/proc/$pid/status")
	[ "$kib" -le $resident ] || resident=$kib
done
echo "resident_idle: $(divide "$resident" 1024) MiB"

"$load" -d $domain -k "$key" -s "127.0.0.1#$port" -n "$latency_count" >"$work/latency"
echo "latency_p50: $(figure latency_p50 "$work/latency") ms"
echo "latency_p99: $(figure latency_p99 "$work/latency") ms"

# shellcheck disable=SC2086
"$load" -d $domain -k "$key" $servers -n $((count / 10)) -l 2 -w 128 >/dev/null # caches and files are warm
# shellcheck disable=SC2086
before=$(cpu $pids)
# shellcheck disable=SC2086
"$load" -d $domain -k "$key" $servers -n "$count" -l 2 -w 128 >"$work/load"
# shellcheck disable=SC2086
after=$(cpu $pids)
agreements=$(figure agreements "$work/load")
x=$(divide $((after - before)) "$agreements")
echo "agreements: $agreements answers, each verified"
echo "agreements_lost: $(figure lost "$work/load") requests"
echo "agreements_per_second: $(figure agreements_per_second "$work/load") 1/s"
echo "latency_p50_saturated: $(figure latency_p50 "$work/load") ms"
echo "batch_mean: $(figure batch_mean "$work/load") agreements"
echo "answer_octets: $(figure answer_octets "$work/load") octets"
echo "cluster_cpu_per_agreement: $x us"
"$top/contrib/localnet" stop --dir "$net" >/dev/null

# NSD: 100,000 names, one CPU for it, dnsperf over loopback.
{
	echo "\$ORIGIN bench.test."
	echo "@ 3600 IN SOA ns hostmaster 1 3600 600 86400 0"
	echo "@ 3600 IN NS ns"
	echo "ns 3600 IN A 127.0.0.1"
	seq 1 100000 | awk '{ printf "name%d 3600 IN TXT \"value of name %d, of thirty-two\"\n", $1, $1 }'
} >"$work/bench.zone"
cat >"$work/nsd.conf" <<END
server:
	ip-address: 127.0.0.1@$((port + 50))
	server-count: 1
	username: ""
	zonesdir: "$work"
	database: ""
	pidfile: "$work/nsd.pid"
	xfrdfile: "$work/xfrd.state"
	zonelistfile: "$work/zone.list"
	logfile: "$work/nsd.log"
remote-control:
	control-enable: no
zone:
	name: bench.test
	zonefile: bench.zone
END
/usr/sbin/nsd -c "$work/nsd.conf"
seq 1 200 | while read -r _; do
	dig +short +tries=1 +time=1 -p $((port + 50)) @127.0.0.1 name1.bench.test TXT 2>/dev/null | grep -q value && break
	sleep 0.1
done
seq 1 100000 | shuf --random-source=/dev/zero | awk '{ print "name" $1 ".bench.test TXT" }' >"$work/queries"
nsd_pids="$(cat "$work/nsd.pid") $(pgrep -P "$(cat "$work/nsd.pid")" | tr '\n' ' ')"
for pid in $nsd_pids; do nsd_pids="$nsd_pids $(pgrep -P "$pid" | tr '\n' ' ')"; done
nsd_pids=$(echo "$nsd_pids" | tr ' ' '\n' | sort -un | tr '\n' ' ')
# shellcheck disable=SC2086
before=$(cpu $nsd_pids)
dnsperf -s 127.0.0.1 -p $((port + 50)) -d "$work/queries" -n $((queries / 100000 + 1)) -c 8 -q 100 >"$work/dnsperf" 2>&1
# shellcheck disable=SC2086
after=$(cpu $nsd_pids)
done_queries=$(sed -n 's/^ *Queries completed: *\([0-9]*\).*/\1/p' "$work/dnsperf")
y=$(divide $((after - before)) "$done_queries")
echo "nsd_queries: $done_queries answers"
echo "nsd_cpu_per_query: $y us"
echo "ratio: $(divide "$x" "$y")"
