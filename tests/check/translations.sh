#!/bin/sh
# SPDX-License-Identifier: MIT
# Each Chinese document says what its English original says, as far as a program can see: the
# same headings, options, defaults, blocks of code, table rows, list items, names in backquotes
# and numbers, section by section. Wording is not compared. Prints TAP.
checks=$(cd "$(dirname "$0")" && pwd)
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "${top_srcdir:-.}" || exit 1

# pairs: a line for each translation, "ORIGINAL TRANSLATION".
pairs() {
	for file in doc/zh-CN/*.md; do
		[ ! -f "$file" ] || echo "doc/${file##*/} $file"
	done
	[ ! -f README.zh-CN.md ] || echo README.md README.zh-CN.md
}

# links FILE: what each link of a document leads to, anchors and addresses of the web apart.
links() {
	grep -oE '\]\([^)#]+' "$1" | sed 's/^](//' | grep -v '^[a-z]*:'
}

# anchors FILE: what stands after "#" in a link to each heading.
anchors() {
	awk '/^```/ { fence = !fence }
		!fence && /^#+ / { sub(/^#+ /, ""); gsub(/[`".,:;()]/, ""); gsub(/ /, "-")
			print tolower($0) }' "$1"
}

# A translation links to its original and is linked from there, both at the head.
pairs >"$dir/pairs"
while read -r original translation; do
	[ -f "$original" ] || { echo "$translation has no original" && continue; }
	sed 6q "$original" | grep -q "^\[中文\](.*${translation#doc/})$" ||
		echo "$original does not link to $translation"
	sed 6q "$translation" | grep -q "^\[English\](.*${original#doc/})$" ||
		echo "$translation does not link to $original"
done <"$dir/pairs" >"$dir/linked"
for original in README.md doc/*.md; do
	[ -f "$original" ] || continue
	name=$(sed -n '1,6s/^\[中文\](\(.*\))$/\1/p' "$original")
	[ -z "$name" ] || [ -f "$(dirname "$original")/$name" ] || echo "$original: no $name"
done >>"$dir/linked"

while read -r _ translation; do
	links "$translation" | while read -r target; do
		[ -e "$(dirname "$translation")/$target" ] || echo "$translation: no $target"
	done
	grep -oE '\]\(#[^)]+' "$translation" | sed 's/^](#//' | while read -r target; do
		anchors "$translation" | grep -qxF -- "$target" || echo "$translation: no #$target"
	done
done <"$dir/pairs" >"$dir/dead"

# Bytes, so that every awk sees the same characters.
while read -r original translation; do
	[ -f "$original" ] || continue
	LC_ALL=C awk -f "$checks/translations.awk" "$original" "$translation" ||
		echo "words: $translation: awk failed"
done <"$dir/pairs" >"$dir/differences"

# report NUMBER NAME FILE: a test that fails if the file has lines.
report() {
	if [ -s "$dir/pairs" ] && [ ! -s "$3" ]; then
		echo "ok $1 - $2"
	else
		echo "not ok $1 - $2"
		sed 's/^/# /' "$3"
	fi
}

echo 1..8
report 1 each_translation_and_its_original_name_each_other "$dir/linked"
report 2 every_link_of_a_translation_leads_somewhere "$dir/dead"
n=2
for kind in headings code rows items defaults words; do
	n=$((n + 1))
	sed -n "s/^$kind: //p" "$dir/differences" >"$dir/$kind"
	report $n "translations_have_the_same_$kind" "$dir/$kind"
done
