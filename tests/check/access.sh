#!/bin/sh
# SPDX-License-Identifier: MIT
# smtp/access alone decides what a peer may do: no other file looks at what a decision is made
# of. Prints TAP.
top=${top_srcdir:-.}
. "$(dirname "$0")/report.sh"

# What it is made of (extended regular expressions), and the files that may name it: those
# that read the configuration or the users file, and those that define it.
facts='
(allow|proxy|xclient)_nets                src/config/ src/smtp/access[.]
auth_plaintext                            src/config/ src/smtp/access[.]
null_sender                               src/config/ src/smtp/access[.]
CONF_AUTH_[A-Z]+                          src/config/ src/smtp/access[.]
CONF_TLS_REQUIRED                         src/config/ src/smtp/access[.] src/smtp/verbs/cmd_starttls[.]c
tls_in_front                              src/smtp/access[.] src/smtp/peer[.]h src/net/listener[.]c src/smtp/verbs/cmd_xclient[.]c
by_xclient                                src/smtp/access[.] src/smtp/peer[.]h src/smtp/verbs/cmd_xclient[.]c
conn_limit_(enter|may_send)               src/smtp/access[.] src/smtp/conn_limit[.]
senders                                   src/config/ src/smtp/access[.] src/auth/users[.] src/sandbox/
peer(->|[.])login->[a-z]+|user_may[a-z_]*     src/smtp/access[.]
'

found=$(mktemp)
trap 'rm -f "$found"' EXIT

# One line a find; the last: how many lines were read.
(cd "$top" && find src -name '*.[ch]' | LC_ALL=C sort | xargs awk -v facts="$facts" '
# The line without strings and comments.
function code(s) {
	if (in_comment) {
		if (!sub(/^.*\*\//, "", s))
			return ""
		in_comment = 0
	}
	gsub(/"([^"\\]|\\.)*"/, "\"\"", s)
	gsub(/\/\*([^*]|\*+[^*\/])*\*+\//, " ", s)
	if (sub(/\/\*.*/, "", s))
		in_comment = 1
	return s
}
BEGIN {
	n = split(facts, lines, "\n")
	for (i = 1; i <= n; i++) {
		m = split(lines[i], words, / +/)
		if (m < 2)
			continue
		rule[++rules] = "(^|[^A-Za-z0-9_])(" words[1] ")([^A-Za-z0-9_]|$)"
		name[rules] = words[1]
		for (j = 2; j <= m; j++)
			may[rules] = may[rules] (j > 2 ? "|" : "") "^" words[j]
	}
}
FNR == 1 { in_comment = 0 }
{
	seen++
	text = code($0)
	for (i = 1; i <= rules; i++)
		if (text ~ rule[i] && FILENAME !~ may[i])
			print "1", FILENAME ":" FNR ": " $0 " (" name[i] ": ask smtp/access)"
}
END { print "seen", seen + 0 }
') >"$found"

echo 1..1
check 1 only_smtp_access_decides
