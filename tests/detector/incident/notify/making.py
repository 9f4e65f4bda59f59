"""Events, destinations and hostile text for the tests of the channels."""

from __future__ import annotations

from typing import Any

from detector.incident.messages.event import IncidentEvent, Link, Phase
from detector.incident.messages.outbox import Outbox, read_destinations

HOSTILE = (
    "<!channel> @everyone <@U1> [x](https://evil.test) `a` <script>alert(1)</script>\r\nBcc: all@evil.test\n/close"
)


def make_event(**changes: Any) -> IncidentEvent:
    made = IncidentEvent(
        incident="inc-1",
        phase=Phase.OPENED,
        summary="acme-widgets 1.2.3: a source map was published",
        key="inc-1/opened",
        counts=(("credentials", 40), ("live", 12)),
        links=(Link("runbook", "https://example.test/runbook"), Link("next", "leakfirst respond next inc-1")),
        at="2025-01-01T00:00:00+00:00",
    )
    return made._replace(**changes)


def make_hostile_event() -> IncidentEvent:
    return make_event(summary=HOSTILE, owner=HOSTILE, lines=(HOSTILE, "path/" + HOSTILE), key="evil")


def make_outbox(operator: Any, deliveries: Any, timer: Any, redact: Any = str) -> Outbox:
    return Outbox(read_destinations(operator), deliveries, timer.clock, redact)
