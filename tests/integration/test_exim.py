# SPDX-License-Identifier: MIT
"""A real Exim: BDAT, a closed sending side before the reply, and the replies to its recipients."""
import re

import pytest

from clients import Mail
from daemons import Exim

ROUTER = """\
smarthost:
  driver = manualroute
  transport = sesrelay
  route_list = * 127.0.0.1::{port}
  self = send
  no_more
"""
TRANSPORT = """\
sesrelay:
  driver = smtp
  allow_localhost
"""
MAIL = Mail("By Exim", text="Hello by Exim.\n", sender="app@example.com",
            to=["bob@example.org"])


@pytest.fixture
def exim(tmp_path):
    def make(gateway):
        folder = tmp_path / "exim"
        folder.mkdir()
        return Exim(folder, ROUTER.format(port=gateway.port), TRANSPORT)
    return make


def test_exim_sends_by_bdat_and_closes_its_side(make_gateway, exim, sandbox):
    gateway = make_gateway()
    mta = exim(gateway)
    mta.send(MAIL.sender, MAIL.to, MAIL.message().as_bytes())
    assert mta.queue() == "0", mta.log()
    gateway.client_saw(mta.log())
    assert gateway.events("state from=RCPT to=CHUNK"), "Exim did not use BDAT"
    assert gateway.events("half_closed"), "Exim did not close its side"
    assert not gateway.events("detached")
    assert len(sandbox.mails()) == 1


def test_exim_keeps_what_is_throttled_and_sends_it_once(make_gateway, exim, sandbox):
    gateway = make_gateway(routes='route "default" { recipients = "separate" }')
    mta = exim(gateway)
    sandbox.fault({"recipient": "carol@example.org"}, code="RequestLimitExceeded")
    everybody = ["bob@example.org", "carol@example.org", "dave@example.org"]
    message = Mail("By Exim", text="Hello.\n", sender=MAIL.sender, to=everybody).message()
    message["Message-ID"] = "<1@exim.example.com>"
    mta.send(MAIL.sender, everybody, message.as_bytes())
    assert mta.queue() == "1", mta.log()
    assert re.search("carol@example.org .*defer", mta.log())
    # PRDR and chunks ("K"), as Exim logs them: each gets its own reply to the one mail.
    assert re.search("=> bob@example.org .* PRDR K ", mta.log()), mta.log()
    mta.run_queue()
    assert mta.queue() == "0", mta.log()
    gateway.client_saw(mta.log())
    assert sorted(to for m in sandbox.mails() for to in m["to"] + m["cc"] + m["bcc"]) \
        == sorted(everybody)


def test_exim_bounces_what_is_refused(make_gateway, exim, sandbox):
    gateway = make_gateway()
    mta = exim(gateway)
    refused = "FailedOperation.EmailAddrInBlacklist@example.org"
    mta.send(MAIL.sender, [refused], MAIL.message().as_bytes())
    line = re.search(rf"\*\* .*<{re.escape(refused)}>.*", mta.log())
    assert line and "EmailAddrInBlacklist" in line.group(), mta.log()
    gateway.client_saw(mta.log())
    assert not sandbox.mails(to=refused)


def test_exim_learns_of_each_recipient_by_prdr(make_gateway, exim, sandbox):
    gateway = make_gateway(routes='route "default" { recipients = "separate" }')
    mta = exim(gateway)
    good, later = "bob@example.org", "carol@example.org"
    refused = "FailedOperation.EmailAddrInBlacklist@example.org"
    sandbox.fault({"recipient": later}, code="RequestLimitExceeded")
    mta.send(MAIL.sender, [good, refused, later], MAIL.message().as_bytes())
    log = mta.log()
    assert re.search(rf'=> {good} .* PRDR K C="250 2\.0\.0 Ok: queued as .*'
                     r'250 2\.0\.0 1 of 3 recipients accepted"', log), log
    assert re.search(rf"\*\* .*<{re.escape(refused)}> .*PRDR error after BDAT .*: 550 ", log), log
    assert re.search(rf"== {later} .*defer .*PRDR error after BDAT .*: 451 ", log), log
    mta.run_queue()
    assert mta.queue() == "0", mta.log()
    gateway.client_saw(mta.log())
    # It did not ask again for those who were settled; the third mail is its bounce.
    assert not gateway.events("remembered")
    assert mta.log().count(f"<{refused}>") == 1
    assert sorted(to for m in sandbox.mails() for to in m["to"]) \
        == sorted([good, later, MAIL.sender])
