#!/bin/sh
# SPDX-License-Identifier: MIT
# Every test that doc/threats.md names is there, and every threat names one. Prints TAP.
top=${top_srcdir:-.}
page=$top/doc/threats.md
named=$(mktemp) missing=$(mktemp)
trap 'rm -f "$named" "$missing"' EXIT

grep -oE '`test_[^`]+: [^`]+`' "$page" | tr -d '`:' | LC_ALL=C sort -u >"$named"
while read -r file test; do
	grep -qsE "(cmocka_unit_test(_setup_teardown)?|TEST)\($test[,)]" "$top/tests/unit/$file.c" ||
		grep -qsE "^def $test\(" "$top/tests/integration/$file.py" ||
		echo "$file: $test"
done <"$named" >"$missing"
bare=$(grep '^| ' "$page" | grep -v '^| threat |' | grep -vE '`test_[a-z0-9_]+: ')

# say NUMBER NAME WHAT-IS-WRONG
say() {
	if [ -s "$named" ] && [ -z "$3" ]; then
		echo "ok $1 - $2"
	else
		echo "not ok $1 - $2"
		echo "$3" | sed 's/^/# /'
	fi
}

echo 1..2
say 1 every_test_that_is_named_exists "$(cat "$missing")"
say 2 every_threat_names_a_test "$bare"
