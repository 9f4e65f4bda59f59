"""GitHub issues: assignees, and an incident that is closed before it had an issue."""

from __future__ import annotations

import pytest

from detector.incident.messages.event import Phase
from tests.detector.incident.notify.making import make_event, make_outbox

pytestmark = pytest.mark.net


def test_an_issue_is_assigned_to_its_owner(operator, deliveries, timer, arrived) -> None:
    operator["notify"]["board"]["assignees"] = {"Ada": "ada"}
    make_outbox(operator, deliveries, timer).send(make_event(owner="Ada"), ("board",))
    (issue,) = arrived.issues
    assert issue["assignees"] == ["ada"] and issue["title"] == "[inc-1] credentials waiting for Ada"


def test_closing_creates_no_issue(operator, deliveries, timer, arrived) -> None:
    (result,) = make_outbox(operator, deliveries, timer).send(make_event(owner="Ada", phase=Phase.CLOSED), ("board",))
    assert result.sent and not arrived.issues
