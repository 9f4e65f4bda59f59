"""The `tell` of a rotation policy reaches the destinations of the operator's file."""

from __future__ import annotations

import pytest

from detector.incident.notify._rotation import tell
from rotators.core.executor import Outcome
from rotators.core.model import RotationPlan
from tests.fakes.receivers import Receivers

pytestmark = pytest.mark.net


def plan(*names: str) -> RotationPlan:
    facts = (("account", "aws:123456789012"), ("credential", "AKIA1"), ("principal", "user ci-7"))
    return RotationPlan(
        "f" * 32, "lf1:1", "aws.access-key", "aws-iam", (), "contain-first", "issuer", "lock", "auto", facts, (), (), {}, (),
        names, "2025-01-01T00:00:00+00:00", "2025-01-01T01:00:00+00:00",
    )  # fmt: skip


def test_the_policys_names_are_told_once(operator, kept, there: Receivers) -> None:
    waiting = Outcome("needs-person", "delete", "final steps need an approval of their own")
    for expected in (True, False):
        told, others = tell(plan("room", "somebody"), waiting, operator, lambda: kept, str)
        assert [(one.destination, one.sent) for one in told] == [("room", expected)]
        assert others == ["somebody"], "a name without a table is for a person to tell"
    (message,) = there.slack
    assert "needs-person delete" in message["text"] and "user ci-7" in message["text"]


def test_nothing_is_opened_where_the_file_has_none_of_the_names(kept) -> None:
    def unwanted():
        raise AssertionError("the state was opened")

    assert tell(plan("somebody"), Outcome("finished"), {}, unwanted, str) == ([], ["somebody"])
