# SPDX-License-Identifier: MIT
"""A mail whose 250 was lost on its way is not sent again; one that is another mail is."""
import os
import re
import signal
import socket
import struct

import pytest

TO = "delay-300@example.org"
WITH_ID = "Message-ID: <1@client.example.com>\r\n"
WITHOUT = ""


def message(headers):
    return (f"From: app@example.com\r\nTo: {TO}\r\nSubject: hello\r\n{headers}"
            "\r\nDisk full.\r\n.\r\n").encode()


class Client:
    """Speaks by hand, so that it can leave at any point."""

    def __init__(self, place, small=False):
        unix = isinstance(place, str)
        self.sock = socket.socket(socket.AF_UNIX if unix else socket.AF_INET)
        if small:  # the kernel makes it as small as it can
            self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1)
        self.sock.settimeout(30)
        self.sock.connect(place if unix else ("127.0.0.1", place))
        self.lines = self.sock.makefile("rb")

    def reply(self):
        while True:
            line = self.lines.readline().decode()
            if line[3:4] != "-":
                return line

    def say(self, *commands):
        for command in commands:
            self.sock.sendall(command.encode() + b"\r\n")
            text = self.reply()
            assert text[:1] in "23", text

    def begin(self, to, hello="EHLO"):
        self.reply()
        self.say(f"{hello} client.example.com", "MAIL FROM:<app@example.com>",
                 *(f"RCPT TO:<{r}>" for r in to))

    def finish(self, headers):
        self.say("DATA")
        self.sock.sendall(message(headers))

    def send(self, headers, to=(TO,), hello="EHLO"):
        self.begin(to, hello)
        self.finish(headers)
        return self

    def half_close(self):
        self.sock.shutdown(socket.SHUT_WR)

    def close(self):
        self.lines.close()
        self.sock.close()

    def reset(self):
        self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.close()


def queued(text):
    m = re.match(r"250 2\.0\.0 Ok: queued as (\S+)", text)
    assert m, text
    return m.group(1)


def resets_before_the_reply(gateway, place, headers):
    client = Client(place).send(headers)
    gateway.wait_event("state from=waiting-turn to=sending")
    client.reset()
    gateway.wait_event("detached_done")


def closes_before_the_reply(gateway, place, headers):
    client = Client(place).send(headers)
    gateway.wait_event("state from=waiting-turn to=sending")
    client.close()
    gateway.wait_event("state from=sending to=done")


def dies_with_the_reply_on_its_way(gateway, place, headers):
    """Its buffer is full of replies that it did not read, so the 250 cannot arrive."""
    client = Client(place, small=True)
    client.begin([TO])
    text = message(headers).removesuffix(b".\r\n")
    client.sock.sendall(b"NOOP\r\n" * 150 + b"BDAT %d LAST\r\n" % len(text) + text)
    gateway.wait_event("replied")
    client.reset()


LEAVES = [resets_before_the_reply, closes_before_the_reply, dies_with_the_reply_on_its_way]


@pytest.mark.parametrize("headers", [WITH_ID, WITHOUT], ids=["with-id", "without"])
@pytest.mark.parametrize("leave", LEAVES, ids=lambda f: f.__name__)
def test_a_client_that_did_not_hear_its_250_sends_once(gateway, sandbox, leave, headers):
    leave(gateway, gateway.port, headers)
    if headers == WITHOUT and leave != resets_before_the_reply:
        gateway.wait_event("unacknowledged")
    again = Client(gateway.port).send(headers)
    (mail,) = sandbox.mails()
    assert queued(again.reply()) == mail["message_id"]
    assert gateway.events("remembered")
    assert gateway.metric("recipients_remembered_total") == 1
    again.close()


@pytest.mark.parametrize("headers", [WITH_ID, WITHOUT], ids=["with-id", "without"])
def test_by_a_unix_socket_what_was_not_read_is_not_heard(make_gateway, tmp_path, sandbox,
                                                         headers):
    path = str(tmp_path / "smtp")
    gateway = make_gateway(top=f'listener "file" {{ path = "{path}" }}')
    client = Client(path).send(headers)
    gateway.wait_event("replied")
    client.close()
    gateway.wait_event("disconnect")
    if headers == WITHOUT:
        gateway.wait_event("unacknowledged")
    again = Client(path).send(headers)
    (mail,) = sandbox.mails()
    assert queued(again.reply()) == mail["message_id"]
    again.close()


@pytest.mark.parametrize("kind", ["tcp", "unix", "lmtp"])
@pytest.mark.parametrize("workers", [1, 2])
def test_the_same_text_four_times_is_four_mails(make_gateway, tmp_path, sandbox, kind, workers):
    path = str(tmp_path / "socket")
    lmtp = 'protocol = "lmtp"' if kind == "lmtp" else ""
    gateway = make_gateway(top=f'listener "file" {{ path = "{path}" {lmtp} }}', workers=workers)
    told = []
    for _ in range(4):
        client = Client(gateway.port if kind == "tcp" else path)
        client.send(WITHOUT, hello="LHLO" if lmtp else "EHLO")
        client.half_close()
        told.append(queued(client.reply()))
        assert client.lines.read() == b""
        client.close()
    assert len(set(told)) == 4 and len(sandbox.mails()) == 4
    assert len(gateway.wait_event("half_closed", 4)) == 4
    assert not gateway.events("unacknowledged") and not gateway.events("remembered")


def test_the_same_text_over_one_connection_is_as_many_mails(gateway, sandbox):
    client = Client(gateway.port)
    client.reply()
    client.say("EHLO client.example.com")
    told = set()
    for _ in range(3):
        client.say("MAIL FROM:<app@example.com>", f"RCPT TO:<{TO}>")
        client.finish(WITHOUT)
        told.add(queued(client.reply()))
    client.close()
    assert len(told) == 3 and len(sandbox.mails()) == 3


def test_a_message_id_that_was_sent_is_answered_and_not_sent(gateway, sandbox):
    told = set()
    for _ in range(3):
        client = Client(gateway.port).send(WITH_ID)
        told.add(queued(client.reply()))
        client.say("QUIT")
        client.close()
    assert len(told) == 1 and len(sandbox.mails()) == 1
    assert len(gateway.events("remembered")) == 2


def test_of_several_calls_each_recipient_is_known_again(make_gateway, tmp_path, sandbox):
    path = str(tmp_path / "lmtp")
    gateway = make_gateway(top=f'listener "lmtp" {{ path = "{path}" protocol = "lmtp" }}',
                           routes='route "default" { recipients = "separate" }')
    to = ["bob@example.org", "carol@example.org", TO]
    client = Client(path).send(WITHOUT, to, "LHLO")
    gateway.wait_event("replied")
    client.close()
    gateway.wait_event("unacknowledged recipients=3")
    again = Client(path).send(WITHOUT, to, "LHLO")
    told = {r: queued(again.reply()) for r in to}
    again.close()
    assert told == {m["to"][0]: m["message_id"] for m in sandbox.mails()}
    assert len(sandbox.mails()) == 3


def test_what_a_worker_had_accepted_is_known_to_the_next(make_gateway, sandbox):
    """It dies with the 250 written nowhere; the mail has a Message-ID."""
    gateway = make_gateway(workers=1)
    told = queued(Client(gateway.port).send(WITH_ID).reply())
    gateway.killed = True
    os.kill(gateway.workers()[0], signal.SIGKILL)
    gateway.wait_event("child_died")
    gateway.wait_event("child_ready child=worker", 2)
    assert queued(Client(gateway.port).send(WITH_ID).reply()) == told
    assert len(sandbox.mails()) == 1
