"""An expression that is compiled late is the same expression."""

import re

import pytest

from detector.engine.lazy_regex import compile_lazily


def test_it_behaves_like_the_compiled_one() -> None:
    late, now = compile_lazily(rb"(a+)(b)?", re.IGNORECASE), re.compile(rb"(a+)(b)?", re.IGNORECASE)
    for text in (b"xAAb", b"", b"ba"):
        assert [found.span(1) for found in late.finditer(text)] == [found.span(1) for found in now.finditer(text)]
        assert bool(late.match(text)) == bool(now.match(text)) and late.sub(b"-", text) == now.sub(b"-", text)
    assert late.pattern == now.pattern and late.groups == now.groups


def test_a_mistake_shows_at_first_use() -> None:
    broken = compile_lazily("(")
    with pytest.raises(re.error):
        broken.search("")
