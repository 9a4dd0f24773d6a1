# SPDX-License-Identifier: MIT
"""LMTP: a real Postfix learns what became of each recipient."""
import os
import smtplib
import socket

import pytest

from clients import Mail
from gateway import BUILD, free_port, wait_for
from postfix import Postfix

ROUTE = 'route "default" { recipients = "separate" }'


@pytest.fixture
def lmtp_port():
    return free_port()


@pytest.fixture
def lmtp_gateway(make_gateway, lmtp_port):
    return make_gateway(
        top=f'listener "lmtp" {{ protocol = "lmtp" address = "127.0.0.1" port = {lmtp_port} }}',
        routes=ROUTE)


@pytest.fixture
def postfix(lmtp_gateway, lmtp_port):
    root = os.path.join(BUILD, "peers", "postfix")
    if not os.path.isdir(root):
        pytest.fail("no Postfix: run scripts/fetch-deb.sh BUILD/peers postfix")
    with Postfix(root, "", free_port(),
                 f"default_transport = lmtp:inet:127.0.0.1:{lmtp_port}") as p:
        yield p
        lmtp_gateway.client_saw(p.log())


def submit(postfix, *recipients):
    mail = Mail("By LMTP", text="Hello by LMTP.\n", to=list(recipients))
    with smtplib.SMTP("127.0.0.1", postfix.port, timeout=30) as s:
        s.sendmail(mail.sender, mail.recipients, mail.message().as_bytes())


def recipients_of(sandbox):
    return sorted(to for mail in sandbox.mails() for to in mail["to"])


def test_postfix_learns_the_fate_of_each_recipient(postfix, sandbox):
    throttled = "FailedOperation.FrequencyLimit@example.org"
    refused = "FailedOperation.EmailAddrInBlacklist@example.org"
    submit(postfix, "first@example.org", refused, throttled, "last@example.org")
    for recipient in ("first@example.org", "last@example.org"):
        line = postfix.wait_log(f"to=<{recipient}>.*status=")
        assert "status=sent (250 2.0.0 Ok: queued as" in line
    line = postfix.wait_log(f"to=<{refused}>.*status=")
    assert "status=bounced" in line and "EmailAddrInBlacklist" in line.split("status=")[1]
    line = postfix.wait_log(f"to=<{throttled}>.*status=")
    assert "status=deferred" in line and "FrequencyLimit" in line.split("status=")[1]
    # It tries the one again, and nobody gets the mail twice.
    postfix.flush()
    wait_for("another try", lambda: postfix.log().count(f"to=<{throttled}>") > 1)
    users = [r for r in recipients_of(sandbox) if r.endswith("@example.org")]
    assert users == ["first@example.org", "last@example.org"]


def dialogue(port, *groups):
    """What each group of commands is answered with, line by line; the last ends it."""
    with socket.create_connection(("127.0.0.1", port), 30) as s, s.makefile("rb") as replies:
        answers = [[replies.readline().decode()]]
        for lines, n in groups:
            s.sendall(lines)
            got = []
            while len(got) < n:
                line = replies.readline().decode()
                assert line, "the connection was closed"
                if line[3:4] == " ":
                    got.append(line)
            answers.append(got)
        return answers


def test_a_recipient_named_twice_reads_two_replies_and_gets_one_mail(
        lmtp_gateway, lmtp_port, sandbox):
    body = b"From: a@example.com\r\nSubject: twice\r\n\r\ntext\r\n.\r\n"
    *_, replies = dialogue(
        lmtp_port, (b"LHLO client.example.com\r\n", 1),
        (b"MAIL FROM:<a@example.com>\r\nRCPT TO:<b@example.org>\r\n"
         b"RCPT TO:<c@example.org>\r\nRCPT TO:<b@example.org>\r\nDATA\r\n", 5),
        (body, 3))
    assert replies[0] == replies[2] != replies[1]
    for line in replies:
        lmtp_gateway.client_saw(line)
    assert recipients_of(sandbox) == ["b@example.org", "c@example.org"]


def test_the_other_protocol_is_refused(lmtp_gateway, lmtp_port):
    _, helo = dialogue(lmtp_port, (b"EHLO client.example.com\r\n", 1))
    assert helo == ["500 5.5.1 this is LMTP, say LHLO\r\n"]
    _, lhlo = dialogue(lmtp_gateway.port, (b"LHLO client.example.com\r\n", 1))
    assert lhlo == ["500 5.5.1 this is SMTP, say EHLO\r\n"]
