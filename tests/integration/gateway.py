# SPDX-License-Identifier: MIT
"""A private gateway: `sesrelay run` on free loopback ports, checked when it ends."""
import os
import re
import shutil
import signal
import smtplib
import socket
import subprocess
import tempfile
import time
import urllib.error
import urllib.request

import audit

BUILD = os.environ.get("SESRELAY_BUILDDIR", os.path.join(os.path.dirname(__file__), "../../build"))
PROGRAM = os.path.join(BUILD, "sesrelay")
WORKER_PROGRAM = PROGRAM + "-worker"

SECRET_ID = "AKIDEXAMPLEEXAMPLEEXAMPLEEXAMPLE0001"
SECRET_KEY = "SKEXAMPLEexampleSKEXAMPLEexample"

CONF = """\
hostname = "gateway.example.com"
workers = {workers}
shutdown_timeout = {shutdown_timeout}
{top}
listener "default" {{
	address = "127.0.0.1"
	port = {port}
}}
account "default" {{
	endpoint = "{endpoint}"
	secret_id = "${{TENCENTCLOUD_SECRET_ID}}"
	secret_key = "${{TENCENTCLOUD_SECRET_KEY}}"
	{account}
}}
{routes}
limits {{
	{limits}
}}
mail {{
	{mail}
}}
admin {{
	address = "127.0.0.1"
	port = {admin_port}
	{admin}
}}
log {{
	file = "{log}"
	level = "{level}"
}}
"""

DEFAULTS = {
    "workers": 1,
    "shutdown_timeout": "20s",
    "top": "",
    "account": "",
    "routes": "",
    "limits": "",
    "mail": "",
    "admin": "",
    "level": "debug",
}

# Also where one could not do its work, and so found nothing.
SANITIZER = re.compile(r"ERROR: (Address|Leak)Sanitizer|runtime error:|SUMMARY: .*Sanitizer"
                       r"|LeakSanitizer has encountered a fatal error")


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


def wait_for(what, condition, timeout=20):
    """Returns the first true value of condition()."""
    end = time.monotonic() + timeout
    while time.monotonic() < end:
        value = condition()
        if value:
            return value
        time.sleep(0.02)
    raise AssertionError(f"waited {timeout} s in vain for {what}")


def child_pids(pid):
    """{pid: hidden command} of the living children of a process."""
    found = {}
    try:
        with open(f"/proc/{pid}/task/{pid}/children") as f:
            pids = [int(p) for p in f.read().split()]
    except (FileNotFoundError, ProcessLookupError):
        return found
    for child in pids:
        try:
            with open(f"/proc/{child}/cmdline", "rb") as f:
                argv = f.read().split(b"\0")
        except (FileNotFoundError, ProcessLookupError):
            continue
        if len(argv) > 2:
            found[child] = argv[1].decode()
    return found


class Gateway:
    """Keyword arguments fill CONF. The configuration can be changed with write() and
    reload(); expect_status and allow_sanitizer say what is normal at the end."""

    def __init__(self, folder, endpoint, **settings):
        self.folder = str(folder)
        self.port = free_port()
        self.admin_port = free_port()
        self.file = os.path.join(self.folder, "sesrelay.conf")
        self.log_file = os.path.join(self.folder, "sesrelay.log")
        self.stderr_file = os.path.join(self.folder, "stderr")
        self.env = {
            "TENCENTCLOUD_SECRET_ID": SECRET_ID,
            "TENCENTCLOUD_SECRET_KEY": SECRET_KEY,
        }
        self.settings = dict(DEFAULTS, endpoint=endpoint, port=self.port,
                             admin_port=self.admin_port, log=self.log_file)
        self.expect_status = 0
        self.allow_sanitizer = False
        self.seen = []  # MessageIds of the replies 250 that clients saw
        self.killed = False  # the test kills workers: a call's answer may get lost
        self.user = None
        self.program = PROGRAM
        self.process = None
        self.write(**settings)

    # --- life ---

    def write(self, text=None, **settings):
        self.settings.update(settings)
        with open(self.file, "w") as f:
            f.write(CONF.format(**self.settings) if text is None else text)

    def environment(self):
        kept = {k: v for k, v in os.environ.items()
                if k in ("PATH", "TZ", "ASAN_OPTIONS", "LSAN_OPTIONS", "UBSAN_OPTIONS")}
        return dict(kept, **self.env)

    def launch(self):
        with open(self.stderr_file, "ab") as err:
            self.process = subprocess.Popen(
                [self.program, "run", "-c", self.file], env=self.environment(),
                stdin=subprocess.DEVNULL, stdout=err, stderr=err,
                user=self.user, extra_groups=[] if self.user else None)
        return self

    def start(self):
        self.launch()
        wait_for("ready", lambda: self.events("supervisor ready")
                 or self.process.poll() is not None)
        assert self.process.poll() is None, self.everything()
        return self

    def signal(self, signo):
        self.process.send_signal(signo)

    def wait(self, timeout=30):
        return self.process.wait(timeout)

    def stop(self):
        """SIGTERM, and everything that must hold at the end."""
        if self.process is None:
            return
        if self.process.poll() is None:
            self.signal(signal.SIGTERM)
        try:
            status = self.wait()
        except subprocess.TimeoutExpired:
            for pid in child_pids(self.process.pid):
                os.kill(pid, signal.SIGKILL)
            self.process.kill()
            self.process.wait()
            raise AssertionError("did not stop:\n" + self.everything())
        self.process = None
        text = self.everything()
        assert status == self.expect_status, f"exit status {status}\n{text}"
        if not self.allow_sanitizer:
            assert not SANITIZER.search(text), text
        assert SECRET_KEY not in text

    def reload(self):
        """SIGHUP, and waits until it succeeded or failed: True or False."""
        before = len(self.events("supervisor reloaded")), len(self.events("reload_failed"))
        self.signal(signal.SIGHUP)

        def done():
            now = len(self.events("supervisor reloaded")), len(self.events("reload_failed"))
            return now if now != before else None
        return wait_for("the end of the reload", done)[0] > before[0]

    # --- looking ---

    def everything(self):
        text = ""
        for name in (self.stderr_file, self.log_file):
            try:
                with open(name, errors="replace") as f:
                    text += f.read()
            except FileNotFoundError:
                pass
        return text

    def events(self, words):
        """The log lines that hold all the words."""
        return [line for line in self.everything().splitlines()
                if all(re.search(rf"(^| ){re.escape(w)}", line) for w in words.split())]

    def wait_event(self, words, count=1, timeout=20):
        return wait_for(words, lambda: self.events(words)[count - 1:] and self.events(words),
                        timeout)

    def workers(self):
        return sorted(p for p, role in child_pids(self.process.pid).items()
                      if role == "worker")

    def admins(self):
        return sorted(p for p, role in child_pids(self.process.pid).items()
                      if role == "admin")

    # --- talking ---

    def smtp(self, timeout=30):
        return audit.WatchedSMTP(self.client_saw, "127.0.0.1", self.port,
                                 "client.example.com", timeout)

    def client_saw(self, text):
        """What a client was told, for the audit at the end of the test."""
        self.seen += audit.QUEUED.findall(text)

    def get(self, path, method="GET", data=None):
        """(status, body, headers) of an admin page."""
        request = urllib.request.Request(
            f"http://127.0.0.1:{self.admin_port}{path}", method=method, data=data)
        try:
            with urllib.request.urlopen(request, timeout=10) as r:
                return r.status, r.read().decode(), r.headers
        except urllib.error.HTTPError as e:
            with e:
                return e.code, e.read().decode(), e.headers

    def metric(self, name, labels=""):
        body = self.get("/metrics")[1]
        m = re.search(rf"^sesrelay_{name}{re.escape(labels)} (\S+)$", body, re.M)
        return float(m.group(1)) if m else None


def copy_programs(folder):
    """Where another user may run them; returns the path of `sesrelay`."""
    shutil.copy(WORKER_PROGRAM, folder)
    return shutil.copy(PROGRAM, folder)


def run_command(*args, env=None, stdin=None, user=None):
    """`sesrelay ARGS`, to its end. Another user has a copy: the tree may be for root alone."""
    with tempfile.TemporaryDirectory() as folder:
        program = PROGRAM
        if user:
            os.chmod(folder, 0o755)
            program = copy_programs(folder)
        return subprocess.run([program, *args], capture_output=True, text=True, timeout=60,
                              env=dict({"PATH": os.environ["PATH"]}, **(env or {})),
                              input=stdin, user=user, extra_groups=[] if user else None)
