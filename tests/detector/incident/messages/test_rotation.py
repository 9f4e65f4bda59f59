"""The `send` of a rotation policy reaches the destinations of the operator's file."""

from __future__ import annotations

import pytest

from detector.incident.messages.rotation import notify_outcome
from rotators.core.journalled_run import Outcome
from rotators.core.model import RotationPlan

pytestmark = pytest.mark.net


def plan(*names: str) -> RotationPlan:
    facts = (("account", "aws:123456789012"), ("credential", "AKIA1"), ("principal", "user ci-7"))
    return RotationPlan(
        "f" * 32, "lf1:1", "aws.access-key", "aws-iam", (), "contain-first", "provider", "lock", "auto", facts, (), (), {}, (),
        names, "2025-01-01T00:00:00+00:00", "2025-01-01T01:00:00+00:00",
    )  # fmt: skip


def test_the_policys_destinations_are_notified_once(operator, deliveries, arrived) -> None:
    waiting = Outcome("needs-person", "delete", "final steps need an approval of their own")
    for expected in (True, False):
        results, unknown = notify_outcome(plan("room", "somebody"), waiting, operator, lambda: deliveries, str)
        assert [(one.destination, one.sent) for one in results] == [("room", expected)]
        assert unknown == ["somebody"], "a name without a table is left to a person"
    (message,) = arrived.slack
    assert "needs-person delete" in message["text"] and "user ci-7" in message["text"]


def test_the_state_is_not_opened_if_no_name_is_configured(deliveries) -> None:
    def unwanted():
        raise AssertionError("the state was opened")

    assert notify_outcome(plan("somebody"), Outcome("finished"), {}, unwanted, str) == ([], ["somebody"])
