"""A Secret never shows itself."""

import copy
import json
import pickle

import pytest

from detector.secret import Secret, redact

VALUE = b"kX9" + b"qZ7w" * 9 + b"_tail"


def test_every_way_of_printing_redacts() -> None:
    secret = Secret(VALUE)
    texts = [
        repr(secret),
        str(secret),
        f"{secret}",
        f"{secret:>80}",
        " ".join([str(secret)]),
        repr([secret]),
        repr({"a": secret}),
    ]
    for text in texts:
        assert VALUE.decode()[4:-4] not in text
        assert str(len(VALUE)) in text


@pytest.mark.parametrize("door", [pickle.dumps, copy.deepcopy, copy.copy])
def test_it_does_not_leave_the_process(door) -> None:
    with pytest.raises(TypeError, match="never pickled"):
        door(Secret(VALUE))


def test_it_is_no_json() -> None:
    with pytest.raises(TypeError):
        json.dumps({"secret": Secret(VALUE)})


def test_short_values_show_their_length_alone() -> None:
    assert redact(b"hunter2") == "… (7)"
    assert redact(b"a" * 15) == "… (15)"


def test_at_most_a_quarter_of_a_value_is_shown() -> None:
    for size in range(1, 200):
        shown = redact((b"ABCDEFGHIJKLMNOPQRSTUVWXYZ" * 8)[:size])
        letters = sum(c.isalpha() for c in shown)
        assert letters <= max(0, size / 4), (size, shown)


def test_terminal_escapes_are_not_passed_on() -> None:
    assert "\x1b" not in redact(b"\x1b[31m" + b"a" * 60 + b"\x1b[0m")
    assert redact("päß".encode() * 20) == f"… ({len('päß'.encode() * 20)})"


def test_digests_depend_on_key_and_value() -> None:
    assert Secret(VALUE).digest(b"k") == Secret(VALUE).digest(b"k")
    assert len({Secret(VALUE).digest(b"k"), Secret(VALUE).digest(b"l"), Secret(b"x").digest(b"k")}) == 3
