# SPDX-License-Identifier: MIT
"""Clients that nobody here wrote, each sending the same mail its own way.

A client is a function (port, mail, folder) -> text that holds the reply to the end of data.
"""
import base64
import dataclasses
import email.message
import email.policy
import json
import os
import pathlib
import smtplib
import subprocess

NODE = pathlib.Path(__file__).resolve().parents[1] / "node"


@dataclasses.dataclass
class Mail:
    subject: str
    text: str = None
    html: str = None
    attachments: list = dataclasses.field(default_factory=list)  # (name, type, bytes)
    sender: str = "noreply@example.com"
    name: str = ""
    to: list = dataclasses.field(default_factory=lambda: ["user@example.org"])
    cc: list = dataclasses.field(default_factory=list)
    bcc: list = dataclasses.field(default_factory=list)

    @property
    def recipients(self):
        return self.to + self.cc + self.bcc

    def message(self):
        """As Python's email package writes it."""
        m = email.message.EmailMessage(policy=email.policy.SMTP)
        m["From"] = f"{self.name} <{self.sender}>" if self.name else self.sender
        if self.to:
            m["To"] = ", ".join(self.to)
        if self.cc:
            m["Cc"] = ", ".join(self.cc)
        m["Subject"] = self.subject
        if self.text is not None:
            m.set_content(self.text)
        if self.html is not None and self.text is not None:
            m.add_alternative(self.html, subtype="html")
        elif self.html is not None:
            m.set_content(self.html, subtype="html")
        for name, kind, data in self.attachments:
            maintype, subtype = kind.split("/")
            m.add_attachment(data, maintype=maintype, subtype=subtype, filename=name)
        return m


def run(args, **kwargs):
    kwargs.setdefault("timeout", 90)
    done = subprocess.run(args, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, **kwargs)
    return done.returncode, done.stdout.decode(errors="replace")


def write(folder, mail):
    path = os.path.join(folder, "message.eml")
    with open(path, "wb") as f:
        f.write(mail.message().as_bytes())
    return path


def smtplib_client(port, mail, folder):
    with smtplib.SMTP("127.0.0.1", port, timeout=60) as s:
        s.ehlo()
        s.mail(mail.sender)
        for recipient in mail.recipients:
            code, text = s.rcpt(recipient)
            assert code == 250, text
        code, text = s.data(mail.message().as_bytes())
    return f"{code} {text.decode()}"


def swaks(port, mail, folder):
    # swaks wants a body of its own kind of file: dots are its business, line ends are not.
    status, out = run(["swaks", "--server", f"127.0.0.1:{port}", "--ehlo", "client.example.com",
                       "--from", mail.sender, "--to", ",".join(mail.recipients),
                       "--data", "@" + write(folder, mail)])
    assert status == 0, out
    return out


def curl(port, mail, folder):
    args = ["curl", "-sv", "--noproxy", "*", f"smtp://127.0.0.1:{port}/client.example.com",
            "--mail-from", mail.sender, "--upload-file", write(folder, mail)]
    for recipient in mail.recipients:
        args += ["--mail-rcpt", recipient]
    status, out = run(args)
    assert status == 0, out
    return out


def msmtp(port, mail, folder):
    with open(write(folder, mail), "rb") as message:
        status, out = run(
            ["msmtp", "--debug", "--host=127.0.0.1", f"--port={port}", "--auth=off",
             "--tls=off", f"--from={mail.sender}", "--file=/dev/null", "--",
             *mail.recipients], stdin=message)
    assert status == 0, out
    return out


def nodemailer(port, mail, folder):
    job = {
        "port": port, "from": mail.sender, "recipients": mail.recipients,
        "mail": {
            "from": {"name": mail.name, "address": mail.sender}, "to": mail.to, "cc": mail.cc,
            "subject": mail.subject, "text": mail.text, "html": mail.html,
            "attachments": [
                {"filename": name, "contentType": kind,
                 "content": base64.b64encode(data).decode()}
                for name, kind, data in mail.attachments]}}
    status, out = run(["node", str(NODE / "send.js")], input=json.dumps(job).encode())
    assert status == 0, out
    return out


ALL = {"smtplib": smtplib_client, "swaks": swaks, "curl": curl, "msmtp": msmtp,
       "nodemailer": nodemailer}
