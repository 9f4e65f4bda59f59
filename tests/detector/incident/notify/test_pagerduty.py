"""The pagerduty channel: one alert per incident and one per escalation."""

from __future__ import annotations

import pytest

from detector.incident.messages.event import Phase
from tests.detector.incident.notify.making import make_event, make_outbox

pytestmark = pytest.mark.net


def test_an_alert_is_triggered_acknowledged_and_resolved(operator, deliveries, timer, arrived) -> None:
    outbox = make_outbox(operator, deliveries, timer)
    for phase in (Phase.OPENED, Phase.ACKNOWLEDGED, Phase.ESCALATED, Phase.CLOSED):
        (result,) = outbox.send(make_event(phase=phase, key=phase), ("oncall",))
        assert result.sent, result.why
    assert arrived.alerts == {
        "leakfirst-inc-1": ["trigger", "acknowledge", "resolve"],
        "leakfirst-inc-1-deadline": ["trigger", "resolve"],
    }
