# SPDX-License-Identifier: MIT
"""Who is behind a trusted peer: swaks says XCLIENT, a real Postfix XFORWARD."""
import os
import re
import smtplib
import subprocess

import pytest

from clients import Mail
from gateway import BUILD, free_port
from postfix import Postfix


@pytest.fixture
def trusting(make_gateway):
    """The gateway, and the port of its listener that believes loopback."""
    port = free_port()
    gateway = make_gateway(top=(
        f'listener "front" {{ address = "127.0.0.1" port = {port} '
        'allow = {"127.0.0.0/8", "198.51.100.0/24"} xclient = {"127.0.0.1"} }'))
    return gateway, port


def swaks(port, *args):
    done = subprocess.run(
        ["swaks", "--server", f"127.0.0.1:{port}", "--from", "a@example.com",
         "--to", "user@example.org", "--helo", "client.example.com", *args],
        capture_output=True, text=True, timeout=60)
    return done.returncode, done.stdout + done.stderr


def test_mail_of_the_client_behind_a_trusted_peer_is_taken(trusting, sandbox):
    gateway, port = trusting
    status, text = swaks(port, "--xclient", "ADDR=198.51.100.7 NAME=spike.example.com")
    assert status == 0, text
    gateway.client_saw(text)
    assert len(sandbox.mails()) == 1
    assert re.search(r"xclient.*client=198\.51\.100\.7.*name=spike\.example\.com.*by=127\.0\.0\.1",
                     gateway.everything())


def test_a_stranger_behind_a_trusted_peer_is_refused(trusting, sandbox):
    _, port = trusting
    status, text = swaks(port, "--xclient", "ADDR=203.0.113.9")
    assert status != 0
    assert "554 5.7.1 203.0.113.9 may not use this relay" in text
    assert sandbox.mails() == []


def test_the_client_is_counted_and_not_the_peer(make_gateway, sandbox):
    port = free_port()
    gateway = make_gateway(limits="connection_rate = 2", top=(
        f'listener "front" {{ address = "127.0.0.1" port = {port} '
        'allow = {"127.0.0.0/8", "198.51.100.0/24"} xclient = {"127.0.0.1"} }'))
    for address in ("198.51.100.7", "198.51.100.7", "198.51.100.8"):
        status, text = swaks(port, "--xclient", f"ADDR={address}")
        assert status == 0, text
        gateway.client_saw(text)
    status, text = swaks(port, "--xclient", "ADDR=198.51.100.7")
    assert status != 0
    assert "421 4.7.0 too many connections from 198.51.100.7 in a minute" in text
    assert len(sandbox.mails()) == 3


def test_others_are_not_believed(trusting):
    gateway, _ = trusting
    with smtplib.SMTP("127.0.0.1", gateway.port, timeout=30) as s:
        s.ehlo()
        assert not s.has_extn("xclient") and not s.has_extn("xforward")
        assert s.docmd("XCLIENT ADDR=198.51.100.7") == (
            550, b"5.7.1 XCLIENT is not for you")


def test_postfix_forwards_what_it_knows(trusting, sandbox):
    gateway, port = trusting
    root = os.path.join(BUILD, "peers", "postfix")
    if not os.path.isdir(root):
        pytest.fail("no Postfix: run scripts/fetch-deb.sh BUILD/peers postfix")
    with Postfix(root, f"[127.0.0.1]:{port}", free_port(),
                 "smtp_send_xforward_command = yes") as postfix:
        mail = Mail("Forwarded", text="Hello.\n", to=["user@example.org"])
        with smtplib.SMTP("127.0.0.1", postfix.port, "spike.example.com", timeout=30) as s:
            s.sendmail(mail.sender, mail.recipients, mail.message().as_bytes())
        line = postfix.wait_log(r"to=<user@example.org>.*status=")
        gateway.client_saw(postfix.log())
    assert "status=sent" in line
    ident = re.search(r"(\w+): to=<user@example.org>", line)[1]
    # Postfix parts what it says over two commands.
    said = "\n".join(re.findall(r".*xforward.*", gateway.everything()))
    for fact in ("client=127.0.0.1", "helo=spike.example.com", f"ident={ident}"):
        assert fact in said, said
