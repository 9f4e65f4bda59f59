"""Whose a finding is: the operator's map, else CODEOWNERS at HEAD, else who last changed the file.

CODEOWNERS is read as GitHub and GitLab read it: the last line that fits wins,
a line without owners takes ownership away, and sections (GitLab) each have a
say. Its patterns are almost those of .gitignore; where they differ (`dir/*` is
not recursive, no `!`, no character ranges) its own manual is followed.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from fnmatch import fnmatchcase
from typing import Any, NamedTuple

FILES = (".github/CODEOWNERS", "CODEOWNERS", "docs/CODEOWNERS", ".gitlab/CODEOWNERS")
"""Where it may be; the first that exists counts."""

MAX_SIZE = 3 << 20
"""Bytes; GitHub does not read a longer one either."""

MOST_ASKED = 50
"""Paths of one repository for which the history is asked who changed them last."""

_SECTION = re.compile(r"\^?\[([^\]]+)\](?:\[\d+\])?(.*)")


class _Line(NamedTuple):
    section: str
    spec: Any
    flat: int
    owners: tuple[str, ...]


class CodeOwners:
    """One CODEOWNERS file.

    >>> CodeOwners("*  @all\\n/src/  @core @ops\\n").of("src/app.py")
    ('@core', '@ops')
    """

    def __init__(self, text: str) -> None:
        self._lines = list(_parsed(text.splitlines()))

    def of(self, path: str) -> tuple[str, ...]:
        """Return the owners of *path*, none if it has none."""
        last: dict[str, tuple[str, ...]] = {}
        for line in self._lines:
            if line.flat and path.count("/") + 1 != line.flat:
                continue
            if line.spec.match_file(path):
                last[line.section] = line.owners
        return tuple(dict.fromkeys(owner for owners in last.values() for owner in owners))


def _parsed(lines: Iterable[str]) -> Iterable[_Line]:
    section = ""
    usual: tuple[str, ...] = ()
    for raw in lines:
        line = raw.strip()
        if not line or line.startswith("#"):
            continue
        head = _SECTION.fullmatch(line)
        if head:
            section = head[1].strip().lower()
            usual = _owners(head[2].split())
            continue
        pattern, words = _split(line)
        if pattern.startswith("!") or "[" in pattern:
            continue
        spec = _spec(pattern)
        if spec is not None:
            yield _Line(section, spec, _depth(pattern), _owners(words) or usual)


def _split(line: str) -> tuple[str, list[str]]:
    """Part the pattern from the owners; a space in a pattern has a backslash before it."""
    parts = re.split(r"(?<!\\)\s+", line)
    words = []
    for word in parts[1:]:
        if word.startswith("#"):
            break
        words.append(word)
    return parts[0], words


def _owners(words: Sequence[str]) -> tuple[str, ...]:
    return tuple(word for word in words if "@" in word)


def _spec(pattern: str) -> Any:
    from pathspec import GitIgnoreSpec

    try:
        return GitIgnoreSpec.from_lines([pattern])
    except ValueError:
        return None


def _depth(pattern: str) -> int:
    """Return how many parts a path must have that ``dir/*`` fits, 0 for any number."""
    if not pattern.endswith("/*") or "**" in pattern:
        return 0
    return pattern.strip("/").count("/") + 1


class Owners:
    """Who owns what in one repository; *table* is the operator's map, *last* asks who last changed a path.

    Keys of the map are names of repositories (globs), or ``name:pattern`` for
    some of its paths; the last that fits wins.
    """

    def __init__(self, name: str, table: Mapping[str, str], code: CodeOwners | None, last: Any) -> None:
        self._name = name
        self._table = [(key.partition(":"), owner) for key, owner in table.items()]
        self._code = code
        self._last = last
        self._asked: dict[str, str] = {}

    def of(self, path: str, author: str) -> str:
        """Return the owner of *path* as a short text; *author* is who brought the credential in."""
        from detector.ignores.policy import replace_invalid_bytes

        path = replace_invalid_bytes(path.partition("!")[0])
        mapped = ""
        for (name, colon, pattern), owner in self._table:
            if fnmatchcase(self._name, name) and (
                not colon or (path and (spec := _spec(pattern)) and spec.match_file(path))
            ):
                mapped = owner
        if mapped:
            return mapped
        if path and self._code and (owners := self._code.of(path)):
            return " ".join(owners)
        if path:
            if path not in self._asked:
                self._asked[path] = self._last(path) if len(self._asked) < MOST_ASKED else ""
            if self._asked[path]:
                return self._asked[path]
        return author
