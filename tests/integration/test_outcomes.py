# SPDX-License-Identifier: MIT
"""Every code of the API, every way in which a call can end: the reply that the client sees.

tests/data/outcomes.tsv was written from the API's documentation, not from the gateway's table.
"""
import pathlib
import re

import pytest

from gateway import free_port, run_command

DATA = pathlib.Path(__file__).resolve().parents[1] / "data" / "outcomes.tsv"
QUICK = ("deadline = 8s\ncall_timeout = 3s\nconnect_timeout = 2s\nretry_delay = 200ms")
SCOPES = {"M": "message", "R": "recipient", "S": "sender", "A": "account"}


def table():
    with open(DATA) as f:
        return [line.rstrip("\n").split("\t") for line in f if not line.startswith("#")]


def send(gateway, recipient, text=b"text\r\n"):
    """One mail; (code, text) of the reply to its end of data."""
    with gateway.smtp() as s:
        s.ehlo()
        s.mail("noreply@example.com")
        s.rcpt(recipient)
        code, answer = s.data(b"From: noreply@example.com\r\nTo: " + recipient.encode() +
                              b"\r\nSubject: outcome\r\n\r\n" + text)
    return code, answer.decode()


def test_every_code_becomes_the_reply_of_its_row(gateway, sandbox):
    wrong = []
    for code, reply, enhanced, scope in table():
        sandbox.clear_faults()
        sandbox.fault(count=0, code=code)  # SignatureExpire is tried once more
        got, text = send(gateway, "user@example.org")
        line = gateway.wait_event(f"code={code} scope=")[-1]
        checks = {
            "reply": got == int(reply), "enhanced": text.startswith(enhanced + " "),
            "code in text": f"({code})" in text,
            "request id": re.search(r"req=[0-9a-f-]{36}", text) is not None,
            "scope": f"scope={SCOPES[scope[0]]}" in line}
        wrong += [(code, what, got, text) for what, ok in checks.items() if not ok]
    assert not wrong, "\n".join(map(str, wrong))
    assert sandbox.mails() == []


@pytest.mark.parametrize("code, reply, enhanced", [
    ("AuthFailure.SomethingNew", 554, "5.3.5"),
    ("UnauthorizedOperation.New", 554, "5.7.1"),
    ("InvalidParameter.New", 554, "5.5.4"),
    ("InvalidParameterValue.New", 554, "5.5.4"),
    ("MissingParameter.New", 554, "5.5.4"),
    ("RequestLimitExceeded.New", 451, "4.4.5"),
    ("InternalError.New", 451, "4.3.0"),
    ("ResourceUnavailable.New", 451, "4.3.2"),
    ("FailedOperation.New", 451, "4.3.0"),
    ("Entirely.New", 451, "4.3.0"),
])
def test_an_unknown_code_falls_back_by_its_prefix(gateway, sandbox, code, reply, enhanced):
    sandbox.fault(code=code)
    got, text = send(gateway, "user@example.org")
    assert (got, text.split()[0]) == (reply, enhanced)
    assert f"({code})" in text


def test_one_line_defers_what_is_the_gateways_own_fault(make_gateway, sandbox):
    gateway = make_gateway(top='own_faults = "defer"\n'
                           'reply "AuthFailure.MFAFailure" { smtp = 554 enhanced = "5.3.0" }\n')
    for code, want in (("AuthFailure.SecretIdNotFound", (451, "4.3.5")),
                       ("UnauthorizedOperation.CamNoAuth", (451, "4.7.1")),
                       ("UnsupportedRegion", (451, "4.3.5")),
                       ("AuthFailure.MFAFailure", (554, "5.3.0")),
                       ("FailedOperation.EmailAddrInBlacklist", (550, "5.7.1"))):
        sandbox.fault(code=code)
        got, text = send(gateway, "user@example.org")
        assert (got, text.split()[0]) == want, code
        shown = run_command("replies", "-c", gateway.file, code, env=gateway.env).stdout
        assert re.search(rf"^{code} +{want[0]} +{want[1]} ", shown, re.M), shown
    shown = run_command("check", "-c", gateway.file, env=gateway.env).stdout
    assert "own_faults = 'defer'\n" in shown


# What the sandbox does to the call; the reply; whether the API has the mail.
FAULTS = {
    "reset when the connection is accepted": ({"reset": "connect"}, 451, "4.4", False),
    "reset in mid-request": ({"reset": "mid-request"}, 451, "4.4", False),
    "closed in mid-request": ({"close": "mid-request"}, 451, "4.4", False),
    "reset before the answer": ({"reset": "before-answer"}, 451, "4.4.2", True),
    "closed before the answer": ({"close": "before-answer"}, 451, "4.4.2", True),
    "reset in mid-answer": ({"reset": "mid-answer"}, 451, "4.4.2", True),
    "closed in mid-answer": ({"close": "mid-answer"}, 451, "4.4.2", True),
    "an answer that is cut": ({"truncate_at": 20}, 451, "4.4.2", True),
    "an answer that is not JSON": ({"body": "<html>hello</html>", "content_type": "text/html"},
                                   451, "4.4.2", True),
    "an answer that is huge": ({"huge": 5_000_000}, 451, "4.4.2", True),
    "HTTP 500": ({"http_status": 500, "body": "oops"}, 451, "4.", None),
    "HTTP 502": ({"http_status": 502, "body": "bad gateway"}, 451, "4.", None),
    "HTTP 503": ({"http_status": 503, "body": "later"}, 451, "4.", None),
    "HTTP 429": ({"http_status": 429, "body": "slow down"}, 451, "4.", None),
    "HTTP 403": ({"http_status": 403, "body": "waf"}, 451, "4.3.0", None),
    "HTTP 413": ({"http_status": 413, "body": "too big"}, 552, "5.3.4", None),
    "HTTP 302": ({"http_status": 302, "body": "elsewhere"}, 451, "4.", None),
    "no answer in time": ({"delay_ms": 60_000}, 451, "4.4.2", True),
}


@pytest.mark.parametrize("name", FAULTS)
def test_a_transport_fault_is_never_a_250_and_never_a_second_mail(
        make_gateway, sandbox, name):
    do, reply, enhanced, recorded = FAULTS[name]
    gateway = make_gateway(limits=QUICK)
    if recorded is not None:
        do = dict(do, record=recorded)
    sandbox.fault(count=0, **do)
    code, text = send(gateway, "user@example.org")
    assert code == reply, text
    assert text.startswith(enhanced), text
    if recorded is not None:
        assert len(sandbox.journal()) == recorded


def test_a_late_answer_after_the_silent_resend_trap_is_one_mail(gateway, sandbox):
    """A kept connection dies after the whole request: the API has it once, the client 451."""
    assert send(gateway, "first@example.org")[0] == 250
    sandbox.fault(reset="before-answer", record=True)
    code, text = send(gateway, "second@example.org")
    assert (code, text.split()[0]) == (451, "4.4.2")
    assert len([m for m in sandbox.mails() if m["to"] == ["second@example.org"]]) == 1


def test_not_sent_is_tried_again_within_the_deadline(make_gateway, sandbox):
    gateway = make_gateway(limits="retry_delay = 100ms")
    sandbox.fault(reset="mid-request", count=2)
    # More than the kernel takes at once: of a request that it took whole nobody can know.
    code, text = send(gateway, "user@example.org", b"a line of text\r\n" * 250000)
    assert code == 250, text
    assert len(sandbox.mails()) == 1


def test_nobody_listens_where_the_api_should_be(make_gateway):
    gateway = make_gateway(endpoint=f"http://127.0.0.1:{free_port()}", limits=QUICK)
    code, text = send(gateway, "user@example.org")
    assert (code, text.split()[0]) == (451, "4.4.1")


def test_a_name_that_does_not_resolve(make_gateway):
    gateway = make_gateway(endpoint="https://ses.invalid", limits=QUICK)
    code, text = send(gateway, "user@example.org")
    assert (code, text.split()[0]) == (451, "4.4.3")


def test_a_skewed_clock_is_learned_and_the_call_signed_again_once(new_sandbox, make_gateway):
    sandbox = new_sandbox("--clock-offset", "3600")
    gateway = make_gateway(endpoint=sandbox.endpoint)
    code, text = send(gateway, "user@example.org")
    assert code == 250, text
    assert gateway.get("/readyz")[0] == 200
    code, text = send(gateway, "user@example.org")
    assert code == 250, text
    assert len(sandbox.mails()) == 2
    assert gateway.events("clock_skew")
    assert not gateway.events("refused") and not gateway.events("deferred")
    expired = [r for r in sandbox.requests() if "SignatureExpire" in str(r)]
    assert len(expired) == 1


@pytest.mark.parametrize("endpoint, code, reason", [
    ("http://127.0.0.1:{closed}", "Connect", "Connection refused"),
    ("https://api.invalid", "Dns", "Could not resolve host: api.invalid"),
    ("https://localhost:{https}", "Tls", "unable to get local issuer certificate"),
    ("https://127.0.0.1:{http}", "Tls", "SSL connection timeout"),
])
def test_the_log_says_why_the_api_was_not_reached(make_gateway, new_sandbox, endpoint, code,
                                                  reason):
    sandbox = new_sandbox(https=True)
    gateway = make_gateway(
        endpoint=endpoint.format(closed=free_port(), https=sandbox.https_port,
                                 http=sandbox.port),
        level="info", limits="deadline = 3s\ncall_timeout = 2s\nconnect_timeout = 1s")
    assert send(gateway, "user@example.org")[0] == 451
    line = gateway.events(f"deferred code=Transport.{code}")[0]
    assert reason in re.search(r'reason="([ -~]{1,199})"', line).group(1), line
