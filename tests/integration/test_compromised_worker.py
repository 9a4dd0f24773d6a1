# SPDX-License-Identifier: MIT
"""A worker that is no longer ours: what it can do to the others with all that it inherited.

The test, as root, acts in its place: it writes what the worker may write, through
/proc/PID/mem, and takes its descriptors, which are the worker's own open files
(pidfd_getfd), so that what it does to them the worker could do.
"""
import ctypes
import fcntl
import os
import re
import signal
import socket
import struct
import threading

import pytest

from gateway import wait_for

PIDFD_GETFD = 438
SO_ATTACH_FILTER = 26
libc = ctypes.CDLL(None, use_errno=True)

MAPPING = re.compile(r"([0-9a-f]+)-([0-9a-f]+) (....) [0-9a-f]+ \S+ (\d+)\s*(.*)")

# What it writes over its memory, again and again: numbers that cannot be, and noise.
NONSENSE = [b"\xff" * 8, b"\x80" * 8, b"\x7f" * 8, None]
# Numbers that can be.
LIES = [struct.pack("<Q", n) for n in (1, 7, 1 << 51)]


def mappings(pid):
    """[(start, end, mode, inode)] of the shared memory of a process."""
    found = []
    with open(f"/proc/{pid}/maps") as f:
        for line in f:
            m = MAPPING.match(line)
            if m and "memfd:" in m[5] and m[3][3] == "s":
                found.append((int(m[1], 16), int(m[2], 16), m[3], int(m[4])))
    return found


def take_descriptors(pid):
    """{number: descriptor of ours}: the same open files."""
    pidfd = os.pidfd_open(pid)
    try:
        taken = {}
        for number in map(int, os.listdir(f"/proc/{pid}/fd")):
            fd = libc.syscall(PIDFD_GETFD, pidfd, number, 0)
            if fd >= 0:
                taken[number] = fd
        return taken
    finally:
        os.close(pidfd)


class Mad:
    """A worker that is taken over, from `with` on. It goes on to answer its clients, for a
    process that does not is another matter; and writes over all of its memory meanwhile."""

    def __init__(self, pid, patterns=NONSENSE):
        self.pid = pid
        self.patterns = patterns
        self.fds = take_descriptors(pid)
        self.memory = [(start, end) for start, end, mode, _ in mappings(pid) if mode[1] == "w"]
        self.rounds = 0
        self.stopped = threading.Event()
        self.thread = threading.Thread(target=self.scribble, daemon=True)

    def __enter__(self):
        self.lock_all()
        self.thread.start()
        wait_for("a round of nonsense", lambda: self.rounds >= 2)
        return self

    def __exit__(self, *_):
        self.stopped.set()
        self.thread.join(30)
        for fd in self.fds.values():
            os.close(fd)

    def scribble(self):
        while not self.stopped.is_set():
            for pattern in self.patterns:
                for start, end in self.memory:
                    if not self.write(start, end - start, pattern):
                        return
            self.rounds += 1

    def write(self, start, n, pattern):
        try:
            with open(f"/proc/{self.pid}/mem", "wb", buffering=0) as f:
                f.seek(start)
                f.write(os.urandom(n) if pattern is None else pattern * (n // len(pattern)))
        except (OSError, ValueError):
            return False  # it is dead
        return True

    def lock_all(self):
        """Every lock that the kernel gives, on every descriptor, and keeps them."""
        got = 0
        for fd in self.fds.values():
            for lock in (lambda f: fcntl.flock(f, fcntl.LOCK_EX | fcntl.LOCK_NB),
                         lambda f: fcntl.lockf(f, fcntl.LOCK_EX | fcntl.LOCK_NB)):
                try:
                    lock(fd)
                    got += 1
                except OSError:
                    pass
        return got


def mail(subject):
    return (f"From: a@example.com\r\nTo: bob@example.org\r\nSubject: {subject}\r\n"
            f"Message-ID: <{subject}@example.com>\r\n\r\nhello\r\n").encode()


def send(gateway, subject):
    with gateway.smtp() as client:
        client.ehlo()
        assert client.mail("a@example.com")[0] == 250
        assert client.rcpt("bob@example.org")[0] == 250
        code, text = client.data(mail(subject))
        assert code == 250, text


def children(gateway):
    return gateway.workers() + gateway.admins()


def values(gateway):
    """{name: number} of /metrics; every one of them must be a number that can be."""
    status, body, _ = gateway.get("/metrics")
    assert status == 200
    found = {}
    for line in body.splitlines():
        if not line.startswith("#"):
            name, value = line.rsplit(" ", 1)
            found[name] = float(value)
            if "clock_skew" not in name:
                assert 0 <= found[name] < 2 ** 62, line
    return found


def test_a_process_can_write_one_memory_that_nobody_else_can(make_gateway):
    gateway = make_gateway(workers=3)
    assert gateway.reload()  # so that some were born before the slots of others
    wait_for("the end of the old ones", lambda: len(children(gateway)) == 4)
    written = []
    for pid in children(gateway):
        shared = mappings(pid)
        assert [mode for _, _, mode, _ in shared if mode[1] == "w"] == ["rw-s"]
        written += [inode for _, _, mode, inode in shared if mode[1] == "w"]
        assert len(shared) >= 5  # of the supervisor, three workers and admin
        assert len({inode for *_, inode in shared}) == len(shared)
        names = [os.readlink(f"/proc/{pid}/fd/{n}") for n in os.listdir(f"/proc/{pid}/fd")]
        assert not [n for n in names if "memfd:" in n]
        # Nor by a way around the protection: the memory was opened to be read.
        for start, _, mode, _ in shared:
            if mode[1] != "w":
                with open(f"/proc/{pid}/mem", "wb", buffering=0) as f:
                    f.seek(start)
                    with pytest.raises(OSError):
                        f.write(b"x")
    assert len(set(written)) == len(written) == 4


def test_its_nonsense_neither_stops_nor_misleads_the_others(make_gateway, sandbox):
    gateway = make_gateway(workers=2)
    for i in range(6):
        send(gateway, f"before-{i}")
    before = values(gateway)
    processes = children(gateway)
    with Mad(gateway.workers()[0]) as mad:
        for i in range(30):
            send(gateway, f"mad-{i}")
            status, body, _ = gateway.get("/readyz")
            assert status == 200, body
            now = values(gateway)
        # "sent" of a mail that it has not seen is nothing that it could have written.
        assert len(sandbox.mails()) == 36
        assert now["sesrelay_workers_ready"] == 2
        rounds = mad.rounds
        wait_for("more nonsense", lambda: mad.rounds > rounds + 2)
        assert children(gateway) == processes
        os.kill(mad.pid, signal.SIGKILL)
        gateway.killed = True
    # After its end everything is whole, the counts as well.
    gateway.wait_event("child_ready child=worker", count=3)
    assert gateway.events("metrics_damaged")
    wait_for("the end of the sessions", lambda: values(gateway)["sesrelay_sessions"] == 0)
    after = values(gateway)
    assert after["sesrelay_workers_ready"] == 2
    assert after["sesrelay_worker_restarts_total"] == 1
    for name in ("api_calls_total", "connections_total", "messages_received_total"):
        assert before[f"sesrelay_{name}"] <= after[f"sesrelay_{name}"] <= 36
    for i in range(12):
        send(gateway, f"after-{i}")
    assert len(sandbox.mails()) == 48
    assert gateway.reload()
    send(gateway, "at last")


def test_its_lies_are_believed_of_itself_alone_and_end_with_it(make_gateway, sandbox):
    gateway = make_gateway(workers=2, limits="sessions_per_client = 2 message_rate = 1000")
    send(gateway, "before")
    with Mad(gateway.workers()[0], LIES) as mad:
        for i in range(10):
            send(gateway, f"lies-{i}")
            now = values(gateway)
            assert now["sesrelay_workers_ready"] == 2
            assert now["sesrelay_worker_restarts_total"] == 0
            # That its calls are refused a worker may say, whether it is so or not.
            assert gateway.get("/readyz")[1] in (
                "ready\n", "backend authentication: the API refuses our credentials\n")
        os.kill(mad.pid, signal.SIGKILL)
        gateway.killed = True
    gateway.wait_event("child_ready child=worker", count=3)
    assert gateway.get("/readyz")[0] == 200
    wait_for("the end of the sessions", lambda: values(gateway)["sesrelay_sessions"] == 0)
    # Its counters may stay as high as its work could have made them.
    assert values(gateway)["sesrelay_api_calls_total"] < 1e6
    with gateway.smtp() as one, gateway.smtp() as two:
        assert one.noop()[0] == two.noop()[0] == 250
    assert len(sandbox.mails()) == 11


def test_its_locks_stop_nobody_and_no_end(make_gateway, sandbox):
    gateway = make_gateway(workers=2)
    with Mad(gateway.workers()[0]) as mad:
        for fd in mad.fds.values():
            for cut in (0, 1 << 40):
                try:
                    if "memfd:" in os.readlink(f"/proc/self/fd/{fd}"):
                        os.ftruncate(fd, cut)
                        pytest.fail("it cut a memory")
                except OSError:
                    pass
        for i in range(8):
            send(gateway, f"locked-{i}")
        # New processes start and old ones end while it holds its locks.
        assert gateway.reload()
        send(gateway, "reloaded")
        gateway.signal(signal.SIGTERM)
        assert gateway.wait() == 0
    assert len(sandbox.mails()) == 9


def listening(fds):
    """Copies of those that accept connections, as sockets."""
    found = []
    for fd in fds:
        try:
            s = socket.socket(fileno=os.dup(fd))
        except OSError:
            continue
        try:
            listens = s.getsockopt(socket.SOL_SOCKET, socket.SO_ACCEPTCONN)
        except OSError:
            listens = False
        if listens:
            found.append(s)
        else:
            s.close()
    return found


def test_what_it_does_to_its_sockets_holds_nobody(make_gateway, sandbox, tmp_path):
    for folder in (tmp_path.parent.parent, tmp_path.parent, tmp_path):
        folder.chmod(0o755)
    path = tmp_path / "socket"
    gateway = make_gateway(workers=2, top=f'listener "file" {{ path = "{path}" mode = "0666" }}')
    mad = gateway.workers()[0]
    drop_all = ctypes.create_string_buffer(struct.pack("<HBBI", 6, 0, 0, 0))  # return 0
    program = struct.pack("@HP", 1, ctypes.addressof(drop_all))
    taken = take_descriptors(mad)
    sockets = listening(taken.values())
    assert len(sockets) == 2
    try:
        # One of them is shared with all: whoever accepts once too often would wait in it.
        for s in sockets:
            fcntl.fcntl(s, fcntl.F_SETFL, 0)
        for _ in range(8):
            with socket.socket(socket.AF_UNIX) as s:
                s.settimeout(20)
                s.connect(str(path))
                assert s.recv(100).startswith(b"220 ")
        for i in range(8):
            send(gateway, f"blocking-{i}")
        # Its own it can close for good; the kernel gives its connections to others.
        for s in sockets:
            if s.family != socket.AF_UNIX:
                s.setsockopt(socket.SOL_SOCKET, SO_ATTACH_FILTER, program)
                s.shutdown(socket.SHUT_RDWR)
        for i in range(8):
            send(gateway, f"closed-{i}")
        os.kill(mad, signal.SIGKILL)
        gateway.killed = True
        gateway.wait_event("child_ready child=worker", count=3)
    finally:
        for s in sockets:
            s.close()
        for fd in taken.values():
            os.close(fd)
    before = gateway.metric("connections_total")
    for i in range(24):
        send(gateway, f"whole-{i}")
    assert gateway.metric("connections_total") == before + 24
    assert len(sandbox.mails()) == 40
    assert gateway.reload()


def test_its_garbage_on_the_channel_ends_it_alone(make_gateway, sandbox):
    gateway = make_gateway(workers=2)
    mad, *others = gateway.workers()
    others += gateway.admins()
    taken = take_descriptors(mad)
    try:
        # The first of its descriptors; a packet of another size is none of ours.
        os.write(taken[3], b"garbage")
        gateway.killed = True
        gateway.wait_event("child_died", timeout=30)
        gateway.wait_event("child_ready child=worker", count=3)
    finally:
        for fd in taken.values():
            os.close(fd)
    assert set(others) < set(children(gateway)) and mad not in gateway.workers()
    for i in range(6):
        send(gateway, f"mail-{i}")
    assert len(sandbox.mails()) == 6
