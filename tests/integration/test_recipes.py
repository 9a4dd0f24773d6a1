# SPDX-License-Identifier: MIT
"""Every block of doc/recipes.md, run with the program that it is for."""
import email.message
import os
import pathlib
import re
import smtplib
import socket
import subprocess

import pytest

from certificates import Authority
from clients import NODE, Mail
from daemons import Alertmanager, Cron, Exim, OpenSMTPD, unpacked
from gateway import BUILD, free_port, run_command, wait_for
from postfix import Postfix

PAGE = (pathlib.Path(__file__).resolve().parents[2] / "doc" / "recipes.md").read_text()
BLOCKS = {m.group(1): m.group(2)
          for m in re.finditer(r"^```\w+ ([\w-]+)\n(.*?)^```$", PAGE, re.M | re.S)}

PASSWORD = "correct-horse"
CHINESE = Mail("订单 42", text="您好\n", sender="app@example.com", to=["bob@example.org"])


@pytest.fixture
def site(make_gateway, tmp_path):
    """The gateway with the page's listeners, and block(name): a block for this place."""
    authority = Authority(tmp_path)
    cert, key = authority.issue("mail.example.com")
    users = tmp_path / "users"
    users.write_text("app:" + run_command("hash-password", stdin=PASSWORD + "\n").stdout)
    users.chmod(0o600)
    run = tmp_path / "run"
    run.mkdir()
    for folder in [run, *run.parents]:
        if str(folder).startswith("/tmp/"):
            folder.chmod(0o755)  # Postfix and Exim are nobody's root
    plain, submission, printers = free_port(), free_port(), free_port()

    def block(name):
        text = BLOCKS[name]
        for here, there in (
                ("/etc/sesrelay/users", users), ("/etc/sesrelay/tls.crt", cert),
                ("/etc/sesrelay/tls.key", key), ("/etc/sesrelay/ca.crt", authority.file),
                ("/run/sesrelay", run), ("/etc/aliases", tmp_path / "aliases"), ("/etc/postfix", tmp_path), ("/etc/msmtprc",
                                                                     tmp_path / "msmtprc"),
                ("PASSWORD", PASSWORD), ("192.0.2.1\"", "127.0.0.1\""),
                ("192.0.2.64/26", "127.0.0.0/8"), ("port = 25\n", f"port = {printers}\n"),
                ("2525", plain), ("2587", submission)):
            text = text.replace(here, str(there))
        return text

    gateway = make_gateway(top=block("listeners") + block("printers"),
                           routes=block("bounces-route"))
    block.gateway, block.folder = gateway, tmp_path
    block.plain, block.submission, block.printers = plain, submission, printers
    return block


def arrived(site, sandbox, subject="订单 42"):
    (mail,) = sandbox.mails()
    assert mail["to"] == ["bob@example.org"]
    assert sandbox.mail(mail["message_id"])["subject"] == subject
    # Not every client tells what it was told: the gateway's own log does, for the audit.
    for line in site.gateway.events("reply"):
        site.gateway.client_saw(line)


# --- mail servers -------------------------------------------------------------------------


def postfix_of(site, block):
    root = os.path.join(BUILD, "peers", "postfix")
    if not os.path.isdir(root):
        pytest.fail("no Postfix: run scripts/fetch-deb.sh BUILD/peers postfix")
    lines = site(block)
    relayhost = re.search(r"^relayhost = (.*)$", lines, re.M)
    return Postfix(root, relayhost.group(1) if relayhost else "", free_port(),
                   re.sub(r"^relayhost = .*\n", "", lines, flags=re.M))


def through_postfix(site, sandbox, block):
    with postfix_of(site, block) as postfix:
        with smtplib.SMTP("127.0.0.1", postfix.port, timeout=30) as client:
            client.sendmail(CHINESE.sender, CHINESE.to, CHINESE.message().as_bytes())
        line = postfix.wait_log("to=<bob@example.org>.*status=")
        assert "status=sent (250 2.0.0 Ok: queued as" in line
        site.gateway.client_saw(postfix.log())
    (mail,) = sandbox.mails()
    assert mail["to"] == ["bob@example.org"]


@pytest.mark.parametrize("block", ["postfix", "postfix-login", "postfix-lmtp"])
def test_postfix(site, sandbox, block):
    (site.folder / "sesrelay_passwd").write_text(
        f"[127.0.0.1]:{site.submission} app:{PASSWORD}\n")
    through_postfix(site, sandbox, block)


def test_a_bounce_of_postfix(site, sandbox):
    """The API refuses a recipient; who wrote the mail learns of it, by the same way."""
    assert 'sender = {"<>"}' in site("bounces-route")
    sandbox.fault(code="FailedOperation.EmailAddrInBlacklist")
    with postfix_of(site, "postfix") as postfix:
        with smtplib.SMTP("127.0.0.1", postfix.port, timeout=30) as client:
            client.sendmail(CHINESE.sender, CHINESE.to, CHINESE.message().as_bytes())
        postfix.wait_log("to=<bob@example.org>.*status=bounced .*550 5.7.1 ")
        postfix.wait_log("to=<app@example.com>.*status=sent")
        site.gateway.client_saw(postfix.log())
    (mail,) = sandbox.mails()
    assert mail["to"] == ["app@example.com"]
    bounce = sandbox.mail(mail["message_id"])
    assert bounce["from"] == "Mail Delivery System <bounces@example.com>"
    assert bounce["subject"] == "Undelivered Mail Returned to Sender"
    assert "<bob@example.org>: host 127.0.0.1" in bounce["text"]
    assert "550 5.7.1" in bounce["text"].replace("\r\n", " ").replace("\n", " ")


def test_alertmanager_through_postfix(site, sandbox):
    with postfix_of(site, "postfix") as postfix:
        text = site("alertmanager").replace("127.0.0.1:25\n", f"127.0.0.1:{postfix.port}\n")
        assert str(postfix.port) in text
        with Alertmanager(site.folder, text) as alertmanager:
            alertmanager.alert(alertname="DiskFull", instance="web1")
            postfix.wait_log("from=<alerts@example.com>")
            postfix.wait_log("to=<bob@example.org>.*status=sent")
        site.gateway.client_saw(postfix.log())
    (mail,) = sandbox.mails()
    got = sandbox.mail(mail["message_id"])
    assert got["from"] == "alerts@example.com"
    assert "FIRING:1" in got["subject"] and "DiskFull" in got["subject"]
    assert "web1" in got["html"]


def test_exim(site, sandbox):
    folder = site.folder / "exim"
    folder.mkdir()
    exim = Exim(folder, site("exim-router"), site("exim-transport"))
    exim.send(CHINESE.sender, CHINESE.to, CHINESE.message().as_bytes())
    assert exim.queue() == "0", exim.log()
    assert "K C=\"250 2.0.0 Ok: queued as" in exim.log(), exim.log()
    site.gateway.client_saw(exim.log())
    arrived(site, sandbox)


def test_exim_with_a_login(site, sandbox):
    folder = site.folder / "exim"
    folder.mkdir()
    os.chmod(os.path.join(site.folder, "Test-CA.crt"), 0o644)
    router = site("exim-router").replace(str(site.plain), str(site.submission))
    exim = Exim(folder, router, site("exim-login-transport"), site("exim-login-authenticator"))
    exim.send(CHINESE.sender, CHINESE.to, CHINESE.message().as_bytes())
    assert exim.queue() == "0", exim.log()
    assert "A=sesrelay_login" in exim.log() and "CV=yes" in exim.log(), exim.log()
    site.gateway.client_saw(exim.log())
    arrived(site, sandbox)


def test_opensmtpd(site, sandbox):
    folder = site.folder / "opensmtpd"
    folder.mkdir()
    with OpenSMTPD(folder, site("opensmtpd")) as smtpd:
        smtpd.submit(CHINESE.sender, CHINESE.to, CHINESE.message().as_bytes())
        line = smtpd.wait_log("mta delivery .*result=")
        assert 'result="Ok" stat="250 2.0.0 Ok: queued as' in line, smtpd.log()
        site.gateway.client_saw(smtpd.log())
    arrived(site, sandbox)


# --- programs -----------------------------------------------------------------------------


def run(args, **kwargs):
    done = subprocess.run(args, capture_output=True, text=True, timeout=120, **kwargs)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout + done.stderr


def write_msmtprc(site):
    file = site.folder / "msmtprc"
    file.write_text(site("msmtp"))
    (site.folder / "aliases").write_text(site("aliases"))
    file.chmod(0o600)
    return file


# As Debian's cron hands it to sendmail.
CRON = """\
From: root (Cron Daemon)
To: root
Subject: Cron <root@host> backup
MIME-Version: 1.0
Content-Type: text/plain; charset=UTF-8
Content-Transfer-Encoding: 8bit
X-Cron-Env: <SHELL=/bin/sh>

no space left
"""


def test_msmtp_for_cron_jobs(site, sandbox):
    out = run(["msmtp", "-v", "-C", str(write_msmtprc(site)), "-FCronDaemon", "-i", "-B8BITMIME",
               "-oem", "root"], input=CRON)
    site.gateway.client_saw(out)
    arrived(site, sandbox, "Cron <root@host> backup")
    (request,) = [r for r in sandbox.requests() if r["action"] == "SendEmail"]
    assert request["body"]["FromEmailAddress"] == "Cron Daemon <app@example.com>"


def test_msmtp(site, sandbox):
    out = run(["msmtp", "-v", "-C", str(write_msmtprc(site)), "bob@example.org"],
              input=CHINESE.message().as_string())
    site.gateway.client_saw(out)
    arrived(site, sandbox)


# --- cron ---------------------------------------------------------------------------------


def cron_mail(site, sandbox, sendmail, etc):
    """What cron mails of a job's output, through a sendmail with files of its own in /etc."""
    with Cron(site.folder, sendmail, etc, site("crontab") + "@reboot root echo Disk is full\n"):
        (mail,) = wait_for("a mail of cron", sandbox.mails, 60)
    assert mail["to"] == ["bob@example.org"]
    got = sandbox.mail(mail["message_id"])
    assert got["from"] == "Cron Daemon <app@example.com>"
    assert got["subject"].startswith("Cron <root@") and "echo Disk is full" in got["subject"]
    assert got["text"].strip() == "Disk is full"
    for line in site.gateway.events("reply"):
        site.gateway.client_saw(line)


def test_cron_with_msmtp(site, sandbox):
    write_msmtprc(site)
    cron_mail(site, sandbox, "/usr/bin/msmtp", {"msmtprc": site("msmtp")})


def test_cron_with_dma(site, sandbox):
    cron_mail(site, sandbox, unpacked("dma", "usr/sbin/dma"), {"dma/dma.conf": site("dma")})


def test_a_bounce_of_dma(site, sandbox):
    """Its From is "MAILER-DAEMON <>"."""
    sandbox.fault(code="FailedOperation.EmailAddrInBlacklist")
    with Cron(site.folder, unpacked("dma", "usr/sbin/dma"), {"dma/dma.conf": site("dma")},
              site("crontab") + "@reboot root echo Disk is full\n"):
        (mail,) = wait_for("a bounce of dma", sandbox.mails, 60)
    assert mail["to"] == ["app@example.com"]
    bounce = sandbox.mail(mail["message_id"])
    assert bounce["from"] == "Mail Delivery System <bounces@example.com>"
    assert bounce["subject"] == "Mail delivery failed"
    assert "550 5.7.1 recipient on the suppression list" in bounce["text"]
    for line in site.gateway.events("reply"):
        site.gateway.client_saw(line)


def test_php_mail(site, sandbox):
    write_msmtprc(site)
    ini = site.folder / "php.ini"
    ini.write_text(site("php-ini"))
    run(["php", "-c", str(ini), "-r",
         'exit(mail("bob@example.org", "hello", "Hello.\\n", "From: app@example.com") ? 0 : 1);'])
    arrived(site, sandbox, "hello")


def test_phpmailer(site, sandbox):
    script = site.folder / "send.php"
    script.write_text("<?php require '/usr/share/php/libphp-phpmailer/autoload.php';\n"
                      + site("phpmailer"))
    run(["php", str(script)])
    arrived(site, sandbox)


def test_django(site, sandbox):
    (site.folder / "settings.py").write_text(site("django") + 'SECRET_KEY = "none"\n')
    code = ("import django; django.setup()\nfrom django.core.mail import send_mail\n"
            "assert send_mail('订单 42', '您好\\n', None, ['bob@example.org']) == 1\n")
    run(["/usr/bin/python3", "-c", code],
        env=dict(os.environ, DJANGO_SETTINGS_MODULE="settings", PYTHONPATH=str(site.folder)))
    arrived(site, sandbox)


def test_jakarta_mail(site, sandbox):
    source = site.folder / "Send.java"
    source.write_text("public class Send {\npublic static void main(String[] args) "
                      "throws Exception {\n" + site("jakarta") + "}\n}\n")
    jars = ":".join(f"/usr/share/java/{name}.jar"
                    for name in ("jakarta-mail", "jakarta-activation"))
    run(["java", "-Xshare:auto", "-XX:TieredStopAtLevel=1", "-cp", jars, str(source)])
    arrived(site, sandbox)


def test_nodemailer(site, sandbox):
    script = site.folder / "send.js"
    script.write_text("const nodemailer = require('nodemailer');\n(async () => {\n"
                      + site("nodemailer") + "})();\n")
    run(["node", str(script)], env=dict(os.environ, NODE_PATH=str(NODE / "node_modules")))
    arrived(site, sandbox)


def test_smtplib_over_a_unix_socket(site, sandbox):
    message = CHINESE.message()
    assert isinstance(message, email.message.EmailMessage)
    scope = {"smtplib": smtplib, "message": message}
    exec(compile(site("smtplib"), "doc/recipes.md", "exec"), scope)
    assert scope["refused"] == {}
    arrived(site, sandbox)


# --- a printer ----------------------------------------------------------------------------


def test_a_printer(site, sandbox):
    site("printers")
    with socket.create_connection(("127.0.0.1", site.printers), timeout=20) as s:
        lines = s.makefile("rb")
        assert lines.readline().startswith(b"220 ")
        for command, reply in (
                (b"HELO Canon printer 3rd floor", b"250 "),
                (b"mail from: scanner@example.com", b"250 "),
                (b"rcpt to:bob@example.org", b"250 "), (b"DATA", b"354 "),
                (b"From: scanner@example.com\r\nTo: bob@example.org\r\nSubject: Scan 0017\r\n"
                 b"\r\nA page.\r\n.", b"250 ")):
            s.sendall(command + b"\r\n")
            assert lines.readline().startswith(reply)
    arrived(site, sandbox, "Scan 0017")


def test_the_printers_listener_speaks_old_tls(site):
    done = subprocess.run(
        ["openssl", "s_client", "-connect", f"127.0.0.1:{site.printers}", "-starttls", "smtp",
         "-tls1", "-cipher", "DEFAULT:@SECLEVEL=0", "-ign_eof"],
        input="QUIT\r\n", capture_output=True, text=True, timeout=60)
    assert "221 2.0.0" in done.stdout, done.stdout + done.stderr


def test_every_block_of_the_page_has_a_test():
    """A name that the page has not is a KeyError in its test; this is the other direction."""
    tests = pathlib.Path(__file__).read_text()
    assert len(BLOCKS) > 15
    for name in BLOCKS:
        assert f'"{name}"' in tests, f"no test runs the block {name} of doc/recipes.md"
