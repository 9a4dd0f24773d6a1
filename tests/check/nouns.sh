#!/bin/sh
# SPDX-License-Identifier: MIT
# No folder of the gateway has more nouns than a reader takes in at a glance. A noun is the name
# of a file without its ending; a private header belongs to its noun. Prints TAP.
top=${top_srcdir:-.}
. "$(dirname "$0")/report.sh"

most_nouns=20

found=$(mktemp)
trap 'rm -f "$found"' EXIT

# One line a folder that has too many; the last: how many nouns there are.
(cd "$top" && find src -name '*.[ch]' ! -path 'src/sandbox/*' |
	sed -E 's/(_private)?\.[ch]$//' | LC_ALL=C sort -u | awk -v most="$most_nouns" '
{
	seen++
	sub(/\/[^\/]*$/, "")
	nouns[$0]++
}
END {
	for (folder in nouns)
		if (nouns[folder] > most)
			print 1, folder ": " nouns[folder] " nouns"
	print "seen", seen + 0
}') >"$found"

echo 1..1
check 1 "no_folder_has_more_than_${most_nouns}_nouns"
