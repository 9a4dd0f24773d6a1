#!/bin/sh
# SPDX-License-Identifier: MIT
# Each of the checks beside this one says no to a tree that breaks its rule, and yes to one
# that does not. Prints TAP.
checks=$(cd "${top_srcdir:-.}/tests/check" && pwd)
tree=$(mktemp -d)
trap 'rm -rf "$tree"' EXIT
n=0

# clean: a tree of one good pair of files.
clean() {
	rm -rf "$tree/src" "$tree/tests"
	mkdir -p "$tree/src/core" "$tree/src/mail" "$tree/src/ses" "$tree/src/smtp" \
		"$tree/src/sandbox" "$tree/tests" "$tree/doc"
	put core/a.h '#include <stddef.h>' 'size_t a_len(const char *s);'
	put core/a.c '#include "core/a.h"' '' '#include <string.h>' '' \
		'/* strcpy( in a comment, "strcat(" in a string: */' 'size_t a_len(const char *s)' \
		'{' '	return strlen(s) + strlen("gets(\"");' '}'
}

# put FILE LINE...: writes src/FILE under the two lines that every file begins with.
put() {
	file=$tree/src/$1
	mkdir -p "${file%/*}"
	shift
	printf '%s\n' '/* SPDX-License-Identifier: MIT */' '/* Something. */' "$@" >"$file"
}

# expect NAME CHECK ok|"not ok" [PART-OF-LINE]: what the check says of the tree.
expect() {
	n=$((n + 1))
	said=$(top_srcdir=$tree top_builddir=$tree sh "$checks/$2" 2>&1)
	case $3 in
	ok) ! echo "$said" | grep -q '^not ok' && echo "$said" | grep -q '^ok' ;;
	*) echo "$said" | grep -q "^not ok.*$4" ;;
	esac && echo "ok $n - $1" && return
	echo "not ok $n - $1"
	echo "$said" | sed 's/^/# /'
}

repeat() {
	awk -v line="$1" -v times="$2" 'BEGIN { while (times-- > 0) print line }'
}

echo 1..95
clean
for check in includes.sh headers-alone.sh banned.sh nouns.sh prefixes.sh \
	size-budgets.sh; do
	expect "$check takes a clean tree" "$check" ok
done

one_way=rooms_include_each_other_one_way
put core/b.c '#include "mail/message.h"'
expect core_must_not_know_mail includes.sh 'not ok' $one_way
clean
put ses/b.c '#include "smtp/session.h"'
expect ses_must_not_know_smtp includes.sh 'not ok' $one_way
clean
put sandbox/b.c '#include "core/a.h"'
expect the_sandbox_must_not_know_the_gateway includes.sh 'not ok' $one_way
clean
put core/b.c '#include "a.h"'
expect an_include_names_its_room includes.sh 'not ok' $one_way
clean
put core/x/b.c '#include "core/a.h"' '#include "mail/message.h"'
expect what_is_below_a_room_belongs_to_it includes.sh 'not ok' $one_way
clean
put main.c '#include "sandbox/api.h"'
expect the_gateway_must_not_know_the_sandbox includes.sh 'not ok' $one_way

fences=libraries_stay_behind_their_fences
clean
put smtp/b.c '# include <gmime/gmime.h>'
expect gmime_is_for_mail_only includes.sh 'not ok' $fences
clean
put core/loops.c '#include <event2/event.h>'
expect a_fence_names_whole_files includes.sh 'not ok' $fences
clean
put core/b.c '#include <zlib.h>'
expect an_unknown_library_has_no_fence_yet includes.sh 'not ok' $fences
clean
put mail/b.c '#include <gmime/gmime.h>'
put core/loop.c '#include "config.h"' '#include <event2/event.h>'
expect the_right_file_may includes.sh ok

clean
put core/a.c '#include <string.h>' '#include "core/a.h"'
expect its_own_header_comes_first includes.sh 'not ok' own_header_first
clean
put core/a.c '#include "config.h"' '#include "core/a.h"'
expect only_config_h_comes_before_it includes.sh ok

clean
put core/b.h 'size_t b_len(void);'
expect a_header_needs_nothing_before_it headers-alone.sh 'not ok' src/core/b.h

clean
put core/b.c 'void f(char *a)' '{' '	strcpy (a, "x");' '}'
expect strcpy_is_banned banned.sh 'not ok' no_banned_function
clean
put core/b.c '/* one' ' * two */ char *s = strdup("/*"); /*' '*/'
expect code_between_comments_is_read banned.sh 'not ok' no_banned_function
clean
put core/mem.c 'char *s = strdup("x");'
expect the_wrapper_may_use_what_it_wraps banned.sh ok
clean
put core/b.c '/* TO''DO: more */'
expect nothing_is_left_open banned.sh 'not ok' left_open

prefix=begins_with_the_name_of_its_file
clean
put core/b.c 'int c_get(void)' '{' '	return 1;' '}'
expect a_function_of_another_file_is_seen prefixes.sh 'not ok' $prefix
clean
put core/b.c 'const char *get(' '	int a, int b_get)' '{' '	return "";' '}'
expect a_function_without_prefix_is_seen prefixes.sh 'not ok' $prefix
clean
put core/b.c 'int bee(void)' '{' '	return 1;' '}'
expect a_part_of_a_word_is_no_prefix prefixes.sh 'not ok' $prefix
clean
put core/b.c 'static int get(void)' '{' '	return b_get();' '}'
expect a_static_function_needs_no_prefix prefixes.sh ok
clean
put core/b.h 'static inline int get(void)' '{' '	return 1;' '}'
expect an_inline_function_without_prefix_is_seen prefixes.sh 'not ok' $prefix
clean
put ses/b.c 'int ses_b_get(void)' '{' '	return 1;' '}'
expect the_room_may_stand_before_it prefixes.sh ok

# many N: as many nouns in one folder, two of them with a private header or a source.
many() {
	clean
	for i in $(seq "$1"); do put "core/x/n$i.h"; done
	put core/x/n1.c
	put core/x/n2_private.h
}

many 20
expect twenty_nouns_are_taken nouns.sh ok
many 21
expect a_folder_of_too_many_nouns_is_seen nouns.sh 'not ok' no_folder_has_more
put sandbox/a.c
mv "$tree/src/core/x" "$tree/src/sandbox/x"
expect the_sandbox_may_have_more_nouns nouns.sh ok

clean
repeat '/* */' 600 >>"$tree/src/core/a.c"
expect a_long_file_is_seen size-budgets.sh 'not ok' no_file_has_more
clean
{ echo 'void f(void)' && echo '{' && repeat '	;' 100 && echo '}'; } >>"$tree/src/core/a.c"
expect a_long_function_is_seen size-budgets.sh 'not ok' no_function_has_more
clean
echo 'int x;' >"$tree/src/core/b.c"
expect a_file_without_licence_is_seen size-budgets.sh 'not ok' its_licence

# decides NAME FILE LINE: a file that decides what a peer may do is seen.
decides() {
	clean
	put "$2" "$3"
	expect "$1" access.sh 'not ok' only_smtp_access_decides
}

decides a_listener_that_matches_networks_is_seen smtp/b.c 'return in(l->allow_nets, a);'
decides a_command_that_looks_at_auth_is_seen smtp/b.c 'if (l->auth == CONF_AUTH_OFF)'
decides a_command_that_looks_at_senders_is_seen mail/b.c 'return user->senders.n == 0;'
decides a_look_at_a_login_is_seen ses/b.c 'return peer->login->route;'
clean
put smtp/access.c 'return in(l->allow_nets, a);' 'return user->senders.n == 0;'
put smtp/b.c '/* allow_nets are matched by access */' 'return l->n_allow_nets;'
expect access_itself_may_decide access.sh ok

# replies ROW...: writes the SMTP side's table of replies.
replies() {
	printf '%s\n' '## The SMTP side' "$@" '## The API side' >"$tree/doc/replies.md"
}

clean
put smtp/b.c 'return reply_make(' '		250, "2.0.0", "ok");'
replies '| 250 2.0.0 | always |'
expect a_documented_reply_is_found replies-documented.sh ok
replies '| 250 | always |'
expect an_undocumented_reply_is_seen replies-documented.sh 'not ok' every_reply_is_documented
replies '| 250 2.0.0 | always |' '| 500 5.5.1 | never |'
expect a_reply_that_nobody_gives_is_seen replies-documented.sh 'not ok' reply_exists
put smtp/x/b.c 'return reply_make(451, "4.3.0", "no");'
replies '| 250 2.0.0 | always |'
expect an_undocumented_reply_below_the_room_is_seen replies-documented.sh \
	'not ok' every_reply_is_documented
put smtp/b.c 'return reply_make(code, "2.0.0", "ok");'
expect a_reply_whose_code_is_elsewhere_is_seen replies-documented.sh 'not ok' codes_in_place

clean
put smtp/command.c '	{"NOOP", GREETED,'
printf '%s\n' '## Verbs' '| NOOP, QUIT | always |' >"$tree/doc/smtp.md"
expect a_verb_that_is_not_there_is_seen verbs-documented.sh 'not ok' documented_verb_exists
printf '%s\n' '## Verbs' '| QUIT | always |' >"$tree/doc/smtp.md"
expect an_undocumented_verb_is_seen verbs-documented.sh 'not ok' every_verb_is_documented
printf '%s\n' '## Verbs' '| NOOP | always |' >"$tree/doc/smtp.md"
expect a_documented_verb_is_found verbs-documented.sh ok

# threats ROW...: writes the page of threats, beside two tests.
threats() {
	mkdir -p "$tree/tests/unit" "$tree/tests/integration"
	echo 'cmocka_unit_test(holds),' >"$tree/tests/unit/test_a.c"
	echo 'def test_holds(gateway):' >"$tree/tests/integration/test_b.py"
	printf '%s\n' '| threat | promise | tested by |' '|---|---|---|' "$@" \
		>"$tree/doc/threats.md"
}

threats '| a | b | `test_a: holds`, `test_b: test_holds` |'
expect a_test_that_is_named_is_found threats-documented.sh ok
threats '| a | b | `test_a: holds`, `test_b: holds` |'
expect a_named_test_that_is_not_there_is_seen threats-documented.sh 'not ok' named_exists
threats '| a | b | `test_a: holds` |' '| c | d | nobody |'
expect a_threat_without_a_test_is_seen threats-documented.sh 'not ok' threat_names

# translate SED-SCRIPT [SED-SCRIPT]: writes a document and its translation, changed by the first
# script; the second one changes the original.
translate() {
	mkdir -p "$tree/doc/zh-CN"
	sed "${2-}" >"$tree/doc/t.md" <<-'END'
		# Title

		[中文](zh-CN/t.md)

		## Words

		A rule of `name` and 10 seconds.

		* one
		* two

		## listener

		Takes `on` and `off`.

		Default: `on`

		| name | meaning |
		|---|---|
		| `a` | so many: 5 |
		| `b` | word |

		```conf
		# A comment.
		port = 25  # the port
		```
	END
	sed "$1" >"$tree/doc/zh-CN/t.md" <<-'END'
		# 标题

		[English](../t.md)

		## 文字

		规则 `name`，10 秒，见[文字](#文字)。

		* 一
		* 二

		## listener

		取值为 `on` 或 `off`。

		默认值：`on`

		| 名称 | 含义 |
		|---|---|
		| `a` | 数量：5 |
		| `b` | word |

		```conf
		# 注释。
		port = 25  # 端口
		```
	END
}

# in_step NAME SED-SCRIPT KIND: a translation that is changed so is seen, and an original.
in_step() {
	translate "$2"
	expect "${1}_of_a_translation_is_seen" translations.sh 'not ok' "$3"
	translate '' "$2"
	expect "${1}_of_an_original_is_seen" translations.sh 'not ok' "$3"
}

translate ''
expect a_translation_in_step_is_taken translations.sh ok
translate '' 's/A rule of/Take/; s/one/the first/; s/so many/number/; s/A comment/Reworded/'
expect other_words_need_no_other_translation translations.sh ok
in_step a_lost_heading '/^## [WF文]/d' same_headings
in_step a_heading_of_another_level 's/^## /### /' same_headings
in_step an_option_with_another_name 's/^## listener/## account/' same_headings
in_step a_lost_row '/^| `b`/d' same_rows
in_step another_cell 's/word/words/' same_rows
in_step another_number_in_a_cell '/^| `a`/s/5/6/' same_rows
in_step a_lost_line_of_code '/^port/d' same_code
in_step another_line_of_code 's/= 25/= 26/' same_code
in_step another_block 's/```conf/```text/' same_code
in_step a_lost_list_item '/^\* [t二]/d' same_items
in_step another_default '/^D/s/on/off/; /^默/s/on/off/' same_defaults
in_step a_lost_default '/^D/d; /^默/d' same_defaults
in_step another_number 's/10/11/' same_words
in_step another_name 's/`name`/`nama`/' same_words
in_step a_lost_link '/^\[[E中]/d' name_each_other
translate 's/(#文字)/(#字)/'
expect a_link_of_a_translation_to_nowhere_is_seen translations.sh 'not ok' leads_somewhere
translate 's/(#文字)/(u.md)/'
expect a_link_of_a_translation_to_no_file_is_seen translations.sh 'not ok' leads_somewhere
translate ''
rm "$tree/doc/zh-CN/t.md"
expect a_lost_translation_is_seen translations.sh 'not ok' name_each_other

# map ROW STEP...: writes the map of a tree of one room.
map() {
	clean
	rm -rf "$tree/doc" "$tree/src/mail" "$tree/src/ses" "$tree/src/smtp" "$tree/src/sandbox"
	mkdir "$tree/doc"
	printf '%s\n' '| folder | is |' "$1" '' '## The way of one message' '' >"$tree/doc/architecture.md"
	shift
	printf '%s\n' "$@" '' '## More' '1. no step' >>"$tree/doc/architecture.md"
}

core_row='| `src/core/` | the room |'
map "$core_row" '1. `core/a.c:a_len` measures, see `core/a`.'
expect a_true_map_is_taken architecture.sh ok
map '| `src/gone/` | a room |' '1. `core/a.c:a_len` measures.'
expect a_room_that_is_not_there_is_seen architecture.sh 'not ok' its_room
map "$core_row" '1. Measures.'
expect a_step_without_a_function_is_seen architecture.sh 'not ok' names_a_function
map "$core_row" '1. `core/a.c:a_size` measures.'
expect a_function_that_is_not_there_is_seen architecture.sh 'not ok' way_exists
map "$core_row" '1. `core/a.c:strlen` measures.'
expect a_function_that_is_only_called_is_no_definition architecture.sh 'not ok' way_exists
map "$core_row" '1. `core/a.c:a_len` measures, see `core/b`.'
expect a_file_that_is_not_there_is_seen architecture.sh 'not ok' document_names_exists
map "$core_row" '1. `core/x/b.c:b_len` measures, see `core/x/c`.'
put core/x/b.c 'size_t b_len(const char *s)' '{' '	return 1;' '}'
expect a_file_below_a_room_that_is_not_there_is_seen architecture.sh 'not ok' document_names_exists
put core/x/c.h
expect a_file_below_a_room_is_found architecture.sh ok
map "$core_row" $(repeat '1.`core/a.c:a_len`' 13 | sed 's/1\.`/1. `/' | tr ' ' '_')
sed -i 's/^1\._/1. /' "$tree/doc/architecture.md"
expect a_way_that_is_too_long_is_seen architecture.sh 'not ok' at_most_12
