"""The altered copy: another credential of the same shape."""

import string

import pytest
from hypothesis import given
from hypothesis import strategies as st

from detector.engine import checks
from detector.model import Anchor, Rule
from detector.probes.core.negative_control import alter_secret
from detector.rules.shapes import expand
from detector.secret import Secret

RULE = Rule("acme.key", "Acme key", anchors=(Anchor(b"acme_live_"),))


def shape(value: bytes) -> list[str]:
    kinds = (string.digits, string.ascii_lowercase, string.ascii_uppercase)
    return [next((kind for kind in kinds if chr(b) in kind), chr(b)) for b in value]


@pytest.mark.parametrize(
    "sample",
    ["acme_live_{alnum:32}", "acme_live_{hex:40}", "{uuid}", "{digit:10}:AA{base64url:33}", "SG.{alnum:22}.{alnum:43}"],
)
def test_a_copy_keeps_the_shape_and_the_prefix(sample: str) -> None:
    value = expand(sample, 7).encode()
    made = alter_secret(Secret(value), RULE).reveal()
    assert made != value and shape(made) == shape(value)
    assert sum(a != b for a, b in zip(made, value, strict=True)) >= 6
    if value.startswith(b"acme_live_"):
        assert made.startswith(b"acme_live_")


def test_a_copy_of_a_hex_value_stays_hex() -> None:
    made = alter_secret(Secret(expand("{hex:40}", 3).encode()), RULE).reveal().decode()
    assert set(made) <= set("0123456789abcdef")


def test_a_copy_has_a_right_checksum() -> None:
    rule = Rule("github.pat", "GitHub token", anchors=(Anchor(b"ghp_"),), checks=("github-crc32",))
    value = expand("ghp_{alnum:30}{check:github-crc32}", 5).encode()
    made = alter_secret(Secret(value), rule).reveal()
    assert made != value and len(made) == len(value) and checks.run_check("github-crc32", made).valid


@given(st.binary(min_size=1, max_size=64))
def test_any_bytes_have_a_copy_that_differs(value: bytes) -> None:
    assert alter_secret(Secret(value), RULE).reveal() != value
