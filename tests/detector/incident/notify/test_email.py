"""The email channel against an SMTP server with STARTTLS and authentication."""

from __future__ import annotations

import email
import email.policy
from typing import Any

import pytest

from tests.detector.incident.notify.making import make_event, make_hostile_event, make_outbox

pytestmark = pytest.mark.net


@pytest.fixture
def configure(mail_settings) -> Any:
    return lambda **more: {"notify": {"mail": {**mail_settings, **more}}}


def test_mail_is_encrypted_and_untrusted_text_adds_no_header(configure, mailbox, deliveries, timer) -> None:
    (result,) = make_outbox(configure(), deliveries, timer).send(make_hostile_event())
    assert result.sent, result.why
    ((secure, sender, to, message),) = mailbox.arrived
    assert secure and sender == "leakfirst@example.test" and to == ["oncall@example.test"]
    read = email.message_from_bytes(message, policy=email.policy.default)
    assert set(read.keys()) <= {
        "From", "To", "Subject", "Message-ID", "References", "Auto-Submitted", "MIME-Version", "Content-Type",
    }  # fmt: skip
    page = read.get_body(("html",)).get_content()
    assert "<script>" not in page and "&lt;script&gt;" in page
    assert '<a href="https://example.test/runbook">' in page


def test_the_same_event_has_the_same_message_id(configure, mailbox, deliveries, timer) -> None:
    for store in (type(deliveries)(), type(deliveries)()):
        make_outbox(configure(), store, timer).send(make_event())
    first, second = mailbox.arrived
    assert first[3] == second[3]


def test_a_busy_server_is_tried_again(configure, mailbox, deliveries, timer) -> None:
    mailbox.trouble = ["451 later"]
    (result,) = make_outbox(configure(), deliveries, timer).send(make_event())
    assert result.sent and len(mailbox.arrived) == 1 and timer.slept == [30.0]


def test_nothing_is_sent_to_a_server_with_an_invalid_certificate(configure, mailbox, deliveries, timer) -> None:
    (result,) = make_outbox(configure(ca=None), deliveries, timer).send(make_event())
    assert not result.sent and "SSL" in result.why and not mailbox.arrived


def test_a_wrong_password_is_not_tried_again(configure, mailbox, deliveries, timer, monkeypatch) -> None:
    monkeypatch.setenv("MAIL_PASSWORD", "wrong")
    (result,) = make_outbox(configure(), deliveries, timer).send(make_event())
    assert result.why == "the mail server answered 535" and not timer.slept
