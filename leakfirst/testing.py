"""Tests for rotators and stores of other distributions: ``pip install 'leakfirst[testing]'``.

`check_rotator` and `check_store` examine what a module promises, by what its provider
or destination knows. `check_kills` kills a whole run before and after each line of
its log. ``pytest_plugins = ["leakfirst.testing"]`` adds the fixture `make_operator`.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from detector.secret import Secret
from rotators.core.catalogue import get_capability, open_rotator, open_store
from rotators.core.model import Leak
from rotators.core.policy import Policy
from rotators.core.testing import (
    NEW,
    OLD,
    Location,
    Operator,
    World,
    check_kills,
    check_rotator,
    check_store,
    killed_at,
    make_policy,
)

__all__ = [
    "NEW",
    "OLD",
    "Leak",
    "Location",
    "Operator",
    "Secret",
    "World",
    "check_kills",
    "check_rotator",
    "check_store",
    "get_capability",
    "killed_at",
    "make_operator",
    "make_policy",
    "open_rotator",
    "open_store",
]


@pytest.fixture
def make_operator(tmp_path: Path) -> Callable[[Policy, Leak], Operator]:
    """Make operators, each with a state folder of its own."""
    made: list[Operator] = []

    def make(policy: Policy, leak: Leak) -> Operator:
        made.append(Operator(str(tmp_path / f"state-{len(made)}"), policy, leak))
        return made[-1]

    return make
