# SPDX-License-Identifier: MIT
"""The books: every 250 that a client saw against the sandbox's journal, and back.

Checked at the end of each test that had a gateway; the totals of the run stand in pytest's
summary. smtplib clients are watched here; what other programs saw, their tests hand in
with Gateway.client_saw().
"""
import collections
import re
import smtplib

QUEUED = re.compile(r"250[- ]2\.0\.0 Ok: queued as (\S+)")

totals = collections.Counter()


class WatchedSMTP(smtplib.SMTP):
    """Writes down each 250 to an end of data before the test sees it."""

    def __init__(self, saw, *args, **kwargs):
        self.saw = saw
        super().__init__(*args, **kwargs)

    def data(self, msg):
        code, text = super().data(msg)
        self.saw(f"{code} {text.decode(errors='replace')}")
        return code, text


def accepted_ids(gateway):
    """MessageIds that the gateway says it was given."""
    return [m.group(1) for line in gateway.events("accepted")
            if (m := re.search(r"\bmessage_id=(\S+)", line))]


def twice(items):
    return [item for item, n in collections.Counter(items).items() if n > 1]


def check(gateways, sandboxes):
    journal = [mail for s in sandboxes for mail in s.journal()]
    ids = {mail["message_id"] for mail in journal}
    accepted = {i for g in gateways for i in accepted_ids(g)}
    seen = [i for g in gateways for i in g.seen]

    assert not twice(mail["message_id"] for mail in journal)
    # A delivery is one message from one client: nobody may get it twice.
    assert not twice((mail["delivery_id"], r) for mail in journal
                     for r in mail["to"] + mail["cc"] + mail["bcc"])
    assert set(seen) <= ids, f"250 without a mail: {set(seen) - ids}"
    assert accepted <= ids, f"accepted, and not in the journal: {accepted - ids}"
    unknown = [mail for mail in journal if mail["message_id"] not in accepted
               and not mail["answer_lost"] and mail["fault"] is None]
    if not any(g.killed for g in gateways):
        assert not unknown, f"in the journal, and the gateway does not know: {unknown}"
    totals.update(replies=len(seen), mails=len(journal), gateways=len(gateways))
