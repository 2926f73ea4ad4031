# shellcheck shell=sh
# How benches over a network of their own begin. Sourced with $takes: names of options whose values are
# numbers, each with its default in the variable of that name. Behind it: options read, a network's
# functions (tests/e2e/lib.sh, crowd.sh) at hand, and set -e.
usage() {
	printf 'usage: tests/bench/%s' "$(basename "$0")" >&2
	# shellcheck disable=SC2086,SC2154
	printf ' [--%s N]' $takes >&2
	echo ' [--build DIR]' >&2
	exit 2
}

while [ $# -gt 0 ]; do
	[ $# -ge 2 ] || usage
	case $1 in
	--build) AGREE_BUILD=$(cd "$2" && pwd) || exit 2 ;;
	--*)
		case " $takes " in
		*" ${1#--} "*) eval "${1#--}=\$2" ;;
		*) usage ;;
		esac
		;;
	*) usage ;;
	esac
	shift 2
done
. "$(dirname "$0")/../e2e/lib.sh"
. "$(dirname "$0")/../e2e/crowd.sh"
set -e
