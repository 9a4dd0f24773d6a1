# SPDX-License-Identifier: MIT
"""Mail servers of Debian that are unpacked and not installed, each in a mount namespace of its
own: the users that they insist on, and the folders that they write to, exist only there."""
import json
import os
import pathlib
import re
import shlex
import shutil
import signal
import smtplib
import subprocess
import urllib.error
import urllib.request

import pytest

from gateway import BUILD, free_port, wait_for


def unpacked(package, program):
    path = os.path.join(BUILD, "peers", package, program)
    if not os.path.exists(path):
        pytest.fail(f"no {package}: scripts/test.sh unpacks one into BUILD/peers")
    return path


UNSHARE = ["unshare", "--mount", "--propagation", "private"]


class Namespace:
    """users: {name: id}; binds: {place: folder}, made where they are missing. The test is
    skipped where there can be none: in a container without CAP_SYS_ADMIN, in a plain chroot."""

    def __init__(self, folder, users, binds=None):
        tried = subprocess.run([*UNSHARE, "true"], capture_output=True, text=True, timeout=60)
        if tried.returncode != 0:
            pytest.skip("no mount namespace here: " + tried.stderr.strip())
        self.folder = str(folder)
        self.binds = dict(binds or {})
        for name, line in (("passwd", "{0}:x:{1}:{1}::/nonexistent:/usr/sbin/nologin\n"),
                           ("group", "{0}:x:{1}:\n")):
            file = os.path.join(self.folder, name)
            with open(f"/etc/{name}") as f, open(file, "w") as out:
                out.write(f.read())
                out.writelines(line.format(*user) for user in users.items())
            self.binds[f"/etc/{name}"] = file

    def command(self, *args):
        mounts = "".join(f"mount --bind {shlex.quote(src)} {place}\n"
                         for place, src in self.binds.items())
        script = f"set -e\n{mounts}exec {shlex.join(args)}\n"
        return [*UNSHARE, "sh", "-c", script]


class Exim:
    """Sends by a private configuration, one process a message; its queue stays in folder."""

    CONF = """\
primary_hostname = exim.example.com
qualify_domain = example.com
exim_path = {program}
exim_user = Debian-exim
exim_group = Debian-exim
spool_directory = {folder}/spool
log_file_path = {folder}/log/%slog
log_selector = +smtp_confirmation
keep_environment =
disable_ipv6 = true
trusted_users = root
domainlist local_domains =
begin acl
begin routers
{router}
begin transports
{transport}
begin retry
* * F,1h,1s
begin authenticators
{authenticator}
"""
    USER = ("Debian-exim", 64901)

    def __init__(self, folder, router, transport, authenticator=""):
        self.folder = str(folder)
        # It executes itself without rights, so it has to be where everybody may go.
        self.program = shutil.copy(unpacked("exim4-daemon-light", "usr/sbin/exim4"),
                                   os.path.join(self.folder, "exim4"))
        self.namespace = Namespace(folder, dict([self.USER]))
        for name in ("spool", "log"):
            os.mkdir(os.path.join(self.folder, name))
            os.chown(os.path.join(self.folder, name), self.USER[1], self.USER[1])
        # It drops its rights before it writes.
        for path in [pathlib.Path(self.folder), *pathlib.Path(self.folder).parents]:
            if str(path).startswith("/tmp/"):
                path.chmod(0o755)
        self.conf = os.path.join(self.folder, "exim.conf")
        with open(self.conf, "w") as f:
            f.write(self.CONF.format(folder=self.folder, program=self.program, router=router, transport=transport,
                                     authenticator=authenticator))
        os.chmod(self.conf, 0o644)

    def run(self, *args, stdin=b""):
        done = subprocess.run(
            self.namespace.command(self.program, "-C", self.conf, *args), input=stdin,
            capture_output=True, timeout=120)
        assert done.returncode == 0, done.stdout + done.stderr + self.log().encode()
        return (done.stdout + done.stderr).decode(errors="replace")

    def send(self, sender, recipients, message):
        """In the foreground: it was tried when this returns."""
        return self.run("-odf", "-oi", "-f", sender, "--", *recipients,
                        stdin=message)

    def run_queue(self):
        return self.run("-qff")

    def queue(self):
        return self.run("-bpc").strip()

    def log(self):
        file = pathlib.Path(self.folder, "log", "mainlog")
        return file.read_text(errors="replace") if file.exists() else ""


class OpenSMTPD:
    """A daemon on a port; messages come in by SMTP."""

    USERS = {"opensmtpd": 64911, "opensmtpq": 64912}

    def __init__(self, folder, conf):
        self.folder = str(folder)
        self.port = free_port()
        self.program = unpacked("opensmtpd", "usr/sbin/smtpd")
        binds = {}
        for place, name in (("/var/lib", "lib"), ("/var/spool", "spool"), ("/run", "run")):
            binds[place] = os.path.join(self.folder, name)
            os.mkdir(binds[place])
        os.makedirs(os.path.join(binds["/var/lib"], "opensmtpd/empty"))
        self.namespace = Namespace(folder, self.USERS, binds)
        self.conf = os.path.join(self.folder, "smtpd.conf")
        with open(self.conf, "w") as f:
            f.write(f"listen on 127.0.0.1 port {self.port}\n{conf}\n")

    def __enter__(self):
        self.out = open(os.path.join(self.folder, "out"), "w")
        self.process = subprocess.Popen(
            self.namespace.command(self.program, "-d", "-v", "-f", self.conf),
            stdin=subprocess.DEVNULL, stdout=self.out, stderr=self.out, start_new_session=True)
        wait_for("OpenSMTPD", lambda: "smtpd: setup done" in self.log()
                 or self.process.poll() is not None)
        assert self.process.poll() is None, self.log()
        return self

    def __exit__(self, *exc):
        os.killpg(self.process.pid, signal.SIGTERM)
        self.process.wait(20)
        self.out.close()

    def log(self):
        with open(os.path.join(self.folder, "out"), errors="replace") as f:
            return f.read()

    def submit(self, sender, recipients, message):
        with smtplib.SMTP("127.0.0.1", self.port, timeout=30) as client:
            client.sendmail(sender, recipients, message)

    def wait_log(self, pattern):
        return wait_for(pattern, lambda: re.search(f".*{pattern}.*", self.log())).group()


class Alertmanager:
    """On a port of its own, with the YAML of a recipe; it sends at once, not after 30 s."""

    def __init__(self, folder, text):
        self.folder = str(folder)
        self.port = free_port()
        self.program = unpacked("prometheus-alertmanager", "usr/bin/prometheus-alertmanager")
        # Its templates are in /usr/share/prometheus; it needs nothing else of that folder.
        self.namespace = Namespace(folder, {}, {
            "/usr/share": unpacked("prometheus-alertmanager", "usr/share")})
        self.conf = os.path.join(self.folder, "alertmanager.yml")
        with open(self.conf, "w") as f:
            f.write(text.replace("  receiver: mail\n", "  receiver: mail\n  group_wait: 0s\n"))

    def __enter__(self):
        self.out = open(os.path.join(self.folder, "alertmanager.out"), "w+")
        self.process = subprocess.Popen(
            self.namespace.command(
                self.program, f"--config.file={self.conf}", "--cluster.listen-address=",
                f"--storage.path={self.folder}", f"--web.listen-address=127.0.0.1:{self.port}"),
            stdin=subprocess.DEVNULL, stdout=self.out, stderr=self.out)
        wait_for("Alertmanager", lambda: self.post("/-/ready", None) == 200
                 or self.process.poll() is not None, 60)
        assert self.process.poll() is None, self.log()
        return self

    def __exit__(self, *exc):
        self.process.terminate()
        self.process.wait(20)
        self.out.close()

    def log(self):
        with open(self.out.name, errors="replace") as f:
            return f.read()

    def post(self, path, value):
        """The status; 0 where nobody answers. GET without a value."""
        request = urllib.request.Request(
            f"http://127.0.0.1:{self.port}{path}", headers={"Content-Type": "application/json"},
            data=None if value is None else json.dumps(value).encode())
        try:
            with urllib.request.urlopen(request, timeout=20) as answer:
                return answer.status
        except urllib.error.HTTPError as e:
            return e.code
        except OSError:
            return 0

    def alert(self, **labels):
        assert self.post("/api/v2/alerts", [{"labels": labels}]) == 200, self.log()


class Cron:
    """Runs the jobs of a crontab that begin with @reboot, at once, and mails their output by
    sendmail; etc: {name below /etc: text}. All of it is in a namespace: /etc is a copy."""

    PAM = "".join(f"{kind} required pam_permit.so\n" for kind in ("auth", "account", "session"))

    def __init__(self, folder, sendmail, etc, crontab):
        self.folder = os.path.join(str(folder), "cron")
        self.program = unpacked("cron", "usr/sbin/cron")
        place = {"/etc": "etc", "/usr/sbin": "sbin", "/var/spool": "spool", "/run": "run"}
        binds = {path: os.path.join(self.folder, name) for path, name in place.items()}
        os.mkdir(self.folder)
        shutil.copytree("/etc", binds["/etc"], symlinks=True)
        for path in [p for p in place if p != "/etc"]:
            os.mkdir(binds[path])
        for name in ("cron/crontabs", "cron/atjobs", "dma"):
            os.makedirs(os.path.join(binds["/var/spool"], name))
        shutil.chown(os.path.join(binds["/var/spool"], "dma"), "mail", "mail")
        os.chmod(os.path.join(binds["/var/spool"], "dma"), 0o2775)
        os.symlink(sendmail, os.path.join(binds["/usr/sbin"], "sendmail"))
        # Jobs of this machine are not for the test to run.
        shutil.rmtree(os.path.join(binds["/etc"], "cron.d"), ignore_errors=True)
        for name, text in {"pam.d/cron": self.PAM, "crontab": crontab, **etc}.items():
            file = pathlib.Path(binds["/etc"], name)
            file.parent.mkdir(exist_ok=True)
            file.write_text(text)
            file.chmod(0o644)
        self.namespace = Namespace(self.folder, {}, binds)

    def __enter__(self):
        self.out = open(os.path.join(self.folder, "out"), "w")
        self.process = subprocess.Popen(
            self.namespace.command(self.program, "-f"), stdin=subprocess.DEVNULL,
            stdout=self.out, stderr=self.out, start_new_session=True)
        return self

    def __exit__(self, *exc):
        os.killpg(self.process.pid, signal.SIGTERM)
        self.process.wait(20)
        self.out.close()
