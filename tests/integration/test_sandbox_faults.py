# SPDX-License-Identifier: MIT
"""The sandbox misbehaves exactly as told: scripted faults and magic recipients."""
import errno
import http.client
import json
import re
import socket
import ssl
import struct
import time

import pytest

import sandbox as box
from sandbox import ApiError, b64, mail


@pytest.fixture(scope="module")
def shared(tmp_path_factory):
    instance = box.Sandbox(tmp_path_factory.mktemp("sandbox"), "--quiet", https=True).start()
    yield instance
    instance.stop()


@pytest.fixture
def sandbox(shared):
    """One process for all tests here, as good as new for each."""
    return shared.reset()


def recorded(sandbox):
    """How many mails the journal has of this test."""
    return len(sandbox.journal())


def raw_socket(sandbox, https):
    plain = socket.create_connection(
        ("127.0.0.1", sandbox.https_port if https else sandbox.port), timeout=20)
    if not https:
        return plain
    context = ssl.create_default_context(cafile=str(sandbox.ca_file))
    return context.wrap_socket(plain, server_hostname="localhost",
                               suppress_ragged_eofs=False)


def request_bytes(sandbox, https=False, **changes):
    body = json.dumps(mail(**changes)).encode()
    host = f"localhost:{sandbox.https_port}" if https else f"127.0.0.1:{sandbox.port}"
    headers = sandbox.signed_headers("SendEmail", body, host=host)
    head = "".join(f"{k}: {v}\r\n" for k, v in headers.items())
    return f"POST / HTTP/1.1\r\n{head}Content-Length: {len(body)}\r\n\r\n".encode() + body


def read_to_end(sock):
    """(bytes, how the connection ended: "FIN" or "RST")."""
    got = b""
    while True:
        try:
            piece = sock.recv(65536)
        except (ConnectionResetError, ssl.SSLEOFError):
            return got, "RST"  # a FIN of TLS comes behind a close_notify
        if not piece:
            return got, "FIN"
        got += piece


def exchange(sandbox, https=False, send=None, **changes):
    """Sends a request raw; what came back and how it ended."""
    sock = raw_socket(sandbox, https)
    try:
        data = request_bytes(sandbox, https, **changes)
        try:
            sock.sendall(data if send is None else data[:send])
        except (ConnectionResetError, BrokenPipeError):
            return b"", "RST"
        return read_to_end(sock)
    finally:
        sock.close()


# --- API errors -----------------------------------------------------------------------

def test_answers_a_scripted_code_as_often_as_told(sandbox):
    sandbox.fault(code="FailedOperation.FrequencyLimit", count=2)
    for _ in range(2):
        with pytest.raises(ApiError) as refused:
            sandbox.send()
        assert refused.value.code == "FailedOperation.FrequencyLimit"
        assert "short time" in refused.value.message
    sandbox.send()
    assert recorded(sandbox) == 1


def test_answers_any_code_and_message(sandbox):
    sandbox.fault(code="FailedOperation.BrandNew", message="something 新")
    with pytest.raises(ApiError) as refused:
        sandbox.send()
    assert (refused.value.code, refused.value.message) == (
        "FailedOperation.BrandNew", "something 新")


def test_matches_recipient_action_and_number(sandbox):
    sandbox.fault({"recipient": "*@slow.example.org", "nth": 2}, code="InternalError")
    sandbox.fault({"action": "ListEmailAddress"}, code="ServiceUnavailable")
    sandbox.send()
    sandbox.send(Destination=["a@slow.example.org"])
    with pytest.raises(ApiError):
        sandbox.send(Bcc=["b@SLOW.example.org"])
    sandbox.send(Destination=["a@slow.example.org"])
    with pytest.raises(ApiError):
        sandbox.call("ListEmailAddress", {})
    sandbox.call("ListEmailAddress", {})


def test_a_request_that_is_wrong_itself_uses_up_no_fault(sandbox):
    sandbox.fault(code="InternalError")
    with pytest.raises(ApiError) as refused:
        sandbox.send(Subject="")
    assert refused.value.code == "InvalidParameterValue.SubjectLengthError"
    with pytest.raises(ApiError) as refused:
        sandbox.send()
    assert refused.value.code == "InternalError"


def test_may_record_a_mail_that_it_answers_with_an_error(sandbox):
    sandbox.fault(code="InternalError", record=True)
    with pytest.raises(ApiError):
        sandbox.send()
    line = sandbox.journal()[-1]
    assert recorded(sandbox) == 1 and line["answer_lost"] and line["fault"]


def test_a_probability_is_the_same_for_the_same_seed(new_sandbox):
    def luck(*args):
        sandbox = new_sandbox(*args)
        sandbox.fault(code="InternalError", count=0, probability=0.5)
        out = ""
        for _ in range(30):
            try:
                sandbox.send()
                out += "."
            except ApiError:
                out += "x"
        return out

    first = luck("--seed", "5")
    assert first == luck("--seed", "5") != luck("--seed", "6")
    assert {"x", "."} == set(first)


# --- HTTP -----------------------------------------------------------------------------

def test_answers_an_http_status_and_a_body(sandbox):
    sandbox.fault(http_status=502, body="<h1>bad</h1>", content_type="text/html")
    status, headers, body = sandbox.raw_call("SendEmail", mail())
    assert (status, headers["Content-Type"], body) == (502, "text/html", b"<h1>bad</h1>")
    assert recorded(sandbox) == 0


def test_delays_an_answer(sandbox):
    sandbox.fault(delay_ms=400)
    before = time.monotonic()
    sandbox.send()
    assert time.monotonic() - before >= 0.4
    assert recorded(sandbox) == 1


def test_drips_an_answer_byte_by_byte(sandbox):
    sandbox.fault(drip_ms=1, body="x" * 50)
    before = time.monotonic()
    _, _, body = sandbox.raw_call("SendEmail", mail())
    assert body == b"x" * 50
    assert time.monotonic() - before >= 0.2


def test_truncates_an_answer(sandbox):
    sandbox.fault(truncate_at=10)
    got, end = exchange(sandbox)
    head, body = got.split(b"\r\n\r\n")
    length = int(re.search(rb"Content-Length: (\d+)", head).group(1))
    assert (body, end) == (b'{"Response', "FIN") and length > 50
    assert recorded(sandbox) == 1


@pytest.mark.parametrize("size", [64, 100000, 30 << 20])
def test_answers_something_huge(sandbox, size):
    sandbox.fault(huge=max(size, 128))
    _, _, body = sandbox.raw_call("SendEmail", mail())
    assert len(body) == max(size, 128)
    assert "MessageId" not in json.loads(body)["Response"]


# --- broken connections ---------------------------------------------------------------

CUTS = [("reset", "RST"), ("close", "FIN")]


@pytest.mark.parametrize("https", [False, True], ids=["http", "https"])
@pytest.mark.parametrize("kind,end", CUTS)
@pytest.mark.parametrize("point,records", [("before-answer", 1), ("after-answer", 1),
                                           ("mid-answer", 1)])
def test_breaks_around_the_answer(sandbox, kind, end, point, records, https):
    sandbox.fault(**{kind: point})
    got, how = exchange(sandbox, https)
    assert how == end
    if point == "before-answer":
        assert got == b""
    elif point == "after-answer":
        assert b"MessageId" in got and got.endswith(b"}}")
    else:
        assert got.startswith(b"HTTP/1.1 200") and not got.endswith(b"}}")
    assert recorded(sandbox) == records
    assert sandbox.journal()[-1]["answer_lost"] == (point != "after-answer")
    sandbox.send()


@pytest.mark.parametrize("kind,end", CUTS)
def test_does_not_record_where_told_so(sandbox, kind, end):
    sandbox.fault(**{kind: "before-answer", "record": False})
    assert exchange(sandbox) == (b"", end)
    assert recorded(sandbox) == 0


@pytest.mark.parametrize("kind,end", CUTS)
@pytest.mark.parametrize("after", [0, 1, 17, 100])
def test_breaks_after_some_bytes_of_the_answer(sandbox, kind, end, after):
    sandbox.fault(**{kind: "mid-answer", "after_bytes": after})
    got, how = exchange(sandbox)
    assert (len(got), how) == (after, end)


@pytest.mark.parametrize("https", [False, True], ids=["http", "https"])
@pytest.mark.parametrize("kind,end", CUTS)
@pytest.mark.parametrize("after", [0, 7, 100, 400, 5000])
def test_breaks_in_the_middle_of_a_request(sandbox, kind, end, after, https):
    sandbox.fault(**{kind: "mid-request", "after_bytes": after})
    text = {"Text": b64("x" * 9000)}
    got, how = exchange(sandbox, https, send=max(after, 7), Simple=text)
    assert (got, how) == (b"", end)
    assert recorded(sandbox) == 0
    sandbox.send()


def test_breaks_a_request_by_its_action(sandbox):
    sandbox.fault({"action": "SendEmail"}, reset="mid-request")
    sandbox.call("ListEmailAddress", {})
    assert exchange(sandbox) == (b"", "RST")


def test_a_request_shorter_than_the_break_is_answered(sandbox):
    sandbox.fault(reset="mid-request", after_bytes=1 << 20)
    sandbox.send()
    assert recorded(sandbox) == 1


@pytest.mark.parametrize("https", [False, True], ids=["http", "https"])
@pytest.mark.parametrize("kind", ["reset", "close"])
def test_breaks_a_connection_at_once(sandbox, kind, https):
    sandbox.fault(**{kind: "connect"})
    with pytest.raises((ConnectionError, ssl.SSLError)):
        got, _ = exchange(sandbox, https)
        if got == b"":
            raise ConnectionResetError(errno.ECONNRESET, "closed without an answer")
    sandbox.send()
    assert recorded(sandbox) == 1


def test_breaks_the_second_request_of_a_kept_connection(sandbox):
    sandbox.fault({"nth": 2}, reset="before-answer")
    connection = sandbox.connect()
    body = json.dumps(mail()).encode()
    connection.request("POST", "/", body, sandbox.signed_headers("SendEmail", body))
    assert b"MessageId" in connection.getresponse().read()
    sock = connection.sock
    connection.request("POST", "/", body, sandbox.signed_headers("SendEmail", body))
    assert connection.sock is sock
    with pytest.raises(ConnectionResetError):
        connection.getresponse()
    connection.close()
    assert recorded(sandbox) == 2


# --- magic recipients -----------------------------------------------------------------

def test_each_documented_code_has_its_recipient(sandbox):
    codes = sandbox.control("GET", "codes")["codes"]
    assert len(codes) > 100
    for code in codes:
        with pytest.raises(ApiError) as refused:
            sandbox.send(Destination=[f"{code}@example.org"])
        assert refused.value.code == code
        assert refused.value.message
    assert recorded(sandbox) == 0


def test_a_magic_recipient_may_stand_anywhere_and_in_any_case(sandbox):
    for field in ("Destination", "Cc", "Bcc"):
        with pytest.raises(ApiError) as refused:
            sandbox.send(**{field: ["requestlimitEXCEEDED@example.org"]})
        assert refused.value.code == "RequestLimitExceeded"


def test_magic_answers(sandbox):
    def send(local):
        return sandbox.raw_call("SendEmail", mail(Destination=[f"{local}@example.org"]))

    assert send("ok")[0] == 200 and recorded(sandbox) == 1
    status, _, body = send("http-503")
    assert (status, body) == (503, b"503 Service Unavailable\n")
    before = time.monotonic()
    assert b"MessageId" in send("delay-300")[2]
    assert time.monotonic() - before >= 0.3
    assert send("nonjson")[2].startswith(b"<html>")
    assert len(send("huge")[2]) == 20 << 20
    with pytest.raises(http.client.IncompleteRead):
        send("truncate")
    assert recorded(sandbox) == 5


@pytest.mark.parametrize("local,end,records", [
    ("reset", "RST", 0), ("reset-after", "RST", 1), ("close", "FIN", 0),
    ("close-after", "FIN", 1)])
def test_magic_breaks(sandbox, local, end, records):
    got = exchange(sandbox, Destination=[f"{local}@example.org"])
    assert got == (b"", end)
    assert recorded(sandbox) == records


def test_a_script_comes_before_magic(sandbox):
    sandbox.fault(code="InternalError")
    with pytest.raises(ApiError) as refused:
        sandbox.send(Destination=["RequestLimitExceeded@example.org"])
    assert refused.value.code == "InternalError"


# --- the control API and HTTP itself --------------------------------------------------

def test_lists_and_deletes_faults(sandbox):
    one = sandbox.fault(code="InternalError", message="x", count=0)
    two = sandbox.fault({"nth": 3}, close="mid-answer", after_bytes=5)
    faults = sandbox.control("GET", "faults")["faults"]
    assert [f["id"] for f in faults] == [one, two]
    assert faults[0]["do"] == {"code": "InternalError", "message": "x", "record": False}
    assert faults[1]["do"] == {"close": "mid-answer", "after_bytes": 5, "record": True}
    assert (faults[1]["match"], faults[1]["count"]) == ({"nth": 3}, 1)
    sandbox.control("DELETE", f"faults/{one}")
    sandbox.control("DELETE", f"faults/{one}", status=404)
    assert len(sandbox.control("GET", "faults")["faults"]) == 1
    sandbox.clear_faults()
    sandbox.send()


@pytest.mark.parametrize("body,part", [
    ("", "no JSON object"), ("{", "line 1"), ("[]", "a fault is an object"),
    ('{"do":{"code":"x","code":"y"}}', "duplicate"), ('{"do":{"nothing":1}}', "there are:"),
    ('{"do":{"delay_ms":-1}}', "from 0 to 600000")])
def test_says_what_a_fault_should_be_like(sandbox, body, part):
    status, headers, text = sandbox.request(
        "POST", "/sandbox/v1/faults", body, {"Content-Type": "application/json"})
    assert (status, headers["Content-Type"]) == (400, "application/json")
    assert part in json.loads(text)["error"]


@pytest.mark.parametrize("method,path,status", [
    ("GET", "nothing", 404), ("GET", "", 404), ("POST", "mails", 405), ("PUT", "faults", 405),
    ("GET", "mails/0", 404), ("GET", "mails/none", 404), ("DELETE", "mails/none", 404),
    ("GET", "mails/none/attachments/0", 404), ("GET", "mails?since=x", 400),
    ("DELETE", "faults/x", 404), ("GET", "mails/%zz", 400), ("GET", "mails/%00", 400)])
def test_wrong_control_requests_get_an_error_that_helps(sandbox, method, path, status):
    got, _, text = sandbox.request(method, "/sandbox/v1/" + path)
    assert got == status
    assert len(json.loads(text)["error"]) > 10


def test_takes_no_fault_from_a_form_of_another_site(sandbox):
    for content_type in ("text/plain", "application/x-www-form-urlencoded", None):
        headers = {"Content-Type": content_type} if content_type else {}
        status, _, text = sandbox.request(
            "POST", "/sandbox/v1/faults", '{"do":{"code":"X"}}', headers)
        assert status == 400 and "application/json" in json.loads(text)["error"]


@pytest.mark.parametrize("data,status", [
    (b"GET\r\n\r\n", 400), (b"GET / HTTP/3\r\n\r\n", 505), (b"GET / HTTP/1.1\r\nx\r\n\r\n", 400),
    (b"GET /" + b"a" * 20000, 431), (b"GET / HTTP/1.1\r\n" + b"a: b\r\n" * 101 + b"\r\n", 431),
    (b"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n", 411),
    (b"POST / HTTP/1.1\r\nContent-Length: 99999999999\r\n\r\n", 413),
    (b"POST / HTTP/1.1\r\nContent-Length: x\r\n\r\n", 400)])
def test_malformed_http_is_answered_and_closed(sandbox, data, status):
    sock = raw_socket(sandbox, False)
    sock.sendall(data)
    got, end = read_to_end(sock)
    sock.close()
    assert got.startswith(f"HTTP/1.1 {status} ".encode()) and end == "FIN"


def test_reads_a_request_in_pieces_and_several_at_once(sandbox):
    data = request_bytes(sandbox)
    sock = raw_socket(sandbox, False)
    for i in range(0, len(data), 7):
        sock.sendall(data[i:i + 7])
    sock.sendall(data.replace(b"POST / ", b"POST / ", 1) + request_bytes(sandbox))
    got = b""
    while got.count(b"MessageId") < 3:
        got += sock.recv(65536)
    sock.close()
    assert recorded(sandbox) == 3


def test_waits_for_a_body_that_waits_to_be_asked_for(sandbox):
    data = request_bytes(sandbox)
    head, body = data.split(b"\r\n\r\n", 1)
    sock = raw_socket(sandbox, False)
    sock.sendall(head + b"\r\nExpect: 100-continue\r\n\r\n")
    assert sock.recv(100) == b"HTTP/1.1 100 Continue\r\n\r\n"
    sock.sendall(body)
    assert b"MessageId" in sock.recv(65536)
    sock.close()


def test_survives_clients_that_vanish(sandbox):
    sandbox.fault(count=0, delay_ms=50)
    for cut in (3, 40, 300, None):
        sock = raw_socket(sandbox, False)
        sock.sendall(request_bytes(sandbox)[:cut])
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        sock.close()
    time.sleep(0.2)
    sandbox.clear_faults()
    sandbox.send()


def test_ends_at_once_while_answers_wait(new_sandbox):
    sandbox = new_sandbox()
    sandbox.fault(delay_ms=60000)
    sock = raw_socket(sandbox, False)
    sock.sendall(request_bytes(sandbox))
    while sandbox.counters()["accepted"] == 0:
        time.sleep(0.02)
    sandbox.stop()
    assert read_to_end(sock)[0] == b""
    sock.close()
