"""What a candidate says of its declaration."""

import pytest

from detector.engine.declarations import read_declarations
from tests.detector.engine.declarations.reading import VALUE, read_values


@pytest.mark.parametrize(
    ("text", "quoted"),
    [(b'{"password": hunter22}', True), (b"password: hunter22", False), (b'"X-Token: hunter22"', False)],
)
def test_it_says_whether_the_name_stands_between_quotes(text: bytes, quoted: bool) -> None:
    found = [
        candidate
        for candidate in read_declarations(text, text.lower(), "data")
        if b"hunter22" in text[candidate.start :]
    ]
    assert found
    assert all(candidate.quoted_name == quoted for candidate in found)


@pytest.mark.parametrize(
    "text",
    [
        "authorization: 'Basic {V}'",
        '"token": "Bearer {V}"',
        'body("auth", equalTo("ApiKey {V}"));',
        '{{"key": "Authorization", "value": "Basic {V}"}}',
        "openssl req -passin pass:{V} -new",
        "openssl pkcs12 -password pass:{V} -out x.p12",
    ],
)
def test_the_scheme_of_a_header_is_no_part_of_the_value(text: str) -> None:
    values = read_values("a.js", text.format(V=VALUE).encode())
    assert VALUE.encode() in values
    assert not [value for value in values if VALUE.encode() in value and value != VALUE.encode()]


def test_a_phrase_that_begins_with_the_word_for_a_scheme_is_whole() -> None:
    assert read_values("a.py", b"password = 'token of my love'") == [b"token of my love"]
