#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""Sends every message of a folder through gateway and sandbox, and puts what arrived to a
vote with two parsers that nobody here wrote: Python's email and npm's mailparser.

    make corpus CORPUS_DIR=folder

Where those two agree and the third, what the API got, differs, the message is named. A
message without a From field is sent in the name of the envelope's sender, and then again
with one in front, so that it has its vote. Ends with status 1 if a message was neither
delivered, to each recipient once, nor refused with 5yz. doc/corpus.md holds the figures and
the reasons.
"""
import argparse
import collections
import email
import email.policy
import hashlib
import json
import os
import pathlib
import re
import smtplib
import subprocess
import sys
import tempfile

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))

from gateway import Gateway  # noqa: E402
from sandbox import Sandbox  # noqa: E402

FIELDS = ("from", "to", "cc", "subject", "text", "html", "names", "sha256")
PARSE_JS = pathlib.Path(__file__).resolve().parents[1] / "node" / "parse.js"
PLAIN_ADDRESS = re.compile(r"[\w.+=-]+@[\w-]+(\.[\w-]+)+", re.ASCII)
HIDDEN = "hidden@example.net"
FROM = b"From: corpus@example.com\r\n"
SENDER = "envelope@corpus.example"
MAIL = 'signature = "attach"'
LIMITS = "message_size = 10M"


# --- Python's email ---------------------------------------------------------------------

def mailboxes(message, name):
    found = []
    for value in message.get_all(name, []):
        for a in getattr(value, "addresses", ()):
            found.append([a.display_name, f"{a.username}@{a.domain}"])
    return found


# Python reads on in a message within a message and would write it anew; under another type
# its bytes stay what they are.
MESSAGE_TYPE = re.compile(rb"(?im)^(content-type:\s*)message/")
MASK = b"application/x-masked-message-"


def leaves(part):
    """Parts that are no multipart, nor in a message within (in a digest, by default)."""
    if part.is_multipart() and part.get_content_maintype() == "multipart":
        for sub in part.get_payload():
            yield from leaves(sub)
    else:
        yield part


def content(part):
    if part.is_multipart():
        policy = email.policy.SMTP.clone(refold_source="none")
        return b"".join(p.as_bytes(policy=policy) for p in part.get_payload())
    payload = part.get_payload(decode=True)
    return b"" if payload is None else payload.replace(MASK, b"message/")


def text_of(part):
    charset = part.get_content_charset() or "utf-8"
    try:
        return content(part).decode(charset, "replace")
    except LookupError:
        return content(part).decode("utf-8", "replace")


def with_python(raw):
    try:
        masked = MESSAGE_TYPE.sub(rb"\1" + MASK, raw)
        message = email.message_from_bytes(masked, policy=email.policy.default)
        text, html, attachments = [], [], []
        for part in leaves(message):
            kind = part.get_content_type()
            if part.get_content_disposition() != "attachment" and kind == "text/plain":
                text.append(text_of(part))
            elif part.get_content_disposition() != "attachment" and kind == "text/html":
                html.append(text_of(part))
            elif part.get_content_maintype() != "multipart":
                attachments.append([part.get_filename() or "",
                                    hashlib.sha256(content(part)).hexdigest()])
        return {
            "from": mailboxes(message, "From"), "sender": mailboxes(message, "Sender"),
            "to": mailboxes(message, "To"), "cc": mailboxes(message, "Cc"),
            "subject": str(message["Subject"] or ""),
            "text": "\n".join(text), "html": "\n".join(html), "attachments": attachments}
    except Exception as e:  # whatever it is: it has no vote then
        return {"error": repr(e)}


def with_mailparser(raws):
    with tempfile.TemporaryDirectory() as folder:
        paths = [os.path.join(folder, f"{i}.eml") for i in range(len(raws))]
        for path, raw in zip(paths, raws):
            pathlib.Path(path).write_bytes(raw)
        out = subprocess.run(["node", str(PARSE_JS)], input="\n".join(paths), text=True,
                             capture_output=True, timeout=600, check=True).stdout
    return [json.loads(line) for line in out.splitlines()]


# --- one form for all -------------------------------------------------------------------

def lower_domain(address):
    local, _, domain = address.rpartition("@")
    return f"{local}@{domain.lower()}"


def squeeze(text):
    """White space is not the question; nor is how many U+FFFD stand for lost bytes."""
    text = re.sub("\ufffd+", "\ufffd", re.sub(r"[\ud800-\udfff]", "\ufffd", text))
    return " ".join(re.sub(r"[\0-\x1f\x7f-\x9f\ufeff]", " ", text).split())


def broken(text):
    """Without what would be decoded a second time (doc/delivery.md)."""
    return re.sub(r"=(?=\?[^? ]+\?[bBqQ]\?)", "= ", text)


def alias(name, address):
    """As the API's FromEmailAddress may show it (doc/delivery.md)."""
    name = broken(squeeze(re.sub('[()<>\\[\\]:;@\\\\,"\uff20\ufe6b]', " ", name)))
    return "" if name.lower() == address.lower() else name


def author(fields):
    sender = {lower_domain(a) for _, a in fields["sender"]}
    named = [(n, a) for n, a in fields["from"] if "@" in a]
    for name, address in [m for m in named if lower_domain(m[1]) in sender] + named:
        return f"{alias(name, address)} <{lower_domain(address)}>"
    return ""


def file_name(name):
    """As the API allows it (doc/mail.md); a name made up is none."""
    name = re.split(r"[/\\]", squeeze(name))[-1]
    return re.sub(r'[?\\*|"<>:/ ]', "_", name)


def shown(fields, envelope):
    """To and Cc as an API call shows them: only who is in the envelope, Cc moves up."""
    to = {lower_domain(a) for _, a in fields["to"]} & envelope
    cc = ({lower_domain(a) for _, a in fields["cc"]} & envelope) - to
    return (to, cc) if to else (cc, set())


def joined(text):
    return "".join(squeeze(text).split())


def canonical(fields, envelope):
    to, cc = shown(fields, envelope)
    return {
        "from": author(fields), "to": " ".join(sorted(to)), "cc": " ".join(sorted(cc)),
        "subject": broken(squeeze(fields["subject"])),
        "text": joined(fields["text"]), "html": joined(fields["html"]),
        "names": [file_name(n) for n, _ in fields["attachments"]],
        "sha256": [d for _, d in fields["attachments"]]}


def arrived(mails):
    """What the API got, over all the calls of one message."""
    first = mails[0]
    to = {lower_domain(a) for m in mails for a in m["to"]} - {HIDDEN}
    cc = {lower_domain(a) for m in mails for a in m["cc"]} - to
    name, _, address = first["from"].rpartition("<")
    subject = "" if first["subject"] == "(no subject)" else first["subject"]
    names = [a["name"] for a in first["attachments"]]
    return {
        "from": f"{squeeze(name)} <{lower_domain(address.rstrip('>') or first['from'])}>",
        "to": " ".join(sorted(to)), "cc": " ".join(sorted(cc)), "subject": squeeze(subject),
        "text": joined(first["text"] or ""), "html": joined(first["html"] or ""),
        "names": ["" if re.match(r"attachment-\d+\b", n) else n for n in names],
        "sha256": [a["sha256"] for a in first["attachments"]]}


# --- the way by SMTP --------------------------------------------------------------------

def envelope_of(*parsed):
    found = {HIDDEN: None}
    for fields in parsed:
        for _, address in fields.get("to", []) + fields.get("cc", []):
            if PLAIN_ADDRESS.fullmatch(address):
                found[lower_domain(address)] = None
    if len(found) > 1:
        del found[HIDDEN]
    return list(found)[:100]


def send(gateway, raw, envelope):
    """(code, text of the reply, recipients that were accepted)."""
    with gateway.smtp(timeout=120) as s:
        s.ehlo()
        code, text = s.mail(SENDER, ["BODY=8BITMIME"])
        accepted = {r for r in envelope if s.rcpt(r)[0] == 250}
        try:
            code, text = s.data(raw)
        except smtplib.SMTPDataError as e:
            code, text = e.smtp_code, e.smtp_error
        return code, text.decode(errors="replace"), accepted


class Vote:
    def __init__(self):
        self.counts = {f: collections.Counter() for f in FIELDS}
        self.third, self.differ = [], []

    def take(self, name, ours, python, mailparser):
        for field in FIELDS:
            o, p, m = (x and x[field] for x in (ours, python, mailparser))
            if p is None or m is None:
                word = "no vote"
            elif o == p == m:
                word = "all agree"
            elif o in (p, m):
                word = "with one"
            elif p == m:
                word = "ours alone"
                self.third.append((name, field, o, p))
            else:
                word = "all differ"
                self.differ.append((name, field, o, p, m))
            self.counts[field][word] += 1

    def print(self, wide):
        words = ("all agree", "with one", "ours alone", "all differ", "no vote")
        print("| field | " + " | ".join(words) + " |\n" + "|---" * 6 + "|")
        for field in FIELDS:
            print(f"| {field} | " + " | ".join(str(self.counts[field][w]) for w in words)
                  + " |")
        print("\nwhere the two others agree, and what the API got differs:")
        for name, field, ours, theirs in self.third:
            print(f"{name}: {field}\n    API:    {clip(ours, theirs, wide)}"
                  f"\n    others: {clip(theirs, ours, wide)}")
        print("\nwhere all three differ:")
        for name, field, ours, python, mailparser in self.differ:
            print(f"{name}: {field}\n    API:        {clip(ours, python, wide)}"
                  f"\n    email:      {clip(python, ours, wide)}"
                  f"\n    mailparser: {clip(mailparser, ours, wide)}")


def clip(value, other, wide):
    """The value from a little before the place where it differs from the other."""
    if not isinstance(value, str):
        value, other = [" ".join(v) for v in (value, other)]
    at = max(0, len(os.path.commonprefix([value, other])) - 15)
    return json.dumps(value[at:at + wide], ensure_ascii=False)


def as_sent(path):
    raw = re.sub(rb"\r?\n", b"\r\n", path.read_bytes())
    return raw if raw.endswith(b"\r\n") else raw + b"\r\n"


class Campaign:
    def __init__(self, gateway, sandbox):
        self.gateway, self.sandbox = gateway, sandbox
        self.vote = Vote()
        self.ends = collections.defaultdict(list)
        self.bad = []
        self.no_author = []

    def take(self, name, raw, theirs):
        python = with_python(raw)
        code, text, accepted = send(self.gateway, raw, envelope_of(python, theirs))
        mails = self.sandbox.mails()
        got = collections.Counter(
            lower_domain(r) for m in mails for r in m["to"] + m["cc"] + m["bcc"])
        if code == 250 and got == collections.Counter(accepted) and all(
                SENDER in self.sandbox.mail(m["message_id"])["from"] for m in mails):
            self.ends["delivered, in the name of the envelope's sender"].append(name)
            if email.message_from_bytes(raw)["From"] is None:
                self.no_author.append((name + " (with a From field)", FROM + raw))
        elif code == 250 and got == collections.Counter(accepted):
            self.ends["delivered"].append(name)
            self.vote.take(
                name, arrived([self.sandbox.mail(m["message_id"]) for m in mails]),
                *(None if "error" in x else canonical(x, accepted)
                  for x in (python, theirs)))
        elif 500 <= code <= 599 and not mails:
            self.ends[f"{code} {re.sub(r' req(uest |=).*', '', text)}"].append(name)
        else:
            self.bad.append(f"{name}: {code} {text}, and the API got it for {got}")
        self.sandbox.clear_mails()

    def print(self, wide):
        print(f"{sum(map(len, self.ends.values())) + len(self.bad)} messages, "
              f"{len(self.no_author)} of them again with a From field\n")
        for end in sorted(self.ends):
            print(f"{len(self.ends[end]):5} {end}")
            for name in self.ends[end] if end != "delivered" else []:
                print(f"          {name}")
        print()
        self.vote.print(wide)
        for line in self.bad:
            print(f"NEITHER DELIVERED NOR REFUSED: {line}")


    def run(self, mails):
        for (name, raw), theirs in zip(mails, with_mailparser([raw for _, raw in mails])):
            self.take(name, raw, theirs)


def campaign(mails, folder, wide):
    sandbox = Sandbox(os.path.join(folder, "sandbox"), "--quiet")
    gateway = Gateway(folder, "http://127.0.0.1:1", mail=MAIL, limits=LIMITS, level="info")
    try:
        gateway.write(endpoint=sandbox.start().endpoint)
        c = Campaign(gateway.start(), sandbox)
        c.run(mails)
        c.run(c.no_author)
    finally:
        gateway.stop()
        sandbox.stop()
    c.print(wide)
    return 1 if c.bad else 0


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("--wide", type=int, default=70, help="characters of a value")
    parser.add_argument("folder", nargs="?", default=os.environ.get("CORPUS_DIR"))
    args = parser.parse_args()
    if not args.folder:
        parser.error("no folder: give one, or set CORPUS_DIR")
    top = pathlib.Path(args.folder)
    files = sorted(p for p in top.rglob("*.eml") if p.is_file())
    if not files:
        parser.error(f"no *.eml in {top}")
    mails = [(str(f.relative_to(top)), as_sent(f)) for f in files]
    with tempfile.TemporaryDirectory() as folder:
        return campaign(mails, folder, args.wide)


if __name__ == "__main__":
    sys.exit(main())
