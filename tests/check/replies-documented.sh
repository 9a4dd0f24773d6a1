#!/bin/sh
# SPDX-License-Identifier: MIT
# Every reply that src/smtp and src/net can give has its row in doc/replies.md, "The SMTP side", and no
# other has one. Prints TAP.
top=${top_srcdir:-.}
calls=$(mktemp) given=$(mktemp) written=$(mktemp)
trap 'rm -f "$calls" "$given" "$written"' EXIT

# One line a call, its beginning; reply.c is where the two functions are, not called.
for file in $(find "$top/src/smtp" "$top/src/net" -name '*.c'); do
	[ "${file##*/}" = reply.c ] || cat "$file"
done | tr '\n\t' '  ' | grep -oE 'reply_(make|close)\([^;]{0,40}' >"$calls"
sed -nE 's/^reply_[a-z]*\( *([0-9]{3}), *"([0-9.]*)".*/\1 \2/p' "$calls" |
	sed 's/ $//' | LC_ALL=C sort -u >"$given"
sed -n '/^## The SMTP side/,/^## The API side/p' "$top/doc/replies.md" |
	sed -nE 's/^\| ([0-9]{3}( [0-9.]+)?) *\|.*/\1/p' | LC_ALL=C sort >"$written"

# compare NUMBER NAME COMM-OPTION
compare() {
	left=$(LC_ALL=C comm "$3" "$given" "$written")
	if [ -s "$given" ] && [ -z "$left" ]; then
		echo "ok $1 - $2"
	else
		echo "not ok $1 - $2"
		echo "$left" | sed 's/^/# /'
	fi
}

echo 1..3
odd=$(grep -vE '^reply_[a-z]*\( *[0-9]{3}, *"[0-9.]*"' "$calls")
if [ -s "$calls" ] && [ -z "$odd" ]; then
	echo "ok 1 - every_reply_names_its_codes_in_place"
else
	echo "not ok 1 - every_reply_names_its_codes_in_place"
	echo "$odd" | sed 's/^/# /'
fi
compare 2 every_reply_is_documented -23
compare 3 every_documented_reply_exists -13
