# SPDX-License-Identifier: MIT
"""What old devices send, to a listener that is lenient and to one that is not."""
import socket

import pytest

from gateway import free_port

SCAN = (b"From: scanner@example.com\r\nTo: user@example.org\r\nSubject: Scan 0017\r\n\r\n"
        b"A page.\r\n.\r\n")

# Commands in the manner of a scanner, one at a time, and how each is answered.
SESSION = (
    (b"helo floor 2 scanner\r\n", "250 "),
    (b"mail from: scanner@example.com\r\n", "250 2.1.0 "),
    (b"rcpt to: user@example.org\r\n", "250 2.1.5 "),
    (b"data\r\n", "354 "),
    (SCAN, "250 2.0.0 "),
    (b"quit\r\n", "221 "),
)


@pytest.fixture
def lenient(make_gateway):
    port = free_port()
    gateway = make_gateway(top=(f'listener "devices" {{ address = "127.0.0.1" '
                                f'port = {port} lenient = yes }}'))
    return gateway, port


def say(port, commands):
    """The reply to each command, up to the first that is refused."""
    with socket.create_connection(("127.0.0.1", port), 30) as s, s.makefile("rb") as lines:
        replies = [lines.readline().decode()]
        for command in commands:
            s.sendall(command)
            replies.append(lines.readline().decode())
            if replies[-1] >= "4":
                break
        return replies[1:]


def test_a_scanner_sends_through_a_lenient_listener(lenient, sandbox):
    gateway, port = lenient
    replies = say(port, [command for command, _ in SESSION])
    for reply, (_, want) in zip(replies, SESSION, strict=True):
        assert reply.startswith(want), replies
    gateway.client_saw("".join(replies))
    (mail,) = sandbox.mails()
    assert mail["to"] == ["user@example.org"]
    assert sandbox.mail(mail["message_id"])["subject"] == "Scan 0017"


def test_others_are_told_what_is_wrong(lenient):
    gateway, _ = lenient
    assert say(gateway.port, [SESSION[0][0]])[0].startswith("501 5.5.4 a domain or an address")
    (_, reply) = say(gateway.port, [b"helo scanner.example.com\r\n", SESSION[1][0]])
    assert reply.startswith("501 5.1.7 bad sender address, <local@domain>")


def test_bare_line_ends_can_be_refused(make_gateway, sandbox):
    port = free_port()
    make_gateway(top=(f'listener "strict" {{ address = "127.0.0.1" port = {port} '
                      'bare_newline = "reject" }'))
    *_, reply = say(port, [b"HELO client.example.com\r\n", b"MAIL FROM:<a@example.com>\r\n",
                           b"RCPT TO:<user@example.org>\r\n", b"DATA\r\n",
                           SCAN.replace(b"page", b"page\n.\nMAIL FROM:<b@example.com>")])
    assert reply.startswith("554 5.6.0 bare <CR> or <LF>"), reply
    assert sandbox.mails() == []
