#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""make bench: what a mail takes whose client writes it in pieces.

A client that writes header and body one after the other, without TCP_NODELAY, holds the second
piece back until the first is acknowledged (Nagle), and a receiver that has nothing to say
acknowledges after 40 ms (delayed acknowledgement). Prints the milliseconds from the first byte
of a message to its reply.
"""
import argparse
import os
import socket
import statistics
import sys
import time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from bench import Bench, text_message  # noqa: E402


def split(message, at):
    """The message in pieces, with its end."""
    message = message.replace(b"\n", b"\r\n") + b".\r\n"
    head, body = message.split(b"\r\n\r\n", 1)
    return {"whole": [message],
            "header and body": [head + b"\r\n\r\n", body],
            "header, body and dot": [head + b"\r\n\r\n", body[:-3], body[-3:]],
            "line by line": [line + b"\r\n" for line in message.split(b"\r\n")[:-1]],
            }[at]


class Client:
    def __init__(self, port, nodelay):
        self.socket = socket.create_connection(("127.0.0.1", port), 60)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, nodelay)
        self.lines = self.socket.makefile("rb")
        self.reply()
        self.say("EHLO client.example.com")

    def reply(self):
        while True:
            line = self.lines.readline()
            if line[3:4] != b"-":
                assert line[:1] in b"23", line
                return

    def say(self, command):
        self.socket.sendall(command.encode() + b"\r\n")
        self.reply()

    def send(self, pieces, number):
        self.say("MAIL FROM:<bench@example.com>")
        self.say(f"RCPT TO:<user{number}@example.org>")
        self.say("DATA")
        begin = time.monotonic()
        for piece in pieces:
            self.socket.sendall(piece)
        self.reply()
        return (time.monotonic() - begin) * 1000


def measure(port, how, nodelay, count):
    client = Client(port, nodelay)
    pieces = split(text_message(2048), how)
    took = sorted(client.send(pieces, f"{len(how)}.{nodelay}.{i}") for i in range(count))
    client.socket.close()
    return statistics.median(took), took[int(len(took) * .99)]


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--builddir", required=True)
    parser.add_argument("--count", type=int, default=200, help="mails of each kind")
    parser.add_argument("--before", help="another folder with a build, to compare with")
    options = parser.parse_args()
    options.builddir = os.path.abspath(options.builddir)
    bench = Bench(options)
    with bench.stack:
        bench.certificate()
        endpoint = bench.endpoint()
        builds = {"": None}
        if options.before:
            builds[", before"] = os.path.abspath(options.before)
        print(f"{'ms a mail of 2 KB':42} {'median':>8} {'99 %':>8}")
        for build, folder in builds.items():
            port, _ = bench.gateway(endpoint, 1, folder)
            for how in ("whole", "header and body", "header, body and dot", "line by line"):
                for nodelay in (True, False):
                    name = how + (", TCP_NODELAY" if nodelay else "") + build
                    median, slowest = measure(port, how, nodelay, options.count)
                    print(f"{name:42} {median:8.2f} {slowest:8.2f}")


if __name__ == "__main__":
    main()
