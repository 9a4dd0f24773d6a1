#!/bin/sh
# SPDX-License-Identifier: MIT
# What the house does not use. Prints TAP.
top=${top_srcdir:-.}
. "$(dirname "$0")/report.sh"

# Functions, and why not.
functions='
strcpy strcat sprintf vsprintf stpcpy gets  no bound
strncpy strncat                             no NUL, or a bound that is none: str_copy
atoi atol atoll atof                        no error: strtoul and a look at its end
strtok                                      a static place
alloca                                      no bound on the stack
asctime ctime gmtime localtime inet_ntoa strerror_l  a static result: the _r forms
rand random srand                           guessable: digest_random
system popen                                a shell
strdup strndup asprintf                     may be NULL: mem_strdup and others
'
# The files that wrap the last row.
wrappers='/mem\.c$'
# Words that say that something is left open.
words='TODO FIXME XXX HACK'

found=$(mktemp)
trap 'rm -f "$found"' EXIT

# One line a find, its number of the check first; the last: how many lines were read.
(cd "$top" && find src -name '*.[ch]' | LC_ALL=C sort | xargs awk \
	-v functions="$functions" -v wrappers="$wrappers" -v open_words="$words" '
# The line without strings, characters and comments.
function code(s) {
	if (in_comment) {
		if (!sub(/^.*\*\//, "", s))
			return ""
		in_comment = 0
	}
	gsub(/"([^"\\]|\\.)*"/, "\"\"", s)
	gsub(/\047([^\047\\]|\\.[^\047]*)\047/, "0", s)
	gsub(/\/\*([^*]|\*+[^*\/])*\*+\//, " ", s)
	sub(/\/\/.*/, "", s)
	if (sub(/\/\*.*/, "", s))
		in_comment = 1
	return s
}
BEGIN {
	n = split(functions, lines, "\n")
	for (i = 1; i <= n; i++) {
		why = names = lines[i]
		sub(/^.*  +/, "", why)
		sub(/  +.*$/, "", names)
		m = split(names, word, " ")
		for (j = 1; j <= m; j++)
			reason[word[j]] = why
	}
	n_open = split(open_words, open_word, " ")
}
FNR == 1 { in_comment = 0 }
{
	rest = code($0)
	while (match(rest, /[A-Za-z_][A-Za-z_0-9]*[ \t]*\(/)) {
		name = substr(rest, RSTART, RLENGTH - 1)
		sub(/[ \t]+$/, "", name)
		rest = substr(rest, RSTART + RLENGTH)
		if (name in reason && !(reason[name] ~ /NULL/ && FILENAME ~ wrappers))
			print 1, FILENAME ":" FNR ": " name ": " reason[name]
	}
	for (i = 1; i <= n_open; i++)
		if ((" " $0 " ") ~ ("[^A-Za-z_]" open_word[i] "[^A-Za-z_]"))
			print 2, FILENAME ":" FNR ": " open_word[i]
}
END { print "seen", NR }
') >"$found"

echo 1..2
check 1 no_banned_function_is_called
check 2 nothing_is_left_open
