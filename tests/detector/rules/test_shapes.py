"""Samples come from shapes."""

import re

import pytest

from detector.engine import checks
from detector.errors import RuleError
from detector.rules.shapes import expand


@pytest.mark.parametrize(
    ("shape", "looks"),
    [
        ("ghp_{alnum:36}", r"ghp_[0-9A-Za-z]{36}"),
        ("{hex:8}-{upper:2}{digit:3-5}", r"[0-9a-f]{8}-[A-Z]{2}\d{3,5}"),
        ("{[xyz]:6}", r"[xyz]{6}"),
        ("{[a-c0-2_]:9}", r"[a-c0-2_]{9}"),
        ('{{"k": "{lower:3}"}}', r'\{"k": "[a-z]{3}"\}'),
        ("{repeat:ab:3}", "ababab"),
        ("{uuid}", r"[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-a[0-9a-f]{3}-[0-9a-f]{12}"),
    ],
)
def test_a_shape_becomes_a_sample(shape: str, looks: str) -> None:
    for seed in range(20):
        assert re.fullmatch(looks, expand(shape, seed))


def test_the_seed_decides() -> None:
    assert expand("{hex:32}", 1) == expand("{hex:32}", 1) != expand("{hex:32}", 2)


def test_a_checksum_is_completed() -> None:
    token = expand("ghp_{alnum:30}{check:github-crc32}", 4)
    assert checks.run_check("github-crc32", token.encode())


@pytest.mark.parametrize("shape", ["{nope:3}", "{hex:many}"])
def test_a_wrong_shape_is_named(shape: str) -> None:
    with pytest.raises(RuleError, match="shape"):
        expand(shape)


@pytest.mark.parametrize("shape", ["{b64:x}", "{repeat:x:y}", "{azure:nope:3}", "{check:nope}", "{nkey:Z}"])
def test_an_argument_that_does_not_fit_is_named(shape: str) -> None:
    with pytest.raises(RuleError, match="cannot be made from"):
        expand(shape)
