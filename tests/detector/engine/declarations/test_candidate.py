"""What a candidate says of its declaration."""

import pytest

from detector.engine.declarations import read_declarations


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
