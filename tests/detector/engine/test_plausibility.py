"""Reasons to let a candidate go."""

import pytest

from detector.engine.plausibility import entropy, rejection_reason
from detector.rules.shapes import expand


@pytest.mark.parametrize(
    "value",
    [
        "xxxxxxxxxxxxxxxxxxxx",
        "AKIA" + "IOSFODNN7" + "EXAMPLE",
        "your_api_key_goes_here",
        "0000000000000000000000000000",
        "abcdefghijklmnopqrstuvwxyz",
        "0123456789abcdef0123456789abcdef",
        "f3a9f3a9f3a9f3a9f3a9f3a9f3a9f3a9",
    ],
)
def test_a_placeholder_is_let_go_with_a_reason(value: str) -> None:
    assert rejection_reason(value.encode()) is not None


@pytest.mark.parametrize("shape", ["{alnum:36}", "{hex:40}", "{base64:40}", "{BASE36:16}", "{lower:32}"])
def test_random_values_are_kept(shape: str) -> None:
    kept = sum(rejection_reason(expand(shape, seed).encode()) is None for seed in range(400))
    assert kept >= 398, "a real token would be missed once in a hundred"


def test_documented_placeholders_are_the_rules_own() -> None:
    assert rejection_reason(b"tok_4eC39HqLyjWD", placeholders=("4eC39Hq",)) == "documented placeholder '4eC39Hq'"


def test_entropy_bounds() -> None:
    assert entropy(b"") == 0
    assert entropy(b"ab" * 50) == 1.0
    assert "low entropy" in str(rejection_reason(b"ab" * 5 + b"c" * 4, min_entropy=3.0))
