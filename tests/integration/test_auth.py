# SPDX-License-Identifier: MIT
"""AUTH with clients that nobody here wrote, and what a login may do."""
import base64
import json
import os
import re
import signal
import smtplib
import ssl
import subprocess

import pytest

from certificates import Authority, fingerprint
from clients import NODE, Mail
from gateway import BUILD, free_port, run_command, wait_for
from postfix import Postfix

PASSWORD = "swordfish correct horse"

LISTENER = """users_file = "{users}"
listener "login" {{
	address = "127.0.0.1"
	port = {port}
	auth = "{auth}"
	{more}
}}"""


def hash_of(password):
    done = run_command("hash-password", stdin=password + "\n")
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


@pytest.fixture(scope="module")
def hashed():
    return hash_of(PASSWORD)


@pytest.fixture
def users(tmp_path, hashed):
    """The users file: app may send as anybody, shop as @example.com, news has a route."""
    file = tmp_path / "users"
    file.write_text(f"app:{hashed}\nshop:{hashed}:senders=@example.com\n"
                    f"news:{hashed}:route=news\n")
    file.chmod(0o600)
    return file


@pytest.fixture
def login(make_gateway, users):
    """make(auth, more): a gateway, and the port of its listener with AUTH."""
    def make(auth="required", more="", routes="", **settings):
        port = free_port()
        routes = routes or 'route "news" { sender = "nobody@*" } route "default" { }'
        settings.setdefault(
            "top", LISTENER.format(users=users, port=port, auth=auth, more=more))
        return make_gateway(routes=routes, **settings), port
    return make


MAIL = "From: {0}\r\nTo: bob@example.org\r\nSubject: hello\r\n\r\nhello\r\n"


def send(client, gateway, sender="app@example.com", author=None):
    code, text = client.docmd("MAIL", f"FROM:<{sender}>")
    if code == 250:
        assert client.docmd("RCPT", "TO:<bob@example.org>")[0] == 250
        code, text = client.data(MAIL.format(author or sender).encode())
    gateway.client_saw(text.decode())
    return code, text.decode()


# --- clients ------------------------------------------------------------------------------


@pytest.mark.parametrize("mechanism", ["PLAIN", "LOGIN"])
def test_smtplib(login, sandbox, mechanism):
    gateway, port = login()
    with smtplib.SMTP("127.0.0.1", port, "client.example.com", 20) as client:
        assert send(client, gateway)[0] == 503
        client.ehlo()
        assert send(client, gateway)[0] == 530
        client.user, client.password = "app", PASSWORD
        method = getattr(client, "auth_" + mechanism.lower())
        assert client.auth(mechanism, method)[0] == 235
        assert send(client, gateway)[0] == 250
    assert len(sandbox.mails()) == 1
    assert f"mechanism={mechanism} result=ok user=app" in gateway.wait_event("auth ")[0]
    assert gateway.metric("logins_total", '{result="ok"}') == 1


@pytest.mark.parametrize("mechanism", ["PLAIN", "LOGIN"])
def test_swaks(login, sandbox, mechanism):
    gateway, port = login()
    done = subprocess.run(
        ["swaks", "-S", "1", "-s", "127.0.0.1", "-p", str(port), "-f", "app@example.com",
         "-t", "bob@example.org", "-a", mechanism, "-au", "app", "-ap", PASSWORD],
        capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stdout + done.stderr
    gateway.client_saw(done.stdout)
    assert len(sandbox.mails()) == 1


def test_swaks_with_a_wrong_password(login, sandbox):
    gateway, port = login()
    done = subprocess.run(
        ["swaks", "-s", "127.0.0.1", "-p", str(port), "-f", "app@example.com",
         "-t", "bob@example.org", "-a", "PLAIN", "-au", "app", "-ap", "wrong"],
        capture_output=True, text=True, timeout=60)
    assert done.returncode == 28, done.stdout
    assert "535 5.7.8 authentication failed" in done.stdout
    assert sandbox.mails() == []


@pytest.mark.parametrize("mechanism", ["plain", "login"])
def test_msmtp(login, sandbox, tmp_path, mechanism):
    gateway, port = login()
    (tmp_path / "msmtprc").write_text(
        f"account a\nhost 127.0.0.1\nport {port}\nfrom app@example.com\nauth {mechanism}\n"
        f"user app\npassword \"{PASSWORD}\"\ntls off\n")
    os.chmod(tmp_path / "msmtprc", 0o600)
    done = subprocess.run(["msmtp", "-d", "-C", str(tmp_path / "msmtprc"), "-a", "a",
                           "bob@example.org"], input=MAIL.format("app@example.com").encode(),
                          capture_output=True, timeout=60)
    assert done.returncode == 0, done.stdout + done.stderr
    gateway.client_saw(done.stdout.decode())
    assert len(sandbox.mails()) == 1


def test_curl(login, sandbox, tmp_path):
    gateway, port = login()
    (tmp_path / "mail").write_text(MAIL.format("app@example.com"), newline="")
    done = subprocess.run(
        ["curl", "-sv", "--url", f"smtp://127.0.0.1:{port}/client.example.com",
         "--user", f"app:{PASSWORD}", "--mail-from", "app@example.com",
         "--mail-rcpt", "bob@example.org", "-T", str(tmp_path / "mail")],
        capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    gateway.client_saw(done.stderr)
    assert len(sandbox.mails()) == 1


def test_nodemailer_over_tls(login, sandbox, tmp_path):
    cert, key = Authority(tmp_path).issue("mail.example.com")
    gateway, port = login(more=f'tls = "required" tls_certificate = "{cert}" tls_key = "{key}"')
    job = {"port": port, "from": "app@example.com", "recipients": ["bob@example.org"],
           "transport": {"secure": False, "requireTLS": True, "tls": {"rejectUnauthorized": False},
                         "ignoreTLS": False, "auth": {"user": "app", "pass": PASSWORD}},
           "mail": {"from": "app@example.com", "to": ["bob@example.org"], "subject": "hello",
                    "text": "hello"}}
    done = subprocess.run(["node", str(NODE / "send.js")], input=json.dumps(job), text=True,
                          capture_output=True, timeout=60)
    assert done.returncode == 0, done.stdout + done.stderr
    gateway.client_saw(done.stdout)
    assert len(sandbox.mails()) == 1


def test_postfix_logs_in_over_tls(login, sandbox, tmp_path):
    authority = Authority(tmp_path)
    cert, key = authority.issue("mail.example.com")
    gateway, port = login(more=f'tls = "required" tls_certificate = "{cert}" tls_key = "{key}"')
    root = os.path.join(BUILD, "peers", "postfix")
    if not os.path.isdir(root):
        pytest.fail("no Postfix: run scripts/fetch-deb.sh BUILD/peers postfix")
    passwords = tmp_path / "sasl_passwd"
    passwords.write_text(f"[127.0.0.1]:{port} app:{PASSWORD}\n")
    extra = ("smtp_sasl_auth_enable = yes\nsmtp_sasl_security_options = noanonymous\n"
             f"smtp_sasl_password_maps = texthash:{passwords}\n"
             f"smtp_tls_security_level = secure\nsmtp_tls_CAfile = {authority.file}\n"
             "smtp_tls_secure_cert_match = mail.example.com\n")
    with Postfix(root, f"[127.0.0.1]:{port}", free_port(), extra) as postfix:
        mail = Mail("By login", text="Hello by login.\n")
        with smtplib.SMTP("127.0.0.1", postfix.port, timeout=30) as s:
            s.sendmail(mail.sender, mail.recipients, mail.message().as_bytes())
        line = postfix.wait_log("to=<user@example.org>.*status=")
        assert "status=sent (250 2.0.0 Ok: queued as" in line, postfix.log()
        gateway.client_saw(postfix.log())
    assert "result=ok user=app" in gateway.wait_event("auth ")[0]
    assert len(sandbox.mails()) == 1


def test_external_by_certificate(login, sandbox, users, tmp_path):
    authority = Authority(tmp_path)
    cert, key = authority.issue("mail.example.com")
    client_cert = authority.issue("printer.example.com", "/O=Example/CN=printer 7", "clientAuth")
    with open(users, "a") as f:
        f.write(f"printer:*:cert_sha256={fingerprint(client_cert[0])}:senders=@example.com\n")
    gateway, port = login(more=f'tls = "implicit" tls_certificate = "{cert}" tls_key = "{key}" '
                               f'tls_client_ca = "{authority.file}"')
    context = ssl.create_default_context(cafile=authority.file)
    context.check_hostname = False
    context.load_cert_chain(*client_cert)
    with smtplib.SMTP_SSL("127.0.0.1", port, "client.example.com", context=context,
                          timeout=20) as client:
        client.ehlo()
        assert "EXTERNAL" in client.esmtp_features["auth"]
        assert client.docmd("AUTH", "EXTERNAL =")[0] == 235
        assert send(client, gateway, "printer@example.com")[0] == 250
        assert send(client, gateway, "printer@example.org")[0] == 553
    assert len(sandbox.mails()) == 1


def test_the_certificate_of_a_proxy_logs_nobody_else_in(login, sandbox, users, tmp_path):
    authority = Authority(tmp_path)
    cert, key = authority.issue("mail.example.com")
    proxy_cert = authority.issue("proxy.example.com", "/O=Example/CN=proxy", "clientAuth")
    with open(users, "a") as f:
        f.write(f"proxy:*:cert_sha256={fingerprint(proxy_cert[0])}\n")
    gateway, port = login(auth="optional", more=(
        f'tls = "implicit" tls_certificate = "{cert}" tls_key = "{key}" '
        f'tls_client_ca = "{authority.file}" xclient = {{"127.0.0.1"}}'))
    context = ssl.create_default_context(cafile=authority.file)
    context.check_hostname = False
    context.load_cert_chain(*proxy_cert)
    with smtplib.SMTP_SSL("127.0.0.1", port, "client.example.com", context=context,
                          timeout=20) as client:
        client.ehlo()
        assert "EXTERNAL" in client.esmtp_features["auth"]
        assert client.docmd("XCLIENT", "ADDR=203.0.113.9")[0] == 220
        client.ehlo()
        assert "EXTERNAL" not in client.esmtp_features["auth"]
        assert client.docmd("AUTH", "EXTERNAL =")[0] == 504
        assert send(client, gateway, "app@example.com")[0] == 530
    assert sandbox.mails() == []


# --- what a login may do ------------------------------------------------------------------


def logged_in(port, user, password=PASSWORD):
    client = smtplib.SMTP("127.0.0.1", port, "client.example.com", 20)
    client.login(user, password)
    return client


def test_nobody_sends_as_somebody_else(login, sandbox):
    gateway, port = login()
    with logged_in(port, "shop") as client:
        assert send(client, gateway, "a@example.com")[0] == 250
        code, text = send(client, gateway, "a@example.net")
        assert (code, text[:5]) == (553, "5.7.1")
        # What recipients see is the From header.
        for author in ("Boss <boss@example.net>", "a@example.com, boss@example.net",
                       "boss@example.net, a@example.com",
                       '"x <boss@example.net>, "@example.com'):
            code, text = send(client, gateway, "a@example.com", author)
            if code == 250:
                assert sandbox.mails()[-1]["from"].endswith("a@example.com")
                sandbox_mail_from = sandbox.mails()[-1]["from"]
                assert "example.net" not in sandbox_mail_from
            else:
                assert (code, text[:5]) == (554, "5.7.1"), text
    assert all("example.net" not in str(m["from"]) for m in sandbox.mails())


def test_a_user_has_his_own_route(login, sandbox):
    gateway, port = login(routes='route "default" { } route "news" { recipients = "separate" '
                                 'rewrite_from = "News <news@example.com>" }')
    with logged_in(port, "news") as client:
        assert send(client, gateway)[0] == 250
    with logged_in(port, "app") as client:
        assert send(client, gateway)[0] == 250
    senders = [m["from"] for m in sandbox.mails()]
    assert sorted("news@" in str(s) for s in senders) == [False, True]


def test_a_route_is_chosen_by_client_and_user(login, sandbox):
    gateway, port = login("optional", 'allow = {"127.0.0.0/8"}', routes=(
        'route "printers" { client = {"127.0.0.9"} rewrite_from = "printers@example.com" }\n'
        'route "logins" { user = {"app*"} rewrite_from = "logins@example.com" }\n'
        'route "nobody" { user = {"<>"} rewrite_from = "nobody@example.com" }\n'
        'route "news" { rewrite_from = "others@example.com" }'))
    for source, user, sender in (("127.0.0.9", "app", "printers"), ("127.0.0.1", "app", "logins"),
                                 ("127.0.0.1", None, "nobody"), ("127.0.0.1", "shop", "others")):
        with smtplib.SMTP("127.0.0.1", port, "client.example.com", 20,
                          source_address=(source, 0)) as client:
            client.ehlo()
            if user:
                client.login(user, PASSWORD)
            assert send(client, gateway, "a@example.com")[0] == 250
        assert f"{sender}@example.com" in str(sandbox.mails()[-1]["from"])


def test_optional_asks_only_strangers(login, sandbox):
    gateway, port = login("optional", 'allow = {"127.0.0.9"}')
    with smtplib.SMTP("127.0.0.1", port, "client.example.com", 20) as client:
        client.ehlo()
        assert send(client, gateway)[0] == 530
        client.login("app", PASSWORD)
        assert send(client, gateway)[0] == 250
    with smtplib.SMTP("127.0.0.1", port, "client.example.com", 20,
                      source_address=("127.0.0.9", 0)) as client:
        client.ehlo()
        assert send(client, gateway)[0] == 250
    assert len(sandbox.mails()) == 2


def test_three_failures_end_the_connection(login):
    gateway, port = login()
    with smtplib.SMTP("127.0.0.1", port, "client.example.com", 20) as client:
        client.ehlo()
        for user in ("app", "nobody", "app"):
            token = base64.b64encode(f"\0{user}\0wrong".encode()).decode()
            assert client.docmd("AUTH", "PLAIN " + token)[0] == 535
        with pytest.raises(smtplib.SMTPServerDisconnected):
            client.docmd("NOOP")
    assert "reason=auth" in gateway.wait_event("disconnect")[0]
    assert gateway.metric("logins_total", '{result="wrong"}') == 3


def test_a_login_that_is_under_way_gets_its_reply_at_the_end(login):
    gateway, port = login()
    token = base64.b64encode(b"\0app\0wrong").decode()
    stays, leaves = (smtplib.SMTP("127.0.0.1", port, "client.example.com", 20) for _ in "ab")
    for client in (stays, leaves):
        client.ehlo()
        client.putcmd("AUTH", "PLAIN " + token)
    gateway.wait_event("from=READY to=VERIFY", 2)
    leaves.close()
    gateway.signal(signal.SIGTERM)
    assert stays.getreply()[0] == 535
    assert stays.getreply()[0] == 421
    assert gateway.wait() == 0
    stays.close()


# --- users come and go --------------------------------------------------------------------


def test_a_changed_users_file_is_taken_without_a_signal(login, users, hashed):
    gateway, port = login(workers=2)
    kept = logged_in(port, "app")
    users.write_text(f"other:{hashed}\n")
    gateway.wait_event("supervisor files_changed")

    def known():
        try:
            logged_in(port, "other").quit()
        except smtplib.SMTPAuthenticationError:
            return False
        return True
    wait_for("the new user", known)
    with pytest.raises(smtplib.SMTPAuthenticationError):
        logged_in(port, "app")
    assert send(kept, gateway)[0] == 250, "a session that was logged in is kept"
    assert gateway.reload()
    assert kept.getreply()[0] == 421, "but for a reload"
    kept.close()


def test_a_bad_users_file_leaves_the_old_users(login, users, hashed):
    gateway, port = login()
    users.write_text("app:plaintext password\n")
    told = gateway.wait_event("files_failed")[0]
    assert f"{users}:1: no hash of a strong method" in told
    assert "plaintext" not in gateway.everything()
    logged_in(port, "app").quit()
    assert not gateway.reload()
    logged_in(port, "app").quit()


@pytest.mark.parametrize("change, said", [
    (lambda f: f.chmod(0o644), "open to everybody"),
    (lambda f: f.unlink(), "cannot open"),
    (lambda f: f.write_text("app:x\n"), ":1: no hash of a strong method"),
    (lambda f: f.write_text(f.read_text().replace("route=news", "route=nowhere")),
     'the route "nowhere" is not there'),
])
def test_mistakes_in_the_users_file_are_told_before_the_start(users, tmp_path, change, said):
    change(users)
    conf = tmp_path / "conf"
    conf.write_text(f'users_file = "{users}"\nlistener a {{ auth = "required" }}\n'
                    'route "news" { }\n')
    done = run_command("check", "-c", str(conf), env={
        "TENCENTCLOUD_SECRET_ID": "AKIDEXAMPLE", "TENCENTCLOUD_SECRET_KEY": "KEYEXAMPLE"})
    assert done.returncode != 0 and said in done.stderr, done.stderr


@pytest.mark.parametrize("options, said", [
    ('listener a { auth = "required" }', "auth needs to know the users"),
    ('users_file = "/etc/users"', "users_file has no use"),
    ('users_file = "users" listener a { auth = "optional" }', "not a full path"),
    ('listener a { auth_plaintext = yes }', "auth_plaintext has no use"),
    ('users_file = "/u" listener a { address = "0.0.0.0" allow = "192.0.2.0/24" '
     'auth = "required" }', "nobody could log in at 0.0.0.0"),
    ('users_file = "/u" listener a { address = "0.0.0.0" allow = "0.0.0.0/0" '
     'auth = "optional" auth_plaintext = yes }', "open relay"),
    ('users_file = "/u" listener a { address = "0.0.0.0" allow = "192.0.2.0/24" '
     'xclient = "0.0.0.0/0" auth = "required" auth_plaintext = yes }', "open relay"),
    ('users_file = "/u" listener a { allow = {} auth = "required" }', "allow is empty"),
])
def test_a_configuration_that_lets_strangers_in_is_refused(tmp_path, options, said):
    conf = tmp_path / "conf"
    conf.write_text(options + "\n")
    done = run_command("check", "-c", str(conf), env={
        "TENCENTCLOUD_SECRET_ID": "AKIDEXAMPLE", "TENCENTCLOUD_SECRET_KEY": "KEYEXAMPLE"})
    assert done.returncode != 0 and said in done.stderr, done.stderr


def test_the_world_may_come_where_everybody_logs_in(login, sandbox):
    gateway, port = login(more='allow = {"0.0.0.0/0", "::/0"}')
    with logged_in(port, "app") as client:
        assert send(client, gateway)[0] == 250
    assert len(sandbox.mails()) == 1


@pytest.mark.parametrize("readme", ["README.md", "README.zh-CN.md"])
def test_the_readme_has_a_configuration_that_works(readme, login, users, sandbox, tmp_path):
    with open(os.path.join(os.path.dirname(__file__), "../..", readme)) as f:
        top = re.search(r"^(\tusers_file = .*?^\t}\n)", f.read(), re.M | re.S)[1]
    cert, key = Authority(tmp_path).issue("mail.example.com")
    port = free_port()
    for told, here in (("/etc/sesrelay/users", users), ("/etc/sesrelay/tls.crt", cert),
                       ("/etc/sesrelay/tls.key", key), ("port = 5870", f"port = {port}")):
        assert told in top
        top = top.replace(told, str(here))
    (tmp_path / "conf").write_text(top + 'route "news" { }\n')
    done = run_command("check", "-c", str(tmp_path / "conf"), env={
        "TENCENTCLOUD_SECRET_ID": "AKIDEXAMPLE", "TENCENTCLOUD_SECRET_KEY": "KEYEXAMPLE"})
    assert done.returncode == 0, done.stderr
    gateway, _ = login(top=top.replace('"0.0.0.0"', '"127.0.0.1"'))
    with smtplib.SMTP("127.0.0.1", port, "client.example.com", 20) as client:
        client.starttls()
        client.login("shop", PASSWORD)
        assert send(client, gateway, "a@example.com")[0] == 250
        assert send(client, gateway, "a@example.net")[0] == 553
    assert len(sandbox.mails()) == 1


# --- secrets ------------------------------------------------------------------------------


def test_no_password_is_in_any_log(login, users):
    gateway, port = login(level="debug")
    secrets = ["hunter2hunter2", PASSWORD]
    client = smtplib.SMTP("127.0.0.1", port, "client.example.com", 20)
    client.ehlo()

    def b64(text):
        return base64.b64encode(text.encode()).decode()

    for line in ("AUTH PLAIN " + b64("\0app\0hunter2hunter2"),
                 "AUTH FOO " + b64("\0app\0hunter2hunter2"),
                 "AUTH PLAIN " + b64("\0app\0hunter2hunter2") + "!",
                 "AUTH LOGIN " + b64("hunter2hunter2"), b64("hunter2hunter2")):
        client.docmd(line)
    client.close()
    client = smtplib.SMTP("127.0.0.1", port, "client.example.com", 20)
    client.ehlo()
    # A client that goes on although AUTH was refused: what it says is a password, too.
    for line in ("AUTH CRAM-MD5", b64("hunter2hunter2"), "hunter2hunter2"):
        client.docmd(line)
    client.close()
    logged_in(port, "app").quit()
    text = gateway.everything()
    assert "result=wrong" in text and "result=ok" in text
    for secret in secrets:
        assert secret not in text
        for prefix in ("", "\0app\0", "app", "\0"):
            token = b64(prefix + secret)
            assert token[len(prefix) + 4:-6] not in text, token
    assert users.read_text().split(":")[1].split("\n")[0] not in text
