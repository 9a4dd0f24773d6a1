#!/bin/sh
# SPDX-License-Identifier: MIT
# Each command and option that --help shows has an entry in the program's man page, and no
# entry is for an option that --help does not show. Prints TAP.
top=${top_srcdir:-.}
bin=${top_builddir:-.}
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT

# Options of the usage, "-c" or "--full", one a line.
shown() {
	grep -oE '(^|[[ ])--?[a-z][a-z-]*' "$1" | tr -d '[ ' | sort -u
}

# An entry a line, the forms of its option parted by spaces: "-c --config".
entries() {
	sed -n 's/^\.It \(Fl .*\)/\1/p' "$1" | sed 's/Fl Fl /--/g; s/Fl /-/g' |
		awk '{ line = ""
			for (i = 1; i <= NF; i++)
				if ($i ~ /^-/)
					line = line " " $i
			print substr(line, 2) }'
}

# report NUMBER NAME: $dir/bad has what is wrong.
report() {
	if [ -s "$dir/bad" ]; then
		echo "not ok $1 - $2"
		sed 's/^/# /' "$dir/bad"
	else
		echo "ok $1 - $2"
	fi
}

echo 1..5
n=0
for page in sesrelay.8 sesrelay-sandbox.1; do
	program=${page%.*}
	"$bin/$program" --help >"$dir/help"
	shown "$dir/help" >"$dir/shown"
	entries "$top/doc/man/$page" >"$dir/entries"

	tr ' ' '\n' <"$dir/entries" | sort -u | comm -23 "$dir/shown" - >"$dir/bad"
	[ -s "$dir/shown" ] || echo "--help shows no option" >"$dir/bad"
	n=$((n + 1))
	report $n "each_option_of_${program}_has_an_entry"

	while read -r forms; do
		# shellcheck disable=SC2086
		printf '%s\n' $forms | grep -qxFf "$dir/shown" || echo "$forms"
	done <"$dir/entries" >"$dir/bad"
	[ -s "$dir/entries" ] || echo "the page has no entry" >"$dir/bad"
	n=$((n + 1))
	report $n "each_entry_of_${program}_is_an_option"
done

"$bin/sesrelay" --help | sed -n 's/^sesrelay \([a-z][a-z-]*\).*/\1/p' >"$dir/commands"
while read -r command; do
	grep -q "^\.It Cm $command\$" "$top/doc/man/sesrelay.8" || echo "$command"
done <"$dir/commands" >"$dir/bad"
[ -s "$dir/commands" ] || echo "--help shows no command" >"$dir/bad"
report 5 each_command_of_sesrelay_has_an_entry
