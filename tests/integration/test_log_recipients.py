# SPDX-License-Identifier: MIT
"""Was Bob's mail sent, and as what? Each recipient has a line of its own in the log."""
import re

import pytest

ID = "<order-42@shop.example.com>"
MAIL = ("From: app@example.com\r\nTo: {to}\r\nSubject: a secret\r\nMessage-ID: {id}\r\n\r\n"
        "A body.\r\n")


def send(gateway, to, mail_id=ID, shown=None):
    with gateway.smtp() as client:
        client.ehlo()
        client.mail("app@example.com")
        for recipient in to:
            client.rcpt(recipient)
        try:
            return client.data(MAIL.format(to=", ".join(shown or to), id=mail_id).encode())
        finally:
            client.rset()


def field(line, name):
    m = re.search(rf' {name}=("(?:[^"\\]|\\.)*"|\S+)', line)
    return m.group(1) if m else None


def lines_of(gateway, recipient):
    """What grep finds, but for the lines of the session and of `debug`."""
    return [line for line in gateway.everything().splitlines()
            if recipient in line and " debug " not in line and f" to={recipient}" in line]


def test_one_grep_finds_each_of_fifty(gateway, sandbox):
    to = [f"user{i:02}@example.org" for i in range(50)]
    assert send(gateway, to)[0] == 250
    (mail,) = sandbox.mails()
    for recipient in to:
        (line,) = lines_of(gateway, recipient)
        assert " accepted " in line
        assert field(line, "message_id") == mail["message_id"]
        assert field(line, "header_message_id") == ID
    # The same again, from memory.
    assert send(gateway, to)[0] == 250
    for recipient in to:
        line = lines_of(gateway, recipient)[1]
        assert " remembered " in line and field(line, "message_id") == mail["message_id"]
        assert field(line, "header_message_id") == ID
    assert "a secret" not in gateway.everything() and "A body" not in gateway.everything()


@pytest.mark.parametrize("fault,event", [
    ({"code": "InvalidParameter"}, "refused"), ({"code": "RequestLimitExceeded"}, "deferred"),
    ({"reset": "before-answer"}, "uncertain")])
def test_what_was_not_accepted_has_its_line_too(gateway, sandbox, fault, event):
    sandbox.fault(**fault)
    assert send(gateway, ["bob@example.org", "carol@example.org"])[0] >= 450
    for recipient in ("bob@example.org", "carol@example.org"):
        (line,) = lines_of(gateway, recipient)
        assert f" {event} " in line and field(line, "header_message_id") == ID
        assert field(line, "code")


def test_calls_that_were_never_begun_are_told_of(make_gateway, sandbox):
    gateway = make_gateway(routes='route "default" { recipients = "separate" }')
    sandbox.fault(code="InvalidParameter", count=1)
    assert send(gateway, ["bob@example.org", "carol@example.org"])[0] == 554
    for recipient in ("bob@example.org", "carol@example.org"):
        (line,) = lines_of(gateway, recipient)
        assert " refused " in line


def test_tries_have_lines_of_their_own_and_one_end(make_gateway):
    gateway = make_gateway(endpoint="http://127.0.0.1:1",
                           limits="deadline = 5s\ncall_timeout = 4s\nconnect_timeout = 1s")
    assert send(gateway, ["bob@example.org"])[0] == 451
    (line,) = lines_of(gateway, "bob@example.org")
    assert " deferred " in line and field(line, "code") == "Transport.Connect"
    assert len(gateway.events("not_sent")) == int(field(line, "try")) > 1


def test_a_message_that_is_refused_before_any_call(gateway):
    assert send(gateway, ["bob@example.org"], ID + "\r\nFrom: b@example.com")[0] == 554
    (line,) = lines_of(gateway, "bob@example.org")
    assert " refused " in line and "more than one From" in field(line, "reply")


def test_client_bytes_cannot_make_a_line(gateway):
    evil = '<a"to=x\\@example.com>'
    assert send(gateway, ["to=carol@example.org"], evil)[0] == 250
    (line,) = gateway.events("accepted")
    assert field(line, "to") == '"to=carol@example.org"'
    assert field(line, "header_message_id") == '"<a\\"to=x\\\\@example.com>"'


def test_local_parts_are_hidden_where_told_to(make_gateway, sandbox):
    gateway = make_gateway(routes=(
        'route "default" { recipient = {"*@example.org"} recipients = "separate" }'))
    gateway.write(gateway.settings and open(gateway.file).read().replace(
        'log {', 'log {\n\trecipients = "domain"'))
    assert gateway.reload()
    sandbox.fault({"recipient": "carol.secret@example.org"},
                  code="FailedOperation.EmailAddrInBlacklist", message="no carol.secret@example.org")
    to = ["bob.secret@example.org", "carol.secret@example.org", "dave.secret@example.net"]
    code, text = send(gateway, to)
    assert code == 550 and b"sent to bob.secret@example.org" in text
    send(gateway, to)
    told = "\n".join(line for line in gateway.everything().splitlines() if " debug " not in line)
    assert "secret@" not in told
    for event in ("accepted", "remembered", "refused"):
        assert any("to=***@example.org" in line for line in gateway.events(event)), event
    assert gateway.events("refused command=")  # the RCPT that has no route
