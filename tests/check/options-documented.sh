#!/bin/sh
# SPDX-License-Identifier: MIT
# Every option stands in doc/config.md and conf/sesrelay.conf, with the default that the
# program has, and no other stands there. Prints TAP.
top=${top_srcdir:-.}
options=${top_builddir:-.}/tests/check/options
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
tab=$(printf '\t')

"$options" >"$dir/table"

# What each row of the table should be in the document: "name<TAB>Default line".
while IFS="$tab" read -r line; do
	name=${line%%"$tab"*}
	default=$(printf '%s\n' "$line" | cut -f3)
	case $default in
	required) default="none, it must be given" ;;
	'') default=empty ;;
	*) default="\`$default\`" ;;
	esac
	printf '%s\tDefault: %s\n' "$name" "$default"
done <"$dir/table" >"$dir/expected"

awk -v OFS="$tab" '/^### / { name = $2 } /^Default: / { print name, $0 }' \
	"$top/doc/config.md" >"$dir/documented"

# "section.key" of each option in the shipped file, commented out or not.
awk '/^[a-z]+ ("[^"]*" )?\{/ { section = $1 "." }
	/^#\t[a-z]+ "[^"]*" \{/ { section = $2 "." }
	/^}/ { section = "" }
	match($0, /^#?\t*#?[a-z_]+ = /) {
		key = substr($0, 1, RLENGTH - 3)
		gsub(/[#\t]/, "", key)
		print section key
	}' "$top/conf/sesrelay.conf" >"$dir/shipped"
cut -f1 "$dir/table" >"$dir/names"

# With every default taken literally, the shipped file must say what an empty one says.
sed 's/^\(	*\)#\([a-z_]* = \)/\1\2/' "$top/conf/sesrelay.conf" >"$dir/literal.conf"
: >"$dir/empty.conf"
effective() {
	env -i TENCENTCLOUD_SECRET_ID=AKIDEXAMPLE TENCENTCLOUD_SECRET_KEY=KEYEXAMPLE \
		${ASAN_OPTIONS:+ASAN_OPTIONS="$ASAN_OPTIONS"} "$options" "$1" 2>&1
}
for file in "$dir/empty.conf" "$dir/literal.conf" "$top/conf/sesrelay.conf" \
	"$top/conf/minimal.conf"; do
	effective "$file" >"$dir/$(basename "$file").out"
done

# same NUMBER NAME FILE FILE
same() {
	if [ -s "$3" ] && diff "$3" "$4" >"$dir/diff"; then
		echo "ok $1 - $2"
	else
		echo "not ok $1 - $2"
		sed 's/^/# /' "$dir/diff"
	fi
}

echo 1..5
same 1 every_option_is_in_doc_config_with_its_default "$dir/expected" "$dir/documented"
same 2 every_option_is_in_the_shipped_file "$dir/names" "$dir/shipped"
same 3 the_shipped_file_writes_the_defaults "$dir/empty.conf.out" "$dir/literal.conf.out"
same 4 the_shipped_file_keeps_the_defaults "$dir/empty.conf.out" "$dir/sesrelay.conf.out"
same 5 the_minimal_file_keeps_the_defaults "$dir/empty.conf.out" "$dir/minimal.conf.out"
