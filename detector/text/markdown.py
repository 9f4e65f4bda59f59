"""Markdown: text from others as code spans, or with its markup escaped."""

from __future__ import annotations

import re

from detector.text.untrusted import make_printable

_MARKUP = re.compile(r"([\\`*_{}\[\]<>#|~!&])")


def format_code(text: str) -> str:
    """Return *text* as a code span, whatever backticks it holds.

    >>> print(format_code("a`b"))
    ``a`b``
    """
    text = make_printable(text.replace("\t", " "))
    fence = "`" * (max(map(len, re.findall("`+", text)), default=0) + 1)
    space = " " if text[:1] == "`" or text[-1:] == "`" or not text.strip() else ""
    return f"{fence}{space}{text}{space}{fence}"


def escape_markup(text: str) -> str:
    """Return *text* with markup escaped, and a space of no width after each @, which mentions nobody then."""
    return _MARKUP.sub(r"\\\1", make_printable(text)).replace("@", "@\u200b")
