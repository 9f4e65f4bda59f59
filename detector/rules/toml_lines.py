"""Parse TOML, and find the lines of its tables and keys: messages name them, and `tomllib` does not keep them."""

from __future__ import annotations

import re
import tomllib
from typing import Any

from detector.errors import RuleError

_MULTI_LINE = re.compile(r"'''.*?'''|\"\"\".*?\"\"\"", re.DOTALL)


def parse_toml(text: str, path: str) -> dict[str, Any]:
    """Parse *text*; raises `RuleError` with the line of a mistake."""
    try:
        return tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        line = re.search(r"at line (\d+)", str(error))
        raise RuleError(f"{path}:{line[1] if line else text.count(chr(10)) + 1}: {error}") from None


class TomlLines:
    r"""Lines of the tables ``[[name]]`` and of their keys; keys are found in any case.

    >>> lines = TomlLines("[[rule]]\nid = 'a'\n[[rule]]\nid = 'b'\n[rule.probe]\nget = 'x'\n", "rule")
    >>> lines.start(1, of=2), lines.key(1, "id", of=2), lines.key(1, "probe", of=2)
    (3, 4, 5)
    """

    def __init__(self, text: str, name: str) -> None:
        self._name = re.escape(name)
        self._lines = _MULTI_LINE.sub(lambda string: re.sub(r"[^\n]", " ", string[0]), text).split("\n")
        header = re.compile(rf"\s*\[\[\s*{self._name}\s*\]\]", re.IGNORECASE)
        self._starts = [number for number, line in enumerate(self._lines, 1) if header.match(line)]

    def start(self, index: int, *, of: int) -> int:
        """Return the line of the table number *index* of *of*, that of the first one if they are inline tables."""
        return self._starts[index] if len(self._starts) == of else self.top(self._name)

    def key(self, index: int, key: str, *, of: int) -> int:
        """Return the line of *key* in the table number *index* of *of*, that of the table if it is not found."""
        first = self.start(index, of=of)
        last = self._starts[index + 1] if len(self._starts) == of and index + 1 < of else len(self._lines) + 1
        return self._find(key, first, last) or first

    def top(self, key: str) -> int:
        """Return the line of the first *key* or table with that name, 1 if there is none."""
        return self._find(key, 1, len(self._lines) + 1) or 1

    def _find(self, key: str, first: int, last: int) -> int:
        name = rf"[\"']?{re.escape(key)}[\"']?\s*(?:[.=\]]|$)"
        wanted = re.compile(rf"\s*(?:\[+\s*(?:{self._name}\s*\.\s*)?)?{name}", re.IGNORECASE)
        return next((number for number in range(first, last) if wanted.match(self._lines[number - 1])), 0)
