#!/bin/sh
# SPDX-License-Identifier: MIT
# Each header compiles alone: whoever includes it needs nothing before it. Prints TAP.
top=${top_srcdir:-.}
out=$(mktemp)
trap 'rm -f "$out"' EXIT
n=0

headers=$(cd "$top" && find src -name '*.h' | LC_ALL=C sort)
echo "1..$(echo "$headers" | wc -l)"
for header in $headers; do
	n=$((n + 1))
	# Compiled as a program, a header calls none of its static inline functions: clang warns.
	# shellcheck disable=SC2086 # both are lists of words
	if ${CC:-cc} -std=gnu11 -D_GNU_SOURCE -Wall -Wno-unused-function -Werror -I"$top/src" \
		-I"${top_builddir:-.}" $LIBRARY_CFLAGS -fsyntax-only -x c "$top/$header" \
		>"$out" 2>&1; then
		echo "ok $n - $header"
	else
		echo "not ok $n - $header"
		sed 's/^/# /' "$out"
	fi
done
