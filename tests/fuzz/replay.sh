#!/bin/sh
# SPDX-License-Identifier: MIT
# Every corpus goes through its fuzz target: NAME.corpus through replay_NAME. Prints TAP.
top=${top_srcdir:-.}/tests/fuzz
log=$(mktemp)
trap 'rm -f "$log"' EXIT
n=0

for corpus in "$top"/*.corpus; do
	name=$(basename "$corpus" .corpus)
	n=$((n + 1))
	if said=$("${top_builddir:-.}/tests/fuzz/replay_$name" "$corpus" 2>"$log"); then
		echo "ok $n - ${name}_survives_its_corpus ($said)"
	else
		echo "not ok $n - ${name}_survives_its_corpus"
		tail -n 40 "$log" | sed 's/^/# /'
	fi
done
echo "1..$n"
