#!/bin/sh
# SPDX-License-Identifier: MIT
# The map in doc/architecture.md is true: its rooms are the folders of src, with what is below
# them, and the way of a message names files and functions that are there. Prints TAP.
top=${top_srcdir:-.}
page=$top/doc/architecture.md
way=$(mktemp) wrong=$(mktemp)
trap 'rm -f "$way" "$wrong"' EXIT

rooms=$(sed -nE 's/^\| `src\/([a-z]+)\/` .*/\1/p' "$page" | LC_ALL=C sort)
folders=$(cd "$top/src" && ls -d */ | tr -d / | LC_ALL=C sort)

sed -n '/^## The way of one message/,/^## /p' "$page" | grep -E '^[0-9]+\. ' >"$way"
steps=$(wc -l <"$way")

# `room/file.c:function`: a definition begins at the start of a line and has no semicolon.
grep -oE '`[a-z]+/[a-z_0-9/]+\.c:[a-z_0-9]+`' "$way" | tr -d '`' | while IFS=: read -r file function; do
	[ -f "$top/src/$file" ] || { echo "src/$file is not there"; continue; }
	awk -v f="$function" '
	index($0, "#") != 1 && match($0, "(^|[ *])" f "\\(") && /^[a-z]/ { open = 1 }
	open && /;/ { open = 0 }
	open && /^\{/ { found = 1 }
	END { exit !found }' "$top/src/$file" || echo "src/$file has no function $function"
done >"$wrong"
bare=$(grep -vE '`[a-z]+/[a-z_0-9/]+\.c:[a-z_0-9]+`' "$way")

# `room/file`, with or without an ending, wherever a document names one.
for document in "$top"/doc/*.md "$top/HACKING.md"; do
	[ -f "$document" ] || continue
	for room in $folders; do
		grep -oE "\`(src/)?$room/[a-z_0-9/]+(\.[ch])?\`" "$document"
	done | tr -d '`' | sed 's/^src\///' | while read -r name; do
		[ -e "$top/src/$name" ] || [ -e "$top/src/$name.c" ] || [ -e "$top/src/$name.h" ] ||
			echo "${document##*/}: $name is not there"
	done
done >"$way.names"
names=$(LC_ALL=C sort -u "$way.names")
rm -f "$way.names"

# say NUMBER NAME WHAT-IS-WRONG
say() {
	if [ -z "$3" ]; then
		echo "ok $1 - $2"
	else
		echo "not ok $1 - $2"
		echo "$3" | sed 's/^/# /'
	fi
}

[ "$rooms" = "$folders" ] && differ= || differ="the table has: $(echo $rooms); src has: $(echo $folders)"
[ "$steps" -ge 1 ] && [ "$steps" -le 12 ] && count= || count="$steps steps: 1 to 12 are wanted"

echo 1..5
say 1 every_room_has_its_row_and_every_row_its_room "$differ"
say 2 the_way_has_at_most_12_steps "$count"
say 3 every_step_names_a_function "$bare"
say 4 every_function_on_the_way_exists "$(cat "$wrong")"
say 5 every_file_that_a_document_names_exists "$names"
