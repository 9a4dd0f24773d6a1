#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""make soak: processes are killed under load, and the books are compared afterwards.

Clients (client.py) send mails by SMTP, PRDR and LMTP and try again until each recipient was
told 250. Meanwhile, phase by phase: the API's endpoint is killed, workers are killed, the
supervisor is, everything is, and clients are cut off after the dot. At the end of a phase
the sandbox's journal must hold every recipient that was told 250 (lost: 0), and none twice
of one transaction. Recipients who got a mail twice over several transactions are counted
by what happened to the first.
"""
import argparse
import collections
import contextlib
import json
import os
import pathlib
import queue
import random
import re
import signal
import sys
import tempfile
import threading
import time

HERE = pathlib.Path(__file__).resolve().parent
sys.path += [str(HERE), str(HERE.parent / "integration")]
import client  # noqa: E402
from gateway import Gateway, child_pids, free_port  # noqa: E402
from sandbox import Sandbox  # noqa: E402

SHARED, APART = "shared.example.org", "apart.example.org"
PHASES = ("endpoint", "worker", "supervisor", "everything", "client")
FLEET = 12       # clients at a time
GIVE_UP = 300.0  # seconds a phase may take after its last kill
CUT = 0.3        # of the transactions of the phase "client"


class Endpoint:
    """The sandbox on ports of its own that it keeps over restarts, one journal."""

    def __init__(self, folder, https):
        self.https = https
        self.http_port, self.https_port = free_port(), free_port()
        # The first start makes the certificate, and all later ones use it.
        first = Sandbox(folder, https=True).start()
        first.stop()
        tls = first.tls_dir
        self.sandbox = Sandbox(folder)
        self.sandbox.command = [
            self.sandbox.command[0], "--quiet", "--rate", "0", "--max-mails", "10",
            "--listen", f"127.0.0.1:{self.http_port}",
            "--https", f"127.0.0.1:{self.https_port}",
            "--cert", str(tls / "cert.pem"), "--key", str(tls / "key.pem"),
            "--port-file", str(self.sandbox.port_file),
            "--journal", str(self.sandbox.journal_file)]
        self.ca_file = tls / "ca.pem"
        self.start()

    def url(self):
        return (f"https://localhost:{self.https_port}" if self.https
                else f"http://127.0.0.1:{self.http_port}")

    def start(self):
        self.sandbox.start()
        self.sandbox.fault(count=0, probability=0.3, delay_ms=30)

    def kill(self):
        self.sandbox.process.kill()
        self.sandbox.process.wait()

    def stop(self):
        self.sandbox.stop()

    def journal(self):
        return self.sandbox.journal()


class Service:
    """The gateway as a service manager keeps it: started again whenever it has ended."""

    def __init__(self, folder, endpoint):
        os.chmod(folder, 0o755)
        self.lmtp_port = free_port()
        account = f'ca_file = "{endpoint.ca_file}"' if endpoint.https else ""
        self.gateway = Gateway(
            folder, endpoint.url(), workers=2, level="info", shutdown_timeout="20s",
            account=account,
            top=f'listener "lmtp" {{ protocol = "lmtp" address = "127.0.0.1" '
                f'port = {self.lmtp_port} }}',
            routes=f'route "apart" {{ recipient = {{"*@{APART}"}} recipients = "separate" }}\n'
                   'route "rest" { }',
            limits='connect_timeout = "3s" call_timeout = "8s" deadline = "12s" retry_delay = "100ms" '
                   'sessions_per_client = 1000')
        self.start()

    def start(self):
        """Old workers may hold the port until they have drained."""
        end = time.monotonic() + 60
        self.gateway.launch()
        while not self.answers():
            if time.monotonic() > end:
                raise AssertionError("the gateway does not come back:\n"
                                     + self.gateway.everything()[-4000:])
            if self.gateway.process.poll() is not None:
                self.gateway.launch()
            time.sleep(0.05)

    def answers(self):
        """Whether this one, and no worker that is left of an earlier one, is ready."""
        if self.gateway.process.poll() is not None:
            return False
        try:
            return (child_pids(self.gateway.process.pid)
                    and self.gateway.get("/readyz")[0] == 200)
        except OSError:
            return False

    def kill_worker(self, rng):
        workers = self.gateway.workers()
        if workers:
            os.kill(rng.choice(workers), signal.SIGKILL)

    def kill(self, children):
        pids = list(child_pids(self.gateway.process.pid)) if children else []
        self.gateway.process.kill()
        self.gateway.process.wait()
        for pid in pids:
            try:
                os.kill(pid, signal.SIGKILL)
            except ProcessLookupError:
                pass

    def port(self, protocol):
        return self.lmtp_port if protocol == "lmtp" else self.gateway.port

    def stop(self):
        self.gateway.stop()


class Fleet:
    """Clients that work off mails until all are done, in threads."""

    def __init__(self, service, seed, cut):
        self.service, self.cut = service, cut
        self.mails, self.work = [], queue.Queue()
        self.rng, self.lock = random.Random(seed), threading.Lock()
        self.attempts = self.cuts = 0
        self.ending = False
        self.threads = [threading.Thread(target=self.run, args=(seed * 100 + i,), daemon=True)
                        for i in range(FLEET)]

    def start(self):
        for thread in self.threads:
            thread.start()

    def new_mail(self):
        with self.lock:
            mail = client.Mail(len(self.mails), (SHARED, SHARED, APART), self.rng)
            self.mails.append(mail)
        return mail

    def next_mail(self):
        """One that is due for another try, else a new one; None: nothing to do now."""
        try:
            mail = self.work.get_nowait()
        except queue.Empty:
            return None if self.ending else self.new_mail()
        if mail.due > time.monotonic():
            self.work.put(mail)
            return None if self.ending else self.new_mail()
        return mail

    def run(self, seed):
        rng, session = random.Random(seed), None
        protocol = client.PROTOCOLS[seed % len(client.PROTOCOLS)]
        while not (self.ending and self.is_done()):
            mail = self.next_mail()
            if mail is None:
                time.sleep(0.02)
                continue
            session = self.attempt(rng, protocol, session, mail)
            if mail.pending():
                mail.due = time.monotonic() + min(1.0, 0.05 * 2 ** mail.attempts)
                self.work.put(mail)
        if session is not None:
            session.close()

    def attempt(self, rng, protocol, session, mail):
        """Returns the session, or None where it broke."""
        cut = client.cut_off(rng) if rng.random() < self.cut else None
        mail.attempts += 1
        with self.lock:
            self.attempts += 1
            self.cuts += cut is not None
        try:
            session = session or client.Session(protocol, self.service.port(protocol))
            session.send(mail, cut)
            return session
        except (OSError, ValueError):
            if session is not None:
                session.close()
            if cut is None:
                time.sleep(0.02)
            return None

    def is_done(self):
        return not any(mail.pending() for mail in list(self.mails))

    def finish(self):
        """False where some mail found no end."""
        self.ending = True
        end = time.monotonic() + GIVE_UP
        while not self.is_done() and time.monotonic() < end:
            time.sleep(0.1)
        return self.is_done()


def events_of_recipients(text):
    """{(delivery id, recipient): events of the log lines that name both}."""
    found = collections.defaultdict(set)
    for m in re.finditer(r"^\S+ \w+ ([0-9a-f]{16,}) (\w+) .*?\bto=(\S+)", text, re.M):
        found[m.group(1), m.group(3)].add(m.group(2))
    return found


def cause(events):
    """Why a client tried again for a recipient whose mail the API had accepted."""
    if "uncertain" in events:
        return "the call's answer was lost: uncertain, 451"
    if "accepted" in events:
        return "accepted, and the client had no reply"
    return "the worker died during the call"


def books(fleet, journal, log):
    """What the journal says of the mails: lost, of one transaction, twice by cause."""
    events = events_of_recipients(log)
    got = collections.defaultdict(list)
    for line in journal:
        for recipient in line["to"] + line["cc"] + line["bcc"]:
            got[recipient].append(line["delivery_id"])
    lost = [r for mail in fleet.mails for r in mail.told_250() if r not in got]
    within = [r for r, ids in got.items() if len(set(ids)) < len(ids)]
    several = {r: list(dict.fromkeys(ids)) for r, ids in got.items() if len(set(ids)) > 1}
    causes = collections.Counter(
        cause(events[i, r]) for r, ids in several.items() for i in ids[:-1])
    return {"mails": len(fleet.mails),
            "recipients": sum(len(mail.recipients) for mail in fleet.mails),
            "attempts": fleet.attempts,
            "lost": len(lost),
            "refused": sum(len(mail.failed()) for mail in fleet.mails),
            "never told 250": sum(len(mail.pending()) for mail in fleet.mails),
            "twice within a transaction": len(within),
            "got it twice": len(several),
            "causes": dict(causes)}


def strike(phase, rng, service, endpoint):
    """One kill of the phase, and its repair."""
    if phase == "endpoint":
        endpoint.kill()
        time.sleep(rng.choice((0, 0, 0.05, 0.3)))
        endpoint.start()
    elif phase == "worker":
        service.kill_worker(rng)
    elif phase == "supervisor":
        service.kill(children=False)
        service.start()
    elif phase == "everything":
        service.kill(children=True)
        endpoint.kill()
        endpoint.start()
        service.start()


def run_phase(phase, mails, kills, https, seed):
    with tempfile.TemporaryDirectory() as top, contextlib.ExitStack() as stack:
        os.chmod(top, 0o755)
        folder = pathlib.Path(top) / "gateway"
        folder.mkdir()
        endpoint = Endpoint(pathlib.Path(top) / "sandbox", https)
        stack.callback(endpoint.stop)
        os.chmod(endpoint.sandbox.dir, 0o755)
        os.chmod(endpoint.ca_file.parent, 0o755)
        service = Service(folder, endpoint)
        stack.callback(service.stop)
        fleet = Fleet(service, seed, CUT if phase == "client" else 0)
        rng = random.Random(seed)
        fleet.start()
        done = 0
        while (done if phase != "client" else fleet.cuts) < kills or len(fleet.mails) < mails:
            time.sleep(rng.uniform(0.05, 0.4))
            if phase != "client" and done < kills:
                strike(phase, rng, service, endpoint)
                done += 1
        finished = fleet.finish()
        stack.close()
        report = books(fleet, endpoint.journal(), service.gateway.everything())
    report.update(phase=phase, scheme="https" if https else "http",
                  kills=fleet.cuts if phase == "client" else done, finished=finished)
    return report


def is_good(report):
    return report["finished"] and not (
        report["lost"] or report["refused"] or report["never told 250"]
        or report["twice within a transaction"])


def show(report):
    causes = report["causes"]
    print("{phase} ({scheme}): {mails} mails to {recipients} recipients, {attempts} attempts, "
          "{kills} kills\n"
          "  lost {lost}, refused {refused}, never told 250 {never told 250}, "
          "twice within a transaction {twice within a transaction}, "
          "twice over several {got it twice}".format(**report))
    for what in sorted(causes):
        print(f"    {causes[what]:6} {what}")
    sys.stdout.flush()


def main():
    p = argparse.ArgumentParser(description=__doc__.split("\n\n", maxsplit=1)[0])
    p.add_argument("--mails", type=int, default=3000, help="at least so many a phase")
    p.add_argument("--kills", type=int, default=100, help="of the endpoint, of workers, and "
                   "clients cut off; of the supervisor and of everything a third of it")
    p.add_argument("--phase", choices=PHASES, action="append", help="only this; may be repeated")
    p.add_argument("--scheme", choices=("http", "https"), action="append",
                   help="to the endpoint; default: both")
    p.add_argument("--seed", type=int, default=1)
    p.add_argument("--json", help="write the reports to this file too")
    o = p.parse_args()
    reports = []
    for scheme in o.scheme or ("http", "https"):
        for phase in o.phase or PHASES:
            kills = max(1, o.kills // 3) if phase in ("supervisor", "everything") else o.kills
            reports.append(run_phase(phase, o.mails, kills, scheme == "https", o.seed))
            show(reports[-1])
    if o.json:
        pathlib.Path(o.json).write_text(json.dumps(reports, indent=1) + "\n")
    return 0 if all(is_good(r) for r in reports) else 1


if __name__ == "__main__":
    sys.exit(main())
