# SPDX-License-Identifier: MIT
# Compares a document with its translation, for translations.sh: awk -f translations.awk
# ORIGINAL TRANSLATION prints a line "KIND: FILE: SECTION: WHAT" for each difference.
#
# What is not translated must be the same: a heading that begins with a lower-case letter, a
# line of code, a cell of a table without Chinese. In what is translated the names in backquotes
# and the numbers must be the same, in each section and in each cell; how often and in which
# order is a matter of wording. Comments in code may be translated: from its first Chinese
# character on a line of the translation goes its own way. Run it with LC_ALL=C.

function is_translated(text) {
	return text ~ /[\200-\377]/
}

# take(D, LINE): a line of document D goes to where it belongs.
function take(d, line) {
	if (line ~ /^```/) {
		if (fence) {
			take_fence(d)
			fence = 0
		} else {
			fence = 1
			is_picture = 0
			held = 0
			hold(line)
		}
	} else if (fence) {
		is_picture = is_picture || line ~ /│/
		hold(line)
	} else if (line ~ /^#+ /) {
		count[d]++
		heading[d, count[d]] = line
	} else if (line ~ /^[ \t]*$/) {
		is_blank = 1
		return
	} else if (line ~ /^(\t|    )/ && (is_blank || is_indented)) {
		take_code(d, line)
		is_indented = 1
		return
	} else if (line ~ /^\|/) {
		take_row(d, line)
	} else if (line ~ /^(Default: |默认值：)/) {
		defaults[d, count[d]] = line
	} else {
		take_prose(d, line)
	}
	is_blank = is_indented = 0
}

function hold(line) {
	fenced[++held] = line
}

# A picture has words of its own in the translation.
function take_fence(d,    i) {
	for (i = 1; i <= held && !is_picture; i++)
		take_code(d, fenced[i])
}

# Comments that take a whole line, and empty lines, are free.
function take_code(d, line) {
	if (line !~ /^[ \t]*(#|\/\/|\/\*|$)/)
		code[d, count[d], ++codes[d, count[d]]] = line
}

function take_row(d, line) {
	if (line !~ /^[|: -]+$/)
		row[d, count[d], ++rows[d, count[d]]] = line
}

function take_prose(d, line) {
	if (sub(/^ *([*-]|[0-9]+\.) /, "", line))
		items[d, count[d]]++
	prose[d, count[d]] = prose[d, count[d]] " " line
}

# words(TEXT, SET): the names in backquotes and the numbers of a text, as keys of SET.
function words(text, set,    part, n, i) {
	split("", set)
	gsub(/\]\([^)]*\)/, "]", text)
	gsub(/  +/, " ", text)
	n = split(text, part, "`")
	for (i = 1; i <= n; i++)
		if (i % 2 == 0)
			set["`" part[i] "`"] = 1
		else
			numbers(part[i], set)
}

# A unit that is written against its number is part of it: "30s", "10M", "4yz".
function numbers(text, set) {
	while (match(text, /[0-9]+([.,][0-9]+)*[A-Za-z]*/)) {
		set[substr(text, RSTART, RLENGTH)] = 1
		text = substr(text, RSTART + RLENGTH)
	}
}

function differ(kind, what) {
	differences++
	printf "%s: %s: %s: %s\n", kind, ARGV[2], section, what
}

# same_words(KIND, ORIGINAL, TRANSLATION)
function same_words(kind, original, translation,    ours, theirs, word) {
	words(original, ours)
	words(translation, theirs)
	for (word in ours)
		if (!(word in theirs))
			differ(kind, "lacks " word)
	for (word in theirs)
		if (!(word in ours))
			differ(kind, word " is not in the original")
}

# A heading of the translation may be in Chinese; a name stays as it is.
function same_heading(a, b,    mark, name) {
	mark = a
	sub(/ .*/, "", mark)
	name = substr(a, length(mark) + 2)
	if (a != b && (name ~ /^[a-z]/ || !is_translated(b) || index(b, mark " ") != 1))
		differ("headings", "its original is \"" a "\"")
}

function same_code(a, b,    at) {
	if (a == b)
		return
	at = match(b, /[\200-\377]/)
	if (is_translated(a) || at == 0 || substr(b, 1, at - 1) ~ /^[ \t]*$/ ||
	    substr(a, 1, at - 1) != substr(b, 1, at - 1))
		differ("code", "has \"" b "\", its original \"" a "\"")
	else
		same_words("code", substr(a, at), substr(b, at))
}

function same_row(a, b,    x, y, n, i) {
	n = split(a, x, / *\| */)
	if (split(b, y, / *\| */) != n) {
		differ("rows", "has \"" b "\", its original \"" a "\"")
		return
	}
	for (i = 1; i <= n; i++)
		if (is_translated(y[i]))
			same_words("rows", x[i], y[i])
		else if (x[i] != y[i])
			differ("rows", "has \"" y[i] "\", its original \"" x[i] "\"")
}

# An option has one or has none; what is not in backquotes is a word for "nothing".
function same_default(a, b) {
	if ((a == "") != (b == ""))
		differ("defaults", "has \"" b "\", its original \"" a "\"")
	else
		same_words("defaults", a, b)
}

# same_number(KIND, A, B, WHAT)
function same_number(kind, a, b, what) {
	if (a != b)
		differ(kind, b " " what ", its original has " a)
}

FNR == 1 {
	d++
	count[d] = fence = is_blank = is_indented = 0
}
{ take(d, $0) }

# is_lost(A, B, BEFORE): whether of A and B parts the first that differ have been seen; after one
# too many no other has its partner.
function is_lost(a, b, before) {
	return a != b && differences > before
}

# Nothing that is not there is passed as it is: gawk 5.2.1 frees such an element twice.
END {
	section = "all"
	same_number("headings", count[1], count[2], "headings")
	start = differences + 0
	for (s = 0; s <= count[1] && s <= count[2]; s++) {
		section = s ? heading[2, s] : "head"
		if (s)
			same_heading(heading[1, s], heading[2, s])
		a = codes[1, s] + 0
		b = codes[2, s] + 0
		same_number("code", a, b, "lines of code")
		before = differences + 0
		for (i = 1; i <= a && i <= b && !is_lost(a, b, before); i++)
			same_code(code[1, s, i], code[2, s, i])
		a = rows[1, s] + 0
		b = rows[2, s] + 0
		same_number("rows", a, b, "rows")
		before = differences + 0
		for (i = 1; i <= a && i <= b && !is_lost(a, b, before); i++)
			same_row(row[1, s, i], row[2, s, i])
		same_number("items", items[1, s] + 0, items[2, s] + 0, "list items")
		same_default("" defaults[1, s], "" defaults[2, s])
		same_words("words", "" prose[1, s], "" prose[2, s])
		if (is_lost(count[1], count[2], start))
			break
	}
}
