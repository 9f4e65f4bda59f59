"""The slack channel against a server that answers as Slack documents."""

from __future__ import annotations

import pytest

from detector.incident.messages.event import Phase
from tests.detector.incident.notify.making import make_event, make_hostile_event, make_outbox

pytestmark = pytest.mark.net


def test_later_messages_continue_the_thread(operator, deliveries, timer, arrived) -> None:
    outbox = make_outbox(operator, deliveries, timer)
    outbox.send(make_event(), ("thread",))
    outbox.send(make_event(phase=Phase.CONTAINED, key="second"), ("thread",))
    assert "thread_ts" not in arrived.slack[0]
    assert arrived.slack[1]["thread_ts"] == "1700000000.000001"


def test_an_error_in_a_response_with_status_200_is_a_failure(operator, deliveries, timer, monkeypatch) -> None:
    monkeypatch.setenv("RECEIVER_TOKEN", "another")
    (result,) = make_outbox(operator, deliveries, timer).send(make_event(), ("thread",))
    assert (result.sent, result.why) == (False, "Slack answered invalid_auth")


def test_untrusted_text_mentions_nobody_and_links_nothing(operator, deliveries, timer, arrived) -> None:
    make_outbox(operator, deliveries, timer).send(make_hostile_event(), ("room",))
    (message,) = arrived.slack
    assert "<!" not in message["text"] and "<@" not in message["text"]
    for block in message["blocks"]:
        for element in [block.get("text"), *block.get("elements", [])]:
            if element and element["type"] == "mrkdwn":
                assert element["text"].startswith("<https://example.test/runbook|")
            elif element:
                assert "://" not in element["text"]
