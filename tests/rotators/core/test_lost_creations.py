"""A new credential is ours only if nothing else can be true."""

from __future__ import annotations

import pytest

from rotators.core.lost_creations import CALL_SECONDS, choose_only_new
from rotators.core.model import UnexpectedState

SINCE = 1_000_000.0


def test_the_only_new_one_of_the_right_time_is_ours() -> None:
    assert choose_only_new({"old": 1.0, "new": SINCE + 1}, {"old"}, SINCE) == "new"
    assert choose_only_new({"old": 1.0}, {"old"}, SINCE) is None


@pytest.mark.parametrize(
    ("found", "why"),
    [
        ({"one": SINCE, "two": SINCE}, "one, two is new .*there are several"),
        ({"early": SINCE - 60}, "early is new .*not made while our call lasted"),
        ({"late": SINCE + CALL_SECONDS + 1}, "late is new .*not made while our call lasted"),
    ],
)
def test_what_may_be_somebody_elses_is_named_and_left(found: dict[str, float], why: str) -> None:
    with pytest.raises(UnexpectedState, match=why):
        choose_only_new(found, {"old"}, SINCE)
