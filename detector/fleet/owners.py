"""Who owns a finding: by the operator's map, else CODEOWNERS at HEAD, else who last changed the file.

CODEOWNERS is read as GitHub and GitLab read it: the last matching line wins, a
line without owners removes ownership, and each section (GitLab) adds its owners.
Its patterns are almost those of .gitignore; where they differ (`dir/*` is not
recursive, no `!`, no character ranges), GitHub's documentation is followed.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from fnmatch import fnmatchcase
from typing import Any, NamedTuple

FILES = (".github/CODEOWNERS", "CODEOWNERS", "docs/CODEOWNERS", ".gitlab/CODEOWNERS")
"""The possible paths; the first that exists counts."""

MAX_SIZE = 3 << 20
"""Bytes; GitHub does not read a longer file either."""

MAX_HISTORY_LOOKUPS = 50
"""Number of paths of one repository for which the history is searched for the last committer."""

_SECTION = re.compile(r"\^?\[([^\]]+)\](?:\[\d+\])?(.*)")


class _OwnerLine(NamedTuple):
    """One line; `depth` is the number of parts that a path must have, 0 for any."""

    section: str
    spec: Any
    depth: int
    owners: tuple[str, ...]


class CodeOwners:
    """One CODEOWNERS file.

    >>> CodeOwners("*  @all\\n/src/  @core @ops\\n").find("src/app.py")
    ('@core', '@ops')
    """

    def __init__(self, text: str) -> None:
        self._lines = list(_parse_lines(text.splitlines()))

    def find(self, path: str) -> tuple[str, ...]:
        """Return the owners of *path*."""
        by_section: dict[str, tuple[str, ...]] = {}
        for line in self._lines:
            if line.depth and path.count("/") + 1 != line.depth:
                continue
            if line.spec.match_file(path):
                by_section[line.section] = line.owners
        return tuple(dict.fromkeys(owner for owners in by_section.values() for owner in owners))


def _parse_lines(lines: Iterable[str]) -> Iterator[_OwnerLine]:
    section = ""
    section_owners: tuple[str, ...] = ()
    for raw in lines:
        line = raw.strip()
        if not line or line.startswith("#"):
            continue
        heading = _SECTION.fullmatch(line)
        if heading:
            section = heading[1].strip().lower()
            section_owners = _select_owners(heading[2].split())
            continue
        pattern, words = _split_line(line)
        if pattern.startswith("!") or "[" in pattern:
            continue
        spec = _compile_pattern(pattern)
        if spec is not None:
            yield _OwnerLine(section, spec, _required_depth(pattern), _select_owners(words) or section_owners)


def _split_line(line: str) -> tuple[str, list[str]]:
    """Return pattern and words of a line; a space in a pattern is escaped by a backslash."""
    parts = re.split(r"(?<!\\)\s+", line)
    words = []
    for word in parts[1:]:
        if word.startswith("#"):
            break
        words.append(word)
    return parts[0], words


def _select_owners(words: Sequence[str]) -> tuple[str, ...]:
    return tuple(word for word in words if "@" in word)


def _compile_pattern(pattern: str) -> Any:
    from detector.ignores.gitignore import compile_gitignore

    spec = compile_gitignore([pattern])
    return spec if len(spec) else None


def _required_depth(pattern: str) -> int:
    """Return the number of parts of a path that ``dir/*`` matches, 0 for any number."""
    if not pattern.endswith("/*") or "**" in pattern:
        return 0
    return pattern.strip("/").count("/") + 1


class Owners:
    """The owners in the repository *name*.

    *table* is the operator's map. Its keys are names of repositories (globs), or
    ``name:pattern`` for some of their paths; the last match wins. *find_committer*
    returns who last changed a path.
    """

    def __init__(
        self,
        name: str,
        table: Mapping[str, str],
        code_owners: CodeOwners | None,
        find_committer: Callable[[str], str],
    ) -> None:
        self._name = name
        self._table = [(key.partition(":"), owner) for key, owner in table.items()]
        self._code_owners = code_owners
        self._find_committer = find_committer
        self._committers: dict[str, str] = {}

    def find(self, path: str, author: str) -> str:
        """Return the owner of *path* as a short text; *author* is who committed the credential."""
        from detector.ignores.gitignore import replace_invalid_bytes

        path = replace_invalid_bytes(path.partition("!")[0])
        return self._find_mapped(path) or (path and self._find_by_path(path)) or author

    def _find_mapped(self, path: str) -> str:
        found = ""
        for (name, colon, pattern), owner in self._table:
            if not fnmatchcase(self._name, name):
                continue
            if not colon or (path and (spec := _compile_pattern(pattern)) and spec.match_file(path)):
                found = owner
        return found

    def _find_by_path(self, path: str) -> str:
        if self._code_owners and (owners := self._code_owners.find(path)):
            return " ".join(owners)
        if path not in self._committers:
            may_look = len(self._committers) < MAX_HISTORY_LOOKUPS
            self._committers[path] = self._find_committer(path) if may_look else ""
        return self._committers[path]
