# SPDX-License-Identifier: MIT
"""BDAT from end to end: what was sent in chunks reaches the API byte for byte."""
import os
import socket

import pytest

HEAD = (b"From: a@example.com\r\nTo: user@example.org\r\nSubject: chunks\r\n"
        b"MIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\n"
        b"--b\r\nContent-Type: text/plain; charset=utf-8\r\n\r\n"
        b".\r\n..dots\r\n--b\r\nContent-Type: application/pdf; name=a.pdf\r\n"
        b"Content-Disposition: attachment; filename=a.pdf\r\n"
        b"Content-Transfer-Encoding: %s\r\n\r\n")
TAIL = b"\r\n--b--\r\n"


class Raw:
    """A client that sends bytes and reads replies."""

    def __init__(self, gateway):
        self.gateway = gateway
        self.socket = socket.create_connection(("127.0.0.1", gateway.port), 30)
        self.replies = self.socket.makefile("rb")

    def __enter__(self):
        assert self.reply().startswith("220 ")
        self.send(b"EHLO client.example.com\r\n")
        assert self.reply().startswith("250 ")
        return self

    def __exit__(self, *exc):
        self.replies.close()
        self.socket.close()

    def send(self, data):
        self.socket.sendall(data)

    def reply(self):
        while True:
            line = self.replies.readline().decode()
            assert line, "the connection was closed"
            if line[3:4] != "-":
                self.gateway.client_saw(line)
                return line


def pieces(data, size):
    return [data[i:i + size] for i in range(0, len(data), size)]


@pytest.mark.parametrize("size", [7, 1000, 1 << 20])
def test_binary_mail_arrives_byte_for_byte(gateway, sandbox, size):
    data = bytes(range(256)) * 4 + b"\r\n.\r\n\n.\n\r" + os.urandom(3000)
    chunks = pieces(HEAD % b"binary" + data + TAIL, size)
    with Raw(gateway) as c:
        c.send(b"MAIL FROM:<a@example.com> BODY=BINARYMIME\r\n"
               b"RCPT TO:<user@example.org>\r\n" +
               b"".join(b"BDAT %d\r\n" % len(p) + p for p in chunks) + b"BDAT 0 LAST\r\n")
        replies = [c.reply() for _ in range(len(chunks) + 3)]
    assert all(r.startswith("250 ") for r in replies), replies
    (mail,) = sandbox.mails()
    whole = sandbox.mail(mail["message_id"])
    assert whole["text"].replace("\r\n", "\n").rstrip("\n") == ".\n..dots"
    assert sandbox.attachment(mail["message_id"], 0) == data


def test_a_client_that_leaves_within_a_chunk_has_sent_nothing(gateway, sandbox):
    with Raw(gateway) as c:
        c.send(b"MAIL FROM:<a@example.com>\r\nRCPT TO:<user@example.org>\r\n")
        c.reply(), c.reply()
        c.send(b"BDAT 1000 LAST\r\nFrom: a@example.com\r\n\r\nhalf")
    with Raw(gateway) as c:
        c.send(b"QUIT\r\n")
        assert c.reply().startswith("221 ")
    assert sandbox.mails() == []


def test_chunks_behind_a_refused_recipient_are_no_commands(gateway, sandbox):
    hidden = b"MAIL FROM:<a@example.com>\r\nRCPT TO:<user@example.org>\r\n"
    with Raw(gateway) as c:
        c.send(b"MAIL FROM:<a@example.com>\r\nRCPT TO:<postmaster>\r\n"
               b"BDAT %d LAST\r\n" % len(hidden) + hidden + b"NOOP\r\n")
        codes = [c.reply()[:9] for _ in range(4)]
    assert codes == ["250 2.1.0", "550 5.1.3", "554 5.5.1", "250 2.0.0"]
    assert sandbox.mails() == []
