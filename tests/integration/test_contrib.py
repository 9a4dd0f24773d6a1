# SPDX-License-Identifier: MIT
"""contrib/: what can be tried of it without a container engine, a cluster or systemd.

The commands of the image run here with the same arguments, user and variables; the YAML is
read as YAML.
"""
import fnmatch
import json
import os
import pathlib
import re
import shlex
import shutil
import subprocess

import pytest
import yaml

from gateway import PROGRAM, WORKER_PROGRAM, Gateway, copy_programs, run_command

ROOT = pathlib.Path(__file__).resolve().parents[2]
CONTAINER = ROOT / "contrib" / "container"
DOCKERFILE = (CONTAINER / "Dockerfile").read_text().replace("\\\n", " ")
ENTRYPOINT = ["/usr/bin/sesrelay", "run", "-c", "/etc/sesrelay.conf"]
HEALTH = ["/usr/bin/sesrelay", "health", "-c", "/etc/sesrelay.conf"]


def instruction(name):
    return [json.loads(found) for found in re.findall(rf"^{name}.*?(\[.*\])$", DOCKERFILE, re.M)]


def block(page, name):
    return re.search(rf"^```{name}\n(.*?)^```$", page.read_text(), re.M | re.S).group(1)


# --- the image ---


@pytest.fixture
def image(tmp_path, finish):
    """The gateway as `docker run` of the README starts it, in front of an endpoint."""
    def run(endpoint):
        words = shlex.split(block(CONTAINER / "README.md", "sh").replace("\\\n", " "))
        given = [words[i + 1] for i, word in enumerate(words) if word == "-e"]
        assert words[:2] == ["docker", "run"] and words[-1] == "sesrelay"
        assert "USER nobody\n" in DOCKERFILE and instruction("ENTRYPOINT") == [ENTRYPOINT]
        for folder in (tmp_path.parent.parent, tmp_path.parent, tmp_path):
            folder.chmod(0o755)
        gateway = finish(Gateway(tmp_path, endpoint))
        keys = {name: value for name, value in gateway.env.items() if name in given}
        assert len(keys) == 2, "the line hands both keys on"
        gateway.env = dict(
            (item.split("=", 1) for item in given if "=" in item), **keys,
            SESRELAY_ENDPOINT=endpoint, SESRELAY_PORT=str(gateway.port),
            SESRELAY_ADMIN_PORT=str(gateway.admin_port))
        # What is in the image: the programs where nobody may run them, and the shipped file.
        gateway.program = copy_programs(tmp_path)
        gateway.file = shutil.copy(ROOT / "conf" / "sesrelay.conf", tmp_path / "image.conf")
        os.chmod(gateway.file, 0o644)
        gateway.user = "nobody"
        return gateway.start()
    return run


def send(gateway):
    with gateway.smtp() as s:
        s.ehlo()
        s.mail("noreply@example.com")
        s.rcpt("user@example.org")
        return s.data(b"From: noreply@example.com\r\nTo: user@example.org\r\n"
                      b"Subject: s\r\n\r\ntext\r\n")[0]


def test_a_container_alone_takes_mail_and_is_healthy(image, sandbox):
    gateway = image(sandbox.endpoint)
    assert send(gateway) == 250
    with open("/proc/net/tcp") as f:
        listening = [line.split()[1] for line in f if line.split()[3] == "0A"]
    assert f"00000000:{gateway.port:04X}" in listening
    assert instruction("HEALTHCHECK") == [HEALTH]
    done = run_command("health", "-c", gateway.file, env=gateway.env, user="nobody")
    assert done.returncode == 0, done.stderr
    # A new container would have the same key: this is no matter of HEALTHCHECK.
    sandbox.fault(count=0, code="AuthFailure.SecretIdNotFound")
    assert send(gateway) == 554
    assert run_command("health", "-c", gateway.file, env=gateway.env).returncode == 0
    sandbox.clear_faults()
    gateway.stop()
    assert run_command("health", "-c", gateway.file, env=gateway.env).returncode == 1


def apt_lists():
    """The packages of both stages."""
    return [[word for word in found.split() if not word.startswith("-")] for found in
            re.findall(r"apt-get install -y (.*?)(?:&&|$)", DOCKERFILE, re.M)]


def shell(command):
    return subprocess.run(["bash", "-c", command], capture_output=True, text=True, check=True,
                          timeout=60, cwd=ROOT).stdout.split()


def test_the_image_is_built_with_the_packages_that_a_build_needs():
    needed = set(shell(". scripts/packages.sh; echo $BUILD_PACKAGES")) - {"ca-certificates"}
    assert set(apt_lists()[0]) == needed


@pytest.mark.parametrize("program", [PROGRAM, WORKER_PROGRAM], ids=os.path.basename)
def test_the_image_has_the_libraries_of_the_program(program):
    installed = apt_lists()[1]
    assert "ca-certificates" in installed
    depends = set(installed) | {"libc6"}
    for package in [*installed, "libc6"]:
        depends |= set(re.findall(r"[a-z][a-z0-9.+-]+", " ".join(shell(
            f"dpkg-query -W -f '${{Depends}}' {package}"))))
    for library in shell(f"ldd {shlex.quote(program)} | grep -oE '/[^ ]+'"):
        name = os.path.basename(library)
        if not any(f"[{name}]" in line for line in shell(f"readelf -d {shlex.quote(program)}")):
            continue  # another library's
        if re.match(r"lib(a|ub|l|t)san\.|libgio-", name):
            continue  # of a build with sanitizers; linked, and dropped by --as-needed
        owner = shell(f"dpkg -S '*/{name}' | cut -d: -f1 | sort -u")
        assert set(owner) & depends, f"{name} of {owner} is not in the image"


def test_the_build_context_has_what_the_build_needs():
    rules = [line for line in (ROOT / ".dockerignore").read_text().splitlines()
             if line and not line.startswith("#")]

    def ignored(path):
        hit = False
        parts = path.split("/")
        for rule in rules:
            pattern = rule.lstrip("!").replace("**/", "*")
            if any(fnmatch.fnmatch("/".join(parts[:n]), pattern) for n in range(1, len(parts) + 1)):
                hit = not rule.startswith("!")
        return hit

    sources = set(re.findall(r"(?:src|tests)/[\w/.-]+\.[ch]\b", (ROOT / "Makefile.am").read_text()))
    assert len(sources) > 100
    for path in [*sources, "Makefile.am", "configure.ac", "conf/sesrelay.conf", "README.md",
                 "contrib/systemd/sesrelay.service", "doc/config.md", "doc/man/sesrelay.8"]:
        assert not ignored(path), path
    for path in (".git/config", "build-test/sesrelay", "build/config.log", "sesrelay.env", ".env",
                 "tests/node/node_modules/x/y.js", "src/core/.deps/buf.Po", "src/core/buf.o"):
        assert ignored(path), path


# --- beside an application ---


def shutdown_timeout():
    """The default, in seconds: what a stop is given must be more, or it cuts mail in flight."""
    options = run_command("check", "--options").stdout
    return int(re.search(r"^shutdown_timeout\t[^\t]*\t(\d+)s\t", options, re.M).group(1))


def test_each_way_to_stop_gives_the_gateway_its_time():
    least = shutdown_timeout() + 10
    for file in (CONTAINER / "README.md", ROOT / "README.md", ROOT / "README.zh-CN.md"):
        (given,) = re.findall(r"--stop-timeout (\d+)", file.read_text())
        assert int(given) >= least, file
    unit = (ROOT / "contrib" / "systemd" / "sesrelay.service").read_text()
    assert int(re.search(r"^TimeoutStopSec=(\d+)s", unit, re.M).group(1)) >= least


def test_readiness_of_the_applications_pod_does_not_hang_on_the_mail_key():
    (pod,) = yaml.safe_load_all((CONTAINER / "kubernetes.yaml").read_text())
    (sidecar,) = [c for c in pod["spec"]["initContainers"] if c["name"] == "sesrelay"]
    # Native: up before the application, stopped after it.
    assert sidecar["restartPolicy"] == "Always"
    assert [c["name"] for c in pod["spec"]["containers"]] == ["app"]
    assert "readinessProbe" not in sidecar
    assert "readyz" not in json.dumps(pod) and "--ready" not in json.dumps(pod)
    for probe in ("startupProbe", "livenessProbe"):
        assert sidecar[probe]["exec"]["command"] == HEALTH
        assert sidecar[probe]["timeoutSeconds"] > 5, "sesrelay health gives up after 5 s"
    assert pod["spec"]["terminationGracePeriodSeconds"] >= 20 + shutdown_timeout() + 10


def test_compose_stops_the_application_before_the_gateway():
    services = yaml.safe_load((CONTAINER / "compose.yaml").read_text())["services"]
    app, relay = services["app"], services["sesrelay"]
    assert app["network_mode"] == "service:sesrelay" and "network_mode" not in relay
    assert app["depends_on"]["sesrelay"]["condition"] == "service_healthy"
    assert int(relay["stop_grace_period"].rstrip("s")) >= shutdown_timeout() + 10


# --- systemd ---


def test_the_check_of_the_service_reads_its_environment(tmp_path):
    unit = (ROOT / "contrib" / "systemd" / "sesrelay.service").read_text()
    page = ROOT / "contrib" / "systemd" / "README.md"
    (file,) = re.findall(r"^EnvironmentFile=-(.*)$", unit, re.M)
    assert f"\tsesrelay check --environment {file}\n" in page.read_text()
    env = tmp_path / "sesrelay.env"
    env.write_text(block(page, "sh env"))
    conf = str(ROOT / "conf" / "sesrelay.conf")
    assert run_command("check", "-c", conf).returncode == 1
    done = run_command("check", "-c", conf, "--environment", str(env))
    assert done.returncode == 0 and done.stderr == "", done.stderr
    assert "secret_id = 'AKIDEXAMPLE'" in done.stdout
