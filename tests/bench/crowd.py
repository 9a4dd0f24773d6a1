#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""make bench: what a crowd of clients costs, and whether one of them notices the others.

Idle sessions, plain and encrypted: the memory of all of the gateway's processes, and how long
a new session waits for its greeting. Clients that send a byte a second: the deadlines cull
them, and the rate of good mail meanwhile stands beside the rate without them. Logins: while
the hashes of 50 are computed, how long a plain session waits for the reply to NOOP.
"""
import argparse
import base64
import contextlib
import os
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
    command_timeout = {timeout} }}
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
    """(resident, proportional) of all processes: pages that they share count once for each in
    the first, and once in all in the second."""
    total = {"Rss": 0, "Pss": 0}
    for p in tree(pid):
        with contextlib.suppress(OSError), open(f"/proc/{p}/smaps_rollup") as f:
            for line in f:
                name = line.split(":")[0]
                if name in total:
                    total[name] += int(line.split()[1])
    return total["Rss"] / 1024, total["Pss"] / 1024


def greet(s):
    if not s.recv(1000).startswith(b"220"):
        sys.exit("crowd: no greeting")
    s.sendall(b"EHLO client.example.com\r\n")
    if not s.recv(2000).startswith(b"250"):
        sys.exit("crowd: no reply to EHLO")
    return s


def percentiles(seconds):
    ordered = sorted(seconds)
    at = [ordered[int(len(ordered) * p)] for p in (0.5, 0.99)] + [ordered[-1]]
    return "median {:.1f} ms, 99 % {:.1f} ms, longest {:.1f} ms".format(
        *(s * 1000 for s in at))


class Crowd(Bench):
    def gateway(self, timeout):
        self.ports = {name: free_port() for name in ("plain", "tls", "login")}
        users, conf = (os.path.join(self.top, name) for name in ("users", "conf"))
        program = os.path.join(self.options.builddir, "sesrelay")
        hashed = subprocess.run([program, "hash-password"], input="secret\n", text=True,
                                capture_output=True, check=True).stdout
        with open(users, "w") as f:
            f.write("app:" + hashed)
        os.chmod(users, 0o600)
        with open(conf, "w") as f:
            f.write(CONF.format(log=os.path.join(self.top, "log"), users=users,
                                timeout=timeout, cert=self.cert, key=self.key,
                                endpoint=self.endpoint(), **self.ports))
        self.process = self.start(program, "run", "-c", conf)
        wait_port(self.ports["plain"], self.process)

    def connect(self, name="plain"):
        return socket.create_connection(("127.0.0.1", self.ports[name]), timeout=60)

    def new_sessions(self, count=300):
        waits = []
        for _ in range(count):
            begin = time.monotonic()
            with self.connect() as s:
                s.recv(1000)
                waits.append(time.monotonic() - begin)
        return percentiles(waits)

    def tell(self, what):
        resident, proportional = memory_mb(self.process.pid)
        print(f"{what:28} {resident:10.1f} {proportional:10.1f}   new session: "
              f"{self.new_sessions()}")

    def idle(self):
        print(f"\n{'idle sessions':28} {'RSS MB':>10} {'PSS MB':>10}")
        self.tell("none")
        held = [greet(self.connect()) for _ in range(self.options.plain)]
        self.tell(f"{self.options.plain} plain")
        for s in held:
            s.close()
        context = ssl.create_default_context(cafile=self.cert)
        held = []
        for _ in range(self.options.tls):
            s = context.wrap_socket(self.connect("tls"), server_hostname="localhost")
            held.append(greet(s))
        self.tell(f"{self.options.tls} TLS, after those")
        for s in held:
            s.close()

    def fresh_tls(self):
        """In processes that have seen nothing else."""
        context = ssl.create_default_context(cafile=self.cert)
        held = [greet(context.wrap_socket(self.connect("tls"), server_hostname="localhost"))
                for _ in range(self.options.tls)]
        self.tell(f"{self.options.tls} TLS")
        for s in held:
            s.close()

    def slow(self):
        file = os.path.join(self.top, "message.eml")
        with open(file, "wb") as f:
            f.write(text_message(4096))
        count = self.options.good
        port = self.ports["plain"]
        self.feed(port, file, count)  # warms up
        alone, crowded = [], []
        culled, clients_cpu, ours = 0, 0, [0, 0]
        for _ in range(self.options.rounds):
            before = cpu_seconds(self.process.pid)
            alone.append(count / self.feed(port, file, count))
            between = cpu_seconds(self.process.pid)
            culprits = subprocess.Popen(
                [sys.executable, os.path.abspath(__file__), "--slow-clients",
                 str(self.options.slow), "--port", str(port)],
                stdout=subprocess.PIPE, text=True)
            if culprits.stdout.readline() != "ready\n":
                sys.exit("crowd: the slow clients did not come")
            crowded.append(count / self.feed(port, file, count))
            ours[0] += between - before
            ours[1] += cpu_seconds(self.process.pid) - between
            words = culprits.stdout.readline().split()
            culled, clients_cpu = culled + int(words[1]), clients_cpu + float(words[3])
            culprits.wait(60)
        a, b = statistics.median(alone), statistics.median(crowded)
        print(f"\n{self.options.slow} clients of a byte a second, {count} good messages, median "
              f"of {self.options.rounds} rounds\ngood mail alone {a:.0f}/s, among them "
              f"{b:.0f}/s ({100 * b / a:.0f} %); {culled} of "
              f"{self.options.slow * self.options.rounds} were sent away\nCPU s a round: the "
              f"gateway {ours[0] / self.options.rounds:.2f} alone, "
              f"{ours[1] / self.options.rounds:.2f} among them; the slow clients themselves "
              f"{clients_cpu / self.options.rounds:.2f}")

    def logins(self):
        token = base64.b64encode(b"\0app\0secret").decode()
        sessions = [greet(self.connect("login")) for _ in range(self.options.logins)]
        plain = [greet(self.connect()) for _ in range(4)]  # at both workers, most probably
        waits, replies = [], []

        def collect():
            for s in sessions:
                replies.append(s.recv(200)[:3])

        for s in sessions:
            s.sendall(f"AUTH PLAIN {token}\r\n".encode())
        collector = threading.Thread(target=collect)
        begin = time.monotonic()
        collector.start()
        while collector.is_alive():
            for s in plain:
                sent = time.monotonic()
                s.sendall(b"NOOP\r\n")
                s.recv(100)
                waits.append(time.monotonic() - sent)
        print(f"\n{self.options.logins} logins at once: {replies.count(b'235')} let in, all "
              f"answered after {time.monotonic() - begin:.2f} s; meanwhile "
              f"{len(waits)} NOOPs: {percentiles(waits)}")

    def run(self):
        self.certificate()
        self.gateway("1h")
        self.idle()
        self.gateway("1h")
        self.fresh_tls()
        self.logins()
        self.gateway("5s")
        self.slow()


def slow_clients(port, count):
    """Each sends one byte a second, until it is sent away."""
    clients = []
    for _ in range(count):
        s = socket.create_connection(("127.0.0.1", port), timeout=60)
        s.recv(1000)
        s.setblocking(False)
        clients.append(s)
    print("ready", flush=True)
    gone, end = 0, time.monotonic() + 30
    selector = selectors.DefaultSelector()
    for s in clients:
        selector.register(s, selectors.EVENT_READ)
    due = time.monotonic()
    while gone < count and time.monotonic() < end:
        for key, _ in selector.select(0.05):
            with contextlib.suppress(OSError):
                if key.fileobj.recv(1000)[:3] == b"421":
                    gone += 1
            selector.unregister(key.fileobj)
            key.fileobj.close()
        if time.monotonic() >= due:
            due += 1
            for key in list(selector.get_map().values()):
                with contextlib.suppress(OSError):
                    key.fileobj.send(b"N")
    print("culled", gone, "cpu", time.process_time(), flush=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--builddir")
    parser.add_argument("--sessions", type=int, default=16, help="of the good mail")
    parser.add_argument("--plain", type=int, default=10000, help="idle sessions")
    parser.add_argument("--tls", type=int, default=2000, help="idle sessions with TLS")
    parser.add_argument("--slow", type=int, default=2000, help="clients of a byte a second")
    parser.add_argument("--good", type=int, default=20000, help="messages beside those")
    parser.add_argument("--logins", type=int, default=50)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--slow-clients", type=int, help=argparse.SUPPRESS)
    parser.add_argument("--port", type=int, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.slow_clients:
        slow_clients(options.port, options.slow_clients)
        return
    options.builddir = os.path.abspath(options.builddir)
    crowd = Crowd(options)
    with crowd.stack:
        crowd.run()


if __name__ == "__main__":
    main()
