# SPDX-License-Identifier: MIT
"""PRDR: by SMTP, too, a client learns of each recipient."""
import pytest

ROUTE = 'route "default" { recipients = "separate" }'
GOOD, REFUSED, LATER = ("good@example.org", "FailedOperation.EmailAddrInBlacklist@example.org",
                        "FailedOperation.FrequencyLimit@example.org")


@pytest.fixture
def gateway(make_gateway):
    return make_gateway(routes=ROUTE)


def recipients_of(sandbox):
    return sorted(to for mail in sandbox.mails() for to in mail["to"])


def send(gateway, recipients, message_id=""):
    """The replies to the end of the message, as the client reads them."""
    with gateway.smtp() as client:
        client.ehlo()
        assert client.has_extn("prdr")
        assert client.mail("a@example.com", ["PRDR"])[0] == 250
        for recipient in recipients:
            assert client.rcpt(recipient)[0] == 250
        client.putcmd("DATA")
        assert client.getreply()[0] == 354
        client.send(f"From: a@example.com\r\nSubject: each\r\n{message_id}\r\ntext\r\n.\r\n")
        replies = [client.getreply()]
        while replies[0][0] == 353 and len(replies) < len(recipients) + 2:
            replies.append(client.getreply())
    for code, text in replies:
        gateway.client_saw(f"{code} {text.decode()}")
    return replies


def test_a_client_learns_of_each_recipient(gateway, sandbox):
    replies = send(gateway, [REFUSED, GOOD, LATER])
    assert [code for code, _ in replies] == [353, 550, 250, 450, 250]
    assert b"EmailAddrInBlacklist" in replies[1][1] and b"FrequencyLimit" in replies[3][1]
    assert replies[2][1].startswith(b"2.0.0 Ok: queued as ")
    assert replies[4][1] == b"2.0.0 1 of 3 recipients accepted"
    assert recipients_of(sandbox) == [GOOD]


def test_the_last_reply_defers_where_nobody_has_the_mail_and_one_may_yet(gateway, sandbox):
    replies = send(gateway, [REFUSED, LATER])
    assert [code for code, _ in replies] == [353, 550, 450, 450]
    assert sandbox.mails() == []


def test_who_was_told_that_he_has_it_is_asked_for_no_more(gateway, sandbox):
    send(gateway, [GOOD, LATER], "Message-ID: <1@example.com>\r\n")
    # A client that lost the replies asks for both.
    replies = send(gateway, [GOOD, LATER], "Message-ID: <1@example.com>\r\n")
    assert [code for code, _ in replies] == [353, 250, 450, 250]
    assert recipients_of(sandbox) == [GOOD]


def test_one_recipient_reads_one_reply(gateway):
    ((code, text),) = send(gateway, [GOOD])
    assert code == 250 and text.startswith(b"2.0.0 Ok: queued as ")
