# SPDX-License-Identifier: MIT
"""Behind a real HAProxy: clients are known by their own address."""
import os
import re
import smtplib
import socket
import ssl
import struct
import subprocess

import pytest

from certificates import Authority
from clients import Mail
from gateway import BUILD, free_port, wait_for

HAPROXY_CFG = """\
defaults
    mode tcp
    timeout connect 10s
    timeout client 60s
    timeout server 60s
frontend smtp
    bind 127.0.0.1:{port} {bind}
    default_backend sesrelay
backend sesrelay
    source 127.0.0.9
    server s1 127.0.0.1:{to} {send}
"""


@pytest.fixture
def proxied(make_gateway):
    """The gateway, and the port of its listener that is behind a proxy at 127.0.0.9."""
    port = free_port()
    gateway = make_gateway(top=(
        f'listener "front" {{ address = "127.0.0.1" port = {port} '
        'allow = {"127.0.0.1", "198.51.100.0/24"} proxy = {"127.0.0.9"} }'))
    return gateway, port


@pytest.fixture
def haproxy(tmp_path, proxied):
    """start(send): the port of an HAProxy in front of the listener."""
    peers = os.path.join(BUILD, "peers")
    program = os.path.join(peers, "haproxy/usr/sbin/haproxy")
    if not os.path.exists(program):
        pytest.fail("no HAProxy: scripts/test.sh unpacks one into BUILD/peers")
    folders = [os.path.join(peers, name, "usr/lib", f"{os.uname().machine}-linux-gnu")
               for name in ("liblua5.3-0", "libopentracing-c-wrapper0", "libopentracing1")]
    started = []

    def start(send, bind=""):
        port = free_port()
        cfg = tmp_path / "haproxy.cfg"
        cfg.write_text(HAPROXY_CFG.format(port=port, to=proxied[1], send=send, bind=bind))
        started.append(subprocess.Popen(
            [program, "-db", "-q", "-f", str(cfg)],
            env=dict(os.environ, LD_LIBRARY_PATH=":".join(folders))))

        def listens():
            assert started[-1].poll() is None
            with socket.socket() as s:
                return s.connect_ex(("127.0.0.1", port)) == 0
        wait_for("HAProxy", listens)
        return port
    yield start
    for process in started:
        process.terminate()
        process.wait(20)


@pytest.mark.parametrize("send", ["send-proxy", "send-proxy-v2", "send-proxy-v2-ssl"])
def test_a_client_behind_haproxy_is_known_by_its_address(proxied, haproxy, sandbox, send):
    gateway, _ = proxied
    port = haproxy(send)
    mail = Mail("By way of HAProxy", text="Hello.\n", to=["user@example.org"])
    with smtplib.SMTP("127.0.0.1", port, timeout=30, source_address=("127.0.0.1", 0)) as s:
        ours = s.sock.getsockname()[1]
        s.ehlo()
        s.mail(mail.sender)
        s.rcpt("user@example.org")
        code, text = s.data(mail.message().as_bytes())
    gateway.client_saw(f"{code} {text.decode()}")
    assert code == 250
    assert len(sandbox.mails()) == 1
    assert re.search(rf"connect .*client=127\.0\.0\.1 port={ours} ", gateway.everything())


def test_tls_with_haproxy_is_known(haproxy, proxied, tmp_path):
    gateway, _ = proxied
    cert, key = Authority(tmp_path).issue("mail.example.com")
    both = tmp_path / "both.pem"
    both.write_text(open(cert).read() + open(key).read())
    port = haproxy("send-proxy-v2-ssl-cn", f"ssl crt {both}")
    context = ssl._create_unverified_context()
    with smtplib.SMTP_SSL("127.0.0.1", port, "client.example.com", context=context,
                          timeout=30) as s:
        s.ehlo()
        assert s.mail("a@example.com")[0] == 250
    assert re.search(r"tls_in_front version=TLSv1\.[23] cipher=\S+ name=", gateway.everything())


def test_a_stranger_behind_haproxy_is_refused(haproxy):
    port = haproxy("send-proxy-v2")
    with socket.create_connection(("127.0.0.1", port), 30, ("127.0.0.77", 0)) as s:
        assert s.makefile("rb").readline() == b"554 5.7.1 127.0.0.77 may not use this relay\r\n"


def connect(port, source="127.0.0.9"):
    return socket.create_connection(("127.0.0.1", port), 30, (source, 0))


SIGNATURE = b"\r\n\r\n\0\r\nQUIT\n"
HEADERS = {
    "v1": b"PROXY TCP4 198.51.100.7 192.0.2.1 4711 25\r\n",
    "v2": SIGNATURE + struct.pack("!BBH4s4sHH", 0x21, 0x11, 12, socket.inet_aton("198.51.100.7"),
                                  socket.inet_aton("192.0.2.1"), 4711, 25),
}


@pytest.mark.parametrize("version", HEADERS)
def test_a_header_in_single_bytes_is_read(proxied, version):
    gateway, port = proxied
    with connect(port) as s:
        s.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        for i in range(len(HEADERS[version])):
            s.send(HEADERS[version][i:i + 1])
        assert s.makefile("rb").readline().startswith(b"220 ")
    assert re.search(r"connect .*client=198\.51\.100\.7 port=4711 ", gateway.everything())


def test_without_a_header_nothing_is_said(proxied):
    gateway, port = proxied
    with connect(port) as s:
        s.send(b"EHLO client.example.com\r\n")
        try:
            assert s.recv(100) == b""
        except ConnectionResetError:
            pass
    wait_for("the log line", lambda: "no PROXY header" in gateway.everything())


def test_others_cannot_pose_as_proxies(proxied):
    _, port = proxied
    with connect(port, "127.0.0.1") as s:
        lines = s.makefile("rb")
        assert lines.readline().startswith(b"220 ")
        s.send(HEADERS["v1"])
        assert lines.readline().startswith(b"500 5.5.1 ")
