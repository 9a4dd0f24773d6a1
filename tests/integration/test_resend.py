# SPDX-License-Identifier: MIT
"""A mail that the API has read whole is never sent again by the gateway itself."""
import collections
import dataclasses
import os
import pathlib
import time

import pytest

from certificates import Authority
from clients import Mail
from faulty_api import FAULTS, FaultyApi
from gateway import Gateway, wait_for

TIMES = 20


@dataclasses.dataclass
class Way:
    """How the API is reached."""
    tls: bool
    proxied: bool


WAYS = {
    "http": Way(tls=False, proxied=False),
    "https": Way(tls=True, proxied=False),
    "http by a proxy": Way(tls=False, proxied=True),
    "https by a proxy": Way(tls=True, proxied=True),
}


@pytest.fixture
def make_api(sandboxes):
    def make(*args, **kwargs):
        sandboxes.append(FaultyApi(*args, **kwargs))
        return sandboxes[-1]
    yield make
    for api in sandboxes:
        api.stop()


def readable_by_workers(file):
    for path in pathlib.Path(file).parents:
        if str(path).startswith("/tmp/"):
            os.chmod(path, 0o755)
    os.chmod(file, 0o644)


def start(folder, finish, api, way, authority, **settings):
    account = "connections = 1\n"
    if way.tls:
        readable_by_workers(authority.file)
        account += f'ca_file = "{authority.file}"\n'
    if way.proxied:
        account += f'proxy = "http://127.0.0.1:{api.port}"\n'
    scheme, host = ("https", "localhost") if way.tls else ("http", "127.0.0.1")
    return finish(Gateway(folder, f"{scheme}://{host}:{api.port}", account=account,
                          **settings)).start()


def send(client, subject):
    """The reply to the end of data."""
    mail = Mail(subject=subject, text="hello")
    client.mail(mail.sender)
    client.rcpt(mail.to[0])
    code, text = client.data(mail.message().as_bytes())
    return f"{code} {text.decode()}"


@pytest.mark.parametrize("way", WAYS.values(), ids=WAYS.keys())
def test_a_connection_that_dies_after_the_request_is_uncertain(tmp_path, finish, make_api, way):
    authority = Authority(tmp_path) if way.tls else None
    api = make_api(authority and authority.issue("localhost"), tunnels=way.tls and way.proxied)
    gateway = start(tmp_path, finish, api, way, authority)
    faults = FAULTS if api.tunnels else FAULTS[:3]
    wrong = []
    with gateway.smtp() as client:
        client.ehlo()
        for how in ("closed", "reset"):
            for later in faults:
                for n in range(TIMES):
                    name = f"{how}, then {later} {n}"
                    api.listen()
                    assert send(client, f"before {name}").startswith("250 "), name
                    api.break_next(how, later)
                    reply = send(client, name)
                    if not reply.startswith("451 4.4.2 "):
                        wrong.append((name, reply))
    counts = collections.Counter(mail["subject"] for mail in api.journal())
    assert {s: n for s, n in counts.items() if n != 1} == {}
    assert len(counts) == 2 * 2 * len(faults) * TIMES
    assert wrong == []
    uncertain = gateway.events("uncertain code=Transport.Reset")
    assert len(uncertain) == 2 * len(faults) * TIMES


MAILS = 8


@pytest.mark.parametrize("way", WAYS.values(), ids=WAYS.keys())
@pytest.mark.parametrize("again", ["another", "the same"])
def test_an_unasked_answer_is_no_other_mails_250(tmp_path, finish, make_api, way, again):
    authority = Authority(tmp_path) if way.tls else None
    api = make_api(authority and authority.issue("localhost"), tunnels=way.tls and way.proxied)

    strays = []

    def answer_twice(conn, number):
        conn.sendall(api.text(number))
        time.sleep(0.01)
        conn.sendall(api.text(f"stray-{number}" if again == "another" else number))
        strays.append(number)

    api.answer = answer_twice
    gateway = start(tmp_path, finish, api, way, authority)
    got = {}
    with gateway.smtp() as client:
        client.ehlo()
        for n in range(MAILS):
            got[f"mail {n}"] = send(client, f"mail {n}")
            wait_for("the second answer", lambda: len(strays) > n)
    own = {mail["subject"]: mail["message_id"] for mail in api.journal()}
    assert len(api.journal()) == len(own) == MAILS
    assert [s for s in own if f"queued as {own[s]} " not in got[s]] == []


def test_an_answer_that_was_given_before_is_uncertain(tmp_path, finish, make_api):
    api = make_api()

    def repeat(conn, number):
        api.mails[-1]["answer_lost"] = number > 1
        conn.sendall(api.text(1))

    api.answer = repeat
    gateway = start(tmp_path, finish, api, WAYS["http"], None)
    with gateway.smtp() as client:
        client.ehlo()
        assert send(client, "first").startswith("250 ")
        assert send(client, "second").startswith("451 4.4.2 ")
    assert gateway.events("uncertain code=Transport.BadResponse")
