# SPDX-License-Identifier: MIT
# For the checks beside this one, which source it: TAP lines of what they found.

# check NUMBER NAME: fails if $found has a line that begins with the number (what follows is
# shown), or has no line "seen N" with what was looked at: nothing seen proves nothing.
check() {
	if grep -q '^seen [1-9]' "$found" && ! grep -q "^$1 " "$found"; then
		echo "ok $1 - $2"
	else
		echo "not ok $1 - $2"
		sed -n "s/^$1 /# /p" "$found"
	fi
}
