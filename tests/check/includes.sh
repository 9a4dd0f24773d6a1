#!/bin/sh
# SPDX-License-Identifier: MIT
# Includes point the way that doc/architecture.md draws. Prints TAP.
top=${top_srcdir:-.}
. "$(dirname "$0")/report.sh"

# A room, which is a folder with all below it, and what it may include. src/*.c, argv and
# wiring, may include every one of them but the sandbox, which shares nothing with the gateway.
rooms='
core     core
config   core config
ledger   core config ledger
auth     core config auth
smtp     core config auth smtp
mail     core config mail
ses      core config ses
delivery core config smtp mail ses ledger delivery
net      core config auth smtp net
admin    core config ses admin process
process  core config auth smtp net mail ses ledger delivery process
cli      core config auth smtp mail ses ledger delivery process cli
main     core config auth smtp net mail ses ledger delivery admin process cli
sandbox  sandbox
'

# Headers of libraries, and the files that may include them (globs without their ending).
fences='
event2/   src/core/loop src/net/* src/admin/* src/sandbox/*
event2/   src/process/channel src/ses/backend*
gmime/    src/mail/*
glib      src/mail/*
libxml/   src/mail/*
curl/     src/ses/backend* src/ses/credentials*
jansson.h src/ses/response* src/ses/json* src/admin/* src/sandbox/*
openssl/  src/core/secret src/core/digest src/ses/sign* src/ses/trust* src/ses/backend_idle* src/net/tls* src/sandbox/*
pthread.h src/core/pool src/core/digest
seccomp.h src/process/confine/seccomp
lmdb.h    src/ledger/ledger_lmdb
hiredis/  src/ledger/ledger_redis
'

# What the C library and the kernel bring; anybody may include it.
system='
sys/ linux/ net/ netinet/ arpa/ assert.h crypt.h ctype.h dirent.h dlfcn.h endian.h errno.h
fcntl.h float.h fnmatch.h getopt.h glob.h grp.h iconv.h inttypes.h langinfo.h limits.h link.h
malloc.h locale.h math.h netdb.h poll.h pwd.h regex.h sched.h setjmp.h signal.h spawn.h
stdalign.h stdarg.h stdatomic.h stdbool.h stddef.h stdint.h stdio.h stdlib.h stdnoreturn.h
string.h strings.h syslog.h termios.h time.h unistd.h wchar.h wctype.h
'

found=$(mktemp)
trap 'rm -f "$found"' EXIT

# One line a wrong include, its number of the check first.
(cd "$top" && find src -name '*.[ch]' | LC_ALL=C sort | xargs awk \
	-v rooms="$rooms" -v fences="$fences" -v system_headers="$system" '
function glob(pattern, text) {
	gsub(/\./, "\\.", pattern)
	gsub(/\*/, ".*", pattern)
	return text ~ ("^" pattern "\\.[ch]$")
}
# "sys/" means all below it, "glib" and "errno.h" what begins so.
function begins(text, list, n, words, i) {
	n = split(list, words, /[ \n]+/)
	for (i = 1; i <= n; i++)
		if (words[i] != "" && index(text, words[i]) == 1)
			return words[i]
	return ""
}
function wrong(check, why) {
	print check, FILENAME ":" FNR ": " $0 " (" why ")"
}
function library(name, i, j, n, words, fenced) {
	for (i = 1; i <= n_fences; i++) {
		n = split(fence[i], words, / +/)
		if (index(name, words[1]) != 1)
			continue
		fenced = 1
		for (j = 2; j <= n; j++)
			if (glob(words[j], FILENAME))
				return
	}
	if (fenced)
		wrong(2, "only the files in the table of fences")
	else if (begins(name, system_headers) == "")
		wrong(2, "neither of the C library nor in the table of fences")
}
function own(name, mine) {
	if (name == "config.h")
		return
	mine = FILENAME
	sub(/^src\//, "", mine)
	sub(/\.c$/, ".h", mine)
	if (!first_seen && FILENAME ~ /\.c$/ && name != mine &&
		(getline line < ("src/" mine)) >= 0)
		wrong(3, "\"" mine "\" comes first")
	close("src/" mine)
	first_seen = 1
}
BEGIN {
	n = split(rooms, lines, "\n")
	for (i = 1; i <= n; i++) {
		m = split(lines[i], words, / +/)
		for (j = 2; j <= m; j++)
			may[words[1], words[j]] = 1
	}
	n_fences = 0
	n = split(fences, lines, "\n")
	for (i = 1; i <= n; i++)
		if (lines[i] != "")
			fence[++n_fences] = lines[i]
}
FNR == 1 {
	first_seen = 0
	room = FILENAME ~ /^src\/[^\/]*$/ ? "main" : FILENAME
	sub(/^src\//, "", room)
	sub(/\/.*/, "", room)
}
/^[ \t]*#[ \t]*include/ {
	seen++
	name = $0
	if (!sub(/^[ \t]*#[ \t]*include[ \t]*["<]/, "", name) || !sub(/[">].*/, "", name)) {
		wrong(1, "not understood")
	} else if ($0 ~ /include[ \t]*</) {
		own(name)
		library(name)
	} else {
		own(name)
		from = name
		sub(/\/.*/, "", from)
		if (name != "config.h" && !((room, from) in may))
			wrong(1, "room " room " must not know it")
	}
}
END { print "seen", seen + 0 }
') >"$found"

echo 1..3
check 1 rooms_include_each_other_one_way
check 2 libraries_stay_behind_their_fences
check 3 a_file_includes_its_own_header_first
