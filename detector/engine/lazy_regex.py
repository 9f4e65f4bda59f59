"""Regular expressions that are compiled on first use.

Compiling sixty of them at import costs a hook fifteen milliseconds, and most commits need only a few.
"""

from __future__ import annotations

import re
from typing import Any, AnyStr, cast


class _LazyPattern:
    """A pattern that compiles itself when one of its methods is first used."""

    def __init__(self, pattern: str | bytes, flags: int) -> None:
        self._arguments = pattern, flags

    def __getattr__(self, name: str) -> Any:
        compiled: Any = re.compile(*self._arguments)
        for method in ("search", "match", "fullmatch", "finditer", "findall", "split", "sub", "pattern"):
            setattr(self, method, getattr(compiled, method))
        return getattr(compiled, name)


def compile_lazily(pattern: AnyStr, flags: int = 0) -> re.Pattern[AnyStr]:
    """Return a stand-in for ``re.compile(pattern, flags)``; an invalid pattern raises on first use.

    >>> compile_lazily("b+").sub("c", "abba")
    'aca'
    """
    return cast("re.Pattern[AnyStr]", _LazyPattern(pattern, flags))
