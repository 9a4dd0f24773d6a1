# SPDX-License-Identifier: MIT
"""The sandbox's web page, its command line, and what it writes for whoever started it."""
import html.parser
import json
import os
import subprocess

import pytest

import sandbox as box
from sandbox import b64, mail


class Page(html.parser.HTMLParser):
    """The elements that a browser would see, and the text."""

    def __init__(self, source):
        super().__init__()
        self.tags, self.text, self.frames = [], "", []
        self.feed(source)

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)
        if tag == "iframe":
            self.frames.append(dict(attrs))

    def handle_data(self, data):
        self.text += data


def get_page(sandbox, path):
    status, headers, body = sandbox.request("GET", path)
    assert headers["Content-Type"] == "text/html; charset=utf-8"
    policy = headers["Content-Security-Policy"]
    assert "default-src 'none'" in policy and "script-src" not in policy
    return status, Page(body.decode())


HOSTILE = "<script>alert(1)</script>\"'&<img src=x onerror=alert(2)>"


def test_shows_mails_newest_first(sandbox):
    assert "No mail has arrived" in get_page(sandbox, "/")[1].text
    sandbox.send(Subject="first one")
    sandbox.send(Subject="second 测试")
    for path in ("/", "/sandbox", "/sandbox/"):
        status, page = get_page(sandbox, path)
        assert status == 200 and "2 accepted" in page.text
        assert page.text.index("second 测试") < page.text.index("first one")


def test_escapes_whatever_came_from_outside(sandbox):
    params = mail(Subject=HOSTILE, FromEmailAddress='"\'& <a@example.com>',
                  Simple={"Html": b64(HOSTILE), "Text": b64(HOSTILE + "\0")},
                  Attachments=[{"FileName": "'&.txt", "Content": "eA=="}],
                  SmtpHeaders=json.dumps({"X-A": HOSTILE}))
    sandbox.call("SendEmail", params)
    sandbox.raw_call("SendEmail", b"\xff" + HOSTILE.encode(), **{"X-TC-TraceId": HOSTILE})
    for path in ("/", "/sandbox/mails/1", "/sandbox/requests"):
        status, page = get_page(sandbox, path)
        assert status == 200
        assert "script" not in page.tags and "img" not in page.tags
        assert HOSTILE[:20] in page.text


def test_shows_html_only_in_a_frame_that_may_do_nothing(sandbox):
    sandbox.send(Simple={"Html": b64("<p>\"quoted\" & 'more'</p>")})
    _, page = get_page(sandbox, "/sandbox/mails/1")
    assert page.frames == [{"sandbox": None, "srcdoc": "<p>\"quoted\" & 'more'</p>"}]


def test_an_attachment_is_only_ever_downloaded(sandbox):
    sandbox.send(Attachments=[{"FileName": "a.html", "Content": b64("<script>1</script>")}])
    status, headers, body = sandbox.request("GET", "/sandbox/v1/mails/1/attachments/0")
    assert (status, body) == (200, b"<script>1</script>")
    assert headers["Content-Type"] == "application/octet-stream"
    assert headers["Content-Disposition"] == "attachment"


def test_says_that_a_page_does_not_exist(sandbox):
    for path in ("/sandbox/mails/1", "/sandbox/mails/", "/index.html", "/sandbox/x"):
        assert get_page(sandbox, path)[0] == 404
    assert sandbox.request("HEAD", "/")[2] == b""


# --- command line ---------------------------------------------------------------------

def run(*args, **kwargs):
    return subprocess.run([str(box.BINARY), *args], capture_output=True, text=True,
                          timeout=20, **kwargs)


@pytest.mark.parametrize("args,part", [
    (["--nothing"], 'unknown option "--nothing"'),
    (["extra"], '"extra" is no option'),
    (["--rate"], "--rate needs a value"),
    (["--rate", "many"], "--rate is a number from 0 to 1000000"),
    (["--simple-allowed", "maybe"], '"yes" or "no"'),
    (["--cert", "x"], "--cert and --key need each other"),
    (["--https", "127.0.0.1:0"], "--https needs --cert and --key"),
    (["--https-self-signed", "d", "--cert", "a", "--key", "b"], "either --cert and --key"),
    (["--secret-key-file", "/nonexistent"], "/nonexistent: No such file"),
    (["--quiet=x"], "--quiet"),
])
def test_refuses_a_wrong_command_line(args, part):
    result = run(*args)
    assert result.returncode == 2 and part in result.stderr


@pytest.mark.parametrize("args,part", [
    (["--listen", "localhost"], '"localhost" is no address'),
    (["--listen", "127.0.0.1:99999"], "is no address"),
    (["--listen", "192.0.2.1:0"], "cannot listen on 192.0.2.1:0"),
    (["--journal", "/nonexistent/j"], "/nonexistent/j: No such file"),
    (["--templates", "/nonexistent"], "/nonexistent: No such file"),
    (["--https", "127.0.0.1:0", "--cert", "/dev/null", "--key", "/dev/null"], "/dev/null"),
    (["--https", "127.0.0.1:0", "--https-self-signed", "/nonexistent/d"], "cannot make"),
    (["--listen", "127.0.0.1:0", "--port-file", "/nonexistent/p"], "cannot write"),
])
def test_refuses_to_start_and_says_why(args, part):
    result = run(*args)
    assert result.returncode == 1 and part in result.stderr


@pytest.mark.parametrize("text,part", [
    ("[", "templates.json:1:"), ("{}", "must be a JSON array"),
    ("[1]", "template 0: must be an object"), ('[{"Text":"x"}]', "`TemplateID`"),
    ('[{"TemplateID":1}]', 'needs "Html" or "Text"'),
    ('[{"TemplateID":1,"Text":"x","Mode":1}]', "`Mode` is not recognized")])
def test_says_what_is_wrong_with_a_template_file(tmp_path, text, part):
    file = tmp_path / "templates.json"
    file.write_text(text)
    result = run("--templates", str(file), "--listen", "127.0.0.1:0")
    assert result.returncode == 1 and part in result.stderr


def test_prints_help_and_version():
    assert "--https-self-signed DIR" in run("--help").stdout
    assert run("--version").stdout.startswith("sesrelay-sandbox ")


def test_every_option_is_documented():
    options = [line.split()[0] for line in run("--help").stdout.splitlines()
               if line.startswith("  --")]
    doc = (box.ROOT / "doc/sandbox.md").read_text()
    assert len(options) > 20
    assert [o for o in options if f"`{o}" not in doc] == []


def test_tells_when_it_is_ready(tmp_path):
    readable, writable = os.pipe()
    process = subprocess.Popen(
        [str(box.BINARY), "--listen", "127.0.0.1:0", "--ready-fd", str(writable)],
        pass_fds=[writable], stderr=subprocess.DEVNULL)
    os.close(writable)
    with os.fdopen(readable) as pipe:
        assert pipe.read() == "ready\n"
    process.terminate()
    assert process.wait(20) == 0


def test_uses_the_certificate_that_it_is_given(https_sandbox, new_sandbox):
    directory = https_sandbox.tls_dir
    other = new_sandbox("--https", "127.0.0.1:0", "--cert", str(directory / "cert.pem"),
                        "--key", str(directory / "key.pem"))
    other.tls_dir = directory
    status, _, body = other.raw_call("SendEmail", mail(), https=True)
    assert status == 200 and b"MessageId" in body
    assert oct((directory / "key.pem").stat().st_mode)[-3:] == "600"


def test_listens_on_ipv6_and_on_several_addresses(new_sandbox):
    sandbox = new_sandbox("--listen", "[::1]:0")
    urls = sandbox.port_file.read_text().split()
    assert len(urls) == 2 and urls[1].startswith("http://[::1]:")


def test_appends_to_the_journal_it_finds(new_sandbox, tmp_path):
    journal = tmp_path / "journal"
    for count in (1, 2):
        sandbox = new_sandbox("--journal", str(journal), "--fsync")
        sandbox.send()
        assert len(journal.read_text().splitlines()) == count


def test_logs_no_secret_and_no_content(sandbox):
    sandbox.send(Subject="confidential subject", Simple={"Text": b64("confidential text")})
    with pytest.raises(box.ApiError):
        sandbox.send(Subject="")
    log = sandbox.log()
    assert "SendEmail ok" in log and "refused InvalidParameterValue" in log
    assert "confidential" not in log and sandbox.secret_key not in log
