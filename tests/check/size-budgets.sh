#!/bin/sh
# SPDX-License-Identifier: MIT
# Files and functions stay small enough to read, and each file says what it is. Prints TAP.
top=${top_srcdir:-.}
. "$(dirname "$0")/report.sh"

most_lines_of_a_file=600
most_lines_of_a_function=100

found=$(mktemp)
trap 'rm -f "$found"' EXIT

# One line a find, its number of the check first; the last: how many lines were read.
(cd "$top" && find src tests -name '*.[ch]' | LC_ALL=C sort | xargs awk \
	-v most_file="$most_lines_of_a_file" -v most_function="$most_lines_of_a_function" '
function end_of_file() {
	if (last ~ /^src\// && lines > most_file)
		print 1, last ": " lines " lines"
}
FNR == 1 {
	end_of_file()
	start = 0
	if ($0 != "/* SPDX-License-Identifier: MIT */")
		print 3, FILENAME ": the first line is no SPDX line"
}
FNR == 2 && !/^\/\*/ { print 4, FILENAME ": the second line begins no sentence" }
{
	last = FILENAME
	lines = FNR
}
/^\{/ { start = FNR }
/^\}/ {
	if (start && FILENAME ~ /^src\// && FNR - start > most_function)
		print 2, FILENAME ":" start ": " FNR - start " lines"
	start = 0
}
END {
	end_of_file()
	print "seen", NR
}
') >"$found"

echo 1..4
check 1 "no_file_has_more_than_${most_lines_of_a_file}_lines"
check 2 "no_function_has_more_than_${most_lines_of_a_function}_lines"
check 3 every_file_begins_with_its_licence
check 4 every_file_says_what_it_is_for
