# SPDX-License-Identifier: MIT
"""Listeners on unix sockets, and on sockets that a service manager passes."""
import contextlib
import grp
import os
import pwd
import re
import resource
import signal
import smtplib
import socket
import stat
import subprocess
import sys

import pytest

from clients import Mail
from gateway import BUILD, PROGRAM, Gateway, free_port, run_command, wait_for
from postfix import Postfix
from test_process import InFlight

MAIL = Mail("By a file", text="Hello by a file.\n")


class UnixSMTP(smtplib.SMTP):
    """smtplib over a unix socket; its LMTP class alone has that."""

    def _get_socket(self, host, port, timeout):
        s = socket.socket(socket.AF_UNIX)
        s.settimeout(20)
        s.connect(host)
        return s


def send(gateway, client, sender=MAIL.sender):
    client.ehlo_or_helo_if_needed()
    assert client.mail(sender)[0] == 250
    assert client.rcpt("user@example.org")[0] == 250
    code, text = client.data(MAIL.message().as_bytes())
    gateway.client_saw(text.decode())
    return code


@pytest.fixture
def path(tmp_path):
    folder = tmp_path / "run"
    folder.mkdir()
    return folder / "smtp"


@pytest.fixture
def unix_gateway(make_gateway, path):
    def make(more="", **settings):
        return make_gateway(top=f'listener "file" {{ path = "{path}" {more} }}', **settings)
    return make


def test_smtplib_sends_by_a_unix_socket(unix_gateway, path, sandbox):
    gateway = unix_gateway('mode = "0606" owner = "nobody:daemon"', workers=2)
    st = os.lstat(path)
    assert stat.S_ISSOCK(st.st_mode) and stat.S_IMODE(st.st_mode) == 0o606
    assert st.st_uid == pwd.getpwnam("nobody").pw_uid
    assert st.st_gid == grp.getgrnam("daemon").gr_gid
    for _ in range(5):
        with UnixSMTP(str(path)) as client:
            assert send(gateway, client) == 250
    assert len(sandbox.mails()) == 5
    assert f"uid={os.getuid()} pid={os.getpid()}" in gateway.wait_event("local_client")[0]
    assert "client=unix" in gateway.wait_event("connect client=unix")[0]
    gateway.stop()
    assert not os.path.exists(path)


def test_who_may_not_write_to_the_file_may_not_send(unix_gateway, path, tmp_path):
    unix_gateway('mode = "0600"')
    for folder in (tmp_path, path.parent):
        folder.chmod(0o755)
    code = ("import socket, sys\ns = socket.socket(socket.AF_UNIX)\n"
            "try: s.connect(sys.argv[1])\nexcept PermissionError: sys.exit(7)\n")
    done = subprocess.run([sys.executable, "-c", code, os.path.relpath(path, path.parent)],
                          user="nobody", group="nogroup", extra_groups=[], timeout=20,
                          cwd=path.parent)
    assert done.returncode == 7


def test_postfix_speaks_lmtp_to_a_unix_socket(unix_gateway, path, tmp_path, sandbox):
    # The folder of the fixture is closed to Postfix, which is nobody's root there.
    for folder in [path.parent, *path.parent.parents]:
        if str(folder).startswith("/tmp/"):
            folder.chmod(0o755)
    gateway = unix_gateway('protocol = "lmtp" mode = "0666"')
    root = os.path.join(BUILD, "peers", "postfix")
    if not os.path.isdir(root):
        pytest.fail("no Postfix: run scripts/fetch-deb.sh BUILD/peers postfix")
    refused = "FailedOperation.EmailAddrInBlacklist@example.org"
    with Postfix(root, "", free_port(), f"default_transport = lmtp:unix:{path}") as postfix:
        with smtplib.SMTP("127.0.0.1", postfix.port, timeout=30) as s:
            s.sendmail(MAIL.sender, ["user@example.org"], MAIL.message().as_bytes())
            s.sendmail(MAIL.sender, [refused], MAIL.message().as_bytes())
        line = postfix.wait_log("to=<user@example.org>.*status=")
        assert "status=sent (250 2.0.0 Ok: queued as" in line
        assert "status=bounced" in postfix.wait_log(f"to=<{refused}>.*status=")
        gateway.client_saw(postfix.log())
    assert len(sandbox.mails(to="user@example.org")) == 1


def test_the_socket_outlives_reloads_and_crashes_of_workers(unix_gateway, path, sandbox):
    gateway = unix_gateway(workers=2)
    gateway.killed = True
    inode = os.stat(path).st_ino
    with UnixSMTP(str(path)) as kept:
        kept.ehlo()
        assert gateway.reload()
        assert os.stat(path).st_ino == inode
        with UnixSMTP(str(path)) as client:
            assert send(gateway, client) == 250
        assert kept.noop()[0] in (250, 421)
    for pid in gateway.workers():
        os.kill(pid, signal.SIGKILL)
    with UnixSMTP(str(path)) as client:
        assert send(gateway, client) == 250
    assert os.stat(path).st_ino == inode


def test_a_second_gateway_leaves_the_first_alone(unix_gateway, path, sandbox, tmp_path):
    first = unix_gateway()
    folder = tmp_path / "second"
    folder.mkdir()
    second = Gateway(folder, sandbox.endpoint, top=f'listener "file" {{ path = "{path}" }}')
    second.launch()
    assert second.wait() == 1
    assert "another program listens at" in second.everything()
    with UnixSMTP(str(path)) as client:
        assert send(first, client) == 250


def test_a_gateway_that_was_killed_leaves_nothing_in_the_way(unix_gateway, path):
    gateway = unix_gateway()
    for pid in gateway.workers() + gateway.admins() + [gateway.process.pid]:
        os.kill(pid, signal.SIGKILL)
    gateway.process.wait()
    assert os.path.exists(path)
    os.remove(gateway.log_file)
    gateway.start()
    with UnixSMTP(str(path)) as client:
        assert send(gateway, client) == 250


def test_auth_needs_no_tls_on_a_unix_socket(make_gateway, path, tmp_path, sandbox):
    users = tmp_path / "users"
    users.write_text("app:" + run_command("hash-password", stdin="secret\n").stdout)
    users.chmod(0o600)
    gateway = make_gateway(top=f'users_file = "{users}" '
                               f'listener "file" {{ path = "{path}" auth = "required" }}')
    with UnixSMTP(str(path)) as client:
        client.ehlo()
        assert client.mail("a@example.com")[0] == 530
        client.login("app", "secret")
        assert send(gateway, client) == 250


# --- passed by a service manager ----------------------------------------------------------

# What systemd does before it executes a service: sockets from descriptor 3 on, and three
# variables, of which one names the process that is meant.
LAUNCHER = """
import os, sys
names, count = sys.argv[1], int(sys.argv[2])
os.environ.update(LISTEN_FDS=str(count), LISTEN_FDNAMES=names, LISTEN_PID=str(os.getpid()))
os.execv(sys.argv[3], sys.argv[3:])
"""


class Activated(Gateway):
    """A gateway that is given sockets: {name: [socket]}."""
    sockets = {}
    names = None

    def launch(self):
        flat = [(name, s) for name, group in self.sockets.items() for s in group]
        names = ":".join(name for name, _ in flat) if self.names is None else self.names

        def place():
            high = [os.dup2(s.fileno(), 100 + i) for i, (_, s) in enumerate(flat)]
            for i, fd in enumerate(high):
                os.dup2(fd, 3 + i)

        with open(self.stderr_file, "ab") as err:
            self.process = subprocess.Popen(
                [sys.executable, "-c", LAUNCHER, names, str(len(flat)), self.program, "run",
                 "-c", self.file],
                env=self.environment(), stdin=subprocess.DEVNULL, stdout=err, stderr=err,
                preexec_fn=place, close_fds=False)
        return self


def listening(family, address):
    s = socket.socket(family)
    s.bind(address)
    s.listen(100)
    return s


@pytest.fixture
def activated(tmp_path, sandbox, finish):
    def make(top, sockets, names=None, **settings):
        gateway = Activated(tmp_path, sandbox.endpoint, top=top, **settings)
        gateway.sockets, gateway.names = sockets, names
        return finish(gateway)
    return make


def test_passed_sockets_are_taken_by_name(activated, path, sandbox):
    tcp = listening(socket.AF_INET, ("127.0.0.1", 0))
    tcp6 = listening(socket.AF_INET6, ("::1", 0))
    unix = listening(socket.AF_UNIX, str(path))
    gateway = activated('listener "inside" { activation = yes }\n'
                        'listener "lmtp" { activation = yes protocol = "lmtp" }',
                        {"inside": [tcp, unix], "lmtp": [tcp6]}, workers=2).start()
    for round in range(2):
        with smtplib.SMTP(*tcp.getsockname(), timeout=20) as client:
            assert send(gateway, client) == 250
        with UnixSMTP(str(path)) as client:
            assert send(gateway, client) == 250
        with smtplib.LMTP(*tcp6.getsockname()[:2]) as client:
            assert send(gateway, client) == 250
        if round == 0:
            assert gateway.reload()
    assert len(sandbox.mails()) == 6
    for pid in gateway.workers():
        with open(f"/proc/{pid}/environ", "rb") as f:
            assert b"LISTEN" not in f.read()
    gateway.stop()
    # The file is the service manager's.
    assert path.exists()


def test_a_stop_leaves_the_queue_of_a_passed_socket_to_the_next_start(activated, sandbox):
    """The service manager holds the socket: who comes while we end is not sent away."""
    tcp = listening(socket.AF_INET, ("127.0.0.1", 0))
    gateway = activated('listener "inside" { activation = yes }', {"inside": [tcp]}).start()
    sandbox.fault(delay_ms=3000)
    mail = InFlight(gateway, "in flight")
    wait_for("the call", lambda: gateway.metric("deliveries_in_flight") == 1)
    gateway.signal(signal.SIGTERM)
    gateway.wait_event("worker-1 draining")
    with smtplib.SMTP() as early:
        early.sock = socket.create_connection(tcp.getsockname(), timeout=20)
        assert mail.result()[0] == 250
        assert gateway.wait() == 0
        gateway.stop()
        os.remove(gateway.log_file)
        gateway.start()
        assert early.getreply()[0] == 220
        assert send(gateway, early) == 250


def test_passed_sockets_that_nobody_names_are_told(activated, path):
    tcp = listening(socket.AF_INET, ("127.0.0.1", 0))
    gateway = activated("", {"other": [tcp]}).start()
    assert "name=other" in gateway.wait_event("socket_unused")[0]


def test_a_name_that_was_not_passed_is_an_error(activated):
    tcp = listening(socket.AF_INET, ("127.0.0.1", 0))
    gateway = activated('listener "inside" { activation = yes }', {"": [tcp]}, names="")
    gateway.launch()
    assert gateway.wait() == 1
    assert "no socket was passed under that name" in gateway.everything()
    gateway.process = None


@pytest.mark.parametrize("bad", ["datagram", "not listening", "pipe"])
def test_a_passed_descriptor_of_the_wrong_kind_is_an_error(activated, bad):
    if bad == "datagram":
        s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        s.bind(("127.0.0.1", 0))
    elif bad == "not listening":
        s = socket.socket()
    else:
        s = open(os.pipe()[0])
    gateway = activated('listener "inside" { activation = yes }', {"inside": [s]})
    gateway.launch()
    assert gateway.wait() == 1
    assert "no listening stream socket" in gateway.everything()
    gateway.process = None


# --- mistakes -----------------------------------------------------------------------------


@pytest.mark.parametrize("listener, said", [
    ('path = "smtp"', "not a full path"),
    ('path = "/%s"' % ("x" * 110), "too long for a socket"),
    ('path = "/run/x" port = 25', "port has no use in a listener of a unix socket"),
    ('path = "/run/x" allow = "192.0.2.0/24"', "allow has no use"),
    ('path = "/run/x" proxy = "192.0.2.1"', "proxy has no use"),
    ('path = "/run/x" activation = yes', "activation has no use"),
    ('mode = "0600"', "mode has no use in a listener without a path"),
    ('path = "/run/x" mode = "rw"', "not a mode"),
    ('path = "/run/x" mode = "4755"', "not a mode"),
    ('path = "/run/x" owner = "a b"', "not an owner"),
    ('activation = yes address = "192.0.2.1"', "address has no use"),
    ('activation = yes allow = "0.0.0.0/0"', "open relay"),
])
def test_mistakes_are_told_before_the_start(tmp_path, listener, said):
    conf = tmp_path / "conf"
    conf.write_text("listener a { " + listener + " }\n")
    done = run_command("check", "-c", str(conf), env={
        "TENCENTCLOUD_SECRET_ID": "AKIDEXAMPLE", "TENCENTCLOUD_SECRET_KEY": "KEYEXAMPLE"})
    assert done.returncode != 0 and said in done.stderr, done.stderr


def test_two_listeners_cannot_have_one_path(tmp_path):
    conf = tmp_path / "conf"
    conf.write_text('listener a { path = "/run/x" }\nlistener b { path = "/run/x" }\n')
    done = run_command("check", "-c", str(conf), env={
        "TENCENTCLOUD_SECRET_ID": "AKIDEXAMPLE", "TENCENTCLOUD_SECRET_KEY": "KEYEXAMPLE"})
    assert 'has the path of listener "a"' in done.stderr


def test_what_check_prints_is_a_configuration_again(tmp_path):
    conf, again = tmp_path / "conf", tmp_path / "again"
    conf.write_text('listener a { path = "/run/x" mode = "0600" }\n'
                    'listener b { activation = yes }\nlistener c { port = 2526 }\n')
    env = {"TENCENTCLOUD_SECRET_ID": "AKIDEXAMPLE", "TENCENTCLOUD_SECRET_KEY": "KEYEXAMPLE"}
    printed = run_command("check", "-c", str(conf), env=env).stdout
    again.write_text("".join(line + "\n" for line in printed.splitlines()
                             if not line.strip().startswith(("secret_", "token"))))
    assert "path = '/run/x'" in printed and "activation = true" in printed
    done = run_command("check", "-c", str(again), env=env)
    assert done.stdout == printed, done.stderr


@contextlib.contextmanager
def limited_to(descriptors):
    """Programs that are started in it have so many at most."""
    popen = subprocess.Popen

    def limited(*args, **kwargs):
        return popen(*args, preexec_fn=lambda: resource.setrlimit(
            resource.RLIMIT_NOFILE, (descriptors, descriptors)), **kwargs)

    subprocess.Popen = limited
    try:
        yield
    finally:
        subprocess.Popen = popen


def read_until(s, end):
    got = b""
    while not got.endswith(end):
        more = s.recv(4096)
        assert more, got
        got += more
    return got


# --- descriptors --------------------------------------------------------------------------


def test_service_goes_on_when_descriptors_return(make_gateway, tmp_path, sandbox, finish):
    folder = tmp_path / "few"
    folder.mkdir()
    gateway = finish(Gateway(folder, sandbox.endpoint)).start()
    # A worker takes no more sessions than it has descriptors for; so it loses some. Its own
    # user may do that.
    for pid in gateway.workers():
        with open(f"/proc/{pid}/status") as f:
            ids = dict(re.findall(r"^([UG]id):\t(\d+)", f.read(), re.M))
        subprocess.run(["prlimit", f"--pid={pid}", "--nofile=64"], check=True, timeout=20,
                       **({} if os.getuid() else {"user": int(ids["Uid"]),
                                                  "group": int(ids["Gid"]),
                                                  "extra_groups": []}))
    held = []
    while not gateway.events("accept_failed"):
        assert len(held) < 200
        s = socket.create_connection(("127.0.0.1", gateway.port), timeout=20)
        held.append(s)
        s.settimeout(1)
        try:
            s.recv(100)
        except TimeoutError:
            pass
    # These wait in the socket's queue, whatever was free for a moment.
    held += [socket.create_connection(("127.0.0.1", gateway.port), timeout=20)
             for _ in range(5)]
    worker = gateway.workers()

    def ticks():
        with open(f"/proc/{worker[0]}/stat") as f:
            fields = f.read().rsplit(")", 1)[1].split()
        return int(fields[11]) + int(fields[12])

    # At the limit the worker rests between tries: it does not spin.
    before, rests = ticks(), len(gateway.events("accept_failed"))
    gateway.wait_event("accept_failed", rests + 3)
    assert ticks() - before < 50
    for s in held:
        s.close()
    with gateway.smtp() as client:
        assert send(gateway, client) == 250
    assert gateway.workers() == worker


# A name is looked up by a thread that has descriptors of its own.
@pytest.mark.parametrize("workers, host", [(1, "127.0.0.1"), (2, "127.0.0.1"), (1, "localhost")])
def test_idle_clients_leave_descriptors_for_calls(tmp_path, sandbox, finish, workers, host):
    folder = tmp_path / "few"
    folder.mkdir()
    gateway = finish(Gateway(folder, sandbox.endpoint.replace("127.0.0.1", host),
                             workers=workers))
    # What the supervisor raises to is the hard limit; workers inherit it.
    with limited_to(64):
        gateway.start()
    idle, refused = [], 0
    with contextlib.ExitStack() as stack:
        for _ in range(50 * workers):
            s = stack.enter_context(socket.create_connection(("127.0.0.1", gateway.port), 20))
            reply = s.recv(100)
            refused += reply.startswith(b"421 4.3.2 ")
            idle += [s] if reply.startswith(b"220 ") else []
        assert idle and refused == 50 * workers - len(idle)
        # All that are in send at once: each needs a call of its own.
        text = (b"From: a@example.com\r\nTo: b@example.org\r\nSubject: x\r\n\r\nx\r\n.\r\n")
        for s in idle:
            s.sendall(b"EHLO client.example.com\r\n")
            read_until(s, b"HELP\r\n")
            s.sendall(b"MAIL FROM:<a@example.com>\r\nRCPT TO:<b@example.org>\r\nDATA\r\n")
            read_until(s, b"354 end with <CRLF>.<CRLF>\r\n")
        for s in idle:
            s.sendall(text)
        for s in idle:
            reply = read_until(s, b"\r\n")
            assert reply.startswith(b"250 2.0.0 "), reply
            gateway.client_saw(reply.decode())
        assert not gateway.events("accept_failed")
    assert len(sandbox.mails()) == len(idle)
    assert len(gateway.events("descriptors_few limit=64")) == workers


def test_check_tells_of_too_few_descriptors(tmp_path):
    conf = tmp_path / "conf"
    conf.write_text('account a { secret_id = "x" secret_key = "y" }\n'
                    "workers = 2 limits { sessions = 1000 }\n")
    with limited_to(400):
        done = run_command("check", "-c", str(conf))
    assert done.returncode == 0
    assert f"{conf}:2: sessions: 400 descriptors a process" in done.stderr
    assert done.stderr.count("\n") == 1
    conf.write_text('account a { secret_id = "x" secret_key = "y" }\n')
    with limited_to(400):
        assert "sessions: 400 descriptors a process" in run_command(
            "check", "-c", str(conf)).stderr
    conf.write_text('account a { secret_id = "x" secret_key = "y" }\n'
                    "workers = 2 limits { sessions = 1000 }\n")
    with limited_to(1000):
        assert run_command("check", "-c", str(conf)).stderr == ""
