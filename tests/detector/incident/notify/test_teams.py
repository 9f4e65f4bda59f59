"""The teams channel: adaptive cards without active content."""

from __future__ import annotations

import pytest

from tests.detector.incident.notify.making import make_hostile_event, make_outbox

pytestmark = pytest.mark.net


def test_untrusted_text_is_plain_text_runs(operator, deliveries, timer, arrived) -> None:
    make_outbox(operator, deliveries, timer).send(make_hostile_event(), ("card",))
    card = arrived.teams[0]["attachments"][0]["content"]
    assert {part["type"] for part in card["body"]} == {"RichTextBlock"}
    assert [action["url"] for action in card["actions"]] == ["https://example.test/runbook"]
