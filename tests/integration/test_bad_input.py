# SPDX-License-Identifier: MIT
"""Bad input of every kind: a clear error each time, nothing sent, nothing lost, nothing dead.

The gateway is built with sanitizers; its fixture looks for their reports, and for its exit
status, when a test ends. Tests that share one gateway end with a good mail through it.
"""
import os
import re
import socket
import subprocess
from pathlib import Path

import pytest

from gateway import Gateway, run_command

QUICK = "deadline = 6s\ncall_timeout = 3s\nconnect_timeout = 2s\nretry_delay = 200ms"
GOOD = b"From: noreply@example.com\r\nTo: user@example.org\r\nSubject: good\r\n\r\ntext\r\n"


class Client:
    """Bytes out, replies in; nothing is mended on the way."""

    def __init__(self, gateway):
        self.socket = socket.create_connection(("127.0.0.1", gateway.port), timeout=30)
        self.file = self.socket.makefile("rb")
        assert self.reply().startswith("220 ")

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.file.close()
        self.socket.close()

    def reply(self):
        """The last line of a reply; "" where the connection ended."""
        while True:
            line = self.file.readline().decode("ascii").rstrip("\r\n")
            if line[3:4] != "-":
                return line

    def say(self, line):
        self.socket.sendall(line if line.endswith(b"\n") else line + b"\r\n")
        return self.reply()

    def send(self, message, recipients=(b"user@example.org",)):
        """The reply to the end of a message."""
        for line in (b"EHLO client.example.com", b"MAIL FROM:<noreply@example.com>",
                     *(b"RCPT TO:<" + r + b">" for r in recipients)):
            assert self.say(line).startswith("250 "), line
        assert self.say(b"DATA").startswith("354 ")
        return self.say(message + b".\r\n")


def send(gateway, message=GOOD, recipients=(b"user@example.org",)):
    with Client(gateway) as client:
        return client.send(message, recipients)


def takes_a_good_mail(gateway, sandbox):
    """The same worker is alive, and what was refused before has left nothing behind."""
    before = len(sandbox.journal())
    reply = send(gateway)
    assert reply.startswith("250 2.0.0 "), reply
    assert len(sandbox.journal()) == before + 1
    assert sandbox.journal()[-1]["to"] == ["user@example.org"]


# --- commands, addresses ---

EHLO, MAIL, RCPT = (b"EHLO client.example.com", b"MAIL FROM:<a@example.com>",
                    b"RCPT TO:<user@example.org>")

# What comes before; the bad line; code and enhanced code of its reply.
COMMANDS = [
    ((), b"", "500 5.5.2"),
    ((), b"   ", "500 5.5.2"),
    ((), b"HELLO there", "500 5.5.1"),
    ((), b"NOOP\n", "500 5.5.2"),
    ((), b"EHLO a\rRSET", "500 5.5.2"),
    ((), b"EHLO", "501 5.5.4"),
    ((), b"EHLO -bad-", "501 5.5.4"),
    ((), b"EHLO a\x00b", "501 5.5.2"),
    ((), b"EHLO \xff\xfe", "501 5.5.2"),
    ((), b"NOOP " + b"x" * 5000, "500 5.5.2"),
    ((), b"GET / HTTP/1.1", "421 4.7.0"),
    ((), MAIL, "503 5.5.1"),
    ((EHLO,), RCPT, "503 5.5.1"),
    ((EHLO,), b"DATA", "503 5.5.1"),
    ((EHLO,), b"STARTTLS", "502 5.5.1"),
    ((EHLO,), b"AUTH PLAIN AGEAYg==", "502 5.5.1"),
    ((), b"BDAT 10 LAST", "503 5.5.1"),
    ((EHLO,), b"BDAT ten LAST", "501 5.5.4"),
    ((EHLO,), b"BDAT 99999999999999999999", "501 5.5.4"),
    ((EHLO,), b"BDAT 9999999999", "552 5.3.4"),
    ((EHLO,), b"EXPN list", "502 5.5.1"),
    ((EHLO,), b"RSET now", "501 5.5.4"),
    ((EHLO,), b"MAIL", "501 5.5.4"),
    ((EHLO,), b"MAIL TO:<a@example.com>", "501 5.5.4"),
    ((EHLO,), MAIL + b" SIZE=many", "501 5.5.4"),
    ((EHLO,), MAIL + b" SIZE=99999999999999999999999", "501 5.5.4"),
    ((EHLO,), MAIL + b" SIZE=1 SIZE=1", "501 5.5.4"),
    ((EHLO,), MAIL + b" SIZE=100000000", "552 5.3.4"),
    ((EHLO,), MAIL + b" BODY=9BITMIME", "501 5.5.4"),
    ((EHLO,), MAIL + b" RET=ALL", "501 5.5.4"),
    ((EHLO, MAIL), MAIL, "503 5.5.1"),
    ((EHLO, MAIL), b"DATA", "554 5.5.1"),
    ((EHLO, MAIL), RCPT + b" NOTIFY=EVER", "501 5.5.4"),
    ((EHLO, MAIL, RCPT), b"DATA now", "501 5.5.4"),
    ((EHLO, MAIL, RCPT), b"DATA\r\nmore\r\n", "503 5.5.0"),
]

# The path, of a sender and of a recipient; what a sender gets, what a recipient gets.
ADDRESSES = [
    (b"user", "501 5.1.7", "501 5.1.3"),
    (b"<user", "501 5.1.7", "501 5.1.3"),
    (b"<user@example.com>>", "501 5.1.7", "501 5.1.3"),
    (b"user@example.com", "501 5.1.7", "501 5.1.3"),
    (b"<@example.com>", "501 5.1.7", "501 5.1.3"),
    (b"<user@>", "501 5.1.7", "501 5.1.3"),
    (b"<user@@example.com>", "501 5.1.7", "501 5.1.3"),
    (b"<us er@example.com>", "501 5.1.7", "501 5.1.3"),
    (b"<.user@example.com>", "501 5.1.7", "501 5.1.3"),
    (b"<us..er@example.com>", "501 5.1.7", "501 5.1.3"),
    (b"<user@example..com>", "501 5.1.7", "501 5.1.3"),
    (b"<user@-example.com>", "501 5.1.7", "501 5.1.3"),
    (b"<user@[192.0.2.300]>", "501 5.1.7", "501 5.1.3"),
    (b"<user@example.com,other@example.com>", "501 5.1.7", "501 5.1.3"),
    (b"<\"user@example.com>", "501 5.1.7", "501 5.1.3"),
    (b"<group:user@example.com;>", "501 5.1.7", "501 5.1.3"),
    (b"<" + b"u" * 65 + b"@example.com>", "501 5.1.7", "501 5.1.3"),
    (b"<user@" + b"d" * 64 + b".com>", "501 5.1.7", "501 5.1.3"),
    (b"<user@" + b"d." * 130 + b"com>", "501 5.1.7", "501 5.1.3"),
    (b"<\"a\x01b\"@example.com>", "501 5.5.2", "501 5.5.2"),
    (b"<us\xe9r@example.com>", "501 5.5.2", "501 5.5.2"),
    ("<us\u202eer@example.com>".encode(), "501 5.1.7", "501 5.1.3"),
    ("<us\u00e9r@example.com>".encode(), "553 5.6.7", "553 5.6.7"),
]


def test_a_bad_command_has_its_reply(gateway, sandbox):
    wrong = []
    for before, line, expected in COMMANDS:
        with Client(gateway) as client:
            for good in before:
                assert client.say(good).startswith("250 "), good
            got = client.say(line)
        if not got.startswith(expected + " ") or len(got) < len(expected) + 8:
            wrong.append((line[:60], expected, got))
    assert not wrong, "\n".join(map(str, wrong))
    assert sandbox.journal() == []
    takes_a_good_mail(gateway, sandbox)


def test_a_bad_address_has_its_reply(gateway, sandbox):
    wrong = []
    for path, of_sender, of_recipient in ADDRESSES:
        with Client(gateway) as client:
            client.say(EHLO)
            got = client.say(b"MAIL FROM:" + path)
            client.say(MAIL)
            wrong += [(path, of_sender, got)] * (not got.startswith(of_sender + " "))
            got = client.say(b"RCPT TO:" + path)
            wrong += [(path, of_recipient, got)] * (not got.startswith(of_recipient + " "))
            assert client.say(b"DATA").startswith(("503 5.5.1", "554 5.5.1"))
    assert not wrong, "\n".join(map(str, wrong))
    assert sandbox.journal() == []
    takes_a_good_mail(gateway, sandbox)


def test_a_refused_recipient_leaves_the_others(gateway, sandbox):
    with Client(gateway) as client:
        for line in (EHLO, MAIL, RCPT):
            client.say(line)
        assert client.say(b"RCPT TO:<user@@example.org>").startswith("501 5.1.3 ")
        assert client.say(b"DATA").startswith("354 ")
        assert client.say(GOOD + b".\r\n").startswith("250 2.0.0 ")
    assert [m["to"] for m in sandbox.journal()] == [["user@example.org"]]


# --- MIME ---

HEAD = b"From: noreply@example.com\r\nTo: user@example.org\r\nSubject: s\r\n"


def multipart(parts, head=b"multipart/mixed; boundary=b"):
    return (HEAD + b"MIME-Version: 1.0\r\nContent-Type: " + head + b"\r\n\r\n"
            + b"".join(b"--b\r\n" + p + b"\r\n" for p in parts) + b"--b--\r\n")


def nested(depth):
    """Multiparts in each other."""
    text = b""
    for i in range(depth):
        text += b"Content-Type: multipart/mixed; boundary=b%d\r\n\r\n--b%d\r\n" % (i, i)
    return HEAD + b"MIME-Version: 1.0\r\n" + text + b"\r\ntext\r\n"


# Messages that cannot be carried: code, enhanced code, a word of the text.
REFUSED = {
    "nothing at all": (b"", "554 5.6.0", "header"),
    "blank lines only": (b"\r\n\r\n\r\n", "554 5.6.0", "header"),
    "no header": (b"this is just text\r\n", "554 5.6.0", "header"),
    "two From": (b"From: a@example.com\r\n" + HEAD + b"\r\nt\r\n", "554 5.6.0", "From"),
    "NUL in a field": (HEAD + b"X-A: a\x00b\r\n\r\nt\r\n", "554 5.6.0", "NUL"),
    "too many fields": (HEAD + b"X: y\r\n" * 1100 + b"\r\nt\r\n", "554 5.6.0", "header"),
    "a field too long": (HEAD + b"X-A: " + b"y" * 200000 + b"\r\n\r\nt\r\n", "554 5.6.0",
                         "header"),
    "a loop": (b"Received: by mx.example.com\r\n" * 51 + HEAD + b"\r\nt\r\n", "554 5.4.6",
               "loop"),
    "an address list too long": (HEAD + b"Cc: " + b"a@b," * 10500
                                 + b"\r\n\r\nt\r\n", "554 5.6.0", "address"),
    "colons in From": (b"From: " + b"a:" * 40000 + b"\r\n\r\nt\r\n", "554 5.6.0", "address"),
    "too many parts": (multipart([b"X: y\r\n\r\nt"] * 1100), "554 5.6.0", "parts"),
    "nested too deep": (nested(60), "554 5.6.0", "multiparts"),
    "eleven attachments": (multipart([b"Content-Type: text/csv; name=a%d.csv\r\n"
                                      b"Content-Disposition: attachment\r\n\r\n1" % i
                                      for i in range(11)]), "554 5.6.0", "attachments"),
    "too large": (HEAD + b"\r\n" + (b"x" * 998 + b"\r\n") * 9000, "552 5.3.4", "8388608"),
    "attachments too large": (multipart(
        [b"Content-Type: application/pdf; name=a.pdf\r\nContent-Transfer-Encoding: base64"
         b"\r\n\r\n" + (b"A" * 76 + b"\r\n") * 80000]), "552 5.3.4", "attachments"),
}

# Damaged, but a human would read them: they must arrive.
CARRIED = {
    "an unknown charset": HEAD + b"Content-Type: text/plain; charset=klingon\r\n\r\nhello\r\n",
    "a wrong charset": HEAD + b"Content-Type: text/plain; charset=utf-8\r\n\r\nhello \xff\r\n",
    "no last boundary": multipart([b"\r\nhello"])[:-7],
    "a Content-Type that is none": HEAD + b"Content-Type: ;;;\r\n\r\nhello\r\n",
    "broken base64": HEAD + b"Content-Transfer-Encoding: base64\r\n\r\naGVsbG8!\r\n",
    "broken quoted-printable":
        HEAD + b"Content-Transfer-Encoding: quoted-printable\r\n\r\nhello=ZZ =\r\n",
    "NUL in the body": HEAD + b"\r\nhello\x00\r\n",
    "millions of NUL": HEAD + b"\r\nhello" + b"\0" * 6000000 + b"\r\n",
    "a broken encoded word":
        HEAD.replace(b"Subject: s", b"Subject: =?utf-8?B?!!!?= hello") + b"\r\nhello\r\n",
    "a line of a million bytes": HEAD + b"\r\nhello" + b"x" * 1000000 + b"\r\n",
    "no From": b"To: user@example.org\r\nSubject: s\r\n\r\nhello\r\n",
    "From without an address": b"From: nobody at all\r\n\r\nhello\r\n",
    "From with an empty group": b"From: friends:;\r\n\r\nhello\r\n",
    "To without an address": HEAD.replace(b"user@example.org", b"undisclosed;") + b"\r\nhello\r\n",
}


def test_a_mail_that_cannot_be_carried_is_refused_with_a_reason(gateway, sandbox):
    wrong = []
    for name, (message, expected, word) in REFUSED.items():
        got = send(gateway, message)
        if not got.startswith(expected + " ") or word.lower() not in got.lower():
            wrong.append((name, expected, word, got))
    assert not wrong, "\n".join(map(str, wrong))
    assert sandbox.journal() == []
    takes_a_good_mail(gateway, sandbox)


@pytest.mark.parametrize("name", CARRIED)
def test_a_damaged_mail_arrives(gateway, sandbox, name):
    reply = send(gateway, CARRIED[name])
    assert reply.startswith("250 2.0.0 "), reply
    assert len(sandbox.journal()) == 1
    mail = sandbox.mail(sandbox.journal()[0]["message_id"])
    assert "hell" in mail["text"]


def test_no_field_of_a_mail_can_begin_another(gateway, sandbox):
    """CR, LF and what reads like them, hidden in encoded words, in every field there is."""
    evil = "=?utf-8?B?eA0KQmNjOiBldmlsQGV4YW1wbGUubmV0?="
    more = "=?utf-8?Q?x=0D=0ABcc:_evil=40example=2Enet=E2=80=A8=C2=85=00?="
    message = (f"From: {evil} <noreply@example.com>\r\nTo: user@example.org\r\n"
               f"Reply-To: {evil} <reply@example.com>\r\nSubject: {more} {evil}\r\n"
               f"Message-ID: <a{evil}@example.com>\r\nX-Note: {evil}{more}\r\n"
               f"List-Id: {more}\r\nMIME-Version: 1.0\r\n"
               "Content-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\n\r\ntext\r\n--b\r\n"
               f"Content-Type: text/csv; name=\"{evil}.csv\"\r\n"
               "Content-Disposition: attachment; filename*=utf-8''x%0D%0ABcc%3A%20evil.csv"
               "\r\n\r\n1,2\r\n--b--\r\n").encode()
    reply = send(gateway, message)
    assert reply.startswith("250 2.0.0 "), reply
    [line] = sandbox.journal()
    assert line["to"] == ["user@example.org"] and line["cc"] == line["bcc"] == []
    mail = sandbox.mail(line["message_id"])
    body_of_mail = mail.pop("text"), mail.pop("html", None)
    assert "text" in body_of_mail[0]

    def strings(value):
        if isinstance(value, dict):
            return [s for k, v in value.items() for s in [k, *strings(v)]]
        if isinstance(value, list):
            return [s for v in value for s in strings(v)]
        return [value] if isinstance(value, str) else []
    bad = [s for s in strings(mail) if re.search("[\\x00-\\x1f\\x7f-\\x9f\\u2028\\u2029]", s)]
    assert bad == []


# --- JSON ---

def answer(body):
    return '{"Response": ' + body + "}"


REQUEST_ID = '"RequestId": "11111111-2222-3333-4444-555555555555"'

# What stands where the API's answer should be. None of it proves that the mail was accepted.
ANSWERS = {
    "nothing": "",
    "no JSON": "accepted",
    "HTML": "<html>MessageId</html>",
    "an array": "[]",
    "null": "null",
    "a string": '"MessageId"',
    "no Response": '{"MessageId": "m", ' + REQUEST_ID + "}",
    "Response is null": answer("null"),
    "Response is a list": answer('[{"MessageId": "m"}]'),
    "an empty Response": answer("{}"),
    "a RequestId only": answer("{" + REQUEST_ID + "}"),
    "MessageId is null": answer('{"MessageId": null, ' + REQUEST_ID + "}"),
    "MessageId is empty": answer('{"MessageId": "", ' + REQUEST_ID + "}"),
    "MessageId is a number": answer('{"MessageId": 1, ' + REQUEST_ID + "}"),
    "MessageId is an object": answer('{"MessageId": {}, ' + REQUEST_ID + "}"),
    "MessageId and Error": answer('{"MessageId": "m", "Error": {"Code": "InternalError", '
                                  '"Message": "m"}, ' + REQUEST_ID + "}"),
    "Error is a string": answer('{"Error": "InternalError", ' + REQUEST_ID + "}"),
    "Error without Code": answer('{"Error": {"Message": "m"}, ' + REQUEST_ID + "}"),
    "MessageId twice": answer('{"MessageId": "m", "MessageId": "n", ' + REQUEST_ID + "}"),
    "Response twice": '{"Response": {"MessageId": "m"}, "Response": {"Error": {"Code": "A"}}}',
    "cut": answer('{"MessageId": "m", ' + REQUEST_ID + "}")[:-1],
    "something behind": answer('{"MessageId": "m", ' + REQUEST_ID + "}") + "x",
    "NUL in a string": answer('{"MessageId": "a\\u0000b", ' + REQUEST_ID + "}"),
    "half a surrogate": answer('{"MessageId": "\\ud800", ' + REQUEST_ID + "}"),
    "very deep": "[" * 100000,
    "very deep in Response": answer('{"MessageId": ' + "[" * 5000 + "]" * 5000 + "}"),
    "a large number": answer('{"MessageId": 1e999999}'),
}


def test_an_answer_that_proves_nothing_is_never_a_250(gateway, sandbox):
    wrong = []
    for name, body in ANSWERS.items():
        sandbox.fault(body=body, content_type="application/json", record=False)
        got = send(gateway)
        if not got.startswith("451 4.4.2 ") or len(got) > 512:
            wrong.append((name, got))
        sandbox.clear_faults()
    assert not wrong, "\n".join(map(str, wrong))
    assert sandbox.journal() == []
    takes_a_good_mail(gateway, sandbox)


def test_an_answer_cannot_write_replies_of_its_own(gateway, sandbox):
    sandbox.fault(code="FailedOperation.A\r\n250 2.0.0 ok", message="b\r\n250 2.0.0 \u202e" * 30)
    with Client(gateway) as client:
        assert client.send(GOOD).startswith("451 4.3.0 ")
        assert client.say(b"NOOP").startswith("250 2.0.0 ")
    assert sandbox.journal() == []


# --- configuration ---

CONF = """\
listener "default" {
	address = "127.0.0.1"
	port = 2525
}
account "default" {
	secret_id = "AKIDEXAMPLE"
	secret_key = "SECRETEXAMPLE"
}
route "default" {
}
limits {
}
"""

# A line to find in CONF, what to write instead, the line of the error, words of its text.
CONFIGURATIONS = [
    ("port = 2525", "port = 70000", 3, "port: 70000 is out of range; write"),
    ("port = 2525", "port = many", 3, "port: "),
    ("port = 2525", "port = -1", 3, "port: "),
    ("port = 2525", 'port = ""', 3, "port: no value"),
    ("port = 2525", "port = 25\n\tport = 26", 4, "port is set twice"),
    ("port = 2525", "prot = 2525", 3, "no option prot in listener; did you mean port? there are"),
    ("port = 2525", "port: 2525", 3, "\"port:\" is YAML or JSON, which this file is not; write: port ="),
    ("limits {", "limits:", 11, "\"limits:\" is YAML or JSON, which this file is not; write: limits {"),
    ("port = 2525", "port 2525", 3, "equal sign"),
    ("port = 2525", "port = 2525 }\n}", 4, "unexpected \"}\": it closes nothing"),
    ("limits {", 'limits {\n\tmemory = "1G', 12, "string"),
    ("port = 2525", "port = 2525 /* here", 3, "comment"),
    ("port = 2525", "port = 2525\n\tallow = {}", 4, "allow is empty"),
    ("port = 2525", "port = 2525\n\tallow = {'300.0.0.0/8'}", 4, "300.0.0.0/8"),
    ("port = 2525", "port = 2525\n\tallow = {'192.0.2.0/33'}", 4, "192.0.2.0/33"),
    ('address = "127.0.0.1"', 'address = "0.0.0.0"\n\tallow = {"0.0.0.0/0"}', 3, "open relay"),
    ('address = "127.0.0.1"', 'address = "localhost"', 2, "not an IP address"),
    ('listener "default"', "listener", 1, "write a name in quotes"),
    ('listener "default"', 'listener "a b"', 1, "not a name"),
    ('account "default" {', 'account "default" {\n\tendpoint = "http://192.0.2.1"', 6,
     "clear text"),
    ('account "default" {', 'account "default" {\n\tendpoint = "ftp://example.com"', 6,
     "not an endpoint"),
    ('account "default" {', 'account "default" {\n\tendpoint = "https://a.example/path"', 6,
     "more than a host"),
    ('account "default" {', 'account "default" {\n\tsite = "mars"', 6, "china, international"),
    ('account "default" {', 'account "default" {\n\tproxy = "http://u:p@h:1"', 6, "password"),
    ('account "default" {', 'account "default" {\n\tca_file = "ca.pem"', 6, "full path"),
    ('account "default" {', 'account "default" {\n\tca_file = "/nonexistent/ca.pem"', 6,
     "/nonexistent/ca.pem"),
    ('secret_id = "AKIDEXAMPLE"', 'secret_id = "AK ID"', 6, "not a SecretId"),
    ('secret_key = "SECRETEXAMPLE"', 'secret_key = "***"', 7, "mask"),
    ('secret_id = "AKIDEXAMPLE"', "", 5, "no secret_id"),
    ('route "default" {', 'route "default" {\n\taccount = "other"', 10, 'the account "other"'),
    ('route "default" {', 'route "default" {\n\tcontent = "template"', 10, "template_id"),
    ('route "default" {', 'route "default" {\n\tcontent = "template"\n\ttemplate_id = 1\n'
     '\tvariables = {"a=%{nothing}"}', 12, "nothing"),
    ('route "default" {', 'route "default" {\n\trewrite_from = "no address"', 10,
     "not a sender"),
    ('route "default" {', 'route "default" {\n\trewrite_from = "A\\r\\nBcc: b@example.com"', 10,
     "control character"),
    ('route "default" {', 'route "default" {\n\tlistener = {"other"}', 10, '"other"'),
    ("limits {", "limits {\n\tmessage_size = 8X", 12, "message_size: "),
    ("limits {", "limits {\n\tdeadline = 1s", 12, "shorter"),
    ("limits {", "limits {\n\tmemory = 1k", 12, "memory"),
    ("limits {", 'reply "InternalError" {\n\tsmtp = 250\n\tenhanced = "2.0.0"\n}\nlimits {', 12,
     "smtp: "),
    ("limits {", 'reply "InternalError" {\n\tsmtp = 450\n\tenhanced = "5.0.0"\n}\nlimits {', 13,
     "both begin with"),
    ("limits {", 'reply "InternalError" {\n\tsmtp = 535\n\tenhanced = "5.7.8"\n}\nlimits {', 12,
     "own session or login"),
    ("limits {", 'reply "InternalError" {\n\tsmtp = 450\n\tenhanced = "4.0.0"\n'
     '\ttext = "a\\r\\n250 ok"\n}\nlimits {', 14, "control character"),
    # The API has not refused these: a bounce would be of a mail that may have been sent.
    ("limits {", 'reply "Transport.*" {\n\tsmtp = 554\n\tenhanced = "5.3.0"\n}\nlimits {', 12,
     'reply "Transport.*": it covers Transport.'),
    ("limits {", 'reply "Transport.Timeout" {\n\tenhanced = "5.3.0"\n\tsmtp = 554\n}\nlimits {',
     13, "554 cannot be the reply; write 4yz, like 451"),
    ("limits {", 'reply "Transport.NotSent" {\n\tsmtp = 554\n\tenhanced = "5.3.0"\n}\nlimits {',
     12, "554 cannot be the reply; write 4yz, like 451"),
    ("limits {", "limits {\x07", 11, "control character"),
    ("limits {", "limit {", 11, "no option limit; did you mean limits? there are"),
]


@pytest.mark.parametrize("find, replace, line, words", CONFIGURATIONS,
                         ids=[f"{i}" for i in range(len(CONFIGURATIONS))])
def test_check_names_the_line_and_what_would_be_right(tmp_path, find, replace, line, words):
    assert find in CONF
    path = tmp_path / "sesrelay.conf"
    path.write_text(CONF.replace(find, replace, 1))
    result = run_command("check", "-c", str(path))
    assert result.returncode == 1, result.stdout
    assert result.stdout == ""
    assert re.match(rf"sesrelay: {re.escape(str(path))}:{line}: ", result.stderr), result.stderr
    assert words in result.stderr, result.stderr
    assert "SECRETEXAMPLE" not in result.stderr
    assert result.stderr.count("\n") == 1


def test_check_names_a_file_that_is_none(tmp_path):
    for path in (tmp_path / "absent.conf", tmp_path):
        result = run_command("check", "-c", str(path))
        assert result.returncode == 1
        assert str(path) in result.stderr and result.stdout == ""


# --- certificates ---

@pytest.fixture
def folder(tmp_path):
    """pytest's folders are for one user; a worker is another."""
    for path in (tmp_path.parent.parent, tmp_path.parent, tmp_path):
        path.chmod(0o755)
    return tmp_path


def openssl(*args):
    subprocess.run(["openssl", *args], check=True, capture_output=True, timeout=60)


def make_ca(folder, name="ca"):
    openssl("req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes",
            "-keyout", f"{folder}/{name}.key", "-out", f"{folder}/{name}.pem", "-days", "2",
            "-subj", f"/CN={name}")
    os.chmod(f"{folder}/{name}.pem", 0o644)
    return f"{folder}/{name}.pem"


def make_certificate(folder, ca, names="DNS:localhost", start=None, end=None):
    """server.pem and server.key, signed by the CA of that name."""
    extensions = folder / "extensions"
    extensions.write_text(f"basicConstraints=CA:FALSE\nsubjectAltName={names}\n")
    openssl("req", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-keyout",
            f"{folder}/server.key", "-out", f"{folder}/server.csr", "-subj", "/CN=server")
    (folder / "index").write_text("")
    (folder / "serial").write_text("01\n")
    conf = folder / "ca.conf"
    conf.write_text(f"[ca]\ndefault_ca=d\n[d]\ndatabase={folder}/index\nserial={folder}/serial\n"
                    f"new_certs_dir={folder}\ndefault_md=sha256\npolicy=p\n"
                    "default_days=2\n[p]\ncommonName=supplied\n")
    dates = (["-startdate", start, "-enddate", end] if start else [])
    openssl("ca", "-batch", "-config", str(conf), "-extfile", str(extensions), "-cert",
            f"{folder}/{ca}.pem", "-keyfile", f"{folder}/{ca}.key", "-in",
            f"{folder}/server.csr", "-out", f"{folder}/server.pem", *dates)
    return f"{folder}/server.pem", f"{folder}/server.key"


# The certificate that the API shows: arguments of make_certificate().
CERTIFICATES = {
    "of another CA": {"ca": "other"},
    "expired": {"ca": "ca", "start": "20200101000000Z", "end": "20200102000000Z"},
    "not valid yet": {"ca": "ca", "start": "20900101000000Z", "end": "20900102000000Z"},
    "of another name": {"ca": "ca", "names": "DNS:other.example.com"},
    "of another address": {"ca": "ca", "names": "IP:192.0.2.1"},
}


def https_gateway(make_gateway, new_sandbox, cert, key, ca):
    sandbox = new_sandbox("--https", "127.0.0.1:0", "--cert", cert, "--key", key)
    return sandbox, make_gateway(endpoint=sandbox.https_endpoint, limits=QUICK,
                                 account=f'ca_file = "{ca}"')


@pytest.mark.parametrize("name", CERTIFICATES)
def test_nothing_goes_to_a_server_with_a_bad_certificate(
        make_gateway, new_sandbox, folder, name):
    ca = make_ca(folder)
    make_ca(folder, "other")
    cert, key = make_certificate(folder, **CERTIFICATES[name])
    sandbox, gateway = https_gateway(make_gateway, new_sandbox, cert, key, ca)
    reply = send(gateway)
    assert re.match(r"451 4\.4\.\d ", reply), reply
    assert "Transport.Tls" in reply
    assert sandbox.journal() == [] and sandbox.requests() == []


def test_nothing_goes_to_a_server_that_signed_itself(make_gateway, new_sandbox, folder):
    ca, cert = make_ca(folder), make_ca(folder, "localhost")
    sandbox, gateway = https_gateway(make_gateway, new_sandbox, cert,
                                     cert.replace(".pem", ".key"), ca)
    reply = send(gateway)
    assert re.match(r"451 4\.4\.\d ", reply), reply
    assert sandbox.journal() == [] and sandbox.requests() == []


def test_nothing_goes_to_a_server_without_tls(make_gateway, sandbox):
    gateway = make_gateway(endpoint=f"https://localhost:{sandbox.port}", limits=QUICK)
    reply = send(gateway)
    assert re.match(r"451 4\.4\.\d ", reply), reply
    assert sandbox.journal() == []


def test_a_good_certificate_of_the_same_making_is_trusted(make_gateway, new_sandbox, folder):
    """Or the tests above would show nothing."""
    ca = make_ca(folder)
    cert, key = make_certificate(folder, "ca")
    sandbox, gateway = https_gateway(make_gateway, new_sandbox, cert, key, ca)
    takes_a_good_mail(gateway, sandbox)


@pytest.mark.parametrize("content", [b"", b"no certificate\n", b"\0\xff" * 100],
                         ids=["empty", "text", "bytes"])
def test_does_not_start_with_a_ca_file_that_holds_no_certificate(folder, finish, content):
    ca = folder / "bad.pem"
    ca.write_bytes(content)
    ca.chmod(0o644)
    gateway = finish(Gateway(folder, "https://localhost:9", account=f'ca_file = "{ca}"'))
    gateway.expect_status = 1
    gateway.launch()
    assert gateway.wait() == 1
    assert str(ca) in gateway.everything()


@pytest.mark.parametrize("cut", ["a byte", "half"])
def test_does_not_start_with_a_damaged_ca_file(folder, finish, cut):
    ca = Path(make_ca(folder))
    good = ca.read_text()
    ca.write_text(good + (good.replace("M", "A", 1) if cut == "a byte" else good[:len(good) // 2]))
    gateway = finish(Gateway(folder, "https://localhost:9", account=f'ca_file = "{ca}"'))
    gateway.expect_status = 1
    gateway.launch()
    assert gateway.wait() == 1
    assert f"CA file {ca} is no file of PEM certificates" in gateway.everything()


def test_does_not_start_where_the_ca_file_is_a_folder(folder, finish):
    gateway = finish(Gateway(folder, "https://localhost:9",
                             account=f'ca_file = "{folder}"'))
    gateway.expect_status = 1
    gateway.launch()
    assert gateway.wait() == 1
    assert f"sesrelay.conf:13: ca_file: {folder} is no regular file" in gateway.everything()


def test_a_ca_file_that_only_root_may_read_is_trusted(make_gateway, new_sandbox, folder):
    """The supervisor reads it; the workers, who are nobody, get its content."""
    ca = make_ca(folder)
    cert, key = make_certificate(folder, "ca")
    os.chmod(ca, 0o600)
    (folder / "private").mkdir(mode=0o700)
    hidden = folder / "private" / "ca.pem"
    os.rename(ca, hidden)
    sandbox, gateway = https_gateway(make_gateway, new_sandbox, cert, key, hidden)
    takes_a_good_mail(gateway, sandbox)


def test_a_changed_ca_file_is_in_force_without_a_reload(make_gateway, new_sandbox, folder):
    ca, other = Path(make_ca(folder)), Path(make_ca(folder, "other"))
    cert, key = make_certificate(folder, "ca")
    good = ca.read_text()
    ca.write_text(other.read_text())
    sandbox, gateway = https_gateway(make_gateway, new_sandbox, cert, key, ca)
    assert "Transport.Tls" in send(gateway)
    ca.write_text(good)
    gateway.wait_event("supervisor files_changed")
    takes_a_good_mail(gateway, sandbox)
    # A damaged one is not taken: the one before it stays.
    ca.write_text(good[:len(good) // 2])
    gateway.wait_event("supervisor files_failed")
    takes_a_good_mail(gateway, sandbox)
