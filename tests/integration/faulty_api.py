# SPDX-License-Identifier: MIT
"""An API that breaks its connections at will, over HTTP, HTTPS or as a proxy before itself:
what the sandbox does not do, for it has no hand on the connections that come after."""
import json
import socket
import ssl
import struct
import threading

# What later connections meet; see FaultyApi.later.
FAULTS = ("refused", "broken", "hangs", "broken in its tunnel", "hangs in its tunnel")


class FaultyApi:
    """Answers every request, until break_next() says otherwise. certificate: (file, key) for
    HTTPS. tunnels: CONNECT comes first, in clear text. Has what audit.check() asks for."""

    def __init__(self, certificate=None, tunnels=False):
        self.tls = None
        if certificate:
            self.tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            self.tls.load_cert_chain(*certificate)
        self.tunnels = tunnels
        self.lock = threading.Lock()
        self.mails = []  # those that were read whole, as in a sandbox's journal
        self.fault = None  # (how the connection of the next request ends, what comes after)
        self.later = None
        self.answer = self.answer_once
        self.connections = []
        self.threads = []
        self.closing = threading.Event()
        self.listener = None
        self.port = 0
        self.listen()

    # --- life ---

    def listen(self):
        """Again, where a fault has stopped it."""
        self.later = None
        if self.listener is not None:
            return
        self.listener = socket.socket()
        self.listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self.listener.bind(("127.0.0.1", self.port))
        self.listener.listen(64)
        self.port = self.listener.getsockname()[1]
        self.spawn(self.accept, self.listener)

    def refuse(self):
        listener, self.listener = self.listener, None
        if listener is not None:
            listener.shutdown(socket.SHUT_RDWR)
            listener.close()

    def stop(self):
        self.closing.set()
        self.refuse()
        with self.lock:
            open_now = list(self.connections)
        for s in open_now:
            try:
                s.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass
        for thread in self.threads:
            thread.join(20)
            assert not thread.is_alive()

    def spawn(self, function, *args):
        self.threads = [t for t in self.threads if t.is_alive()]
        thread = threading.Thread(target=function, args=args, daemon=True)
        self.threads.append(thread)
        thread.start()

    def accept(self, listener):
        while True:
            try:
                s, _ = listener.accept()
            except OSError:
                return
            with self.lock:
                self.connections.append(s)
            self.spawn(self.serve, s)

    # --- a connection ---

    def serve(self, raw):
        conn = raw
        try:
            conn = self.greet(raw)
            with self.lock:
                self.connections.append(conn or raw)
            while conn and self.handle(raw, conn):
                pass
        except (OSError, ValueError):
            pass
        with self.lock:
            self.connections = [s for s in self.connections if s not in (raw, conn)]
        # Nothing that TLS might add: the peer must see the end of the connection alone.
        if conn is not raw and conn is not None:
            raw = socket.socket(fileno=conn.detach())
        raw.close()

    def greet(self, s):
        """The connection to speak on, or None where it met a fault."""
        if self.later in ("broken", "hangs"):
            return self.meet(self.later)
        if self.tunnels:
            while b"\r\n\r\n" not in (head := s.recv(4096, socket.MSG_PEEK)):
                if not head:
                    return None
            s.recv(len(head))
            s.sendall(b"HTTP/1.1 200 Connection established\r\n\r\n")
            if self.later in ("broken in its tunnel", "hangs in its tunnel"):
                return self.meet(self.later)
        return self.tls.wrap_socket(s, server_side=True) if self.tls else s

    def meet(self, fault):
        if fault.startswith("hangs"):
            self.closing.wait(20)

    def read(self, conn):
        """(action, body) of the next request; None at the end of the connection."""
        data = b""
        while b"\r\n\r\n" not in data:
            block = conn.recv(65536)
            if not block:
                return None
            data += block
        head, body = data.split(b"\r\n\r\n", 1)
        headers = dict(line.lower().split(b": ", 1) for line in head.split(b"\r\n")[1:])
        while len(body) < int(headers[b"content-length"]):
            block = conn.recv(65536)
            if not block:
                return None
            body += block
        return headers[b"x-tc-action"].decode(), json.loads(body)

    def handle(self, raw, conn):
        """One request; False where the connection ends with it."""
        request = self.read(conn)
        if request is None:
            return False
        with self.lock:
            fault, self.fault = self.fault, None
            number = len(self.mails) + 1
            self.mails.append(self.written(number, request[1], answer_lost=bool(fault)))
        if fault is None:
            self.answer(conn, number)
            return True
        how, self.later = fault
        if self.later == "refused":
            self.refuse()
        if how == "reset":
            raw_fd = conn.fileno()
            with socket.socket(fileno=socket.dup(raw_fd)) as twin:
                twin.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        return False

    # --- what is said and written down ---

    @staticmethod
    def message_id(number):
        return f"qcloudses-test-{number}"

    def text(self, number):
        body = json.dumps({"Response": {"MessageId": self.message_id(number),
                                        "RequestId": f"request-{number}"}})
        return (f"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"
                f"Content-Length: {len(body)}\r\n\r\n{body}").encode()

    def answer_once(self, conn, number):
        conn.sendall(self.text(number))

    def written(self, number, body, answer_lost):
        headers = json.loads(body.get("SmtpHeaders", "{}"))
        return {"message_id": self.message_id(number), "answer_lost": answer_lost,
                "fault": None, "subject": body["Subject"],
                "delivery_id": headers.get("X-Tencentcloudses-Cb-Sesrelay"),
                "to": body.get("Destination", []), "cc": body.get("Cc", []),
                "bcc": body.get("Bcc", [])}

    def journal(self):
        with self.lock:
            return list(self.mails)

    def break_next(self, how, later):
        """The next request is read whole, its connection "closed" or "reset" without a byte
        of answer, and connections after that meet a fault."""
        assert how in ("closed", "reset") and later in FAULTS
        with self.lock:
            self.fault = how, later
