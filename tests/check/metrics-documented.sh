#!/bin/sh
# SPDX-License-Identifier: MIT
# Every metric of METRIC_LIST has its row in doc/metrics.md with its type, and no other has
# one. Prints TAP.
top=${top_srcdir:-.}
listed=$(mktemp) written=$(mktemp)
trap 'rm -f "$listed" "$written"' EXIT

sed -n '/#define METRIC_LIST/,/^$/s/^\tX(\([A-Z_]*\), \([A-Z_]*\), "\([a-z_]*\)".*/\3 \2/p' \
	"$top/src/core/metrics.h" |
	sed "s/ GAUGE_SAME/ GAUGE/; s/ GAUGE_SIGNED/ GAUGE/; s/ MAIN_/ /" | tr A-Z a-z |
	LC_ALL=C sort >"$listed"
sed -n 's/^| `sesrelay_\([a-z_]*\)` *| \([a-z]*\) *|.*/\1 \2/p' "$top/doc/metrics.md" |
	LC_ALL=C sort >"$written"

# compare NUMBER NAME COMM-OPTION
compare() {
	left=$(LC_ALL=C comm "$3" "$listed" "$written")
	if [ -s "$listed" ] && [ -z "$left" ]; then
		echo "ok $1 - $2"
	else
		echo "not ok $1 - $2"
		echo "$left" | sed 's/^/# /'
	fi
}

echo 1..3
rows=$(sed -n '/#define METRIC_LIST/,/^$/p' "$top/src/core/metrics.h" | grep -c '^	X(')
if [ "$rows" -gt 0 ] && [ "$rows" -eq "$(wc -l <"$listed")" ]; then
	echo "ok 1 - every_row_of_the_list_was_understood"
else
	echo "not ok 1 - every_row_of_the_list_was_understood ($rows rows)"
fi
compare 2 every_metric_is_documented -23
compare 3 every_documented_metric_exists -13
