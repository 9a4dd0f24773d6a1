#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""make bench: what a crowd of clients costs, and whether one of them notices the others.

Idle sessions, plain and encrypted: the memory of all of the gateway's processes, and how long
a new session waits for its greeting. Clients that send a byte a second, of a command, a
message, a chunk or a TLS handshake: the deadlines cull them, and the rate of good mail
meanwhile stands beside the rate without them. Logins: while the hashes of 50 are computed,
how long a plain session waits for the reply to NOOP. At the end: what was measured, beside
the most that it may be.
"""
import argparse
import base64
import contextlib
import os
import resource
import selectors
import socket
import ssl
import statistics
import subprocess
import sys
import threading
import time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from bench import Bench, cpu_seconds, free_port, text_message, tree, wait_port  # noqa: E402

CONF = """\
hostname = "gateway.example.com"
admin {{ enabled = no }}
log {{ level = "info" file = "{log}" }}
users_file = "{users}"
limits {{ sessions = 20000 sessions_per_client = 20000 messages = 1000000
    command_timeout = {timeout} data_timeout = {timeout} {start} }}
listener "plain" {{ address = "127.0.0.1" port = {plain} }}
listener "tls" {{ address = "127.0.0.1" port = {tls} tls = "implicit"
    tls_certificate = "{cert}" tls_key = "{key}" }}
listener "login" {{ address = "127.0.0.1" port = {login} auth = "required" }}
account "default" {{
    endpoint = "https://localhost:{endpoint}"
    ca_file = "{cert}"
    secret_id = "AKIDEXAMPLEEXAMPLEEXAMPLEEXAMPLE0001"
    secret_key = "SKEXAMPLEexampleSKEXAMPLEexample"
}}
"""


def memory_mb(pid):
    """(resident, once) of all processes: pages that they share (libraries, for the most part)
    count in the first once for each of them, and in the second once in all. The second is
    what each has alone, and the shared pages of the one that has most of them; not PSS, which
    is less where a program of somebody else uses the same library."""
    alone, shared, resident = 0, [], 0
    for p in tree(pid):
        with contextlib.suppress(OSError), open(f"/proc/{p}/smaps_rollup") as f:
            lines = (line.split() for line in f)
            kb = {words[0]: int(words[1]) for words in lines if words[-1] == "kB"}
            private = kb["Private_Clean:"] + kb["Private_Dirty:"]
            alone += private
            resident += kb["Rss:"]
            shared.append(kb["Rss:"] - private)
    return resident / 1024, (alone + max(shared)) / 1024


def greet(s):
    if not s.recv(1000).startswith(b"220"):
        sys.exit("crowd: no greeting")
    s.sendall(b"EHLO client.example.com\r\n")
    if not s.recv(2000).startswith(b"250"):
        sys.exit("crowd: no reply to EHLO")
    return s


def mail(s):
    body = text_message(4096).replace(b"\n", b"\r\n") + b".\r\n"
    for line, code in zip((*MAIL[1:], b"DATA\r\n", body), (b"250", b"250", b"354", b"250")):
        s.sendall(line)
        if s.recv(1000)[:3] != code:
            sys.exit("crowd: a mail was refused")


def percentiles(seconds):
    ordered = sorted(seconds)
    at = [ordered[int(len(ordered) * p)] for p in (0.5, 0.99)] + [ordered[-1]]
    return "median {:.1f} ms, 99 % {:.1f} ms, longest {:.1f} ms".format(
        *(s * 1000 for s in at))


class Crowd(Bench):
    def __init__(self, options):
        super().__init__(options)
        self.process = None
        self.marks = []  # (what, value, unit, at most)

    def gateway(self, timeout, builddir=None):
        """A new one alone: it would share the libraries' pages with one from before."""
        if self.process:
            self.process.terminate()
            self.process.wait(60)
        self.ports = {name: free_port() for name in ("plain", "tls", "login")}
        users, conf = (os.path.join(self.top, name) for name in ("users", "conf"))
        program = os.path.join(builddir or self.options.builddir, "sesrelay")
        hashed = subprocess.run([program, "hash-password"], input="secret\n", text=True,
                                capture_output=True, check=True).stdout
        options = subprocess.run([program, "check", "--options"], text=True,
                                 capture_output=True, check=True).stdout
        # A build from before may not have it.
        start = f"start_timeout = {timeout}" if "limits.start_timeout" in options else ""
        with open(users, "w") as f:
            f.write("app:" + hashed)
        os.chmod(users, 0o600)
        with open(conf, "w") as f:
            f.write(CONF.format(log=os.path.join(self.top, "log"), users=users,
                                timeout=timeout, start=start, cert=self.cert, key=self.key,
                                endpoint=self.to_endpoint, **self.ports))
        self.process = self.start(program, "run", "-c", conf)
        wait_port(self.ports["plain"], self.process)

    def connect(self, name="plain"):
        return socket.create_connection(("127.0.0.1", self.ports[name]), timeout=60)

    def connect_tls(self):
        return self.context.wrap_socket(self.connect("tls"), server_hostname="localhost")

    def new_sessions(self, connect, count=300):
        waits = []
        for _ in range(count):
            begin = time.monotonic()
            with connect() as s:
                s.recv(1000)
                waits.append(time.monotonic() - begin)
        return waits

    def settle(self):
        """Until all workers are there and have all that they start with."""
        before = None
        for _ in range(50):
            now = (len(tree(self.process.pid)), memory_mb(self.process.pid)[0])
            if now == before:
                return
            before = now
            time.sleep(0.2)
        sys.exit("crowd: the gateway's memory does not settle")

    def tell(self, what, connect):
        resident, once = memory_mb(self.process.pid)
        waits = self.new_sessions(connect)
        print(f"{what:28} {resident:10.1f} {once:10.1f}   new session: "
              f"{percentiles(waits)}", flush=True)
        return once, max(waits) * 1000

    def crowd(self, name, connect, count, mark, builddir=None):
        self.gateway("1h", builddir)
        self.settle()
        self.tell(f"no {name} session", connect)
        held = [greet(connect()) for _ in range(count)]
        memory, longest = self.tell(f"{count} {name}", connect)
        build = " before" if builddir else ""
        self.marks.append((f"{count} idle {name} sessions{build}", memory, "MB", mark))
        self.marks.append((f"a new {name} session among them{build}", longest, "ms", 50))
        for s in held:
            mail(s)
        self.tell("the same, after a mail each", connect)
        for s in held:
            s.close()

    def idle(self):
        print(f"\n{'idle sessions':28} {'RSS MB':>10} {'once MB':>10}")
        if self.options.before:
            print("before:")
            self.crowd("plain", self.connect, self.options.plain, 64, self.options.before)
            print("now:")
        self.crowd("plain", self.connect, self.options.plain, 64)
        self.context = ssl.create_default_context(cafile=self.cert)
        self.crowd("TLS", self.connect_tls, self.options.tls, 80)

    def culprits(self):
        """The slow clients, in a process of their own; all have come when this returns."""
        process = subprocess.Popen(
            [sys.executable, os.path.abspath(__file__), "--slow-clients",
             str(self.options.slow), "--ports", str(self.ports["plain"]),
             str(self.ports["tls"])], stdout=subprocess.PIPE, text=True)
        if process.stdout.readline() != "ready\n":
            sys.exit("crowd: the slow clients did not come")
        return process

    def good_mail(self, file, among):
        """(messages a second, CPU seconds of the gateway, (slow clients sent away, their CPU
        seconds)). The sending away is waited for, and not part of the CPU."""
        process = self.culprits() if among else None
        before = cpu_seconds(self.process.pid)
        rate = self.options.good / self.feed(self.ports["plain"], file, self.options.good)
        cpu = cpu_seconds(self.process.pid) - before
        if process is None:
            return rate, cpu, (0, 0)
        culled, theirs = process.stdout.readline().split()
        process.wait(60)
        return rate, cpu, (int(culled), float(theirs))

    def slow(self):
        """In pairs, the one or the other first: the machine's speed drifts."""
        file = os.path.join(self.top, "message.eml")
        with open(file, "wb") as f:
            f.write(text_message(4096))
        self.feed(self.ports["plain"], file, self.options.good)  # warms up
        alone, among = [], []
        for i in range(self.options.rounds):
            for crowded in (i % 2 == 0, i % 2 == 1):
                (among if crowded else alone).append(self.good_mail(file, crowded))
        rates = [statistics.median(r[0] for r in side) for side in (alone, among)]
        cpu = [statistics.median(r[1] for r in side) for side in (alone, among)]
        kept = [100 * b[0] / a[0] for a, b in zip(alone, among)]
        comers = self.options.slow * self.options.rounds
        culled = sum(r[2][0] for r in among)
        theirs = statistics.median(r[2][1] for r in among)
        print(f"\n{self.options.slow} clients of a byte a second, {self.options.good} good "
              f"messages, median of {self.options.rounds} pairs of rounds\n"
              f"good mail alone {rates[0]:.0f}/s, among them {rates[1]:.0f}/s; of a pair "
              f"{statistics.median(kept):.0f} % ({min(kept):.0f} to {max(kept):.0f})\n"
              f"{culled} of {comers} were sent away; CPU s a round: the gateway "
              f"{cpu[0]:.2f} alone, {cpu[1]:.2f} among them; the slow clients themselves "
              f"{theirs:.2f}", flush=True)
        self.marks.append(("slow clients that stay", comers - culled, "", 0))
        self.marks.append(("good mail lost to slow clients",
                           100 - statistics.median(kept), "%", 10))

    def noops(self, sessions, more):
        """How long each waits for its reply, as long as more()."""
        waits = []
        while more():
            for s in sessions:
                sent = time.monotonic()
                s.sendall(b"NOOP\r\n")
                s.recv(100)
                waits.append(time.monotonic() - sent)
                # A client that spins would take from the hashes the CPU that it measures.
                time.sleep(0.001)
        return waits

    def logins(self):
        """The longest wait for NOOP, in ms. Those before the logins tell what the machine itself
        makes a client wait."""
        token = base64.b64encode(b"\0app\0secret").decode()
        sessions = [greet(self.connect("login")) for _ in range(self.options.logins)]
        plain = [greet(self.connect()) for _ in range(8)]  # at all workers, most probably
        replies = []

        def collect():
            for s in sessions:
                replies.append(s.recv(200)[:3])

        end = time.monotonic() + 1
        before = self.noops(plain, lambda: time.monotonic() < end)
        for s in sessions:
            s.sendall(f"AUTH PLAIN {token}\r\n".encode())
        collector = threading.Thread(target=collect)
        begin = time.monotonic()
        collector.start()
        during = self.noops(plain, collector.is_alive)
        seconds = time.monotonic() - begin
        if replies.count(b"235") < self.options.logins:
            sys.exit("crowd: not all were let in")
        print(f"all let in after {seconds:.2f} s; {len(during)} NOOPs: {percentiles(during)}; "
              f"before: {percentiles(before)}", flush=True)
        for s in sessions + plain:
            s.close()
        return max(during) * 1000

    def run(self):
        self.certificate()
        self.to_endpoint = self.endpoint()
        self.idle()
        self.gateway("1h")
        self.settle()
        print(f"\n{self.options.logins} logins at once, {self.options.rounds} times")
        longest = [self.logins() for _ in range(self.options.rounds)]
        self.marks.append(("NOOP during logins, longest", max(longest), "ms", 20))
        self.gateway("5s")
        self.settle()
        self.slow()
        print(f"\n{'marks':42} {'':>10}    at most")
        for what, value, unit, most in self.marks:
            print(f"{what:42} {value:10.1f} {unit:2} {most:7} "
                  f"{unit:2} {'' if value <= most else ' MISSED'}")


# What a slow client has said, and what it goes on with, byte by byte.
HELLO = b"EHLO client.example.com\r\n"
MAIL = (HELLO, b"MAIL FROM:<bench@example.com>\r\n", b"RCPT TO:<user@example.org>\r\n")
SLOW = (
    ("plain", (HELLO,), b"NOOP" * 100),
    ("plain", (*MAIL, b"DATA\r\n"), b"Subject: " + b"x" * 400),
    ("plain", (*MAIL, b"BDAT 100000\r\n"), b"Subject: " + b"x" * 400),
    ("tls", (), b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + b"r" * 400),
)


def slow_client(ports, kind):
    name, script, rest = kind
    s = socket.create_connection(("127.0.0.1", ports[name]), timeout=60)
    if name == "plain":
        s.recv(1000)
    for line in script:
        s.sendall(line)
        if not line.startswith(b"BDAT"):
            s.recv(2000)
    s.setblocking(False)
    return s, iter(rest)


def slow_clients(ports, count):
    """Each sends one byte a second, until it is sent away."""
    selector = selectors.DefaultSelector()
    for i in range(count):
        s, rest = slow_client(ports, SLOW[i % len(SLOW)])
        selector.register(s, selectors.EVENT_READ, rest)
    print("ready", flush=True)
    gone, end = 0, time.monotonic() + 30
    due = time.monotonic()
    while gone < count and time.monotonic() < end:
        for key, _ in selector.select(0.05):
            gone += 1  # told 421, or, where TLS has not begun, nothing
            selector.unregister(key.fileobj)
            key.fileobj.close()
        if time.monotonic() >= due:
            due += 1
            for key in list(selector.get_map().values()):
                with contextlib.suppress(OSError):
                    key.fileobj.send(bytes([next(key.data)]))
    print(gone, time.process_time(), flush=True)


def descriptors(options):
    """Each session is a descriptor here and one of the gateway, which raises its own limit."""
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    for name in ("plain", "tls", "slow"):
        if most != resource.RLIM_INFINITY and getattr(options, name) > most - 200:
            setattr(options, name, most - 200)
            print(f"--{name} is {most - 200}: ulimit -n allows no more")


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--builddir")
    parser.add_argument("--sessions", type=int, default=16, help="of the good mail")
    parser.add_argument("--plain", type=int, default=10000, help="idle sessions")
    parser.add_argument("--tls", type=int, default=2000, help="idle sessions with TLS")
    parser.add_argument("--slow", type=int, default=2000, help="clients of a byte a second")
    parser.add_argument("--good", type=int, default=12000, help="messages beside those")
    parser.add_argument("--logins", type=int, default=50)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--before", help="another folder with a build, to compare with")
    parser.add_argument("--slow-clients", type=int, help=argparse.SUPPRESS)
    parser.add_argument("--ports", type=int, nargs=2, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.slow_clients:
        slow_clients(dict(zip(("plain", "tls"), options.ports)), options.slow_clients)
        return
    options.builddir = os.path.abspath(options.builddir)
    descriptors(options)
    crowd = Crowd(options)
    with crowd.stack:
        crowd.run()


if __name__ == "__main__":
    main()
