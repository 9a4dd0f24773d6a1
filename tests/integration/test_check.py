# SPDX-License-Identifier: MIT
"""`sesrelay check`: what it refuses, what it warns of, and where it says that it is."""
import os
import re
import subprocess

import pytest

from certificates import Authority
from daemons import Namespace
from gateway import PROGRAM, Gateway, run_command

KEYS = {"TENCENTCLOUD_SECRET_ID": "AKIDEXAMPLE", "TENCENTCLOUD_SECRET_KEY": "KEYEXAMPLE"}


@pytest.fixture
def check(tmp_path):
    """check(text): the finished process of `sesrelay check`; its file is check.path."""
    def run(text, *args, env=KEYS):
        run.path.write_text(text)
        return run_command("check", "-c", str(run.path), *args, env=env)
    run.path = tmp_path / "sesrelay.conf"
    return run


def warnings(done, path):
    """{line: text} of the warnings; the file is good."""
    assert done.returncode == 0, done.stderr
    found = {}
    for line in done.stderr.splitlines():
        if "descriptors" in line:
            continue  # how many there are is this machine's business
        m = re.match(rf"sesrelay: warning: {re.escape(str(path))}:(\d+): (.*)", line)
        assert m, line
        found[int(m[1])] = m[2]
    return found


# --- regions ---

@pytest.mark.parametrize("site, region", [
    ("china", "ap-guangzhou"), ("china", "ap-hongkong"), ("international", "ap-singapore")])
def test_takes_a_region_of_the_site(check, site, region):
    done = check(f'account "a" {{\n site = "{site}"\n region = "{region}"\n}}\n')
    assert warnings(done, check.path) == {}


@pytest.mark.parametrize("site, region, words", [
    ("china", "ap-singapore", "write ap-guangzhou or ap-hongkong, or site = \"international\""),
    ("international", "ap-hongkong", "write ap-singapore, or site = \"china\""),
    ("international", "ap-guangzhou", "write ap-singapore, or site = \"china\"")])
def test_refuses_a_region_of_the_other_site(check, site, region, words):
    text = f'account "a" {{\n site = "{site}"\n region = "{region}"\n}}\n'
    done = check(text)
    assert done.returncode == 1 and done.stdout == ""
    assert done.stderr.startswith(f"sesrelay: {check.path}:3: region: {region} belongs to ")
    assert words in done.stderr
    # With an endpoint of one's own anything may be right.
    done = check(text.replace("site =", 'endpoint = "https://ses.example.com"\n site ='))
    assert list(warnings(done, check.path)) == [4]


def test_warns_of_a_region_that_it_does_not_know(check):
    done = check('account "a" {\n region = "ap-guangzou"\n}\n')
    assert warnings(done, check.path) == {
        2: "region: ap-guangzou is not known at the site china; write ap-guangzhou or "
           "ap-hongkong, if that was meant"}
    assert "region = 'ap-guangzou'" in done.stdout


# --- codes of reply rows ---

REPLY = 'reply "%s" {\n smtp = 451\n enhanced = "4.3.0"\n}\n'


@pytest.mark.parametrize("code", [
    "FailedOperation.FrequencyLimit", "FailedOperation.*", "AuthFailure.*", "Transport.*",
    "ResponseSizeLimitExceeded", "UnsupportedRegion"])
def test_takes_a_code_that_there_is(check, code):
    assert warnings(check(REPLY % code), check.path) == {}


@pytest.mark.parametrize("code, meant", [
    ("FailedOperation.FrequenzyLimit", "did you mean FailedOperation.FrequencyLimit?"),
    ("failedoperation.frequencylimit", "did you mean FailedOperation.FrequencyLimit?"),
    ("FailedOperations.*", "did you mean FailedOperation.*?"),
    ("AuthFailures.*", "did you mean AuthFailure.*?"),
    ("Transport.TimeOut", "did you mean Transport.Timeout?"),
    ("Entirely.Else", "`sesrelay replies` lists them")])
def test_warns_of_a_code_that_it_does_not_know(check, code, meant):
    done = check("workers = 1\n" + REPLY % code)
    assert warnings(done, check.path) == {
        2: f'reply "{code}" is of no code that sesrelay knows; {meant}'}


# --- files ---

def test_names_the_line_of_a_bad_certificate_and_of_each_file(check, tmp_path):
    authority = Authority(tmp_path)
    cert, key = authority.issue("mail.example.com")
    other, _ = authority.issue("other.example.com")
    bad = tmp_path / "bad.pem"
    bad.write_text("no certificate\n")
    users = tmp_path / "users"
    users.write_text("")
    users.chmod(0o644)
    good = f"""\
users_file = "{users}"
listener "a" {{
 tls = "required"
 tls_certificate = "{cert}"
 tls_key = "{key}"
 tls_client_ca = "{authority.file}"
 auth = "required"
}}
account "b" {{
 ca_file = "{authority.file}"
}}
"""
    users_line = (f'users_file = "{users}"', f'users_file = "{users}"')
    cases = [
        (users_line, 1, f"users_file: {users} has mode 644"),
        ((f'users_file = "{users}"', 'users_file = "/nonexistent/u"'), 1,
         "users_file: cannot open /nonexistent/u"),
        ((cert, "/nonexistent/c.crt"), 4, "tls_certificate: cannot open /nonexistent/c.crt"),
        ((cert, bad), 4, f"tls_certificate {bad}"),
        ((cert, other), 5, f"tls_key {key}"),
        ((key, bad), 5, f"tls_key {bad}"),
        ((f'tls_client_ca = "{authority.file}"', f'tls_client_ca = "{bad}"'), 6,
         f"tls_client_ca {bad}"),
        ((f' ca_file = "{authority.file}"', f' ca_file = "{bad}"'), 10, f"CA file {bad} is no "),
        ((f' ca_file = "{authority.file}"', f' ca_file = "{tmp_path}"'), 10,
         f"ca_file: {tmp_path} is no regular file"),
    ]
    for (find, replace), line, words in cases:
        assert find in good
        users.chmod(0o644 if "has mode" in words else 0o600)
        done = check(good.replace(find, str(replace), 1))
        assert done.returncode == 1 and done.stdout == ""
        assert done.stderr.startswith(f"sesrelay: {check.path}:{line}: "), (words, done.stderr)
        assert words in done.stderr, done.stderr
        assert done.stderr.count("\n") == 1
    users.chmod(0o600)
    assert warnings(check(good), check.path) == {}


def test_finds_that_the_folder_of_the_log_is_missing(check, tmp_path):
    done = check(f'log {{\n file = "{tmp_path}/none/sesrelay.log"\n}}\n')
    assert done.returncode == 1 and done.stdout == ""
    assert done.stderr.startswith(f"sesrelay: {check.path}:2: file: there is no folder "
                                  f"{tmp_path}/none; make it, ")
    done = check(f'log {{\n\n file = "{tmp_path}"\n}}\n')
    assert done.returncode == 1
    assert f"{check.path}:3: file: {tmp_path} is a folder; write the path of a file" in done.stderr


def test_finds_that_the_log_is_where_nothing_can_be_written(check, tmp_path):
    """As under ProtectSystem=strict of a unit: root may not write either."""
    folder = tmp_path / "log"
    folder.mkdir()
    check.path.write_text(f'log {{\n file = "{folder}/sesrelay.log"\n}}\n')
    place = Namespace(tmp_path, {}, {str(folder): str(folder)})
    done = subprocess.run(
        place.command("sh", "-c", f"mount -o remount,bind,ro {folder} && exec {PROGRAM} check "
                      f"-c {check.path}"),
        env=dict(KEYS, PATH=os.environ["PATH"]), capture_output=True, text=True, timeout=60)
    assert done.returncode == 1 and done.stdout == ""
    assert done.stderr.startswith(f"sesrelay: {check.path}:2: file: {folder}/sesrelay.log is on a "
                                  "file system that may only be read; under systemd "), done.stderr


def test_does_not_start_where_the_log_cannot_be_opened(tmp_path, finish):
    gateway = finish(Gateway(tmp_path, "http://localhost:9"))
    with open(gateway.file) as f:
        text = f.read()
    gateway.write(text.replace(gateway.log_file, f"{tmp_path}/none/sesrelay.log"))
    line = text[:text.index(gateway.log_file)].count("\n") + 1
    gateway.expect_status = 1
    gateway.launch()
    assert gateway.wait() == 1
    assert (f"cannot_start error=\"{gateway.file}:{line}: cannot open the log file "
            f"{tmp_path}/none/sesrelay.log: ") in gateway.everything()


def test_a_log_that_another_user_may_write_is_only_a_warning(check, tmp_path):
    for folder in (tmp_path.parent.parent, tmp_path.parent, tmp_path):
        folder.chmod(0o755)
    log = tmp_path / "log"
    log.mkdir(mode=0o700)
    check.path.write_text(f'log {{\n file = "{log}/sesrelay.log"\n}}\n')
    check.path.chmod(0o644)
    done = run_command("check", "-c", str(check.path), env=KEYS, user="nobody")
    assert list(warnings(done, check.path)) == [2]
    assert "this user may not write" in done.stderr
    assert os.listdir(log) == []


def test_a_warning_is_in_the_log_of_a_gateway_too(make_gateway):
    gateway = make_gateway(top=REPLY % "FailedOperation.FrequenzyLimit")
    (line,) = [line for line in gateway.events("supervisor configuration_odd")
               if "FrequenzyLimit" in line]
    assert " warn " in line
    assert "did you mean FailedOperation.FrequencyLimit?" in line


# --- the environment of the service ---

def test_reads_the_environment_file_of_the_unit(check, tmp_path):
    check.path.write_text("account a {\n}\nadmin {\n port = \"${SESRELAY_ADMIN_PORT:-1}\"\n}\n")
    text = check.path.read_text()
    env = tmp_path / "sesrelay.env"
    env.write_text("# keys\n; of the gateway\n\nTENCENTCLOUD_SECRET_ID = AKIDFILE \n"
                   "TENCENTCLOUD_SECRET_KEY=\"KEY\\\"FILE\"\nSESRELAY_ADMIN_PORT='99'\n")
    done = check(text, env={})
    assert done.returncode == 1
    assert done.stderr.startswith(f"sesrelay: {check.path}:1: account \"a\" has no secret_id; ")
    assert "--environment FILE" in done.stderr
    done = check(text, "--environment", str(env), env={"SESRELAY_ADMIN_PORT": "77"})
    assert warnings(done, check.path) == {}
    assert "secret_id = 'AKIDFILE'" in done.stdout and "port = 99\n" in done.stdout
    assert "FILE" not in done.stdout.replace("AKIDFILE", "")
    # As "EnvironmentFile=-FILE" of a unit.
    assert check(text, "--environment", f"-{tmp_path}/none", env=KEYS).returncode == 0
    done = check(text, "--environment", f"{tmp_path}/none", env=KEYS)
    assert done.returncode == 1 and f"{tmp_path}/none: cannot open" in done.stderr


def test_names_the_line_of_an_environment_file_that_systemd_would_pass_over(check, tmp_path):
    env = tmp_path / "sesrelay.env"
    env.write_text("TENCENTCLOUD_SECRET_ID=AKIDFILE\nexport TENCENTCLOUD_SECRET_KEY=CANARY\n")
    done = check("", "--environment", str(env))
    assert done.returncode == 1 and done.stdout == ""
    assert done.stderr.startswith(f"sesrelay: {env}:2: export is the shell's")
    assert "CANARY" not in done.stderr
