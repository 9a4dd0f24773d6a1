#!/bin/sh
# SPDX-License-Identifier: MIT
# Every verb of the table in smtp/command.c has its row in doc/smtp.md, "Verbs", and no other has.
# Prints TAP.
top=${top_srcdir:-.}
. "$(dirname "$0")/report.sh"
table=$(mktemp) rows=$(mktemp) found=$(mktemp)
trap 'rm -f "$table" "$rows" "$found"' EXIT

sed -nE 's/^\t\{"([A-Z]+)",.*/\1/p' "$top/src/smtp/command.c" | LC_ALL=C sort >"$table"
sed -n '/^## Verbs/,/^## [^V]/p' "$top/doc/smtp.md" | sed -nE 's/^\| ([A-Z, ]+) \|.*/\1/p' |
	tr -s ', ' '\n' | LC_ALL=C sort >"$rows"
{
	LC_ALL=C comm -23 "$table" "$rows" | sed 's/^/1 /'
	LC_ALL=C comm -13 "$table" "$rows" | sed 's/^/2 /'
	echo "seen $(wc -l <"$table")"
} >"$found"

echo 1..2
check 1 every_verb_is_documented
check 2 every_documented_verb_exists
