#!/bin/sh
# SPDX-License-Identifier: MIT
# A function that other files may call begins with the name of its file (HACKING.md, "House
# style"), so that the name finds the file. Prints TAP.
top=${top_srcdir:-.}
. "$(dirname "$0")/report.sh"

# Files whose functions may also begin otherwise: a program's main, spans and characters beside
# strings, a store of the ledger, and verbs that share the file of their group.
also='
main                   main
worker_main            main
core/str               span_ ascii_
ledger/ledger_*        ledger_
smtp/verbs/cmd_helo    cmd_ehlo
smtp/verbs/cmd_misc    cmd_
smtp/verbs/cmd_xclient cmd_xforward
'

found=$(mktemp)
trap 'rm -f "$found"' EXIT

(cd "$top/src" && find . -name '*.[ch]' ! -path './sandbox/*' | sed 's/^\.\///' | LC_ALL=C sort | xargs awk \
	-v also="$also" '
function glob(pattern, text) {
	gsub(/\*/, ".*", pattern)
	return text ~ ("^" pattern "$")
}
function begins(name, prefix) {
	return index(name, prefix) == 1
}
function starts(name, prefix) {
	return name == prefix || begins(name, prefix "_")
}
# room/file, then what the file may be called without its group.
function fits(name, path, room, file, i, j, n, words) {
	room = file = path
	sub(/\/.*/, "", room)
	sub(/.*\//, "", file)
	if (starts(name, file) || starts(name, room "_" file))
		return 1
	sub(/^backend_/, "", file)
	if (starts(name, file))
		return 1
	for (i = 1; i <= n_rows; i++) {
		n = split(row[i], words, / +/)
		for (j = 2; glob(words[1], path) && j <= n; j++)
			if (begins(name, words[j]))
				return 1
	}
	return 0
}
function definition(text, name) {
	if (path ~ /\.h$/)
		sub(/^static inline /, "", text)
	if (text ~ /^(static|typedef|extern|_Static_assert)/ || !match(text, /[A-Za-z_0-9]+\(/))
		return
	name = substr(text, RSTART, RLENGTH - 1)
	seen++
	if (!fits(name, noun))
		print "1 src/" path ": " name "()"
}
BEGIN { n_rows = split(also, row, "\n") }
FNR == 1 {
	path = noun = FILENAME
	sub(/(_private)?\.[ch]$/, "", noun)
	text = ""
}
/^[A-Za-z_]/ { text = "" }
/^[A-Za-z_\t ]/ { if (length(text) < 1000) text = text " " $0; sub(/^ /, "", text) }
/^\{/ { definition(text); text = "" }
/[;=}]$/ || /^#/ || /^$/ { text = "" }
END { print "seen", seen + 0 }
') >"$found"

echo 1..1
check 1 each_function_begins_with_the_name_of_its_file
