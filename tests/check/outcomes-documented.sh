#!/bin/sh
# SPDX-License-Identifier: MIT
# Every row of ses/outcome_table.c stands in doc/codes.md, and no other. Prints TAP.
doc=${top_srcdir:-.}/doc/codes.md
rows=$(mktemp) written=$(mktemp)
trap 'rm -f "$rows" "$written"' EXIT

"${top_builddir:-.}/tests/check/outcomes" | LC_ALL=C sort >"$rows"
grep '^| `' "$doc" | LC_ALL=C sort >"$written"

# compare NUMBER NAME COMM-OPTION
compare() {
	left=$(LC_ALL=C comm "$3" "$rows" "$written")
	if [ -s "$rows" ] && [ -z "$left" ]; then
		echo "ok $1 - $2"
	else
		echo "not ok $1 - $2"
		echo "$left" | sed 's/^/# /'
	fi
}

echo 1..2
compare 1 every_outcome_row_is_documented -23
compare 2 every_documented_outcome_is_a_row -13
