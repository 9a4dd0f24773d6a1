# SPDX-License-Identifier: MIT
"""Limits of a client, as the configuration says them."""
import contextlib
import os
import signal
import smtplib
import socket

import pytest

from gateway import free_port, wait_for


def send(gateway, client, sender="a@example.com"):
    client.ehlo_or_helo_if_needed()
    code, text = client.mail(sender)
    if code != 250:
        return code, text[:5]
    assert client.rcpt("bob@example.org")[0] == 250
    code, text = client.data(b"From: a@example.com\r\nTo: bob@example.org\r\n"
                             b"Subject: hello\r\n\r\nhello\r\n")
    gateway.client_saw(text.decode())
    return code, text[:5]


def test_messages_a_minute(make_gateway, sandbox):
    gateway = make_gateway(limits="message_rate = 2")
    for expected in ((250, b"2.0.0"), (250, b"2.0.0"), (450, b"4.7.1")):
        with gateway.smtp() as client:
            assert send(gateway, client) == expected
    assert len(sandbox.mails()) == 2


def test_connections_a_minute(make_gateway, sandbox):
    # The tests' own look whether the gateway is up goes by admin, not by SMTP.
    gateway = make_gateway(limits="connection_rate = 3")
    for _ in range(3):
        with gateway.smtp() as client:
            assert client.noop()[0] == 250
    with pytest.raises(smtplib.SMTPConnectError) as refused:
        gateway.smtp()
    assert refused.value.smtp_code == 421 and refused.value.smtp_error.startswith(b"4.7.0")
    with smtplib.SMTP("127.0.0.1", gateway.port, timeout=20,
                      source_address=("127.0.0.2", 0)) as other:
        assert send(gateway, other)[0] == 250
    assert 'reason="connection rate"' in gateway.wait_event("connection_refused")[0]


def test_limits_of_a_client_hold_over_all_workers(make_gateway, sandbox):
    gateway = make_gateway(workers=4, limits="sessions_per_client = 1 message_rate = 3")
    with gateway.smtp() as first:
        for _ in range(12):  # by chance to each of the workers
            with pytest.raises(smtplib.SMTPConnectError) as refused:
                gateway.smtp()
            assert refused.value.smtp_code == 421
        with smtplib.SMTP("127.0.0.1", gateway.port, timeout=20,
                          source_address=("127.0.0.2", 0)) as other:
            assert other.noop()[0] == 250
        first.quit()
    replies = []
    for _ in range(12):
        wait_for("the end of the session", lambda: gateway.metric("sessions") == 0)
        with gateway.smtp() as client:
            replies.append(send(gateway, client)[0])
    assert replies == 3 * [250] + 9 * [450]
    assert len(sandbox.mails()) == 3


def test_a_reload_and_a_killed_worker_leave_no_session_behind(make_gateway):
    gateway = make_gateway(workers=2, limits="sessions_per_client = 1")
    gateway.killed = True
    with gateway.smtp() as first:
        assert first.noop()[0] == 250
        for pid in gateway.workers():
            os.kill(pid, signal.SIGKILL)
        gateway.wait_event("child_ready child=worker", count=4)
        with gateway.smtp() as second:
            assert second.noop()[0] == 250
            assert gateway.reload()
            assert second.getreply()[0] == 421
        wait_for("the end of the session", lambda: gateway.metric("sessions") == 0)
        with gateway.smtp() as third:
            assert third.noop()[0] == 250


def test_a_listener_has_limits_of_its_own_for_its_clients(make_gateway, sandbox):
    port = free_port()
    gateway = make_gateway(workers=2, limits="sessions_per_client = 1", top=(
        f'listener "own" {{ address = "127.0.0.1" port = {port} sessions_per_client = 2 '
        'connection_rate = 3 message_rate = 1 }'))
    clients, refusal = silent(port, 5)
    assert len(clients) == 2 and refusal.startswith(b"421 4.7.0 ")
    with gateway.smtp() as client:
        for _ in range(3):  # message_rate is of the other listener
            assert send(gateway, client)[0] == 250
    for client in clients:
        client.close()
    wait_for("the end of the sessions", lambda: gateway.metric("sessions") == 0)
    clients, refusal = silent(port, 5)
    assert len(clients) == 1 and refusal.startswith(b"421 4.7.0 ")
    clients[0].close()
    assert len(sandbox.mails()) == 3


def test_commands_without_a_message(make_gateway):
    gateway = make_gateway(limits="commands = 200")
    with gateway.smtp() as client:
        client.ehlo()
        for _ in range(199):
            assert client.noop()[0] == 250
        assert client.noop()[0] == 421


def test_as_many_recipients_as_advertised(make_gateway):
    gateway = make_gateway(limits="recipients = 5000")
    with gateway.smtp() as client:
        client.ehlo()
        assert "RCPTMAX=5000" in client.esmtp_features["limits"]
        assert client.mail("a@example.com")[0] == 250
        for i in range(0, 5000, 500):
            client.send("".join(f"RCPT TO:<r{k}@example.org>\r\n" for k in range(i, i + 500)))
            codes = {client.getreply()[0] for _ in range(500)}
            assert codes == {250}, f"from recipient {i} on"
        assert client.rcpt("late@example.org")[0] == 452
        assert client.rset()[0] == 250


def test_no_message_holds_no_memory(make_gateway, sandbox):
    """After a mail that was accepted, one that was refused for its content, one that was too
    large, and a client that went away in the middle."""
    gateway = make_gateway(limits="message_size = 100K")

    def is_free():
        return gateway.metric("message_memory_bytes") == 0
    with gateway.smtp() as client:
        assert send(gateway, client)[0] == 250
        wait_for("the memory of a mail that was accepted", is_free)
        client.mail("a@example.com")
        client.rcpt("bob@example.org")
        assert client.data(b"no header\r\n")[0] == 554
        wait_for("the memory of a mail that was refused", is_free)
        client.mail("a@example.com")
        client.rcpt("bob@example.org")
        assert client.data(b"Subject: x\r\n\r\n" + b"x" * 70 * 1024 + b"\r\n" + b"x\r\n" * 20000
                           )[0] == 552
        wait_for("the memory of a mail that was too large", is_free)
        client.mail("a@example.com")
        client.rcpt("bob@example.org")
        assert client.docmd("DATA")[0] == 354
        client.send(b"Subject: x\r\n\r\n" + b"x\r\n" * 20000)
        wait_for("the memory of a mail that is coming", lambda: not is_free())
        client.close()
    wait_for("the memory of a mail that never ended", is_free)


def silent(port, most):
    """Connects silent clients until one is refused: those that were greeted, and its reply."""
    clients = []
    for _ in range(most):
        client = socket.create_connection(("127.0.0.1", port), 20)
        reply = client.recv(200)
        if not reply.startswith(b"220 "):
            client.close()
            return clients, reply
        clients.append(client)
    return clients, None


def test_silent_clients_of_one_listener_leave_the_other_its_sessions(
        make_gateway, sandbox, tmp_path):
    port, users = free_port(), tmp_path / "users"
    users.write_text("app:*\n")
    users.chmod(0o600)
    gateway = make_gateway(limits="sessions = 40 sessions_per_client = 40", top=(
        f'users_file = "{users}"\n'
        f'listener "login" {{ address = "127.0.0.1" port = {port} auth = "required" }}'))
    clients, refusal = silent(port, 60)
    try:
        assert len(clients) == 30 and refusal.startswith(b"421 4.3.2 ")
        assert 'reason="sessions of the listener"' in gateway.wait_event("connection_refused")[0]
        with contextlib.ExitStack() as stack:
            for client in [stack.enter_context(gateway.smtp()) for _ in range(10)]:
                assert send(gateway, client) == (250, b"2.0.0")
    finally:
        for client in clients:
            client.close()
    assert len(sandbox.mails()) == 10


def test_a_listener_has_no_more_sessions_than_its_own_maximum(make_gateway):
    port = free_port()
    gateway = make_gateway(top=(
        f'listener "small" {{ address = "127.0.0.1" port = {port} sessions = 2 }}'))
    clients, refusal = silent(port, 5)
    assert len(clients) == 2 and refusal.startswith(b"421 4.3.2 ")
    with gateway.smtp() as client:
        assert client.noop()[0] == 250
    for client in clients:
        client.close()


def test_a_client_that_begins_nothing_is_closed_and_one_with_a_mail_stays(make_gateway, sandbox):
    gateway = make_gateway(limits="start_timeout = 1s")
    with gateway.smtp() as known, gateway.smtp() as silent_one:
        assert send(gateway, known)[0] == 250
        assert silent_one.getreply()[0] == 421
        gateway.wait_event("disconnect reason=timeout")
        assert send(gateway, known)[0] == 250
        silent_one.close()
    assert len(sandbox.mails()) == 2
