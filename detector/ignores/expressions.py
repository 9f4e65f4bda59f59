r"""Regular expressions of allowlists, with the syntax of the tool that they were written for.

Most other tools use RE2, in which `$` is the end of the text, `\z` exists and
`{,5}` is literal. Expressions may come from a hostile repository: they run with a
timeout, on a path, a value or a line, never on a whole file.
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Any

TIMEOUT = 0.2
"""Seconds that one expression may take on one text."""

_TOKEN = re.compile(
    r"\\Q(?P<quoted>.*?)(?:\\E|$)|\\x\{(?P<code>[0-9A-Fa-f]+)\}|(?P<end>\\z)|(?P<escape>\\.)"
    r"|(?P<cls>\[\^?\]?(?:\[:\^?\w+:\]|\\.|[^\]\\])*\])|(?P<dollar>\$)|(?P<literal>\{(?=,\d*\}))",
    re.DOTALL,
)


@lru_cache(maxsize=1024)
def compile_pattern(pattern: str) -> Any:
    """Compile *pattern* for bytes. Raises `ValueError` with the reason."""
    import regex

    try:
        return regex.compile(translate_re2(pattern).encode())
    except (regex.error, RecursionError, OverflowError) as error:
        raise ValueError(f"not a valid regular expression: {error}") from None


def translate_re2(pattern: str) -> str:
    r"""Translate RE2 syntax to that of the `regex` module.

    >>> translate_re2(r"\Qa.b\E$")
    'a\\.b\\Z'
    """
    multiline = re.search(r"\(\?[a-zA-Z]*m", pattern) is not None

    def translate(token: re.Match[str]) -> str:
        if token["quoted"] is not None:
            return re.escape(token["quoted"])
        if token["code"]:
            return "".join(f"\\x{byte:02x}" for byte in chr(int(token["code"], 16)).encode())
        if token["end"] or (token["dollar"] and not multiline):
            return r"\Z"
        return r"\{" if token["literal"] else token[0]

    return _TOKEN.sub(translate, pattern)


def matches_any(patterns: tuple[str, ...], text: bytes) -> bool:
    """Tell whether any of *patterns* matches in *text*; one that exceeds the timeout does not."""
    for pattern in patterns:
        try:
            if compile_pattern(pattern).search(text, timeout=TIMEOUT):
                return True
        except TimeoutError:
            continue
    return False
