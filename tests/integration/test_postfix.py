# SPDX-License-Identifier: MIT
"""A real Postfix with sesrelay as its relayhost: what the API says decides what it does."""
import os
import re
import smtplib

import pytest

from clients import Mail
from gateway import BUILD, free_port
from postfix import Postfix


@pytest.fixture
def postfix(gateway):
    root = os.path.join(BUILD, "peers", "postfix")
    if not os.path.isdir(root):
        pytest.fail("no Postfix: run scripts/fetch-deb.sh BUILD/peers postfix")
    with Postfix(root, f"[127.0.0.1]:{gateway.port}", free_port()) as p:
        yield p
        gateway.client_saw(p.log())


def submit(postfix, recipient, subject="Through Postfix"):
    mail = Mail(subject, text="Hello by way of Postfix.\n", to=[recipient],
                attachments=[("a.pdf", "application/pdf", b"%PDF-1.4 \x00\xff")])
    with smtplib.SMTP("127.0.0.1", postfix.port, timeout=30) as s:
        s.sendmail(mail.sender, mail.recipients, mail.message().as_bytes())


def test_accepted_is_sent_with_the_message_id_in_its_log(postfix, sandbox):
    submit(postfix, "user@example.org")
    line = postfix.wait_log(r"to=<user@example.org>.*status=")
    (mail,) = sandbox.mails()
    assert "status=sent" in line
    assert mail["message_id"] in line
    assert mail["request_id"] in line
    assert sandbox.mail(mail["message_id"])["text"].startswith("Hello by way of Postfix.")


def test_a_4yz_is_deferred_and_delivered_once_the_fault_is_gone(postfix, sandbox):
    sandbox.fault(count=0, code="RequestLimitExceeded")
    submit(postfix, "user@example.org")
    line = postfix.wait_log(r"to=<user@example.org>.*status=deferred")
    assert "RequestLimitExceeded" in line
    assert re.search(r"req=[0-9a-f-]{36}", line), line
    assert "4.4.5" in line
    assert sandbox.mails() == []

    sandbox.clear_faults()
    postfix.flush()
    postfix.wait_log(r"to=<user@example.org>.*status=sent")
    assert len(sandbox.mails()) == 1


def test_a_5yz_is_bounced_with_code_and_request_id(postfix, sandbox):
    submit(postfix, "FailedOperation.EmailAddrInBlacklist@example.org")
    line = postfix.wait_log(r"to=<FailedOperation\.EmailAddrInBlacklist@example\.org>.*status=")
    assert "status=bounced" in line
    assert "FailedOperation.EmailAddrInBlacklist" in line.split("status=")[1]
    assert re.search(r"req=[0-9a-f-]{36}", line), line
    # Postfix's own report to the sender may have come by the same way by now.
    assert not any("EmailAddrInBlacklist" in to for m in sandbox.mails() for to in m["to"])


def test_what_the_sender_asked_of_reports_reaches_the_log(postfix, gateway):
    mail = Mail("Reported", text="Hello.\n", to=["user@example.org"])
    with smtplib.SMTP("127.0.0.1", postfix.port, timeout=30) as s:
        s.sendmail(mail.sender, mail.recipients, mail.message().as_bytes(),
                   ["RET=HDRS", "ENVID=QQ314159"],
                   ["NOTIFY=FAILURE,DELAY", "ORCPT=rfc822;first@example.net"])
    assert "status=sent" in postfix.wait_log(r"to=<user@example.org>.*status=")
    (line,) = gateway.events("dsn")
    assert "recipient=user@example.org notify=FAILURE,DELAY" in line
    assert "orcpt=rfc822;first@example.net envid=QQ314159" in line


def test_a_gateway_that_is_away_costs_no_mail(postfix, gateway, sandbox):
    gateway.stop()
    submit(postfix, "user@example.org")
    postfix.wait_log(r"to=<user@example.org>.*status=deferred")
    gateway.start()
    postfix.flush()
    postfix.wait_log(r"to=<user@example.org>.*status=sent")
    assert len(sandbox.mails()) == 1
