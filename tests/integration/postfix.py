# SPDX-License-Identifier: MIT
"""A private Postfix: Debian's programs, unpacked but not installed, on loopback ports.

It needs root, as every Postfix does: master starts its daemons and drops privileges.
"""
import os
import re
import shutil
import signal
import subprocess
import tempfile
import time

MAIN_CF = """\
compatibility_level = 3.6
config_directory = {etc}
queue_directory = {queue}
data_directory = {data}
command_directory = {root}/usr/sbin
daemon_directory = {root}/usr/lib/postfix/sbin
shlib_directory = {root}/usr/lib/postfix
meta_directory = {etc}
mail_owner = daemon
default_privs = nobody
setgid_group = games
maillog_file = {log}
maillog_file_prefixes = {top}
inet_interfaces = 127.0.0.1
inet_protocols = ipv4
myhostname = postfix.example.com
mydestination =
mynetworks = 127.0.0.0/8
smtpd_relay_restrictions = permit_mynetworks, reject
local_recipient_maps =
alias_maps =
alias_database =
biff = no
smtputf8_enable = yes
smtp_host_lookup = native
smtp_dns_support_level = disabled
disable_dns_lookups = yes
default_database_type = texthash
import_environment = MAIL_CONFIG TZ LANG=C LD_LIBRARY_PATH
relayhost = {relayhost}
minimal_backoff_time = 1s
maximal_backoff_time = 1s
queue_run_delay = 1s
bounce_queue_lifetime = 1d
notify_classes =
{extra}
"""

MASTER_CF = """\
127.0.0.1:{port} inet n - n - - smtpd
pickup unix n - n 60 1 pickup
cleanup unix n - n - 0 cleanup
qmgr unix n - n 1 1 qmgr
tlsmgr unix - - n 1000? 1 tlsmgr
rewrite unix - - n - - trivial-rewrite
bounce unix - - n - 0 bounce
defer unix - - n - 0 bounce
trace unix - - n - 0 bounce
verify unix - - n - 1 verify
flush unix n - n 1000? 0 flush
proxymap unix - - n - - proxymap
smtp unix - - n - - smtp
relay unix - - n - - smtp
lmtp unix - - n - - lmtp
showq unix n - n - - showq
error unix - - n - - error
retry unix - - n - - error
discard unix - - n - - discard
local unix - n n - - local
virtual unix - n n - - virtual
anvil unix - - n - 1 anvil
scache unix - - n - 1 scache
postlog unix-dgram n - n - 1 postlogd
"""

QUEUE_FOLDERS = (
    "active bounce corrupt defer deferred flush hold incoming maildrop pid private "
    "public saved trace"
).split()


class Postfix:
    """One instance; use it as a context manager. root: where its package is unpacked."""

    def __init__(self, root, relayhost, port, extra=""):
        self.root = root
        self.port = port
        self.top = tempfile.mkdtemp(prefix="sesrelay-postfix-")
        os.chmod(self.top, 0o755)
        self.etc = os.path.join(self.top, "etc")
        self.queue = os.path.join(self.top, "queue")
        self.data = os.path.join(self.top, "data")
        self.logfile = os.path.join(self.top, "mail.log")
        self._write(relayhost, extra)
        self.master = None

    def _write(self, relayhost, extra):
        for folder in (self.etc, self.queue, self.data):
            os.mkdir(folder)
        shutil.chown(self.data, "daemon")
        for name in QUEUE_FOLDERS:
            folder = os.path.join(self.queue, name)
            os.mkdir(folder)
            if name != "pid":
                shutil.chown(folder, "daemon")
        for name in ("dynamicmaps.cf", "postfix-files"):
            open(os.path.join(self.etc, name), "w").close()
        with open(os.path.join(self.etc, "main.cf"), "w") as f:
            f.write(MAIN_CF.format(
                etc=self.etc, queue=self.queue, data=self.data, root=self.root,
                log=self.logfile, top=self.top, relayhost=relayhost, extra=extra))
        with open(os.path.join(self.etc, "master.cf"), "w") as f:
            f.write(MASTER_CF.format(port=self.port))

    def _command(self, name, *args):
        return [os.path.join(self.root, "usr/sbin", name), "-c", self.etc, *args]

    def _environment(self):
        env = dict(os.environ)
        env["LD_LIBRARY_PATH"] = os.path.join(self.root, "usr/lib/postfix")
        env["MAIL_CONFIG"] = self.etc
        return env

    def __enter__(self):
        self.errors = open(os.path.join(self.top, "stderr"), "w+")
        self.master = subprocess.Popen(
            [os.path.join(self.root, "usr/lib/postfix/sbin/master"), "-c", self.etc, "-d"],
            env=self._environment(), stdin=subprocess.DEVNULL,
            stdout=self.errors, stderr=self.errors)
        self.wait_log(r"daemon started", 20)
        return self

    def __exit__(self, *exc):
        if self.master.poll() is None:
            self.master.send_signal(signal.SIGTERM)
            try:
                self.master.wait(10)
            except subprocess.TimeoutExpired:
                self.master.kill()
                self.master.wait()
        self.errors.close()
        shutil.rmtree(self.top, ignore_errors=True)

    def flush(self):
        """Tries everything that is deferred again, now."""
        subprocess.run(self._command("postqueue", "-f"), env=self._environment(),
                       check=True, timeout=20)

    def log(self):
        try:
            with open(self.logfile, errors="replace") as f:
                return f.read()
        except FileNotFoundError:
            return ""

    def wait_log(self, pattern, seconds=30):
        """The first line that matches; AssertionError with the whole log after seconds."""
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            for line in self.log().splitlines():
                if re.search(pattern, line):
                    return line
            if self.master.poll() is not None:
                break
            time.sleep(0.1)
        self.errors.seek(0)
        raise AssertionError(
            f"no line like {pattern!r} in Postfix's log:\n{self.log()}\n{self.errors.read()}")
