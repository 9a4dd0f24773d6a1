# SPDX-License-Identifier: MIT
"""Hostile messages, from the socket to the API: one call or one refusal and no call, the same
whether they come whole or byte by byte. doc/threats.md says what else is tested where."""
import socket

import pytest

from gateway import free_port

HEAD = b"From: noreply@example.com\r\nTo: user@example.org\r\nSubject: s\r\n"
SMUGGLED = (b"MAIL FROM:<evil@example.com>\r\nRCPT TO:<victim@example.net>\r\nDATA\r\n"
            + HEAD + b"\r\nsmuggled\r\n")

# What somebody, somewhere, takes for the end of data.
ENDS = {
    "LF.LF": b"\n.\n", "LF.CRLF": b"\n.\r\n", "CR.CR": b"\r.\r", "CRLF.LF": b"\r\n.\n",
    "CRLF.CR": b"\r\n.\r", "CR.CRLF": b"\r.\r\n", "LF.CR": b"\n.\r",
    "CRLF.CRCRLF": b"\r\n.\r\r\n", "CRLF NUL.CRLF": b"\r\n\0.\r\n",
    "CRLF.NUL CRLF": b"\r\n.\0\r\n",
}


def nested(depth, kind):
    """Parts in each other, without an end."""
    text = b"".join(b"Content-Type: " + kind % i + b"\r\n\r\n"
                    + (b"--b%d\r\n" % i if b"boundary" in kind else b"") for i in range(depth))
    return HEAD + b"MIME-Version: 1.0\r\n" + text + b"\r\ntext\r\n"


def attachment(name):
    return (HEAD + b"MIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\n"
            b"--b\r\n\r\ntext\r\n--b\r\nContent-Type: text/csv\r\n"
            b"Content-Disposition: attachment;\r\n " + name + b"\r\n\r\n1,2\r\n--b--\r\n")


# The reply: with 250 the mail is in the journal, once; with the others nothing is.
MESSAGES = {
    # bombs
    "multiparts in multiparts": (nested(60, b"multipart/mixed; boundary=b%d"), "554 5.6.0 "),
    "messages in messages": (nested(200, b"message/rfc822; x=%d"), "250 2.0.0 "),
    "a thousand parts": (HEAD + b"MIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary=b"
                         b"\r\n\r\n" + b"--b\r\n\r\n" * 1100 + b"--b--\r\n", "554 5.6.0 "),
    "a thousand fields": (HEAD + b"X:\r\n" * 1100 + b"\r\nt\r\n", "554 5.6.0 "),
    # loops
    "more hops than allowed": (b"Received: x\r\n" * 51 + HEAD + b"\r\nt\r\n", "554 5.4.6 "),
    "as many hops as allowed": (b"Received: x\r\n" * 50 + HEAD + b"\r\nt\r\n", "250 2.0.0 "),
    # names and words that are cut into too many pieces, or into none
    "continuations of a name without end":
        (attachment(b";\r\n ".join(b"filename*%d=a" % i for i in range(300))), "250 2.0.0 "),
    "continuations that overlap and are missing":
        (attachment(b"filename*0=a; filename*0=b; filename*7*=%ZZ; filename*99999999999=c"),
         "250 2.0.0 "),
    "a charset that is none": (attachment(b"filename*=x-nothing''%ff%fe%00.csv"), "250 2.0.0 "),
    "encoded words that are none":
        (HEAD.replace(b": s", b": " + b"=?utf-8?B?!?= =?x?Q?=ZZ?= =?utf-8?B?" * 20)
         + b"\r\ntext\r\n", "250 2.0.0 "),
    "base64 that is none":
        (HEAD + b"Content-Transfer-Encoding: base64\r\n\r\n=a=b\0!\xff" + b"=" * 500 + b"\r\n",
         "250 2.0.0 "),
}


def in_one(s, data):
    s.sendall(data)


def byte_by_byte(s, data):
    for byte in data:
        s.send(bytes([byte]))


def send(port, message, write):
    """All replies to a session of one message."""
    with socket.create_connection(("127.0.0.1", port), 30) as s, s.makefile("rb") as lines:
        s.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        said = [lines.readline().decode()]
        for command in (b"HELO client.example.com\r\n", b"MAIL FROM:<noreply@example.com>\r\n",
                        b"RCPT TO:<user@example.org>\r\n", b"DATA\r\n"):
            write(s, command)
            said.append(lines.readline().decode())
        assert said[-1].startswith("354 "), said
        write(s, message + b".\r\n")
        said.append(lines.readline().decode())
        write(s, b"QUIT\r\n")
        return said + [line.decode() for line in lines]


@pytest.mark.parametrize("write", [in_one, byte_by_byte])
def test_one_message_is_one_call_or_none(make_gateway, sandbox, write):
    port = free_port()
    gateway = make_gateway(top=(f'listener "strict" {{ address = "127.0.0.1" port = {port} '
                                'bare_newline = "reject" }'))
    wrong = []
    for name, end in ENDS.items():
        for listener in (gateway.port, port):
            before = len(sandbox.journal())
            said = send(listener, HEAD + b"\r\nfirst" + end + SMUGGLED, write)
            gateway.client_saw("".join(said))
            calls = sandbox.journal()[before:]
            bare = listener == port and "NUL" not in name
            good = len(said) == 7 and (
                said[5].startswith("554 5.6.0 ") and not calls if bare else
                said[5].startswith("250 2.0.0 ") and [c["to"] for c in calls]
                == [["user@example.org"]])
            wrong += [(name, listener == port, said, calls)] * (not good)
    assert not wrong, "\n".join(map(str, wrong))


@pytest.mark.parametrize("write", [in_one, byte_by_byte])
def test_a_hostile_message_is_one_call_or_none(gateway, sandbox, write):
    wrong = []
    for name, (message, expected) in MESSAGES.items():
        before = len(sandbox.journal())
        said = send(gateway.port, message, write)
        gateway.client_saw("".join(said))
        calls = len(sandbox.journal()) - before
        if not said[5].startswith(expected) or calls != said[5].startswith("250 "):
            wrong.append((name, expected, said[5], calls))
    assert not wrong, "\n".join(map(str, wrong))
