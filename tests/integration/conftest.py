# SPDX-License-Identifier: MIT
"""Fixtures of the integration tests. Binaries come from SESRELAY_BUILDDIR (build/)."""
import pathlib
import sys

import pytest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))

import audit  # noqa: E402
from gateway import Gateway, free_port  # noqa: E402
from sandbox import Sandbox  # noqa: E402


def pytest_terminal_summary(terminalreporter):
    if audit.totals["gateways"]:
        terminalreporter.write_line(
            "audit: {replies} replies 250 seen by clients and {mails} mails in the sandboxes' "
            "journals, behind {gateways} gateways".format(**audit.totals))


@pytest.fixture
def sandboxes():
    """Those of the test, the stopped ones too."""
    return []


@pytest.fixture
def new_sandbox(tmp_path, sandboxes):
    """Makes private sandboxes with options of their own; stops them all at the end."""
    running = sandboxes

    def start(*args, **kwargs):
        directory = tmp_path / f"sandbox{len(running)}"
        running.append(Sandbox(directory, *args, **kwargs))
        return running[-1].start()

    yield start
    for sandbox in running:
        sandbox.stop()


@pytest.fixture
def sandbox(new_sandbox):
    """A sandbox on http."""
    return new_sandbox()


@pytest.fixture
def https_sandbox(new_sandbox):
    """A sandbox on http and https."""
    return new_sandbox(https=True)


@pytest.fixture
def finish(sandboxes):
    """Takes gateways that the test starts itself; stops and audits them at the end."""
    taken = []

    def take(gateway):
        taken.append(gateway)
        return gateway

    yield take
    for gateway in taken:
        gateway.stop()
    audit.check(taken, sandboxes)


@pytest.fixture
def make_gateway(tmp_path, sandbox, finish):
    """Starts gateways in front of the sandbox with settings of their own."""
    def make(**settings):
        folder = tmp_path / f"gateway-{free_port()}"
        folder.mkdir()
        settings.setdefault("endpoint", sandbox.endpoint)
        return finish(Gateway(folder, **settings)).start()
    return make


@pytest.fixture
def gateway(make_gateway):
    """A gateway with one worker in front of the sandbox, ready."""
    return make_gateway()
