"""No channel sends a credential, whatever text contains it."""

from __future__ import annotations

import base64
import email
import urllib.parse

import pytest

from detector.config import Config
from detector.incident.messages.event import Link
from detector.incident.messages.outbox import PACKAGE, Outbox, read_destinations
from detector.incident.messages.redact import make_redactor
from detector.registry import list_names
from detector.rules.shapes import expand
from detector.scan.rule_pack import load_rule_pack
from tests.detector.incident.notify.making import make_event

pytestmark = pytest.mark.net

CANARIES = [
    expand("ghp_{alnum:30}{check:github-crc32}", 71),
    expand("glpat-{alnum:20}", 72),
    expand("sk_live_{alnum:24}", 73),
]


def test_no_channel_sends_a_credential(operator, deliveries, timer, arrived, mailbox, mail_settings, capfd) -> None:
    redact = make_redactor(lambda: load_rule_pack(Config()))
    github, gitlab, stripe = CANARIES
    event = make_event(
        summary=f"branch {github} is exposed",
        owner=f"ada {gitlab}",
        lines=(f"src/{stripe}/settings.py:3", f"https://me:{gitlab}@git.test/a.git"),
        links=(Link("clone", f"git clone https://x:{github}@git.test/a.git"),),
    )
    destinations = read_destinations({"notify": {**operator["notify"], "mail": mail_settings}})
    assert {destination.channel for destination in destinations.values()} == set(list_names(PACKAGE)) - {"apprise"}
    outbox = Outbox(destinations, deliveries, timer.clock, redact)
    shown = "".join(draft.render() for _, draft in outbox.preview(event))
    assert all(result.sent for result in outbox.send(event))
    texts = arrived.everything + mailbox.arrived[0][3] + shown.encode() + "".join(capfd.readouterr()).encode()
    for part in email.message_from_bytes(mailbox.arrived[0][3]).walk():
        texts += part.get_payload(decode=True) or b""
    for canary in CANARIES:
        for form in (canary, urllib.parse.quote(canary), base64.b64encode(canary.encode()).decode()[:24], canary[4:24]):
            assert form.encode() not in texts
    assert b"ghp_" in texts, "the redacted form is there"
