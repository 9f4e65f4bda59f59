"""Where literals end: within their line, inside the text, whatever surrounds them."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from detector.engine.declarations import read_declarations
from detector.engine.declarations.literals import cut_at_bracket, read_quoted
from tests.detector.engine.declarations import test_command_lines, test_named, test_separate_fields, test_tables
from tests.detector.engine.declarations.reading import VALUE, read_values

FORMS = [
    form for table in (test_named, test_separate_fields, test_tables, test_command_lines) for _, form in table.FORMS
]


@pytest.mark.parametrize(
    ("text", "value"),
    [
        (b"'it\\'s'", b"it\\'s"),
        (b'"open', b"open"),
        (b'"""\nvalue"""', b"value"),
        (b"'\"inside\"'", b"inside"),
        (b"q(value)", b"value"),
    ],
)
def test_a_quoted_literal_ends_at_its_quote(text: bytes, value: bytes) -> None:
    literal = read_quoted(text, text.lower(), 0)
    assert literal is not None
    assert text[literal.start : literal.end] == value


@pytest.mark.parametrize(("text", "value"), [(b"{a: abc}", b"abc"), (b"a: ab}c", b"ab}c"), (b"[a: (b)c]", b"(b)c")])
def test_a_bare_value_ends_at_a_bracket_that_was_opened_before_it(text: bytes, value: bytes) -> None:
    start = text.index(b": ") + 2
    assert text[start : cut_at_bracket(text, start, len(text))] == value


@given(st.lists(st.sampled_from(FORMS), min_size=1, max_size=4), st.text(max_size=30))
@settings(max_examples=150, deadline=None)
def test_a_value_never_crosses_a_line_end(forms: list[str], noise: str) -> None:
    text = (noise + "\n").join(form.format(V=VALUE) for form in forms).encode()
    for kind in ("code", "configuration", "shell", "data", "documentation", "unknown", "other"):
        for candidate in read_declarations(text, text.lower(), kind):
            assert 0 <= candidate.start <= candidate.end <= len(text)
            assert b"\n" not in text[candidate.start : candidate.end]


@given(st.binary(max_size=300))
@settings(max_examples=200, deadline=None)
def test_it_survives_any_bytes(data: bytes) -> None:
    text = b"password" + data + b'token = "x" <key>' + data
    for kind in ("code", "configuration", "unknown"):
        for candidate in read_declarations(text, text.lower(), kind):
            assert 0 <= candidate.start <= candidate.end <= len(text)


def test_the_number_of_an_owner_and_a_bar_are_part_of_a_token() -> None:
    assert read_values("a.java", b'"access_token=1669|2.abcDEF7890"') == [b"1669|2.abcDEF7890"]
    assert read_values("a.sh", b"token=abcDEF7890x|base64") == [b"abcDEF7890x"]
