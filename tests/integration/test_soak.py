# SPDX-License-Identifier: MIT
"""The kill run of tests/soak in its short form, and a check that its books can be wrong."""
import pathlib
import random
import sys

import pytest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "soak"))

import client  # noqa: E402
import soak  # noqa: E402


class StoppedFleet:
    """What the books read of a fleet."""

    def __init__(self):
        self.attempts = 2
        self.mails = [client.Mail(i, [soak.SHARED], random.Random(i)) for i in range(2)]
        for mail in self.mails:
            mail.replies = dict.fromkeys(mail.recipients, 250)

    def journal(self):
        return [{"to": mail.recipients, "cc": [], "bcc": [], "delivery_id": f"{i:016x}"}
                for i, mail in enumerate(self.mails)]


def books(journal=None, log=""):
    fleet = StoppedFleet()
    report = soak.books(fleet, fleet.journal() if journal is None else journal(fleet), log)
    return dict(report, finished=True)


def test_the_books_are_good_where_each_recipient_has_one_mail():
    assert soak.is_good(books())


def test_the_books_find_a_recipient_who_was_told_250_in_vain():
    report = books(lambda fleet: fleet.journal()[1:])
    assert report["lost"] > 0 and not soak.is_good(report)


def test_the_books_find_a_recipient_with_two_mails_of_one_transaction():
    report = books(lambda fleet: fleet.journal() + fleet.journal()[:1])
    assert report["twice within a transaction"] > 0 and not soak.is_good(report)


def test_the_books_say_why_a_recipient_has_two_mails_of_two_transactions():
    def again(fleet):
        return fleet.journal() + [dict(fleet.journal()[0], delivery_id="f" * 16)]
    report = books(again, "".join(
        f"2026-01-01T00:00:00.000Z warn {0:016x} uncertain session=1 to={r} code=x\n"
        for r in StoppedFleet().mails[0].recipients))
    assert report["got it twice"] == sum(report["causes"].values()) > 0
    assert list(report["causes"]) == ["the call's answer was lost: uncertain, 451"]


@pytest.mark.parametrize("scheme", ["http", "https"])
@pytest.mark.parametrize("phase", soak.PHASES)
def test_nothing_is_lost_and_nothing_sent_twice_in_a_transaction(phase, scheme):
    kills = 3 if phase in ("supervisor", "everything") else 8
    report = soak.run_phase(phase, mails=100, kills=kills, https=scheme == "https", seed=7)
    soak.show(report)
    assert report["kills"] >= kills
    assert soak.is_good(report), report
