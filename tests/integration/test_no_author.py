# SPDX-License-Identifier: MIT
"""Mail whose From has no usable address, as programs of a system write it: who sends it is named."""
import smtplib

import pytest

from gateway import free_port, run_command

CRON = """\
From: root (Cron Daemon)
To: root
Subject: Cron <root@host> test -x /usr/sbin/backup
MIME-Version: 1.0
Content-Type: text/plain; charset=UTF-8
Content-Transfer-Encoding: 8bit
X-Cron-Env: <SHELL=/bin/sh>
X-Cron-Env: <LOGNAME=root>

no space left
"""

# dma's own, of a mail that it could not deliver.
BOUNCE = """\
Received: from MAILER-DAEMON
\tid 1a2b3c
\tby host (DragonFly Mail Agent v0.13);
\tMon, 02 Feb 2026 10:00:00 +0000
X-Original-To: <app@example.com>
From: MAILER-DAEMON <>
To: app@example.com
Subject: Mail delivery failed
Message-Id: <69809c60.1a2b3c@host>
Date: Mon, 02 Feb 2026 10:00:00 +0000

This is the DragonFly Mail Agent v0.13 at host.
"""

# ssmtp puts its Received in front and leaves cron's From as it is (FromLineOverride=YES).
SSMTP = "Received: by host (sSMTP sendmail emulation); Mon, 02 Feb 2026 10:00:00 +0000\n" + CRON

# mailutils' mail, where it does not know its own domain.
MAILUTILS = """\
To: <bob@example.org>
Subject: backup
User-Agent: mail (GNU Mailutils 3.15)
Date: Mon, 02 Feb 2026 10:00:00 +0000
Message-Id: <20260202100000.1@host>
From: root <root>

done
"""

NOTHING = "To: bob@example.org\nSubject: hello\n\nhello\n"


def send(client, text, sender="app@example.com"):
    code, told = client.docmd("MAIL", f"FROM:<{sender}>")
    if code != 250:
        return code, told
    assert client.docmd("RCPT", "TO:<bob@example.org>")[0] == 250
    return client.data(text.encode())


def sent_as(sandbox):
    """What the API was told: the author, and where replies go."""
    (mail,) = sandbox.mails()
    (request,) = [r for r in sandbox.requests() if r["action"] == "SendEmail"]
    return request["body"]["FromEmailAddress"], request["body"].get("ReplyToAddresses")


@pytest.mark.parametrize("text,author", [
    (CRON, "Cron Daemon <app@example.com>"), (SSMTP, "Cron Daemon <app@example.com>"),
    (MAILUTILS, "root <app@example.com>"), (NOTHING, "app@example.com"),
], ids=["cron", "ssmtp", "mailutils", "nothing"])
def test_the_envelopes_sender_is_the_author(gateway, sandbox, text, author):
    with gateway.smtp() as client:
        client.ehlo()
        assert send(client, text)[0] == 250
    assert sent_as(sandbox) == (author, None)


@pytest.mark.parametrize("text,name", [(CRON, "Cron Daemon "), (BOUNCE, "MAILER-DAEMON "),
                                       (NOTHING, "")], ids=["cron", "bounce", "nothing"])
@pytest.mark.parametrize("sender", ["app@example.com", ""])
def test_with_rewrite_from_that_is_the_author(make_gateway, sandbox, text, name, sender):
    gateway = make_gateway(mail="null_sender = true",
                           routes='route "default" { rewrite_from = "system@example.com" }')
    with gateway.smtp() as client:
        client.ehlo()
        assert send(client, text, sender)[0] == 250
    author = f"{name}<system@example.com>" if name else "system@example.com"
    assert sent_as(sandbox) == (author, None)


def test_where_there_is_neither_it_is_refused(make_gateway, sandbox):
    gateway = make_gateway(mail="null_sender = true")
    with gateway.smtp() as client:
        client.ehlo()
        code, told = send(client, BOUNCE, "")
        assert code == 554 and b"no author" in told
        code, told = send(client, "From: a@example.com\n" + CRON)
        assert code == 554 and b"more than one From" in told
    assert not sandbox.mails()


def test_a_route_by_author_goes_by_it(make_gateway, sandbox):
    gateway = make_gateway(routes=(
        'route "app" { from = {"app@*"} rewrite_from = "one@example.com" }\n'
        'route "rest" { rewrite_from = "two@example.com" }'))
    with gateway.smtp() as client:
        client.ehlo()
        assert send(client, CRON)[0] == 250
    assert sent_as(sandbox)[0] == "Cron Daemon <one@example.com>"


def test_who_may_not_send_as_another_cannot_by_leaving_it_out(make_gateway, sandbox, tmp_path):
    users = tmp_path / "users"
    hashed = run_command("hash-password", stdin="correct-horse\n").stdout.strip()
    users.write_text(f"shop:{hashed}:senders=@example.com\n")
    users.chmod(0o600)
    port = free_port()
    gateway = make_gateway(mail="null_sender = true", top=(
        f'users_file = "{users}"\nlistener "logins" {{ address = "127.0.0.1" port = {port} '
        'auth = "required" }'))
    with smtplib.SMTP("127.0.0.1", port, "client.example.com", 20) as client:
        client.ehlo()
        client.login("shop", "correct-horse")
        assert send(client, CRON, "ceo@example.net")[0] == 553
        client.rset()
        assert send(client, "From: ceo@example.net\n" + NOTHING)[0] == 554
        code, told = send(client, BOUNCE, "")
        assert code == 554 and b"no author" in told
        code, told = send(client, CRON, "shop@example.com")
        assert code == 250
        gateway.client_saw(f"{code} {told.decode()}")
    assert sent_as(sandbox)[0] == "Cron Daemon <shop@example.com>"


def test_explain_shows_who_is_named(gateway):
    done = run_command("explain", "-c", gateway.file, "-s", "app@example.com", "-r",
                       "bob@example.org", "-", env=gateway.env, stdin=CRON)
    assert '"FromEmailAddress": "Cron Daemon <app@example.com>"' in done.stdout
    assert "From: holds no usable address, sent as Cron Daemon <app@example.com>" in done.stdout
    done = run_command("explain", "-c", gateway.file, "-r", "bob@example.org", "-",
                       env=gateway.env, stdin=CRON)
    assert done.returncode == 1 and "Refused: 554 5.6.0 no author" in done.stdout
