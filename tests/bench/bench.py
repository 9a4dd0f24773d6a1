#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""make bench: sesrelay beside a Node relay and Postfix's smtp-sink, in one run.

All are fed by Postfix's smtp-source with the same messages; sesrelay and the Node relay
call the same HTTPS endpoint. smtp-sink throws the mail away: it is the floor, the cost of
speaking SMTP at all. CPU is the relay's own (all its processes), from /proc/PID/schedstat.
"""
import argparse
import base64
import contextlib
import os
import random
import signal
import socket
import statistics
import subprocess
import sys
import tempfile
import time

HERE = os.path.dirname(os.path.abspath(__file__))
SOURCE = os.path.dirname(os.path.dirname(HERE))

OURS = "sesrelay"
BEFORE = "sesrelay before"

CONF = """\
workers = {workers}
admin {{ enabled = no }}
log {{ level = "info" file = "{log}" }}
limits {{ messages = 1000000 sessions_per_client = 1000 }}
listener "bench" {{ address = "127.0.0.1" port = {port} allow = {{"127.0.0.0/8"}} }}
account "default" {{
    endpoint = "https://localhost:{endpoint}"
    ca_file = "{ca}"
    secret_id = "AKIDEXAMPLEEXAMPLEEXAMPLEEXAMPLE0001"
    secret_key = "SKEXAMPLEexampleSKEXAMPLEexample"
}}
"""


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


def wait_port(port, process, seconds=20):
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if process.poll() is not None:
            sys.exit(f"bench: {process.args[0]} ended with status {process.returncode}")
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
            return
        time.sleep(0.05)
    sys.exit(f"bench: nothing listens on port {port}")


def tree(pid):
    """The process and all below it."""
    pids = [pid]
    with contextlib.suppress(OSError):
        for task in os.listdir(f"/proc/{pid}/task"):
            with open(f"/proc/{pid}/task/{task}/children") as f:
                for child in f.read().split():
                    pids += tree(int(child))
    return pids


def cpu_seconds(pid):
    total = 0
    for p in tree(pid):
        with contextlib.suppress(OSError):
            for task in os.listdir(f"/proc/{p}/task"):
                with open(f"/proc/{p}/task/{task}/schedstat") as f:
                    total += int(f.read().split()[0])
    return total / 1e9


def resident_mb(pid):
    total = 0
    for p in tree(pid):
        with contextlib.suppress(OSError), open(f"/proc/{p}/status") as f:
            for line in f:
                if line.startswith("VmRSS:"):
                    total += int(line.split()[1])
    return total / 1024


def text_message(size):
    head = ("From: Bench <bench@example.com>\nTo: user@example.org\n"
            "Subject: four kilobytes of text\nMessage-ID: <bench@example.com>\n"
            "MIME-Version: 1.0\nContent-Type: text/plain; charset=utf-8\n\n")
    line = "The quick brown fox jumps over the lazy dog, and the dog lets it happen.\n"
    return (head + line * ((size - len(head)) // len(line))).encode()


def attachment_message(size):
    data = base64.encodebytes(random.Random(1).randbytes(size)).decode()
    return ("From: Bench <bench@example.com>\nTo: user@example.org\n"
            "Subject: an attachment\nMessage-ID: <bench@example.com>\nMIME-Version: 1.0\n"
            "Content-Type: multipart/mixed; boundary=b0undary\n\n--b0undary\n"
            "Content-Type: text/plain; charset=utf-8\n\nSee attachment.\n--b0undary\n"
            "Content-Type: application/pdf; name=report.pdf\n"
            "Content-Disposition: attachment; filename=report.pdf\n"
            f"Content-Transfer-Encoding: base64\n\n{data}--b0undary--\n").encode()


class Bench:
    def __init__(self, options):
        self.options = options
        self.postfix = os.path.join(options.builddir, "peers/postfix/usr")
        self.env = dict(os.environ, LD_LIBRARY_PATH=os.path.join(self.postfix, "lib/postfix"),
                        NODE_PATH=os.path.join(SOURCE, "tests/node/node_modules"))
        self.round = 0
        self.stack = contextlib.ExitStack()
        self.top = self.stack.enter_context(tempfile.TemporaryDirectory())
        os.chmod(self.top, 0o755)

    def start(self, *args, stdout=subprocess.DEVNULL):
        process = subprocess.Popen(args, env=self.env, stdout=stdout,
                                   stdin=subprocess.DEVNULL, cwd=self.top)

        def stop():
            process.send_signal(signal.SIGTERM)
            process.wait(30)
        self.stack.callback(stop)
        return process

    def certificate(self):
        self.cert = os.path.join(self.top, "cert.pem")
        self.key = os.path.join(self.top, "key.pem")
        subprocess.run(
            ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt",
             "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2", "-subj", "/CN=localhost",
             "-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1", "-keyout", self.key,
             "-out", self.cert], check=True, capture_output=True)

    def endpoint(self):
        process = self.start(os.path.join(self.options.builddir, "tests/bench/endpoint"),
                             self.cert, self.key, stdout=subprocess.PIPE)
        return int(process.stdout.readline())

    def sink(self):
        port = free_port()
        process = self.start(os.path.join(self.postfix, "sbin/smtp-sink"), "-u", "nobody",
                             f"127.0.0.1:{port}", "128")
        wait_port(port, process)
        return port, process.pid

    def gateway(self, endpoint, workers, builddir=None):
        """workers: 0 for the default, one a core."""
        port = free_port()
        conf = os.path.join(self.top, f"sesrelay-{port}.conf")
        with open(conf, "w") as f:
            f.write(CONF.format(port=port, endpoint=endpoint, ca=self.cert,
                                workers=workers, log=os.path.join(self.top, "log")))
        program = os.path.join(builddir or self.options.builddir, "sesrelay")
        process = self.start(program, "run", "-c", conf)
        wait_port(port, process)
        return port, process.pid

    def node(self, endpoint):
        process = self.start("node", os.path.join(HERE, "relay.js"), str(endpoint), self.cert,
                             stdout=subprocess.PIPE)
        port = process.stdout.readline()
        if not port:
            sys.exit("bench: the Node relay did not start; scripts/test.sh brings its packages")
        return int(port), process.pid

    def feed(self, port, file, count):
        """Sends count messages over kept sessions; returns seconds. The same mail to the
        same recipient would be a duplicate: -N numbers them, and each round has others."""
        self.round += 1
        begin = time.monotonic()
        subprocess.run(
            [os.path.join(self.postfix, "sbin/smtp-source"), "-d", "-4",
             "-s", str(self.options.sessions), "-m", str(count), "-f", "bench@example.com",
             "-N", "-t", f"round-{self.round}@example.org", "-F", file, f"127.0.0.1:{port}"],
            env=self.env, check=True, timeout=600)
        return time.monotonic() - begin

    def run(self):
        self.certificate()
        endpoint = self.endpoint()
        rivals = {"smtp-sink (floor)": self.sink(), OURS: self.gateway(endpoint, 0),
                  "sesrelay, 1 worker": self.gateway(endpoint, 1),
                  "node relay": self.node(endpoint)}
        if self.options.before:
            rivals[BEFORE] = self.gateway(endpoint, 0, self.options.before)
        kinds = {"4 KB text": (text_message(4096), self.options.small),
                 "1 MB attachment": (attachment_message(1 << 20), self.options.large)}
        for kind, (message, count) in kinds.items():
            file = os.path.join(self.top, "message.eml")
            with open(file, "wb") as f:
                f.write(message)
            self.compare(kind, rivals, file, count)

    def compare(self, kind, rivals, file, count):
        print(f"\n{kind}: {count} messages, {self.options.sessions} sessions, "
              f"median of {self.options.rounds} rounds")
        print(f"{'':20} {'messages/s':>12} {'CPU ms/message':>16} {'resident MB':>12}")
        results = {name: [] for name in rivals}
        for port, _ in rivals.values():
            self.feed(port, file, max(count // 10, self.options.sessions))
        turns = list(rivals.items())
        for _ in range(self.options.rounds):
            turns.reverse()  # one that always comes after the same other is favoured or not
            for name, (port, pid) in turns:
                before = cpu_seconds(pid)
                seconds = self.feed(port, file, count)
                cpu = cpu_seconds(pid) - before
                results[name].append((count / seconds, cpu * 1000 / count, resident_mb(pid)))
        medians = {n: [statistics.median(c) for c in zip(*r)] for n, r in results.items()}
        for name, (rate, cpu, rss) in medians.items():
            print(f"{name:20} {rate:12.1f} {cpu:16.3f} {rss:12.1f}")
        ours, node = medians[OURS], medians["node relay"]
        print(f"sesrelay against the node relay: {ours[0] / node[0]:.1f} x the messages/s, "
              f"{node[1] / ours[1]:.1f} x less CPU a message")
        if BEFORE in medians:
            before = medians[BEFORE]
            print(f"sesrelay against itself before: {ours[0] / before[0]:.2f} x the messages/s, "
                  f"{ours[1] / before[1]:.2f} x the CPU a message")


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--builddir", required=True)
    parser.add_argument("--sessions", type=int, default=16)
    parser.add_argument("--small", type=int, default=20000, help="4 KB messages a round")
    parser.add_argument("--large", type=int, default=600, help="1 MB messages a round")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--before", help="another folder with a build, to compare with")
    options = parser.parse_args()
    options.builddir = os.path.abspath(options.builddir)
    options.before = options.before and os.path.abspath(options.before)
    with open("/proc/cpuinfo") as f:
        model = next((l.split(":")[1].strip() for l in f if l.startswith("model name")), "?")
    print(f"machine: {os.cpu_count()} x {model}, Linux {os.uname().release}")
    bench = Bench(options)
    with bench.stack:
        bench.run()


if __name__ == "__main__":
    main()
