#!/bin/sh
# What libagree shows to the world: the functions of agree.h and no others, under the version of its
# map; two libraries that it needs; a header that C++ reads too.
set -eu
top_srcdir=${top_srcdir:-.}
top_builddir=${top_builddir:-.}
library=$top_builddir/resolver/.libs/libagree.so
work=$(mktemp -d "${TMPDIR:-/tmp}/agree-abi.XXXXXX")
trap 'rm -rf "$work"' EXIT
failed=0

if [ ! -e "$library" ]; then
	echo "1..0 # SKIP there is no shared library in this build"
	exit 77
fi

# check NAME FILE FILE
check() {
	if diff -u "$2" "$3" >"$work/diff"; then
		echo "ok - $1"
	else
		echo "not ok - $1"
		sed 's/^/# /' "$work/diff"
		failed=1
	fi
}

# Declarations run over several lines: a name before a parenthesis, behind AGREE_API.
tr '\n' ' ' <"$top_srcdir/resolver/agree.h" | tr ';' '\n' | grep -o 'AGREE_API [^(]*(' |
	sed 's/.*[ *]\(agree_[a-z0-9_]*\)(/\1/' | grep '^agree_' | sort >"$work/header"
sed -n 's/^[[:space:]]*\(agree_[a-z0-9_]*\);$/\1/p' "$top_srcdir/resolver/libagree.map" | sort >"$work/map"
nm -D --defined-only "$library" | sed -n 's/.* T \(.*\)@@AGREE_0$/\1/p' | sort >"$work/exported"
nm -D --defined-only "$library" | grep -v -e ' T .*@@AGREE_0$' -e ' A AGREE_0$' >"$work/others" || :
: >"$work/nothing"
check "the map has what the header declares" "$work/header" "$work/map"
check "the library exports what the map has" "$work/map" "$work/exported"
check "and nothing else" "$work/nothing" "$work/others"

# Sanitizers bring libraries of their own.
readelf -d "$library" | sed -n 's/.*(NEEDED).*\[\(lib[a-z]*\)\.so.*/\1/p' | grep -v -e asan -e ubsan | sort -u >"$work/needed"
printf '%s\n' libc libcares libcrypto >"$work/expected"
check "it needs c-ares and libcrypto, and no other" "$work/expected" "$work/needed"

printf '#include <agree.h>\nint main() { return agree_version() == 0; }\n' >"$work/main.cc"
mkdir "$work/include"
cp "$top_srcdir/resolver/agree.h" "$top_srcdir/libproto/agree_errors.h" "$work/include"
if command -v c++ >/dev/null; then
	c++ -Wall -Wextra -Wpedantic -Werror -I"$work/include" -c "$work/main.cc" -o "$work/main.o" \
		>"$work/said" 2>&1 || :
	check "the installed headers are C++ too" "$work/nothing" "$work/said"
fi
exit $failed
