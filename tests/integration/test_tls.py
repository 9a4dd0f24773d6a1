# SPDX-License-Identifier: MIT
"""TLS with clients that nobody here wrote: openssl, Python's ssl, curl, msmtp, swaks, Postfix."""
import os
import re
import smtplib
import socket
import ssl
import subprocess

import pytest

from certificates import Authority, fingerprint, openssl
from clients import Mail
from gateway import BUILD, free_port, run_command, wait_for
from postfix import Postfix

LISTENER = """listener "tls" {{
	address = "127.0.0.1"
	port = {port}
	tls = "{tls}"
	tls_certificate = {{"{cert}"}}
	tls_key = {{"{key}"}}
	{more}
}}"""


@pytest.fixture
def authority(tmp_path):
    return Authority(tmp_path)


@pytest.fixture
def secure(make_gateway, authority):
    """make(tls, more, ...): a gateway and the port of its listener with TLS."""
    def make(tls="starttls", more="", issued=None, **settings):
        cert, key = issued or authority.issue("mail.example.com")
        port = free_port()
        top = LISTENER.format(port=port, tls=tls, cert=cert, key=key, more=more)
        return make_gateway(top=top, **settings), port
    return make


def trusting(authority, *client):
    context = ssl.create_default_context(cafile=authority.file)
    if client:
        context.load_cert_chain(*client)
    return context


def connect(context, port, name="mail.example.com", **kwargs):
    """An implicit TLS connection that has read the greeting."""
    raw = socket.create_connection(("127.0.0.1", port), timeout=20)
    conn = context.wrap_socket(raw, server_hostname=name, **kwargs)
    assert conn.recv(1000).startswith(b"220 ")
    return conn


class NamedSMTP(smtplib.SMTP):
    """Checks the certificate against another name than the one that it connects to."""

    def connect(self, host="127.0.0.1", port=0, source_address=None):
        reply = super().connect(host, port, source_address)
        self._host = "mail.example.com"
        return reply


def s_client(port, *args, stdin="QUIT\r\n"):
    done = subprocess.run(
        ["openssl", "s_client", "-connect", f"127.0.0.1:{port}", "-ign_eof", *args],
        input=stdin, capture_output=True, text=True, timeout=60)
    return done.stdout + done.stderr


def send(client, mail, gateway):
    code, text = client.docmd("MAIL", "FROM:<app@example.com>")
    assert code == 250, text
    assert client.docmd("RCPT", "TO:<bob@example.org>")[0] == 250
    code, text = client.data(mail)
    gateway.client_saw(text.decode())
    return code


MAIL = (b"From: app@example.com\r\nTo: bob@example.org\r\nSubject: encrypted\r\n"
        b"\r\nhello\r\n")


# --- ways in ------------------------------------------------------------------------------


def test_smtplib_sends_a_mail_behind_starttls(secure, authority, sandbox):
    gateway, port = secure()
    with NamedSMTP("127.0.0.1", port, timeout=20) as client:
        client.ehlo("client.example.com")
        assert client.has_extn("starttls")
        client.starttls(context=trusting(authority))
        client.ehlo("client.example.com")
        assert not client.has_extn("starttls")
        assert send(client, MAIL, gateway) == 250
    assert len(sandbox.mails()) == 1
    assert "version=TLSv1.3" in gateway.wait_event("tls version=")[0]
    assert gateway.metric("tls_sessions_total") == 1


def test_smtplib_sends_a_large_mail_by_implicit_tls(secure, authority, sandbox):
    gateway, port = secure("implicit")
    big = MAIL + b"0123456789" * 7 + (b"\r\n" + b"x" * 70) * 20000
    with connect(trusting(authority), port) as conn:
        client = smtplib.SMTP()
        client.sock, client.file = conn, conn.makefile("rb")
        client.ehlo("client.example.com")
        assert not client.has_extn("starttls")
        assert send(client, big, gateway) == 250
        client.quit()
    assert len(sandbox.mails()) == 1


def test_curl_checks_the_certificate_and_sends(secure, authority, sandbox, tmp_path):
    gateway, port = secure("required")
    (tmp_path / "mail").write_bytes(MAIL)
    done = subprocess.run(
        ["curl", "-sv", "--ssl-reqd", "--cacert", authority.file,
         "--connect-to", f"mail.example.com:{port}:127.0.0.1:{port}",
         "--url", f"smtp://mail.example.com:{port}/client.example.com",
         "--mail-from", "app@example.com", "--mail-rcpt", "bob@example.org",
         "-T", str(tmp_path / "mail")], capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    gateway.client_saw(done.stderr)
    assert len(sandbox.mails()) == 1


def test_msmtp_sends_behind_starttls(secure, authority, sandbox, tmp_path):
    gateway, port = secure("required")
    (tmp_path / "msmtprc").write_text(
        f"account a\nhost 127.0.0.1\nport {port}\nfrom app@example.com\ntls on\n"
        f"tls_starttls on\ntls_trust_file {authority.file}\ntls_host_override mail.example.com\n")
    os.chmod(tmp_path / "msmtprc", 0o600)
    done = subprocess.run(["msmtp", "-d", "-C", str(tmp_path / "msmtprc"), "-a", "a",
                           "bob@example.org"], input=MAIL, capture_output=True, timeout=60)
    assert done.returncode == 0, done.stderr
    gateway.client_saw(done.stdout.decode())
    assert len(sandbox.mails()) == 1


def test_swaks_sends_behind_starttls(secure, sandbox):
    gateway, port = secure("required")
    done = subprocess.run(["swaks", "-S", "1", "-s", "127.0.0.1", "-p", str(port), "-tls", "-f",
                           "app@example.com", "-t", "bob@example.org", "-ehlo", "x.example.com"],
                          capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stdout + done.stderr
    gateway.client_saw(done.stdout)
    assert len(sandbox.mails()) == 1


# --- what is demanded ---------------------------------------------------------------------


def test_required_refuses_mail_in_clear_text(secure, sandbox):
    gateway, port = secure("required")
    with smtplib.SMTP("127.0.0.1", port, timeout=20) as client:
        client.ehlo("client.example.com")
        assert client.has_extn("starttls")
        code, text = client.docmd("MAIL", "FROM:<app@example.com>")
        assert (code, text[:5]) == (530, b"5.7.0")
        assert client.docmd("NOOP")[0] == 250
    assert sandbox.mails() == []


@pytest.mark.parametrize("profile, version, accepted", [
    ("modern", "-tls1_3", True), ("modern", "-tls1_2", False),
    ("intermediate", "-tls1_2", True), ("intermediate", "-tls1_1", False),
    ("legacy", "-tls1_1", True), ("legacy", "-tls1", True), ("legacy", "-tls1_3", True)])
def test_profiles(secure, profile, version, accepted):
    gateway, port = secure("implicit", f'tls_profile = "{profile}"')
    # Level 0 is what lets this client speak the old versions.
    said = s_client(port, version, "-cipher", "DEFAULT:@SECLEVEL=0")
    assert ("220 gateway.example.com" in said) == accepted, said
    gateway.wait_event("tls version=" if accepted else "tls_failed")


# --- the wall between clear text and TLS --------------------------------------------------


def test_clear_text_behind_starttls_is_never_obeyed(secure, authority, sandbox):
    gateway, port = secure()
    for tail in (b"NOOP\r\n", b"RSET\r\nMAIL FROM:<evil@example.com>\r\n", b"\x16"):
        with socket.create_connection(("127.0.0.1", port), timeout=20) as s:
            s.recv(1000)
            s.sendall(b"EHLO c.example.com\r\n")
            s.recv(2000)
            s.sendall(b"STARTTLS\r\n" + tail)
            said = b""
            while (more := s.recv(1000)):
                said += more
            assert said.startswith(b"503 5.5.0 "), said
    assert sandbox.mails() == []


def test_clear_text_in_the_place_of_the_handshake_closes(secure, authority):
    gateway, port = secure()
    with socket.create_connection(("127.0.0.1", port), timeout=20) as s:
        s.recv(1000)
        s.sendall(b"EHLO c.example.com\r\n")
        s.recv(2000)
        for byte in b"STARTTLS\r\n":
            s.sendall(bytes([byte]))
        assert s.recv(1000).startswith(b"220 ")
        s.sendall(b"MAIL FROM:<app@example.com>\r\n")
        said = b""
        while (more := s.recv(1000)):
            said += more
    assert b"250" not in said and b"\r\n" not in said, said
    gateway.wait_event("tls_failed")
    assert gateway.metric("tls_failures_total") == 1


@pytest.mark.parametrize("body", [b"DATA\r\n", b"BDAT 100 LAST\r\n"])
def test_clear_text_after_the_end_of_tls_is_not_read(secure, authority, sandbox, body):
    gateway, port = secure()
    with socket.create_connection(("127.0.0.1", port), timeout=20) as raw:
        raw.recv(1000)
        raw.sendall(b"EHLO c.example.com\r\n")
        raw.recv(2000)
        raw.sendall(b"STARTTLS\r\n")
        raw.recv(1000)
        conn = trusting(authority).wrap_socket(raw.dup(), server_hostname="mail.example.com")
        conn.sendall(b"EHLO c.example.com\r\n")
        conn.recv(4000)
        conn.sendall(b"MAIL FROM:<app@example.com>\r\nRCPT TO:<bob@example.org>\r\n")
        wait_for("250", lambda: b"2.1.5" in conn.recv(4000))
        conn.sendall(body)
        if body.startswith(b"DATA"):
            wait_for("354", lambda: b"354" in conn.recv(4000))
        conn.sendall(b"Subject: half\r\n")
        plain = conn.unwrap()
        said = b""
        try:
            for byte in b".\r\nQUIT\r\n" + b"x" * 100:
                plain.send(bytes([byte]))
            while (more := plain.recv(1000)):
                said += more
        except ConnectionError:
            pass
        plain.close()
    assert said == b""
    gateway.wait_event("disconnect reason=\"eof in data\"")
    assert sandbox.mails() == []


def test_a_session_is_forgotten_at_starttls(secure, authority):
    gateway, port = secure()
    with NamedSMTP("127.0.0.1", port, timeout=20) as client:
        client.ehlo("client.example.com")
        client.docmd("MAIL", "FROM:<app@example.com>")
        assert client.docmd("STARTTLS")[0] == 503
        client.docmd("RSET")
        client.starttls(context=trusting(authority))
        assert client.docmd("MAIL", "FROM:<app@example.com>")[0] == 503
        client.ehlo("client.example.com")
        assert client.docmd("STARTTLS")[0] == 503
        assert client.docmd("MAIL", "FROM:<app@example.com>")[0] == 250


def test_starttls_is_unknown_without_a_certificate(gateway):
    with gateway.smtp() as client:
        client.ehlo("client.example.com")
        assert not client.has_extn("starttls")
        assert client.docmd("STARTTLS")[0] == 502


def test_a_handshake_that_never_ends_is_given_up(secure):
    gateway, port = secure("implicit", limits="command_timeout = 1s")
    with socket.create_connection(("127.0.0.1", port), timeout=20) as s:
        s.sendall(b"\x16\x03\x01")
        assert s.recv(100) == b""
    assert "the handshake took too long" in gateway.wait_event("tls_failed")[0]


# --- certificates -------------------------------------------------------------------------


def test_the_certificate_follows_the_name_that_the_client_asks_for(secure, authority):
    one = authority.issue("one.example.com")
    two = authority.issue("*.two.example.com", newkey="rsa")
    gateway, port = secure("implicit", issued=(f'{one[0]}", "{two[0]}', f'{one[1]}", "{two[1]}'))
    context = trusting(authority)
    for name, expected in (("one.example.com", one), ("mx.two.example.com", two)):
        with connect(context, port, name) as conn:
            assert conn.getpeercert(True) == ssl.PEM_cert_to_DER_cert(
                open(expected[0]).read())
    with pytest.raises(ssl.SSLCertVerificationError, match="mismatch"):
        connect(context, port, "three.example.com")


def test_a_new_certificate_is_served_without_a_signal(secure, authority, tmp_path):
    # As Kubernetes mounts secrets: ..data is a symbolic link that is replaced.
    first, second = authority.issue("old.example.com"), authority.issue("new.example.com")
    for name, pair in (("1", first), ("2", second)):
        os.mkdir(tmp_path / name)
        for src, dst in zip(pair, ("tls.crt", "tls.key")):
            os.rename(src, tmp_path / name / dst)
    os.symlink("1", tmp_path / "..data")
    for name in ("tls.crt", "tls.key"):
        os.symlink(f"..data/{name}", tmp_path / name)
    gateway, port = secure("implicit", issued=(tmp_path / "tls.crt", tmp_path / "tls.key"),
                           workers=2)
    context = trusting(authority)
    old = connect(context, port, "old.example.com")

    os.symlink("2", tmp_path / "..next")
    os.rename(tmp_path / "..next", tmp_path / "..data")
    gateway.wait_event("supervisor files_changed")

    def served():
        try:
            connect(context, port, "new.example.com").close()
        except ssl.SSLCertVerificationError:
            return False
        return True
    wait_for("the new certificate", served)
    old.sendall(b"NOOP\r\n")
    assert old.recv(100).startswith(b"250 "), "a session was not kept"
    old.close()


def test_a_bad_new_certificate_leaves_the_old_one(secure, authority):
    cert, key = authority.issue("mail.example.com")
    gateway, port = secure("implicit", issued=(cert, key))
    good = open(cert).read()
    with open(cert, "w") as f:
        f.write("no certificate")
    told = gateway.wait_event("files_failed")[0]
    assert cert in told and "tls_certificate" in told
    connect(trusting(authority), port).close()
    assert not gateway.reload()
    with open(cert, "w") as f:
        f.write(good)
    gateway.wait_event("files_changed")
    connect(trusting(authority), port).close()


def test_sessions_resume_at_any_worker_and_after_a_reload(secure, authority):
    gateway, port = secure("implicit", workers=2)
    context = trusting(authority)
    first = connect(context, port)
    session = first.session
    first.close()
    for round in range(2):
        for _ in range(8):
            with connect(context, port, session=session) as conn:
                assert conn.session_reused
        if round == 0:
            assert gateway.reload()
    ids = {re.search(r"worker-\d+", line).group()
           for line in gateway.events("worker- ready")}
    assert len(ids) == 4


def test_a_client_certificate_is_known_by_fingerprint_and_subject(secure, authority, tmp_path):
    os.mkdir(tmp_path / "other")
    stranger = Authority(tmp_path / "other", "Other CA")
    subject = "/C=CN/O=Example/CN=printer 7"
    good = authority.issue("client.example.com", subject, "clientAuth")
    bad = stranger.issue("client.example.com", subject, "clientAuth")
    gateway, port = secure("implicit", f'tls_client_ca = "{authority.file}"')
    for pair in (good, bad):
        connect(trusting(authority, *pair), port).close()
    connect(trusting(authority), port).close()
    first, second, third = gateway.wait_event("tls version=", 3)
    assert f"certificate={fingerprint(good[0])} " in first
    assert 'subject="CN=printer 7,O=Example,C=CN"' in first
    for line in second, third:
        assert "certificate= " in line or 'certificate="" ' in line, line
    assert 'certificate_error="unable to verify' in second
    assert "certificate_error=\"\"" in third or third.endswith("certificate_error=")


# --- Postfix ------------------------------------------------------------------------------


def test_postfix_verifies_the_certificate(secure, authority, sandbox):
    gateway, port = secure("required", workers=2)
    root = os.path.join(BUILD, "peers", "postfix")
    if not os.path.isdir(root):
        pytest.fail("no Postfix: run scripts/fetch-deb.sh BUILD/peers postfix")
    extra = (f"smtp_tls_security_level = secure\nsmtp_tls_CAfile = {authority.file}\n"
             "smtp_tls_secure_cert_match = mail.example.com\nsmtp_tls_loglevel = 1\n")
    with Postfix(root, f"[127.0.0.1]:{port}", free_port(), extra) as postfix:
        mail = Mail("By TLS", text="Hello by TLS.\n")
        with smtplib.SMTP("127.0.0.1", postfix.port, timeout=30) as s:
            s.sendmail(mail.sender, mail.recipients, mail.message().as_bytes())
        line = postfix.wait_log("to=<user@example.org>.*status=")
        assert "status=sent (250 2.0.0 Ok: queued as" in line
        assert re.search("Verified TLS connection established to 127.0.0.1", postfix.log())
        gateway.client_saw(postfix.log())
    assert len(sandbox.mails()) == 1


# --- mistakes -----------------------------------------------------------------------------


@pytest.mark.parametrize("options, said", [
    ('tls = "starttls"', "tls needs a certificate"),
    ('tls_certificate = "{cert}"', "tls_certificate has no use while tls is off"),
    ('tls_client_ca = "{ca}"', "tls_client_ca has no use while tls is off"),
    ('tls = "starttls" tls_certificate = "cert.pem"', "not a full path"),
    ('tls = "starttls" tls_certificate = "{cert}"', 'tls_key {cert}: '),
    ('tls = "starttls" tls_certificate = "{cert}" tls_key = "/nowhere.key"',
     "cannot open /nowhere.key"),
    ('tls = "starttls" tls_certificate = "{cert}" tls_key = "{other}"', "key values mismatch"),
    ('tls = "starttls" tls_certificate = "{key}" tls_key = "{key}"', "no start line"),
    ('tls = "starttls" tls_certificate = "{cert}" tls_key = "{locked}"', "has a passphrase"),
    ('tls = "starttls" tls_certificate = "{weak}" tls_key = "{weak}"', "ee key too small"),
    ('tls = "starttls" tls_certificate = "{cert}" tls_key = {{"{key}", "{key}"}}',
     "2 keys for 1 certificates"),
    ('tls = "starttls" tls_certificate = "{cert}" tls_key = "{key}" tls_client_ca = "{key}"',
     "tls_client_ca {key}"),
    ('tls = "maybe"', "off")])
def test_mistakes_are_told_before_the_start(authority, tmp_path, options, said):
    cert, key = authority.issue("mail.example.com")
    other = authority.issue("other.example.com")[1]
    locked, weak = str(tmp_path / "locked.key"), str(tmp_path / "weak.pem")
    openssl("pkey", "-in", key, "-aes128", "-passout", "pass:secret", "-out", locked)
    openssl("req", "-x509", "-newkey", "rsa:1024", "-nodes", "-subj", "/CN=weak",
            "-keyout", str(tmp_path / "weak.key"), "-out", weak)
    with open(weak, "a") as f:
        f.write((tmp_path / "weak.key").read_text())
    names = dict(cert=cert, key=key, other=other, locked=locked, weak=weak, ca=authority.file)
    (tmp_path / "conf").write_text("listener a {\n " + options.format(**names) + "\n}\n")
    done = run_command("check", "-c", str(tmp_path / "conf"), env={
        "TENCENTCLOUD_SECRET_ID": "AKIDEXAMPLE", "TENCENTCLOUD_SECRET_KEY": "KEYEXAMPLE"})
    assert done.returncode != 0
    assert said.format(**names) in done.stderr, done.stderr
    assert "BEGIN" not in done.stderr


def test_legacy_takes_a_key_that_others_refuse(secure, tmp_path):
    weak = tmp_path / "weak.pem"
    openssl("req", "-x509", "-newkey", "rsa:1024", "-nodes", "-subj", "/CN=weak",
            "-keyout", str(tmp_path / "weak.key"), "-out", str(weak))
    gateway, port = secure("implicit", 'tls_profile = "legacy"',
                           issued=(weak, tmp_path / "weak.key"))
    said = s_client(port, "-tls1_2", "-cipher", "AES128-SHA:@SECLEVEL=0")
    assert "220 gateway.example.com" in said, said


def test_no_key_is_in_any_log(secure, authority):
    cert, key = authority.issue("mail.example.com")
    gateway, port = secure("implicit", issued=(cert, key))
    connect(trusting(authority), port).close()
    gateway.wait_event("tls version=")
    lines = open(key).read().splitlines()[1:-1]
    for pid in gateway.admins():
        assert not [n for n in os.listdir(f"/proc/{pid}/fd")
                    if "sesrelay.files" in os.readlink(f"/proc/{pid}/fd/{n}")]
    assert not any(line in gateway.everything() for line in lines)
