"""Regular expressions that are compiled when they are first used.

Sixty of them at the head of modules cost a hook fifteen milliseconds, and most commits need a handful.
"""

from __future__ import annotations

import re
from typing import Any, AnyStr, cast


class _Expression:
    """Stands for an expression until somebody asks something of it."""

    def __init__(self, pattern: str | bytes, flags: int) -> None:
        self._asked = pattern, flags

    def __getattr__(self, name: str) -> Any:
        compiled: Any = re.compile(*self._asked)
        for method in ("search", "match", "fullmatch", "finditer", "findall", "split", "sub", "pattern"):
            setattr(self, method, getattr(compiled, method))
        return getattr(compiled, name)


def expression(pattern: AnyStr, flags: int = 0) -> re.Pattern[AnyStr]:
    """Return what behaves like ``re.compile(pattern, flags)``; a mistake in it shows at its first use.

    >>> expression("b+").sub("c", "abba")
    'aca'
    """
    return cast("re.Pattern[AnyStr]", _Expression(pattern, flags))
