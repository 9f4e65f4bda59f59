"""The kit for rotators and stores of others is there under its public name."""

from __future__ import annotations

from collections.abc import Callable

from leakfirst import testing
from leakfirst.testing import make_operator  # noqa: F401 (a fixture)
from rotators.core.policy import Policy


def test_all_names_are_there() -> None:
    assert all(hasattr(testing, name) for name in testing.__all__)


def test_each_operator_has_a_state_folder_of_its_own(
    make_operator: Callable[[Policy, testing.Leak], testing.Operator],  # noqa: F811
) -> None:
    leak = testing.Leak("x", "lf1:x", testing.Secret(b"x"))
    assert make_operator(Policy(), leak).folder != make_operator(Policy(), leak).folder
