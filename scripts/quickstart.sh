#!/usr/bin/env bash
# From a fresh Debian 12 to a mail that went through: installs the packages, builds, starts
# the sandbox (an emulator of the SES API) and the gateway on loopback, sends a message with
# an attachment by an ordinary SMTP client, and shows what was said on both sides.
#
# usage: scripts/quickstart.sh [--once]
#   --once   stop afterwards; exit 0 only if the mail arrived as it was sent
# SMTP_PORT, API_PORT and ADMIN_PORT choose other ports than 2525, 8180 and 8025.
set -eu
cd "$(dirname "$0")/.."
. scripts/packages.sh

BUILD=build-quickstart
SMTP_PORT=${SMTP_PORT:-2525}
API_PORT=${API_PORT:-8180}
ADMIN_PORT=${ADMIN_PORT:-8025}
API=http://127.0.0.1:$API_PORT
# Keys of nobody: the sandbox knows them, the real API does not.
export TENCENTCLOUD_SECRET_ID=AKIDEXAMPLEEXAMPLEEXAMPLEEXAMPLE0001
export TENCENTCLOUD_SECRET_KEY=SKEXAMPLEexampleSKEXAMPLEexample

once=no
case ${1-} in
"") ;;
--once) once=yes ;;
*)
    sed -n '2,9s/^# \{0,1\}//p' "$0"
    [ "$1" = --help ] && exit 0
    exit 2
    ;;
esac

top=$(mktemp -d)
chmod 755 "$top"
pids=""
stop() {
    for pid in $pids; do
        kill "$pid" 2>/dev/null || continue
        wait "$pid" 2>/dev/null || continue
    done
    rm -rf "$top"
}
trap stop EXIT
trap 'exit 0' INT TERM

# wait_for WHAT URL PID: until it answers, or its process is gone.
wait_for() {
    for _ in $(seq 100); do
        curl -fs -o /dev/null --noproxy '*' "$2" && return 0
        kill -0 "$3" 2>/dev/null || break
        sleep 0.1
    done
    cat "$top"/*.log >&2
    die "$1 did not start; its log is above. Is a port taken? See: $0 --help"
}

# shellcheck disable=SC2086
install_packages $BUILD_PACKAGES $QUICKSTART_PACKAGES

say "Building in $BUILD"
build "$BUILD"

say "Starting the sandbox (API on port $API_PORT) and the gateway (SMTP on port $SMTP_PORT)"
"$BUILD/sesrelay-sandbox" --listen "127.0.0.1:$API_PORT" \
    --secret-id "$TENCENTCLOUD_SECRET_ID" --secret-key "$TENCENTCLOUD_SECRET_KEY" \
    --journal "$top/journal" >"$top/sandbox.log" 2>&1 &
sandbox_pid=$!
pids="$sandbox_pid"
wait_for "The sandbox" "$API/sandbox/v1/counters" "$sandbox_pid"

cat >"$top/sesrelay.conf" <<EOF
workers = 1
listener "smtp" { address = "127.0.0.1" port = $SMTP_PORT allow = {"127.0.0.0/8"} }
account "sandbox" {
    endpoint = "$API"
    secret_id = "\${TENCENTCLOUD_SECRET_ID}"
    secret_key = "\${TENCENTCLOUD_SECRET_KEY}"
}
route "default" { account = "sandbox" }
admin { address = "127.0.0.1" port = $ADMIN_PORT }
EOF
"$BUILD/sesrelay" run -c "$top/sesrelay.conf" >"$top/gateway.log" 2>&1 &
gateway_pid=$!
pids="$gateway_pid $pids"
wait_for "The gateway" "http://127.0.0.1:$ADMIN_PORT/readyz" "$gateway_pid"

say "Sending a message with an attachment (swaks)"
subject="Quickstart $(date +%s)"
text="Hello from sesrelay. 你好！"
head -c 20000 /dev/urandom >"$top/report.pdf"
swaks --server "127.0.0.1:$SMTP_PORT" --ehlo client.example.com \
    --from noreply@example.com --to user@example.org \
    --header "Subject: $subject" --header "Content-Type: text/plain; charset=utf-8" \
    --body "$text" --attach-type application/pdf --attach-name report.pdf \
    --attach "@$top/report.pdf" --hide-informational --suppress-data ||
    die "the gateway did not take the message; the dialogue is above"

say "The API request that the sandbox received"
curl -fsS --noproxy '*' "$API/sandbox/v1/requests" | jq '.requests[-1] | del(.checked)'

say "The mail as the sandbox keeps it"
mails=$(curl -fsS --noproxy '*' "$API/sandbox/v1/mails")
id=$(jq -r --arg s "$subject" 'first(.mails[] | select(.subject == $s)) | .message_id' <<<"$mails")
[ -n "$id" ] || die "the mail is not in the sandbox: $mails"
mail=$(curl -fsS --noproxy '*' "$API/sandbox/v1/mails/$id")
jq . <<<"$mail"
curl -fsS --noproxy '*' -o "$top/received" "$API/sandbox/v1/mails/$id/attachments/0"

as_sent=yes
[ "$(jq -r .text <<<"$mail" | tr -d '\r')" = "$text" ] || {
    as_sent=no
    echo "The text is not the one that was sent."
}
cmp "$top/report.pdf" "$top/received" || as_sent=no
jq -e '.to == ["user@example.org"] and (.from | endswith("noreply@example.com"))' \
    <<<"$mail" >/dev/null || {
    as_sent=no
    echo "Sender or recipient are not those that were sent."
}
[ "$as_sent" = yes ] || die "the mail arrived, but not as it was sent; see above"
say "The mail arrived as it was sent: subject, text, attachment, sender, recipient"
[ "$once" = yes ] && exit 0

cat <<EOF

Both are still running. Send more to 127.0.0.1:$SMTP_PORT, for example:
    swaks --server 127.0.0.1:$SMTP_PORT --from noreply@example.com --to user@example.org
    swaks --server 127.0.0.1:$SMTP_PORT --from noreply@example.com --to RequestLimitExceeded@example.org
See what arrived:  $API/
Metrics:           http://127.0.0.1:$ADMIN_PORT/metrics
Ctrl-C stops them.
EOF
tail -n +1 -f "$top/gateway.log" &
pids="$! $pids"
wait "$gateway_pid"
