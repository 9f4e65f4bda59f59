"""GitLab issues: reopened if the owner has tasks again."""

from __future__ import annotations

import pytest

from detector.incident.messages.event import Phase
from tests.detector.incident.notify.making import make_event, make_outbox

pytestmark = pytest.mark.net


def test_an_issue_is_closed_and_reopened(operator, deliveries, timer, arrived) -> None:
    outbox = make_outbox(operator, deliveries, timer)
    for phase, state in ((Phase.WAITING, "open"), (Phase.CLOSED, "closed"), (Phase.ESCALATED, "open")):
        (result,) = outbox.send(make_event(owner="Ada", phase=phase, key=phase), ("lab",))
        assert result.sent, result.why
        assert [issue["state"] for issue in arrived.work_items] == [state]
