# SPDX-License-Identifier: MIT
"""Real clients, unmodified: what they send arrives field for field."""
import hashlib
import random
import re

import pytest

import clients
from clients import Mail

BLOB = random.Random(7).randbytes(40_000)

MAILS = {
    "text": Mail("A plain text", text="Hello,\n\nthis is text.\n"),
    "html": Mail("HTML alone", html="<p>Hello &amp; <b>welcome</b></p>\n"),
    "alternative": Mail("Both", text="As text.\n", html="<p>As HTML.</p>\n"),
    "attachments": Mail("Two attachments", text="See below.\n", attachments=[
        ("report.pdf", "application/pdf", BLOB),
        ("data.csv", "text/csv", b"a,b\r\n1,2\r\n")]),
    "chinese": Mail("测试邮件：第一季度 Q1 报告", text="你好，世界！\n", name="邮件网关",
                    attachments=[("第一季度报告Q1.pdf", "application/pdf", BLOB)]),
    "sixty recipients": Mail("To sixty", text="All of you.\n",
                             to=[f"user{i}@example.org" for i in range(60)]),
    "blind copies": Mail("To and blind", text="Some see less.\n", to=["a@example.org"],
                         cc=["b@example.org"], bcc=["c@example.org", "d@example.org"]),
    "dot lines": Mail("Dots", text=".\n..\n.text\n. \nlast\n.\nend\n"),
}


def lines(text):
    """Line ends and the last one's presence are the clients' business."""
    return text and text.replace("\r\n", "\n").rstrip("\n")


def check_fields(sent, got):
    assert got["subject"] == sent.subject
    assert got["from"] == (f"{sent.name} <{sent.sender}>" if sent.name else sent.sender)
    assert lines(got["text"]) == lines(sent.text)
    assert lines(got["html"]) == lines(sent.html)
    assert [(a["name"], a["sha256"]) for a in got["attachments"]] == [
        (name, hashlib.sha256(data).hexdigest()) for name, _, data in sent.attachments]


def check_recipients(sent, mails):
    assert sorted(r for m in mails for r in m["to"] + m["cc"] + m["bcc"]) == sorted(
        sent.recipients)
    for m in mails:
        assert set(m["to"]) <= set(sent.to)
        assert set(m["cc"]) <= set(sent.cc)
        assert set(m["bcc"]) <= set(sent.bcc)


@pytest.mark.parametrize("kind", MAILS)
@pytest.mark.parametrize("client", clients.ALL)
def test_what_a_client_sends_arrives_as_sent(gateway, sandbox, tmp_path, client, kind):
    sent = MAILS[kind]
    reply = clients.ALL[client](gateway.port, sent, tmp_path)
    gateway.client_saw(reply)
    got = [sandbox.mail(m["message_id"]) for m in sandbox.mails()]
    assert got, reply
    for mail in got:
        check_fields(sent, mail)
    check_recipients(sent, got)
    assert re.search(r"250[- ]2\.0\.0 .*" + re.escape(got[0]["message_id"]), reply), reply
