# SPDX-License-Identifier: MIT
"""A private sesrelay-sandbox for a test: start it, call its API, script it, stop it."""
import base64
import http.client
import json
import os
import pathlib
import ssl
import subprocess
import time
import urllib.parse

import tc3

ROOT = pathlib.Path(__file__).resolve().parents[2]
BUILD = pathlib.Path(os.environ.get("SESRELAY_BUILDDIR", ROOT / "build"))
BINARY = BUILD / "sesrelay-sandbox"
JSON_TYPE = "application/json"


def b64(text):
    data = text if isinstance(text, bytes) else text.encode()
    return base64.b64encode(data).decode()


def mail(**changes):
    """Parameters of a SendEmail that succeeds; a change to None takes one away."""
    params = {
        "FromEmailAddress": "Gateway <noreply@mail.example.com>",
        "Destination": ["user@example.org"],
        "Subject": "hello",
        "Simple": {"Text": b64("hello world")},
    }
    params.update(changes)
    return {k: v for k, v in params.items() if v is not None}


class ApiError(Exception):
    def __init__(self, code, message, request_id):
        super().__init__(f"{code}: {message}")
        self.code, self.message, self.request_id = code, message, request_id


class Sandbox:
    """One process. `args` are more options; --rate 0 is given unless there is a --rate."""

    def __init__(self, directory, *args, https=False, env=None):
        self.dir = pathlib.Path(directory)
        self.dir.mkdir(parents=True, exist_ok=True)
        self.journal_file = self.dir / "journal.jsonl"
        self.log_file = self.dir / "sandbox.log"
        self.port_file = self.dir / "ports"
        self.tls_dir = self.dir / "tls"
        command = [str(BINARY), "--listen", "127.0.0.1:0", "--port-file", str(self.port_file),
                   "--journal", str(self.journal_file)]
        if https:
            command += ["--https", "127.0.0.1:0", "--https-self-signed", str(self.tls_dir)]
        if "--rate" not in args:
            command += ["--rate", "0"]
        self.command = command + list(args)
        self.env = dict(os.environ, **(env or {}))
        self.process = None
        self.journal_from = 0
        self.port = self.https_port = None
        self.secret_id, self.secret_key, self.token = tc3.SECRET_ID, tc3.SECRET_KEY, None

    def start(self):
        self.port_file.unlink(missing_ok=True)
        with open(self.log_file, "ab") as log:
            self.process = subprocess.Popen(self.command, stderr=log, stdout=log,
                                            stdin=subprocess.DEVNULL, env=self.env)
        deadline = time.monotonic() + 20
        while not self.port_file.exists():
            if self.process.poll() is not None or time.monotonic() > deadline:
                raise AssertionError("the sandbox did not start:\n" + self.log())
            time.sleep(0.01)
        for line in self.port_file.read_text().split():
            url = urllib.parse.urlsplit(line)
            if url.scheme == "https":
                self.https_port = url.port
            else:
                self.port = url.port
        return self

    def stop(self):
        """SIGTERM; asserts that it ends well, leaks nothing and met no sanitizer."""
        if self.process is None:
            return
        self.process.terminate()
        try:
            status = self.process.wait(20)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
            raise
        self.process = None
        assert status == 0, f"the sandbox ended with {status}:\n{self.log()}"

    def log(self):
        return self.log_file.read_text(errors="replace") if self.log_file.exists() else ""

    @property
    def endpoint(self):
        return f"http://127.0.0.1:{self.port}"

    @property
    def https_endpoint(self):
        return f"https://localhost:{self.https_port}"

    @property
    def ca_file(self):
        return self.tls_dir / "ca.pem"

    # --- plain HTTP ------------------------------------------------------------------

    def connect(self, https=False, timeout=20):
        if https:
            context = ssl.create_default_context(cafile=str(self.ca_file))
            return http.client.HTTPSConnection("127.0.0.1", self.https_port,
                                               context=context, timeout=timeout)
        return http.client.HTTPConnection("127.0.0.1", self.port, timeout=timeout)

    def request(self, method, path, body=None, headers=None, https=False):
        """(status, headers, body bytes) of one request on a connection of its own."""
        connection = self.connect(https)
        try:
            connection.request(method, path, body, headers or {})
            answer = connection.getresponse()
            return answer.status, answer.headers, answer.read()
        finally:
            connection.close()

    # --- the control API -------------------------------------------------------------

    def control(self, method, path, spec=None, status=None):
        body = None if spec is None else json.dumps(spec)
        headers = {} if spec is None else {"Content-Type": JSON_TYPE}
        got, _, text = self.request(method, "/sandbox/v1/" + path, body, headers)
        expected = status or (201 if method == "POST" else 200)
        assert got == expected, f"{method} {path}: {got} {text!r}"
        return json.loads(text)

    def mails(self, to=None, since=None):
        query = {k: v for k, v in (("to", to), ("since", since)) if v is not None}
        return self.control("GET", "mails?" + urllib.parse.urlencode(query))["mails"]

    def mail(self, message_id):
        return self.control("GET", f"mails/{message_id}")

    def attachment(self, message_id, number):
        status, _, body = self.request(
            "GET", f"/sandbox/v1/mails/{message_id}/attachments/{number}")
        assert status == 200, body
        return body

    def requests(self):
        return self.control("GET", "requests")["requests"]

    def counters(self):
        return self.control("GET", "counters")

    def fault(self, match=None, count=1, probability=None, **do):
        """Posts a fault; returns its id."""
        spec = {"match": match or {}, "count": count, "do": do}
        if probability is not None:
            spec["probability"] = probability
        return self.control("POST", "faults", spec)["id"]

    def clear_faults(self):
        self.control("DELETE", "faults")

    def clear_mails(self):
        self.control("DELETE", "mails")

    def reset(self):
        """As good as new for the next test of a module that shares one process; journal()
        then begins where it ends now."""
        self.clear_faults()
        self.clear_mails()
        self.control("DELETE", "requests")
        self.journal_from += len(self.journal())
        return self

    def journal(self):
        if not self.journal_file.exists():
            return []
        lines = self.journal_file.read_text().splitlines()[self.journal_from:]
        return [json.loads(line) for line in lines]

    # --- the API ---------------------------------------------------------------------

    def signed_headers(self, action, body, **changes):
        """Headers of a right call; a change to None takes one away."""
        timestamp = int(changes.pop("timestamp", time.time()))
        host = changes.pop("host", f"127.0.0.1:{self.port}")
        names = changes.pop("names", ("content-type", "host", "x-tc-action"))
        content_type = changes.pop("content_type", "application/json; charset=utf-8")
        values = {"content-type": content_type, "host": host, "x-tc-action": action}
        auth = tc3.authorization(body, timestamp, [(n, values[n]) for n in sorted(names)],
                                 changes.pop("secret_id", self.secret_id),
                                 changes.pop("secret_key", self.secret_key))
        headers = {"Host": host, "Content-Type": content_type, "X-TC-Action": action,
                   "X-TC-Version": "2020-10-02", "X-TC-Timestamp": str(timestamp),
                   "X-TC-Region": "ap-guangzhou", "Authorization": auth}
        if self.token:
            headers["X-TC-Token"] = self.token
        headers.update(changes)
        return {k: v for k, v in headers.items() if v is not None}

    def raw_call(self, action, params, https=False, **changes):
        """(status, headers, body bytes) of a signed call; params: object or bytes."""
        body = params if isinstance(params, bytes) else json.dumps(
            params, ensure_ascii=False).encode()
        if https:
            changes.setdefault("host", f"127.0.0.1:{self.https_port}")
        return self.request("POST", "/", body, self.signed_headers(action, body, **changes),
                            https)

    def call(self, action, params, **changes):
        """The members of Response, or ApiError."""
        status, _, text = self.raw_call(action, params, **changes)
        assert status == 200, f"{status} {text!r}"
        response = json.loads(text)["Response"]
        if "Error" in response:
            error = response["Error"]
            raise ApiError(error["Code"], error["Message"], response["RequestId"])
        return response

    def send(self, **changes):
        """SendEmail of mail(**changes): its Response."""
        return self.call("SendEmail", mail(**changes))
