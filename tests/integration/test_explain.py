# SPDX-License-Identifier: MIT
"""`sesrelay explain --raw` and a delivery make the same requests, byte for byte: of every
message in tests/fuzz/message.corpus and, if CORPUS_DIR names a folder, of every message in it."""
import email
import email.policy
import email.utils
import http.server
import itertools
import json
import os
import pathlib
import re
import smtplib
import subprocess
import threading

from gateway import PROGRAM, Gateway

HERE = pathlib.Path(__file__).resolve().parent
SENDER = "app@example.com"
ADDRESS = re.compile(r"[A-Za-z0-9.+_-]+@[A-Za-z0-9-]+(\.[A-Za-z0-9-]+)+")
ID = re.compile(rb"(X-Tencentcloudses-Cb-Sesrelay[^0-9a-f]{1,12})([0-9a-f]{16})")

# Recipients of several kinds: shown together, each alone, and by a template.
ROUTES = """
route "alone" { recipient = {"*@*.example.org"} recipients = "separate" headers = {"*"} }
route "rewritten" { recipient = {"*.net"} rewrite_from = "Shop <shop@example.com>" }
route "rest" { headers = {"X-*", "List-*"} }
"""
LIMITS = "recipients = 1000 errors = 1000 messages = 1000000"
MAIL = """
	tnef = "attach" report = "convert" inline_image = "attach" calendar = "attach"
"""


class Api(http.server.ThreadingHTTPServer):
    """Accepts every SendEmail, and keeps its bytes."""

    daemon_threads = True

    def __init__(self):
        self.bodies, self.numbers = [], itertools.count()
        super().__init__(("127.0.0.1", 0), Answer)
        threading.Thread(target=self.serve_forever, daemon=True).start()

    def taken(self):
        bodies, self.bodies = self.bodies, []
        return bodies


class Answer(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_POST(self):
        self.server.bodies.append(self.rfile.read(int(self.headers["Content-Length"])))
        number = next(self.server.numbers)
        text = json.dumps({"Response": {"RequestId": f"r{number}", "MessageId": f"m{number}"}})
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(text)))
        self.end_headers()
        self.wfile.write(text.encode())

    def log_message(self, *args):
        pass


def messages():
    folders = [(HERE.parent / "fuzz/message.corpus", "*")]
    if os.environ.get("CORPUS_DIR"):
        folders.append((pathlib.Path(os.environ["CORPUS_DIR"]), "**/*.eml"))
    for folder, pattern in folders:
        for path in sorted(p for p in folder.glob(pattern) if p.is_file()):
            raw = re.sub(rb"\r?\n", b"\r\n", path.read_bytes())
            # SMTP stores a bare CR as CR LF and ends with a line end; a file may not.
            raw = raw.replace(b"\r\n", b"\n").replace(b"\r", b"\n").replace(b"\n", b"\r\n")
            yield path.name, raw if raw.endswith(b"\r\n") else raw + b"\r\n"


def recipients(raw):
    """Some of the header, some that it does not name, each once."""
    parsed = email.message_from_bytes(raw, policy=email.policy.compat32)
    fields = [str(f) for name in ("To", "Cc") for f in parsed.get_all(name, [])]
    shown = [a for _, a in email.utils.getaddresses(fields) if ADDRESS.fullmatch(a)]
    unique = {a.lower(): a for a in shown[:40]}
    for blind in ("blind@example.com", "one@a.example.org", "two@b.example.org", "n@example.net"):
        unique.setdefault(blind, blind)
    return list(unique.values())


def explained(gateway, raw, to):
    done = subprocess.run(
        [PROGRAM, "explain", "-c", gateway.file, "--raw", "-s", SENDER,
         *(word for r in to for word in ("-r", r)), "-"],
        input=raw, capture_output=True, env=gateway.environment(), timeout=60)
    assert done.returncode in (0, 1) and not done.stderr, done.stderr
    return done.stdout.splitlines() if done.returncode == 0 else done.stdout


def delivered(gateway, api, raw, to):
    """The requests, or the refusal as explain writes it."""
    with gateway.smtp(timeout=60) as s:
        s.ehlo()
        s.mail(SENDER, ["BODY=8BITMIME"])
        for r in to:
            assert s.rcpt(r)[0] == 250, r
        try:
            code, text = s.data(raw)
        except smtplib.SMTPDataError as e:
            code, text = e.smtp_code, e.smtp_error
    return api.taken() if code == 250 else b"Refused: %d %s\n" % (code, text.split(b"\n")[0])


def without_id(request):
    """Every delivery has an id of its own; explain has always the same."""
    return ID.sub(rb"\1", request)


def compare(gateway, api):
    """(messages, refused by both, requests, those that differ)"""
    seen, refused, calls, wrong = 0, 0, 0, []
    for name, raw in messages():
        to = recipients(raw)
        printed, sent = explained(gateway, raw, to), delivered(gateway, api, raw, to)
        seen += 1
        if isinstance(printed, bytes) or isinstance(sent, bytes):
            refused += 1
            same = printed == sent
        else:
            calls += len(sent)
            same = sorted(map(without_id, printed)) == sorted(map(without_id, sent))
            same = same and all(ID.search(request) for request in printed + sent)
        if not same:
            wrong.append((name, printed, sent))
    return seen, refused, calls, wrong


def test_explain_prints_the_bytes_that_a_delivery_sends(tmp_path):
    api = Api()
    gateway = Gateway(tmp_path, f"http://127.0.0.1:{api.server_port}", routes=ROUTES,
                      limits=LIMITS, mail=MAIL, level="info")
    try:
        seen, refused, calls, wrong = compare(gateway.start(), api)
    finally:
        gateway.stop()
        api.shutdown()
    print(f"{seen} messages: {refused} refused by both, {calls} requests compared")
    assert not wrong, (len(wrong), wrong[0])
    assert calls >= 3 * (seen - refused) > 0
