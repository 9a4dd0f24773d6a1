# SPDX-License-Identifier: MIT
"""A client that retries as an MTA does, by SMTP, SMTP with PRDR, or LMTP.

A recipient is done when its reply was 250, failed when it was 5yz, and is tried again
otherwise. A transaction that breaks leaves all its recipients to be tried again.
"""
import random
import socket
import struct

PROTOCOLS = ("smtp", "prdr", "lmtp")

LATER = 451  # what a broken transaction counts as


class Mail:
    """One message and its recipients; `replies` holds the last code of each."""

    def __init__(self, number, domains, rng):
        self.message_id = f"<{number}.soak@example.com>"
        self.recipients = [f"user{number}-{i}@{rng.choice(domains)}"
                           for i in range(rng.randint(1, 3))]
        self.replies = dict.fromkeys(self.recipients)
        self.attempts = 0
        self.due = 0.0
        lines = "".join(f"{number} {i} soak soak soak soak soak soak soak\r\n"
                        for i in range(rng.choice((1, 1, 20, 2000))))
        self.text = (f"From: soak@example.com\r\nTo: {', '.join(self.recipients)}\r\n"
                     f"Subject: soak {number}\r\nMessage-ID: {self.message_id}\r\n\r\n"
                     f"{lines}").encode()

    def pending(self):
        return [r for r, code in self.replies.items() if code is None or 400 <= code < 500]

    def failed(self):
        return [r for r, code in self.replies.items() if code is not None and code >= 500]

    def told_250(self):
        return [r for r, code in self.replies.items() if code == 250]


class Session:
    """A connection, kept for several mails."""

    def __init__(self, protocol, port, timeout=30):
        self.protocol = protocol
        self.socket = socket.create_connection(("127.0.0.1", port), timeout)
        self.file = self.socket.makefile("rb")
        self.expect(220)
        self.command("LHLO client.example.com" if protocol == "lmtp"
                     else "EHLO client.example.com", 250)

    def close(self, reset=False):
        if reset:  # RST, and what is unread is lost
            self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER,
                                   struct.pack("ii", 1, 0))
        self.file.close()
        self.socket.close()

    def reply(self):
        while True:
            line = self.file.readline(2048)
            if len(line) < 4 or not line.endswith(b"\n"):
                raise ConnectionError("closed in mid-reply")
            if line[3:4] == b" ":
                return int(line[:3])

    def expect(self, wanted):
        code = self.reply()
        if code != wanted:
            raise ConnectionError(f"{code} instead of {wanted}")

    def command(self, line, wanted):
        self.socket.sendall(line.encode() + b"\r\n")
        self.expect(wanted)

    def send(self, mail, cut=None):
        """One transaction for the pending recipients. cut(session): called after the dot,
        in place of reading the reply."""
        prdr = " PRDR" if self.protocol == "prdr" else ""
        recipients = mail.pending()
        self.command(f"MAIL FROM:<soak@example.com>{prdr}", 250)
        for recipient in recipients:
            self.command(f"RCPT TO:<{recipient}>", 250)
        self.command("DATA", 354)
        self.socket.sendall(mail.text + b".\r\n")
        if cut is not None:
            cut(self)
            raise ConnectionError("cut off")
        codes = self.codes(len(recipients))
        mail.replies.update(zip(recipients, codes))

    def codes(self, n):
        """The reply of each recipient."""
        first = self.reply()
        if self.protocol == "lmtp":
            return [first] + [self.reply() for _ in range(n - 1)]
        if first != 353:
            return [first] * n
        each = [self.reply() for _ in range(n)]
        self.reply()  # of the whole
        return each


def cut_off(rng: random.Random):
    """A way to vanish after the dot: at once or a little later, by FIN or by RST."""
    delay, reset = rng.choice((0, 0, 0.002, 0.01, 0.05)), rng.random() < 0.5

    def cut(session):
        session.socket.settimeout(delay or None)
        if delay:
            try:
                session.socket.recv(1, socket.MSG_PEEK)
            except TimeoutError:
                pass
        session.close(reset)
    return cut
