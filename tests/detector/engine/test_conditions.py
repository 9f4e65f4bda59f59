"""Conditions judge the secret, the match, its lines, the path, the neighbourhood."""

import pytest

from detector.engine.conditions import is_met
from detector.engine.confirm import Match

DATA = b'first\nkey = "Ab1$"; # demo\nlast words\n'
HERE = Match(6, 18, 13, 17)
assert DATA[13:17] == b"Ab1$"


@pytest.mark.parametrize(
    ("condition", "expected"),
    [
        (("or",), False),
        (("and",), True),
        (("not", ("or",)), True),
        (("entropy", "<=", 2.0), True),
        (("entropy", "<", 2.0), False),
        (("size", "==", 4), True),
        (("count", "digits", "<", 1), False),
        (("count", "uppercase", "<", 2), True),
        (("count", "special", ">=", 1), True),
        (("count", b"#$", "==", 1), True),
        (("matches", "secret", "^Ab"), True),
        (("matches", "match", "^key = "), True),
        (("matches", "line", "demo$"), True),
        (("matches", "line", "first|last"), False),
        (("matches", "path", r"\.py\Z"), True),
        (("contains", "secret", b"ab1"), True),
        (("contains-case", "secret", b"ab1"), False),
        (("is", "secret", b"Ab1$"), True),
        (("starts", "path", b"src/"), True),
        (("ends", "path", b".js", b".py"), True),
        (("absent", b"first"), False),
        (("absent", b"nowhere", b"elsewhere"), True),
    ],
)
def test_a_condition_holds_or_not(condition: tuple[object, ...], expected: bool) -> None:
    assert is_met(condition, DATA, HERE, "src/x.py") is expected


def test_an_expression_that_takes_too_long_does_not_hold() -> None:
    data = b"a" * 40 + b"!"
    assert not is_met(("matches", "secret", r"^(?:a|a)*\1?$|(a+)+b\Z"), data, Match(0, 41, 0, 41), "")
