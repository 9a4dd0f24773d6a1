# SPDX-License-Identifier: MIT
"""Processes: start, drain, reload, crash, confinement, and who knows the secret."""
import ctypes
import http.client
import itertools
import os
import pathlib
import pwd
import re
import shutil
import signal
import smtplib
import socket
import threading

import pytest

from gateway import SECRET_ID, SECRET_KEY, Gateway, copy_programs, free_port, run_command, wait_for

MAIL = ("From: Alice <alice@example.com>\r\nTo: bob@example.org\r\nSubject: {}\r\n"
        "\r\nHello.\r\n")
VERSION = run_command("--version").stdout.split()[1]


def send(gateway, subject="hello", to="bob@example.org", smtp=None):
    """Sends one mail and returns the reply to its end of data: (code, text)."""
    s = smtp or gateway.smtp()
    assert s.ehlo()[0] == 250
    assert s.mail("alice@example.com")[0] == 250
    assert s.rcpt(to)[0] == 250
    reply = s.data(MAIL.format(subject).encode())
    if smtp is None:
        s.quit()
    return reply[0], reply[1].decode()


def status_of(pid):
    with open(f"/proc/{pid}/status") as f:
        return dict(line.rstrip("\n").split(":\t", 1) for line in f if ":\t" in line)


def open_to_all(folder):
    """pytest's folders are for one user; a worker is another."""
    for path in (folder.parent.parent, folder.parent, folder):
        os.chmod(path, 0o755)


class InFlight(threading.Thread):
    """A mail whose reply is waited for in the background."""

    def __init__(self, gateway, subject, to="bob@example.org"):
        super().__init__(daemon=True)
        self.gateway, self.subject, self.to, self.reply = gateway, subject, to, None
        self.start()

    def run(self):
        try:
            self.reply = send(self.gateway, self.subject, self.to)
        except (OSError, smtplib.SMTPException) as e:
            self.reply = (0, repr(e))

    def result(self):
        self.join(30)
        return self.reply


# --- start and stop ---


def test_takes_a_mail_and_answers_with_the_message_id(gateway, sandbox):
    code, text = send(gateway, "first")
    assert code == 250, text
    assert sandbox.mails()[-1]["message_id"] in text


def test_stops_when_told_to(gateway):
    gateway.signal(signal.SIGTERM)
    assert gateway.wait() == 0
    assert gateway.events("supervisor stopped")
    with pytest.raises(ConnectionRefusedError):
        gateway.smtp()


def test_tells_idle_sessions_that_it_goes_down(gateway):
    s = gateway.smtp()
    s.ehlo()
    gateway.signal(signal.SIGTERM)
    code, text = s.getreply()
    assert code == 421 and text.startswith(b"4.3.2")
    assert gateway.wait() == 0


def test_answers_a_mail_in_flight_before_it_stops(gateway, sandbox):
    sandbox.fault(delay_ms=1500)
    mail = InFlight(gateway, "in flight")
    wait_for("the call", lambda: gateway.metric("deliveries_in_flight") == 1)
    gateway.signal(signal.SIGTERM)
    code, text = mail.result()
    assert code == 250, text
    assert sandbox.mails()[-1]["message_id"] in text
    assert gateway.wait() == 0


def test_gives_up_on_a_mail_in_flight_at_the_deadline(make_gateway, sandbox):
    gateway = make_gateway(shutdown_timeout="1s")
    sandbox.fault(delay_ms=20000)
    mail = InFlight(gateway, "too late")
    wait_for("the call", lambda: gateway.metric("deliveries_in_flight") == 1)
    gateway.signal(signal.SIGTERM)
    assert gateway.wait(15) == 0
    assert gateway.events("drain_deadline in_flight=1")
    assert mail.result()[0] != 250


def test_is_not_ready_while_it_drains(gateway, sandbox):
    sandbox.fault(delay_ms=2000)
    mail = InFlight(gateway, "draining")
    wait_for("the call", lambda: gateway.metric("deliveries_in_flight") == 1)
    gateway.signal(signal.SIGTERM)
    gateway.wait_event("worker-1 draining")
    status, body, _ = gateway.get("/readyz")
    assert status == 503 and "draining" in body
    assert gateway.get("/healthz")[0] == 200
    assert mail.result()[0] == 250
    assert gateway.wait() == 0


def test_ends_at_once_when_told_twice(make_gateway, sandbox):
    gateway = make_gateway()
    sandbox.fault(delay_ms=15000)
    mail = InFlight(gateway, "cut off")
    wait_for("the call", lambda: gateway.metric("deliveries_in_flight") == 1)
    gateway.expect_status = 1
    gateway.signal(signal.SIGTERM)
    gateway.wait_event("supervisor stopping")
    gateway.signal(signal.SIGTERM)
    assert gateway.wait(10) == 1
    assert mail.result()[0] != 250


def test_workers_drain_when_the_supervisor_is_killed(make_gateway):
    gateway = make_gateway()
    workers = gateway.workers() + gateway.admins()
    gateway.expect_status = -signal.SIGKILL
    gateway.signal(signal.SIGKILL)
    gateway.wait()
    assert gateway.wait_event("supervisor_gone")
    wait_for("their end", lambda: not any(os.path.exists(f"/proc/{p}") for p in workers))


# --- what keeps it from starting ---


def cannot_start(gateway, *words):
    gateway.expect_status = 1
    gateway.launch()
    assert gateway.wait() == 1
    text = gateway.everything()
    for word in words:
        assert word in text, text


def test_names_the_port_that_is_in_use(tmp_path, finish):
    gateway = finish(Gateway(tmp_path, "http://127.0.0.1:9"))
    with socket.create_server(("127.0.0.1", gateway.port), reuse_port=True):
        cannot_start(gateway, "listener default", str(gateway.port), "another program listens there")


def test_names_the_admin_port_that_is_in_use(tmp_path, finish):
    gateway = finish(Gateway(tmp_path, "http://127.0.0.1:9"))
    with socket.create_server(("127.0.0.1", gateway.admin_port)):
        cannot_start(gateway, "admin", str(gateway.admin_port))


def test_refuses_to_run_twice(gateway, tmp_path, finish):
    folder = tmp_path / "second"
    folder.mkdir()
    second = finish(Gateway(folder, "http://127.0.0.1:9", port=gateway.port))
    cannot_start(second, "another program listens there")


def test_names_the_user_that_is_unknown(tmp_path, finish):
    gateway = finish(Gateway(tmp_path, "http://127.0.0.1:9", top='user = "no-such-user"'))
    cannot_start(gateway, 'no user \\"no-such-user\\"')


def test_names_file_and_line_of_a_mistake(tmp_path, finish):
    gateway = finish(Gateway(tmp_path, "http://127.0.0.1:9", top="colour = blue"))
    cannot_start(gateway, f"{gateway.file}:4", "colour")


def test_does_not_start_without_the_ca_file(tmp_path, finish):
    ca = tmp_path / "ca.pem"
    ca.write_text("this is no certificate\n")
    os.chmod(ca, 0o644)
    gateway = finish(Gateway(tmp_path, "https://127.0.0.1:9",
                             account=f'ca_file = "{ca}"'))
    cannot_start(gateway, str(ca))


def test_names_the_program_of_the_workers_where_it_is_missing(tmp_path, finish):
    gateway = finish(Gateway(tmp_path, "https://localhost:9"))
    gateway.program = copy_programs(tmp_path)
    os.unlink(gateway.program + "-worker")
    cannot_start(gateway, f"cannot open {gateway.program}-worker")


# --- reload ---


def test_takes_a_new_configuration_and_keeps_open_sessions(gateway):
    old = gateway.smtp()
    old.ehlo()
    workers = gateway.workers()
    with open(gateway.file) as f:
        text = f.read().replace("gateway.example.com", "renamed.example.com")
    gateway.write(text)
    assert gateway.reload()
    with gateway.smtp() as new:
        assert b"renamed.example.com" in new.ehlo()[1]
    # The old session was idle: it is told to come again, not cut.
    assert old.getreply()[0] == 421
    wait_for("the old workers' end", lambda: not set(workers) & set(gateway.workers()))
    assert gateway.metric("config_reloads_total") == 1
    assert send(gateway, "after the reload")[0] == 250


def test_a_mail_in_flight_survives_a_reload(gateway, sandbox):
    sandbox.fault(delay_ms=1500)
    mail = InFlight(gateway, "over the reload")
    wait_for("the call", lambda: gateway.metric("deliveries_in_flight") == 1)
    assert gateway.reload()
    code, text = mail.result()
    assert code == 250, text


def test_keeps_the_old_configuration_when_the_new_one_is_wrong(gateway):
    workers = gateway.workers()
    with open(gateway.file) as f:
        text = f.read()
    gateway.write("nonsense = 1\n" + text)
    assert not gateway.reload()
    line = gateway.events("reload_failed")[-1]
    assert f"{gateway.file}:1" in line
    assert gateway.workers() == workers
    assert gateway.metric("config_reload_failures_total") == 1
    assert send(gateway, "still here")[0] == 250
    gateway.write(text)
    assert gateway.reload()


def test_keeps_the_old_configuration_when_a_new_worker_does_not_start(gateway, tmp_path):
    ca = tmp_path / "ca.pem"
    ca.write_text("this is no certificate\n")
    gateway.write(endpoint="https://127.0.0.1:9", account=f'ca_file = "{ca}"')
    assert not gateway.reload()
    assert gateway.metric("config_reload_failures_total") == 1
    assert send(gateway, "still here")[0] == 250


def test_a_reload_asked_for_during_one_that_fails_is_not_lost(gateway):
    with open(gateway.file) as f:
        good = f.read()
    old = set(gateway.workers())
    gateway.write(workers=8)
    gateway.signal(signal.SIGHUP)
    # It is not over while one of the new workers stands still.
    wait_for("a new worker", lambda: set(gateway.workers()) - old)
    new = (set(gateway.workers()) - old).pop()
    os.kill(new, signal.SIGSTOP)
    gateway.write(good)
    gateway.signal(signal.SIGHUP)
    os.kill(new, signal.SIGKILL)
    wait_for("the second reload", lambda: gateway.events("supervisor reloaded"))
    assert gateway.events("reload_failed")
    assert send(gateway, "after both")[0] == 250


def test_no_connection_is_lost_over_reloads(make_gateway):
    gateway = make_gateway(workers=2)
    stop, failures, done = threading.Event(), [], [0]

    def connect():
        while not stop.is_set():
            try:
                s = gateway.smtp(10)
            except smtplib.SMTPConnectError as e:
                if e.smtp_code != 421:
                    failures.append(repr(e))
                continue
            except (OSError, smtplib.SMTPException) as e:
                failures.append(repr(e))
                continue
            done[0] += 1
            # Greeted by an old worker, it may be told to come again at any time.
            try:
                s.quit()
            except (OSError, smtplib.SMTPException):
                pass
    thread = threading.Thread(target=connect)
    thread.start()
    try:
        for workers in (3, 1, 2):
            gateway.write(workers=workers)
            assert gateway.reload()
            wait_for("the workers", lambda n=workers: len(gateway.workers()) == n)
    finally:
        stop.set()
        thread.join()
    assert not failures
    assert done[0] > 0


def test_moves_to_another_port(gateway):
    old, new = gateway.port, free_port()
    gateway.write(port=new)
    assert gateway.reload()
    gateway.port = new
    assert send(gateway, "at the new port")[0] == 250
    wait_for("the old port", lambda: socket.socket().connect_ex(("127.0.0.1", old)) != 0)


def test_opens_its_log_anew(gateway):
    moved = gateway.log_file + ".1"
    os.rename(gateway.log_file, moved)
    gateway.signal(signal.SIGUSR1)
    wait_for("the new log", lambda: os.path.exists(gateway.log_file)
             and gateway.events("supervisor log_reopened"))
    mails = itertools.count()

    def worker_has_the_new_log():
        before = os.path.getsize(moved)
        assert send(gateway, f"mail {next(mails)}")[0] == 250
        return os.path.getsize(moved) == before
    wait_for("the new log of the worker", worker_has_the_new_log)
    assert any("accepted" in line for line in gateway.events("message_id="))


# --- a worker that dies ---


@pytest.mark.parametrize("signo", [signal.SIGKILL, signal.SIGSEGV, signal.SIGABRT])
def test_starts_a_worker_again_that_died(gateway, signo):
    gateway.allow_sanitizer = signo != signal.SIGKILL
    worker = gateway.workers()[0]
    os.kill(worker, signo)
    gateway.wait_event("child_died")
    # The next mail waits in the socket that the supervisor holds.
    assert send(gateway, "after the crash")[0] == 250
    assert gateway.workers() != [worker]
    assert gateway.metric("worker_restarts_total") == 1
    assert gateway.metric("workers_ready") == 1
    wait_for("the end of the session", lambda: gateway.metric("sessions") == 0)


def test_starts_admin_again_that_died(gateway):
    os.kill(gateway.admins()[0], signal.SIGKILL)
    gateway.wait_event("child_ready child=admin", count=2)
    assert gateway.get("/healthz")[0] == 200


def test_waits_longer_before_each_restart(gateway):
    for n in range(1, 4):
        wait_for("a worker", gateway.workers)
        gateway.wait_event("child_ready child=worker", count=n)
        os.kill(gateway.workers()[0], signal.SIGKILL)
    gateway.wait_event("child_ready child=worker", count=4)
    pauses = [int(re.search(r"pause_ms=(\d+)", line).group(1))
              for line in gateway.events("restarting")]
    assert pauses == [0, 100, 200]


def test_an_upgrade_under_it_does_not_mix_versions(tmp_path, sandbox, finish):
    """Until it is started again, it starts the program that was there at its start."""
    gateway = finish(Gateway(tmp_path, sandbox.endpoint))
    gateway.program = copy_programs(tmp_path)
    gateway.start()
    os.unlink(gateway.program + "-worker")
    shutil.copy("/bin/false", gateway.program + "-worker")
    os.kill(gateway.workers()[0], signal.SIGKILL)
    gateway.wait_event("child_ready child=worker", count=2)
    assert gateway.reload()
    assert send(gateway, "after an upgrade")[0] == 250


@pytest.mark.parametrize("part", ["", "-worker"])
def test_half_an_upgrade_does_not_start(tmp_path, sandbox, finish, part):
    """Only one of the two programs is of another version."""
    gateway = finish(Gateway(tmp_path, sandbox.endpoint))
    gateway.program = copy_programs(tmp_path)
    program = pathlib.Path(gateway.program + part)
    other = VERSION[:-1] + ("1" if VERSION[-1] != "1" else "2")
    code = program.read_bytes()
    assert code.count(VERSION.encode() + b"\0") > 0
    program.write_bytes(code.replace(VERSION.encode() + b"\0", other.encode() + b"\0"))
    gateway.expect_status = 1
    gateway.launch().wait()
    (line,) = gateway.events("child_other_version")
    assert f"program={gateway.program}-worker" in line
    assert f"version={other if part == '' else VERSION}" in line
    assert "of one version" in line
    assert not gateway.events("ready")


# --- confinement ---


def test_children_have_names_of_their_own(gateway):
    def name(pid):
        with open(f"/proc/{pid}/comm") as f:
            return f.read().strip()
    assert name(gateway.process.pid) == "sesrelay"
    assert {name(pid) for pid in gateway.workers()} == {"sesrelay-worker"}
    assert {name(pid) for pid in gateway.admins()} == {"sesrelay-admin"}


def test_only_workers_load_what_reads_mail_and_calls_the_api(gateway):
    def libraries(pid):
        with open(f"/proc/{pid}/maps") as f:
            return set(re.findall(r"/(libgmime|libcurl|libgnutls)\b", f.read()))
    for pid in gateway.workers():
        assert {"libgmime", "libcurl"} <= libraries(pid)
    for pid in [gateway.process.pid, *gateway.admins()]:
        assert libraries(pid) == set()


def test_children_are_confined(gateway):
    for pid in gateway.workers() + gateway.admins():
        status = status_of(pid)
        assert status["NoNewPrivs"] == "1"
        with open(f"/proc/{pid}/limits") as f:
            assert re.search(r"Max core file size\s+0\s+0", f.read())
        # The kernel gives the /proc files of a process that is not dumpable to root.
        assert os.stat(f"/proc/{pid}/mem").st_uid == 0
        if os.geteuid() == 0:
            assert "0" not in status["Uid"].split()
            assert "0" not in status["Gid"].split()
            assert status.get("Groups", "").strip() == ""
            assert int(status["CapEff"], 16) == 0
        assert status["Seccomp"] == "2"
        for name in ("CapEff", "CapPrm", "CapInh", "CapAmb"):
            assert int(status[name], 16) == 0, name
    for line in gateway.events("confined"):
        assert re.search(r"landlock=\d+ seccomp=on", line)


def test_the_filter_of_system_calls_can_be_turned_off(make_gateway):
    gateway = make_gateway(top="seccomp = no")
    for pid in gateway.workers() + gateway.admins():
        assert status_of(pid)["Seccomp"] == status_of("self")["Seccomp"]
    assert "seccomp=off" in gateway.wait_event("confined")[0]
    assert send(gateway, "without a filter")[0] == 250


@pytest.mark.skipif(os.geteuid() != 0, reason="only root has capabilities to give up")
def test_the_supervisor_keeps_only_the_capabilities_that_it_needs(gateway):
    # CHOWN, DAC_OVERRIDE, DAC_READ_SEARCH, FOWNER, KILL, SETGID, SETUID, NET_BIND_SERVICE
    needed = sum(1 << n for n in (0, 1, 2, 3, 5, 6, 7, 10))
    status = status_of(gateway.process.pid)
    for name in ("CapEff", "CapPrm", "CapBnd"):
        assert int(status[name], 16) & ~needed == 0, name
    assert int(status["CapInh"], 16) == int(status["CapAmb"], 16) == 0
    # It can still do what it is for.
    os.kill(gateway.workers()[0], signal.SIGKILL)
    gateway.wait_event("child_ready child=worker", count=2)
    assert gateway.reload()
    assert send(gateway, "with few capabilities")[0] == 250


def test_says_that_a_child_called_what_it_must_not(gateway):
    gateway.killed = True
    os.kill(gateway.workers()[0], signal.SIGSYS)
    assert "child=worker" in gateway.wait_event("child_forbidden_call")[0]
    assert "signal=SYS" in gateway.wait_event("child_died")[0]
    gateway.wait_event("child_ready child=worker", count=2)


def test_a_confined_worker_finds_names_and_certificates(make_gateway, https_sandbox, tmp_path):
    """The resolver's files, a CA file of its own and a charset that iconv loads late."""
    open_to_all(tmp_path)
    ca = tmp_path / "ca.pem"
    ca.write_bytes(https_sandbox.ca_file.read_bytes())
    os.chmod(ca, 0o644)
    gateway = make_gateway(endpoint=https_sandbox.https_endpoint, account=f'ca_file = "{ca}"')
    with gateway.smtp() as s:
        s.ehlo()
        s.mail("alice@example.com")
        s.rcpt("bob@example.org")
        code, text = s.data(MAIL.format("").encode() + "你好".encode("gb18030") + b"\r\n")
    assert code == 250, text
    mail = https_sandbox.mail(https_sandbox.mails()[-1]["message_id"])
    assert "你好" in str(mail)


def channel_of(pid):
    """The child's end of its channel to the supervisor."""
    libc = ctypes.CDLL(None, use_errno=True)
    pidfd = os.pidfd_open(pid)
    try:
        fd = libc.syscall(438, pidfd, 3, 0)  # pidfd_getfd
        assert fd >= 0, os.strerror(ctypes.get_errno())
    finally:
        os.close(pidfd)
    return socket.socket(fileno=fd)


def misplaced_message(gateway, pid, channel):
    """The bytes of a message that no child has a reason to send: one that it got."""
    os.kill(pid, signal.SIGSTOP)
    try:
        gateway.signal(signal.SIGUSR1)
        channel.settimeout(20)
        return channel.recv(65536, socket.MSG_PEEK)
    finally:
        os.kill(pid, signal.SIGCONT)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root reaches into a process that cannot be dumped")
def test_a_child_that_floods_its_channel_is_ended(gateway):
    gateway.killed = True
    worker = gateway.workers()[0]
    supervisor = gateway.process.pid
    with channel_of(worker) as channel:
        message = misplaced_message(gateway, worker, channel)
        wait_for("the new log", lambda: gateway.events("supervisor log_reopened"))
        files = len(os.listdir(f"/proc/{supervisor}/fd"))
        channel.settimeout(1)
        sent = 0
        try:
            # Far more than it takes; the descriptors that go along are nobody's to keep.
            for sent in range(20000):
                socket.send_fds(channel, [message], [channel.fileno()])
        except OSError:
            pass
        assert sent < 19999, "nothing stopped it"
    assert "child=worker" in gateway.wait_event("child_flooded")[0]
    assert "signal=KILL" in gateway.wait_event("child_died")[0]
    gateway.wait_event("child_ready child=worker", count=2)
    assert len(gateway.events("unexpected_message")) < 100
    wait_for("its descriptors to be closed",
             lambda: len(os.listdir(f"/proc/{supervisor}/fd")) <= files)
    assert gateway.get("/readyz")[0] == 200
    assert send(gateway, "after the flood")[0] == 250


def test_children_have_no_environment_to_speak_of(gateway):
    for pid in gateway.workers() + gateway.admins():
        with open(f"/proc/{pid}/environ", "rb") as f:
            names = [v.split(b"=")[0] for v in f.read().split(b"\0") if v]
        assert not [n for n in names if not re.match(rb"(ASAN|LSAN|UBSAN)_OPTIONS$|TZ$", n)]


def read_memory(pid):
    """Every readable mapping of a process that may hold data of its own. A sanitizer's
    shadow is terabytes of address space and holds none."""
    with open(f"/proc/{pid}/maps") as maps, open(f"/proc/{pid}/mem", "rb", 0) as mem:
        for line in maps:
            m = re.match(r"([0-9a-f]+)-([0-9a-f]+) (r\S+) \S+ \S+ (\d+)", line)
            if not m or "[v" in line:
                continue
            start, end = int(m.group(1), 16), int(m.group(2), 16)
            of_a_file = m.group(4) != "0" and "w" not in m.group(3)
            if of_a_file or end - start > 1 << 30:
                continue
            mem.seek(start)
            piece = mem.read(end - start)
            assert len(piece) == end - start, line
            yield piece


def holds(pid, needle):
    return any(needle in piece for piece in read_memory(pid))


def test_the_secret_key_is_in_no_child(gateway):
    key = SECRET_KEY.encode()
    assert send(gateway, "one call with the key")[0] == 250
    # The scan works: the SecretId is in the worker, the SecretKey in the supervisor.
    worker = gateway.workers()[0]
    assert holds(worker, SECRET_ID.encode())
    assert holds(gateway.process.pid, key)
    for pid in gateway.workers() + gateway.admins():
        assert not holds(pid, key), f"process {pid}"
        for name in ("environ", "cmdline"):
            with open(f"/proc/{pid}/{name}", "rb") as f:
                assert key not in f.read()
    assert SECRET_KEY not in gateway.everything()


# --- admin ---


def test_serves_health_and_metrics(gateway):
    assert gateway.get("/healthz")[:2] == (200, "ok\n")
    assert gateway.get("/readyz")[:2] == (200, "ready\n")
    status, body, headers = gateway.get("/metrics")
    assert status == 200 and headers["Content-Type"].startswith("text/plain; version=0.0.4")
    assert "# TYPE sesrelay_connections_total counter" in body
    assert send(gateway, "counted")[0] == 250
    body = gateway.get("/metrics")[1]
    assert 'sesrelay_deliveries_total{reply="2yz"} 1' in body
    assert 'sesrelay_api_outcomes_total{outcome="accepted"} 1' in body
    status, body, headers = gateway.get("/")
    assert status == 200 and "sesrelay" in body and headers["Content-Type"].startswith("text/html")


@pytest.mark.parametrize("path,method,status", [
    ("/nothing", "GET", 404),
    ("/metrics/", "GET", 404),
    ("/healthz?x=1", "GET", 200),
    ("/healthz", "HEAD", 200),
    ("/healthz", "POST", 405),
    ("/metrics", "DELETE", 405),
])
def test_refuses_what_is_no_page(gateway, path, method, status):
    got, body, headers = gateway.get(path, method, b"x" if method == "POST" else None)
    assert got == status
    if method == "HEAD":
        assert body == ""
    if status == 405:
        assert headers["Allow"] == "GET, HEAD"


def test_admin_answers_for_its_own_names_alone(make_gateway):
    """A browser under a name that leads here and is not ours (DNS rebinding)."""
    gateway = make_gateway(admin='hosts = "gateway.example.com"')

    def status(host):
        connection = http.client.HTTPConnection("127.0.0.1", gateway.admin_port, timeout=20)
        try:
            connection.request("GET", "/metrics", headers={"Host": host})
            return connection.getresponse().status
        finally:
            connection.close()
    for host in ("rebound.example", f"rebound.example:{gateway.admin_port}", "192.0.2.1"):
        assert status(host) == 421, host
    for host in ("localhost", f"127.0.0.1:{gateway.admin_port}", "gateway.example.com:1"):
        assert status(host) == 200, host


def test_bounds_what_an_http_client_may_send(gateway):
    with socket.create_connection(("127.0.0.1", gateway.admin_port), timeout=20) as s:
        s.sendall(b"GET /healthz HTTP/1.1\r\nX-Long: " + b"a" * 20000 + b"\r\n\r\n")
        assert b" 200 " not in s.recv(4096).split(b"\r\n")[0]
    assert gateway.get("/healthz")[0] == 200


def test_is_not_ready_when_the_api_refuses_our_credentials(gateway, sandbox):
    sandbox.fault(code="AuthFailure.SecretIdNotFound", count=1)
    code, text = send(gateway, "refused")
    assert code == 554, text
    status, body, _ = gateway.get("/readyz")
    assert status == 503 and "backend authentication" in body
    assert gateway.get("/healthz")[0] == 200
    assert send(gateway, "accepted")[0] == 250
    assert gateway.get("/readyz")[0] == 200


def test_is_ready_again_when_the_api_takes_our_credentials(make_gateway, sandbox):
    gateway = make_gateway(workers=2)
    sandbox.fault(match={"action": "SendEmail"}, code="AuthFailure.SecretIdNotFound", count=1)
    sandbox.fault(match={"action": "ListEmailTemplates"}, code="AuthFailure.SecretIdNotFound",
                  count=1)
    assert send(gateway, "refused")[0] == 554
    assert gateway.get("/readyz")[0] == 503
    gateway.wait_event("credentials_failing code=AuthFailure.SecretIdNotFound")
    assert gateway.get("/readyz")[0] == 503
    # No mail comes to show it.
    gateway.wait_event("credentials_good action=ListEmailTemplates")
    wait_for("ready", lambda: gateway.get("/readyz")[0] == 200)
    assert sandbox.mails() == []


# --- commands ---


def test_check_prints_what_is_in_force_and_no_secret(tmp_path):
    gateway = Gateway(tmp_path, "https://ses.example.com")
    result = run_command("check", "-c", gateway.file, env=gateway.env)
    assert result.returncode == 0, result.stderr
    assert SECRET_KEY not in result.stdout
    assert "***" in result.stdout and "gateway.example.com" in result.stdout


def test_check_says_what_is_wrong(tmp_path):
    gateway = Gateway(tmp_path, "https://ses.example.com", workers='"many"')
    result = run_command("check", "-c", gateway.file, env=gateway.env)
    assert result.returncode == 1
    assert f"{gateway.file}:2" in result.stderr and result.stdout == ""


def test_check_lists_the_options(tmp_path):
    result = run_command("check", "--options")
    assert result.returncode == 0
    assert any(line.startswith("limits.message_size\t") for line in result.stdout.splitlines())


def test_explain_prints_the_request(tmp_path):
    gateway = Gateway(tmp_path, "https://ses.example.com")
    result = run_command("explain", "-c", gateway.file, "-", env=gateway.env,
                         stdin=MAIL.format("explained").replace("\r\n", "\n"))
    assert result.returncode == 0, result.stderr
    assert "explained" in result.stdout and "bob@example.org" in result.stdout
    assert SECRET_KEY not in result.stdout


def test_explain_says_what_would_be_refused(tmp_path):
    gateway = Gateway(tmp_path, "https://ses.example.com")
    result = run_command("explain", "-c", gateway.file, "-r", "bob@example.org", "-",
                         env=gateway.env, stdin="Subject: nobody\n\nHello\n")
    assert result.returncode == 1
    assert "554 5.6.0" in result.stdout


def test_looks_without_credentials(tmp_path):
    file = os.path.join(os.path.dirname(__file__), "..", "..", "conf", "sesrelay.conf")
    result = run_command("explain", "-c", file, "-", env={}, stdin=MAIL.format("looked at"))
    assert result.returncode == 0, result.stderr
    assert "looked at" in result.stdout
    result = run_command("replies", "-c", file, env={})
    assert result.returncode == 0, result.stderr
    result = run_command("check", "-c", file, env={})
    assert result.returncode == 1 and "secret_id" in result.stderr


def test_replies_needs_no_configuration():
    result = run_command("replies")
    assert result.returncode == 0, result.stderr
    assert len(result.stdout.splitlines()) > 50
    result = run_command("replies", "FailedOperation.FrequencyLimit")
    assert result.returncode == 0 and " 45" in result.stdout


@pytest.mark.parametrize("args,status,stream,word", [
    (["--version"], 0, "stdout", "sesrelay "),
    (["--help"], 0, "stdout", "sesrelay run"),
    (["check", "--help"], 0, "stdout", "sesrelay run"),
    ([], 2, "stderr", "sesrelay run"),
    (["fly"], 2, "stderr", "no command fly"),
    (["run", "--full"], 2, "stderr", "not one of run"),
    (["run", "extra"], 2, "stderr", "too many arguments"),
    (["explain"], 2, "stderr", "an argument is missing"),
    (["worker", "1"], 2, "stderr", "an argument is missing"),
    (["worker", "1", VERSION], 1, "stderr", "supervisor's"),
    (["worker", "x", VERSION], 2, "stderr", "not a slot"),
    (["check", "-c", "/nonexistent.conf"], 1, "stderr", "/nonexistent.conf"),
])
def test_tells_how_to_use_it(args, status, stream, word):
    result = run_command(*args)
    assert result.returncode == status, result
    assert word in getattr(result, stream)


# --- other ways to start it ---


def test_tells_systemd_how_it_is(tmp_path, sandbox, finish):
    path = str(tmp_path / "notify")
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
        manager.bind(path)
        manager.settimeout(20)
        gateway = finish(Gateway(tmp_path, sandbox.endpoint))
        gateway.env["NOTIFY_SOCKET"] = path
        gateway.start()
        assert "READY=1" in manager.recv(1000).decode().splitlines()
        assert gateway.reload()
        lines = manager.recv(1000).decode().splitlines()
        assert lines[0] == "RELOADING=1" and lines[1].startswith("MONOTONIC_USEC=")
        assert "READY=1" in manager.recv(1000).decode().splitlines()
        gateway.signal(signal.SIGTERM)
        assert "STOPPING=1" in manager.recv(1000).decode().splitlines()
        assert gateway.wait() == 0


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become another user")
def test_becomes_the_user_of_the_configuration(make_gateway):
    gateway = make_gateway(top='user = "daemon"')
    uid = str(pwd.getpwnam("daemon").pw_uid)
    for pid in gateway.workers() + gateway.admins():
        assert set(status_of(pid)["Uid"].split()) == {uid}
    assert send(gateway, "as daemon")[0] == 250


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can start it as another user")
def test_runs_without_root(tmp_path, sandbox, finish):
    folder = tmp_path / "unprivileged"
    folder.mkdir()
    open_to_all(tmp_path)
    gateway = finish(Gateway(folder, sandbox.endpoint))
    os.chmod(folder, 0o777)
    gateway.user = "nobody"
    # The build may stand in a home directory that nobody else may enter.
    gateway.program = copy_programs(folder)
    gateway.start()
    assert send(gateway, "without root")[0] == 250
    # A worker of the same user could else read the SecretKey from the supervisor.
    for pid in gateway.workers() + gateway.admins() + [gateway.process.pid]:
        assert os.stat(f"/proc/{pid}/mem").st_uid == 0
    assert gateway.reload()


def connected_to(pid, port):
    """Whether a process has a TCP connection to a loopback port."""
    inodes = set()
    for fd in os.listdir(f"/proc/{pid}/fd"):
        try:
            inodes.add(os.readlink(f"/proc/{pid}/fd/{fd}"))
        except FileNotFoundError:
            continue
    with open("/proc/net/tcp") as f:
        rows = [line.split() for line in f][1:]
    return any(row[2] == f"0100007F:{port:04X}" and f"socket:[{row[9]}]" in inodes
               for row in rows)


def test_a_mail_that_kills_its_worker_costs_only_that_workers_sessions(make_gateway, sandbox):
    """Sessions are spread over two workers; one dies with a mail in flight."""
    gateway = make_gateway(workers=2)
    gateway.killed = True
    gateway.allow_sanitizer = True
    idle = [gateway.smtp() for _ in range(16)]
    sandbox.fault(delay_ms=1500)
    mail = InFlight(gateway, "fatal")
    wait_for("the call", lambda: gateway.metric("deliveries_in_flight"))
    holding = [p for p in gateway.workers() if connected_to(p, sandbox.port)]
    os.kill(holding[0], signal.SIGSEGV)
    gateway.wait_event("child_died")
    assert mail.result()[0] != 250
    alive = 0
    for s in idle:
        try:
            alive += s.noop()[0] == 250
        except (OSError, smtplib.SMTPException):
            pass
    assert 0 < alive < len(idle)
    assert send(gateway, "the next one")[0] == 250
