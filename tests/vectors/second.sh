#!/bin/sh
# A second implementation reads the vectors: second.py. Skipped where there is no Python.
command -v python3 >/dev/null || {
	echo "second.sh: skipped, no python3: install the Debian package python3"
	exit 77
}
exec python3 "${top_srcdir:-.}/tests/vectors/second.py"
