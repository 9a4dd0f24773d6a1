# SPDX-License-Identifier: MIT
"""`sesrelay health`, as a container's HEALTHCHECK runs it."""
import os
import signal
import socket
import threading

import pytest

from certificates import Authority
from gateway import child_pids, free_port, run_command, wait_for


def health(gateway, *args):
    return run_command("health", "-c", gateway.file, *args, env=gateway.env)


@pytest.fixture
def no_admin(make_gateway, tmp_path):
    """A gateway whose admin is off; listener: the text of the section's end."""
    def make(listener=""):
        gateway = make_gateway()
        with open(gateway.file) as f:
            text = f.read()
        text = text.replace("admin {", "admin {\n\tenabled = false")
        text = text.replace(f"port = {gateway.port}\n", f"port = {gateway.port}\n{listener}\n")
        gateway.write(text)
        gateway.signal(signal.SIGHUP)
        gateway.wait_event("supervisor reloaded")
        return gateway
    return make


def test_a_running_gateway_is_well_and_ready(gateway):
    done = health(gateway)
    assert (done.returncode, done.stdout) == (0, f"well: 127.0.0.1 port {gateway.admin_port}\n")
    done = health(gateway, "--ready")
    assert (done.returncode, done.stdout) == (0, f"ready: 127.0.0.1 port {gateway.admin_port}\n")


def test_needs_no_credentials(gateway):
    assert run_command("health", "-c", gateway.file).returncode == 0


def test_an_address_of_all_is_asked_over_loopback(make_gateway):
    gateway = make_gateway()
    with open(gateway.file) as f:
        text = f.read()
    gateway.write(text.replace('admin {\n\taddress = "127.0.0.1"', 'admin {\n\taddress = "::"'))
    gateway.signal(signal.SIGHUP)
    gateway.wait_event("supervisor reloaded")
    done = health(gateway)
    assert (done.returncode, done.stdout) == (0, f"well: ::1 port {gateway.admin_port}\n")


def test_a_gateway_that_is_down_is_not_well(make_gateway):
    gateway = make_gateway()
    gateway.stop()
    for args in ((), ("--ready",)):
        done = health(gateway, *args)
        assert done.returncode == 1 and done.stdout == ""
        assert done.stderr.startswith(
            f"sesrelay: not well: cannot connect to 127.0.0.1 port {gateway.admin_port}: ")


def test_a_refused_key_is_well_and_not_ready(gateway, sandbox):
    sandbox.fault(count=0, code="AuthFailure.SecretIdNotFound")
    with gateway.smtp() as s:
        s.ehlo()
        s.mail("noreply@example.com")
        s.rcpt("user@example.org")
        assert s.data(b"From: noreply@example.com\r\nSubject: s\r\n\r\nt\r\n")[0] == 554
    wait_for("not ready", lambda: gateway.get("/readyz")[0] == 503)
    assert health(gateway).returncode == 0
    done = health(gateway, "--ready")
    assert done.returncode == 1
    assert done.stderr.startswith("sesrelay: not well: /readyz of 127.0.0.1 port "), done.stderr
    assert "backend authentication" in done.stderr
    sandbox.clear_faults()


def test_an_admin_that_hangs_is_not_well_in_bounded_time(gateway):
    """The question ends by itself: run_command() would wait longer."""
    (admin,) = [pid for pid, name in child_pids(gateway.process.pid).items() if name == "admin"]
    os.kill(admin, signal.SIGSTOP)
    try:
        done = health(gateway)
    finally:
        os.kill(admin, signal.SIGCONT)
    assert done.returncode == 1 and "sesrelay: not well: " in done.stderr


def test_without_admin_the_greeting_is_read(no_admin):
    gateway = no_admin()
    done = health(gateway)
    assert (done.returncode, done.stdout) == (0, f"well: 127.0.0.1 port {gateway.port}\n")
    gateway.stop()
    assert health(gateway).returncode == 1


def test_without_admin_a_greeting_that_is_none_is_not_well(no_admin):
    gateway = no_admin()
    gateway.stop()
    for line, well in (("220 other.example.com ESMTP\r\n", True), ("421 4.3.2 going down\r\n", False),
                       ("hello\r\n", False), ("", False)):
        with socket.create_server(("127.0.0.1", gateway.port)) as server:
            def answer():
                with server.accept()[0] as s:
                    s.sendall(line.encode())
            thread = threading.Thread(target=answer)
            thread.start()
            done = health(gateway)
            thread.join()
        assert done.returncode == (0 if well else 1), (line, done)


def test_without_admin_a_unix_socket_will_do(make_gateway, tmp_path):
    path = tmp_path / "s"
    gateway = make_gateway()
    with open(gateway.file) as f:
        text = f.read()
    text = text.replace("admin {", "admin {\n\tenabled = false")
    text = text.replace(f'address = "127.0.0.1"\n\tport = {gateway.port}\n', f'path = "{path}"\n', 1)
    gateway.write(text)
    gateway.signal(signal.SIGHUP)
    gateway.wait_event("supervisor reloaded")
    done = health(gateway)
    assert (done.returncode, done.stdout) == (0, f"well: {path}\n"), done.stderr


def test_without_admin_a_listener_that_waits_for_tls_is_connected_to(no_admin, tmp_path):
    authority = Authority(tmp_path)
    cert, key = authority.issue("mail.example.com")
    gateway = no_admin(f'tls = "implicit"\ntls_certificate = "{cert}"\ntls_key = "{key}"')
    assert health(gateway).returncode == 0


def test_reads_the_environment_of_the_service(tmp_path):
    port = free_port()
    conf = tmp_path / "sesrelay.conf"
    conf.write_text('admin {\n port = "${SESRELAY_ADMIN_PORT:-1}"\n}\n')
    env = tmp_path / "sesrelay.env"
    env.write_text(f"# of the unit\nSESRELAY_ADMIN_PORT='{port}'\n")
    done = run_command("health", "-c", str(conf), "--environment", str(env))
    assert done.returncode == 1 and f"127.0.0.1 port {port}: " in done.stderr
