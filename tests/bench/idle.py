#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""make bench-idle: what the gateway costs while nobody uses it, and how soon it greets.

Memory of a gateway with two workers and admin and no client, from /proc/PID/smaps_rollup,
process by process. Time from the start of `sesrelay run` to the first greeting that a client
reads, for many starts. Builds given by --before take turns with this one.
"""
import argparse
import contextlib
import os
import signal
import socket
import statistics
import subprocess
import sys
import tempfile
import time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from bench import free_port, tree  # noqa: E402

CONF = """\
workers = 2
log {{ file = "{log}" }}
admin {{ port = {admin} }}
listener "local" {{ address = "127.0.0.1" port = {port} }}
account "default" {{
    secret_id = "AKIDEXAMPLEEXAMPLEEXAMPLEEXAMPLE0001"
    secret_key = "SKEXAMPLEexampleSKEXAMPLEexample"
}}
"""

START_MAX_S = 20
MARKS = {"together, PSS": (10.0, "MB"), "greeting, median": (30.0, "ms")}


class Gateway:
    """One start of it; the port and the configuration are used again by the next."""

    def __init__(self, builddir, top):
        self.program = os.path.join(builddir, "sesrelay")
        self.port = free_port()
        self.conf = os.path.join(top, f"sesrelay-{self.port}.conf")
        self.process = None
        with open(self.conf, "w") as f:
            f.write(CONF.format(log=os.path.join(top, f"log-{self.port}"),
                                admin=free_port(), port=self.port))

    def __enter__(self):
        self.begin = time.monotonic()
        self.process = subprocess.Popen([self.program, "run", "-c", self.conf],
                                        stdin=subprocess.DEVNULL)
        return self

    def __exit__(self, *_):
        self.process.send_signal(signal.SIGTERM)
        self.process.wait(30)

    def greeting_ms(self):
        """A refused connection is tried again after 0.2 ms: that is the precision. So is one
        that is reset: the supervisor listens for a moment, to see that it can."""
        while time.monotonic() < self.begin + START_MAX_S:
            with contextlib.suppress(ConnectionError), socket.socket() as s:
                s.settimeout(START_MAX_S)
                s.connect(("127.0.0.1", self.port))
                if s.recv(1000).startswith(b"220"):
                    return (time.monotonic() - self.begin) * 1000
            if self.process.poll() is not None:
                sys.exit(f"idle: {self.program} ended")
            time.sleep(0.0002)
        sys.exit("idle: no greeting")

    def settle(self):
        """Until all processes are there and hold what they start with."""
        before = None
        for _ in range(50):
            now = {name: memory["Rss"] for name, memory in self.memory().items()}
            if len(now) == 4 and now == before:
                return
            before = now
            time.sleep(0.3)
        sys.exit("idle: the memory does not settle")

    def memory(self):
        """{process: {field of smaps_rollup: KB}}"""
        found = {}
        for pid in tree(self.process.pid):
            with open(f"/proc/{pid}/cmdline") as f:
                name = " ".join(f.read().split("\0")[1:3])
            with open(f"/proc/{pid}/smaps_rollup") as f:
                fields = (line.split() for line in f)
                found[name.split(" -c")[0]] = {
                    words[0][:-1]: int(words[1]) for words in fields if words[-1] == "kB"}
        return found


def tell_memory(name, memory):
    print(f"\n{name}\n{'':20} {'PSS MB':>8} {'private':>8} {'shared':>8} {'resident':>9}")
    total = dict.fromkeys(("Pss", "private", "shared", "Rss"), 0)
    for process, m in memory.items():
        private = m["Private_Clean"] + m["Private_Dirty"]
        row = {"Pss": m["Pss"], "private": private, "shared": m["Rss"] - private,
               "Rss": m["Rss"]}
        print(f"{process:20} " + " ".join(f"{row[k] / 1024:8.2f}" for k in row))
        for k in row:
            total[k] += row[k]
    print(f"{'together':20} " + " ".join(f"{total[k] / 1024:8.2f}" for k in total))
    once = total["private"] + max(m["Rss"] - m["Private_Clean"] - m["Private_Dirty"]
                                  for m in memory.values())
    print(f"with the shared pages of the largest process once: {once / 1024:.2f}")
    return total["Pss"] / 1024


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--builddir", default=".")
    parser.add_argument("--before", action="append", default=[],
                        help="another build's directory, to be measured in turns")
    parser.add_argument("--starts", type=int, default=30)
    options = parser.parse_args()
    builds = {"this build": options.builddir} | {b: b for b in options.before}
    pss, starts = {}, {name: [] for name in builds}
    with tempfile.TemporaryDirectory() as top:
        gateways = {name: Gateway(os.path.abspath(b), top) for name, b in builds.items()}
        for name, gateway in gateways.items():
            with gateway:
                gateway.greeting_ms()
                gateway.settle()
                pss[name] = tell_memory(name, gateway.memory())
        turns = list(gateways.items())
        for _ in range(options.starts):
            turns.reverse()
            for name, gateway in turns:
                with gateway:
                    starts[name].append(gateway.greeting_ms())
    print(f"\nfrom the start to the first greeting, {options.starts} starts\n"
          f"{'':20} {'median ms':>10} {'least':>8} {'longest':>8}")
    for name, ms in starts.items():
        print(f"{name:20} {statistics.median(ms):10.1f} {min(ms):8.1f} {max(ms):8.1f}")
    measured = {"together, PSS": pss["this build"],
                "greeting, median": statistics.median(starts["this build"])}
    print(f"\n{'marks':20} {'':>10} {'at most':>10}")
    for what, (most, unit) in MARKS.items():
        print(f"{what:20} {measured[what]:7.1f} {unit} {most:7.0f} {unit}")


if __name__ == "__main__":
    main()
