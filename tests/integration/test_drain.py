# SPDX-License-Identifier: MIT
"""What a reload and a stop leave alone: calls, transactions, and connections on their way."""
import http.client
import os
import signal
import socket

import pytest

from gateway import free_port, run_command, wait_for
from test_process import MAIL, InFlight, send

TEXT = MAIL.format("cut in two").encode()


def in_flight(gateway):
    wait_for("the call", lambda: gateway.metric("deliveries_in_flight") == 1)


def is_refused(port):
    with socket.socket() as s:
        s.settimeout(5)
        return s.connect_ex(("127.0.0.1", port)) != 0


# --- calls ---


def test_a_reload_cuts_no_call(make_gateway, sandbox):
    """The call takes longer than shutdown_timeout and all its grace."""
    gateway = make_gateway(shutdown_timeout="1s", limits="deadline = 20s call_timeout = 15s")
    sandbox.fault(delay_ms=8000)
    mail = InFlight(gateway, "slow")
    in_flight(gateway)
    assert gateway.reload()
    code, text = mail.result()
    assert code == 250, text
    assert not gateway.events("drain_deadline")


def test_a_stop_after_a_reload_holds_for_the_old_workers_too(make_gateway, sandbox):
    gateway = make_gateway(shutdown_timeout="1s", limits="deadline = 40s")
    sandbox.fault(delay_ms=35000)
    mail = InFlight(gateway, "too slow")
    in_flight(gateway)
    assert gateway.reload()
    gateway.signal(signal.SIGTERM)
    assert gateway.wait() == 0
    assert gateway.events("drain_deadline in_flight=1")
    assert mail.result()[0] != 250


def test_check_and_the_log_warn_of_a_stop_that_may_cut_calls(make_gateway):
    gateway = make_gateway(shutdown_timeout="54s")
    assert "write 55s or more" in gateway.events("configuration_odd")[0]
    result = run_command("check", "-c", gateway.file, env=gateway.env)
    assert result.returncode == 0
    assert f"warning: {gateway.file}:3: shutdown_timeout 54s is too short" in result.stderr
    gateway.write(shutdown_timeout="55s")
    assert gateway.reload()
    assert len(gateway.events("configuration_odd")) == 1
    assert run_command("check", "-c", gateway.file, env=gateway.env).stderr == ""


def test_the_default_configuration_cuts_no_call_in_a_stop():
    file = os.path.join(os.path.dirname(__file__), "..", "..", "conf", "sesrelay.conf")
    result = run_command("check", "-c", file, env={
        "TENCENTCLOUD_SECRET_ID": "AKIDEXAMPLE", "TENCENTCLOUD_SECRET_KEY": "KEYEXAMPLE"})
    assert result.returncode == 0 and result.stderr == "", result.stderr


# --- transactions ---


def after_mail(s):
    assert s.mail("alice@example.com")[0] == 250

    def rest():
        assert s.rcpt("bob@example.org")[0] == 250
        return s.data(TEXT)
    return rest


def after_rcpt(s):
    after_mail(s)
    assert s.rcpt("bob@example.org")[0] == 250
    return lambda: s.data(TEXT)


def in_data(s):
    after_rcpt(s)
    assert s.docmd("DATA")[0] == 354
    s.send(TEXT[:40])

    def rest():
        s.send(TEXT[40:] + b".\r\n")
        return s.getreply()
    return rest


def between_chunks(s):
    after_rcpt(s)
    s.send(b"BDAT 40\r\n" + TEXT[:40])
    assert s.getreply()[0] == 250

    def rest():
        s.send(b"BDAT %d LAST\r\n" % len(TEXT[40:]) + TEXT[40:])
        return s.getreply()
    return rest


PHASES = [after_mail, after_rcpt, in_data, between_chunks]


def ends_well(s, rest):
    code, text = rest()
    assert code == 250, text
    assert s.getreply()[0] == 421
    s.close()


@pytest.mark.parametrize("phase", PHASES)
def test_a_transaction_that_has_begun_ends_over_a_reload(gateway, phase):
    s = gateway.smtp()
    s.ehlo()
    rest = phase(s)
    assert gateway.reload()
    gateway.wait_event("worker-1 draining")
    ends_well(s, rest)


@pytest.mark.parametrize("phase", PHASES)
def test_a_transaction_that_has_begun_ends_before_a_stop(make_gateway, phase):
    gateway = make_gateway(shutdown_timeout="15s", limits="deadline = 3s call_timeout = 2s connect_timeout = 1s")
    s = gateway.smtp()
    s.ehlo()
    rest = phase(s)
    gateway.signal(signal.SIGTERM)
    gateway.wait_event("worker-1 draining")
    ends_well(s, rest)
    assert gateway.wait() == 0
    assert not gateway.events("drain_deadline")


def test_an_upload_that_does_not_end_is_cut_by_a_reload(make_gateway):
    gateway = make_gateway(shutdown_timeout="1s")
    old = gateway.workers()
    s = gateway.smtp()
    s.ehlo()
    in_data(s)
    assert gateway.reload()
    assert s.getreply()[0] == 421
    s.close()
    wait_for("the old worker's end", lambda: not set(old) & set(gateway.workers()))


def test_a_stop_that_has_no_time_for_uploads_cuts_them(make_gateway, sandbox):
    """Its time is that of the call, which gets its reply."""
    gateway = make_gateway(shutdown_timeout="20s", limits="deadline = 20s call_timeout = 15s")
    sandbox.fault(delay_ms=3000)
    mail = InFlight(gateway, "in flight")
    in_flight(gateway)
    s = gateway.smtp()
    s.ehlo()
    in_data(s)
    gateway.signal(signal.SIGTERM)
    assert s.getreply()[0] == 421
    s.close()
    assert mail.result()[0] == 250
    assert gateway.wait() == 0


# --- connections ---


def test_a_stop_refuses_connections_while_a_mail_is_in_flight(make_gateway, sandbox):
    gateway = make_gateway(workers=2)
    sandbox.fault(delay_ms=8000)
    mail = InFlight(gateway, "in flight")
    in_flight(gateway)
    gateway.signal(signal.SIGTERM)
    wait_for("the port to be closed", lambda: is_refused(gateway.port), 6)
    assert mail.is_alive(), "the mail is in flight"
    assert mail.result()[0] == 250
    assert gateway.wait() == 0


def test_a_reload_gives_a_port_back_while_a_mail_is_in_flight(make_gateway, sandbox):
    gateway = make_gateway(workers=2)
    sandbox.fault(delay_ms=8000)
    mail = InFlight(gateway, "in flight")
    in_flight(gateway)
    old = gateway.port
    gateway.write(port=free_port())
    assert gateway.reload()
    wait_for("the port to be closed", lambda: is_refused(old), 6)
    socket.create_server(("127.0.0.1", old)).close()
    assert mail.is_alive(), "the mail is in flight"
    assert mail.result()[0] == 250


def read_all(s):
    s.settimeout(20)
    text = b""
    while (piece := s.recv(1000)):
        text += piece
    s.close()
    return text


@pytest.mark.parametrize("how", ["stop", "reload"])
@pytest.mark.parametrize("kind", ["tcp", "unix"])
def test_connections_in_the_queue_are_told_to_come_again(make_gateway, tmp_path, how, kind):
    """The worker is held while they connect, and until its sockets are to be closed."""
    path = str(tmp_path / "smtp")
    gateway = make_gateway(top=f'listener "file" {{ path = "{path}" }}')
    worker = gateway.workers()[0]
    os.kill(worker, signal.SIGSTOP)
    try:
        waiting = []
        for _ in range(80):  # more than it accepts in one turn
            s = socket.socket(socket.AF_INET if kind == "tcp" else socket.AF_UNIX)
            s.connect(("127.0.0.1", gateway.port) if kind == "tcp" else path)
            waiting.append(s)
        if how == "stop":
            gateway.signal(signal.SIGTERM)
            gateway.wait_event("supervisor stopping")
        else:
            gateway.write(top="", port=free_port())
            assert gateway.reload()
    finally:
        os.kill(worker, signal.SIGCONT)
    texts = [read_all(s) for s in waiting]
    assert all(b"421 4.3.2 " in text for text in texts)
    assert not os.path.exists(path)
    if how == "stop":
        assert gateway.wait() == 0


def test_a_reload_with_fewer_workers_loses_no_connection(make_gateway):
    """What waits in the socket of a worker that is no more is taken by one of the others."""
    gateway = make_gateway(workers=3)
    workers = gateway.workers()
    for pid in workers:
        os.kill(pid, signal.SIGSTOP)
    try:
        waiting = [socket.create_connection(("127.0.0.1", gateway.port)) for _ in range(24)]
        gateway.write(workers=1)
        assert gateway.reload()
        for s in waiting:
            s.settimeout(20)
            assert s.recv(100).startswith(b"220 ")
            s.close()
    finally:
        for pid in workers:
            os.kill(pid, signal.SIGCONT)


# --- admin ---


def test_a_kept_connection_to_admin_stays_ready_over_a_reload(gateway):
    kept = http.client.HTTPConnection("127.0.0.1", gateway.admin_port, timeout=20)

    def get():
        kept.request("GET", "/readyz")
        answer = kept.getresponse()
        return answer.status, answer.read(), answer.getheader("Connection")

    assert get()[0] == 200
    assert gateway.reload()
    status, body, connection = get()
    assert (status, body) == (200, b"ready\n")
    assert connection == "close"
    assert get()[0] == 200, "a new connection, to the new admin"
    wait_for("the old admin's end", lambda: len(gateway.admins()) == 1)


def test_a_kept_connection_to_admin_is_told_of_a_stop(gateway, sandbox):
    kept = http.client.HTTPConnection("127.0.0.1", gateway.admin_port, timeout=20)
    kept.request("GET", "/readyz")
    assert kept.getresponse().read() == b"ready\n"
    sandbox.fault(delay_ms=2000)
    mail = InFlight(gateway, "draining")
    in_flight(gateway)
    gateway.signal(signal.SIGTERM)
    gateway.wait_event("worker-1 draining")
    kept.request("GET", "/readyz")
    answer = kept.getresponse()
    assert answer.status == 503 and b"going down" in answer.read()
    assert mail.result()[0] == 250
    assert gateway.wait() == 0
