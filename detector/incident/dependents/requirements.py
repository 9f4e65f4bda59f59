"""Requirements files of pip, with includes and constraints.

In a file that pip-compile or uv wrote, comments (``# via``) name the packages that require
a package. A constraint alone installs nothing; it sets the version of a requirement.
"""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterator
from typing import NamedTuple

from detector.incident.dependents import _safe_parsers
from detector.incident.dependents._contract import DependencyEntry, DependencyFile, IsWanted, UnreadableFile
from detector.incident.dependents._graph import find_paths
from detector.incident.dependents._names import normalize_name
from detector.incident.dependents._python import make_entry, parse_requirement

FILES = (
    "requirements*.txt",
    "*requirements.txt",
    "requirements/*.txt",
    "requirements*.in",
    "requirements/*.in",
    "requirements*.pip",
    "constraints*.txt",
)
LOCKS = False

MAX_INCLUDES = 64

_OPTION = re.compile(r"(?:(-[rcef])\s*=?\s*|--(requirement|constraint|editable)(?:\s+|=\s*))(.+)")
_COMMENT = re.compile(r"(?:^|\s)#.*")
_VIA = re.compile(r"#\s*via\b\s*(.*)|#\s{2,}(\S.*)")


class _RequirementLine(NamedTuple):
    """A requirement or constraint, its file, and the names in its ``# via`` comment."""

    name: str
    constraint: str
    path: str
    constrains: bool
    via: tuple[str, ...]


def read(file: DependencyFile, is_wanted: IsWanted) -> Iterator[DependencyEntry]:
    """Yield the requirements of *file* and of what it includes."""
    problems: list[str] = []
    constrains = "constraint" in posixpath.basename(file.path).lower()
    lines = list(_read_lines(file, file.path, file.data, constrains, set(), problems))
    pins = {normalize_name("pypi", line.name): line.constraint for line in lines if line.constrains}
    requested = {normalize_name("pypi", line.name) for line in lines if not line.constrains}
    direct, needs = _read_via_comments(lines)
    hits = {normalize_name("pypi", line.name) for line in lines if is_wanted("pypi", line.name)}
    paths = find_paths(sorted(direct), lambda name: sorted(needs.get(name, ())), hits) if needs else {}
    versions = {normalize_name("pypi", line.name): line.constraint for line in lines}
    for line in lines:
        name = normalize_name("pypi", line.name)
        if name not in hits:
            continue
        if line.constrains:
            if name not in requested:
                yield DependencyEntry("pypi", line.name, constraint=line.constraint, note="constraint", path=line.path)
            continue
        pinned = line.constraint.startswith("==") or name not in pins
        yield make_entry(
            line.name,
            line.constraint if pinned else pins[name],
            direct=name in direct,
            via=tuple(_format_requirement(step, versions) for step in paths.get(name, ())),
            note="" if pinned else "pinned by a constraint",
            path=line.path,
        )
    if problems:
        raise UnreadableFile(problems[0])


def _format_requirement(name: str, versions: dict[str, str]) -> str:
    constraint = versions.get(name, "")
    return f"{name}@{constraint[2:]}" if constraint.startswith("==") else name


def _read_via_comments(lines: list[_RequirementLine]) -> tuple[set[str], dict[str, set[str]]]:
    """Return the direct requirements, and the packages that each package requires, from the ``# via`` comments."""
    direct: set[str] = set()
    needs: dict[str, set[str]] = {}
    listed = {normalize_name("pypi", line.name) for line in lines}
    for line in lines:
        name = normalize_name("pypi", line.name)
        for via in line.via:
            if normalize_name("pypi", via) not in listed:  # -r requirements.in, or the project itself
                direct.add(name)
            else:
                needs.setdefault(normalize_name("pypi", via), set()).add(name)
        if not line.via and not line.constrains:
            direct.add(name)
    return direct, needs


def _read_lines(
    file: DependencyFile, path: str, data: bytes, constrains: bool, seen: set[str], problems: list[str]
) -> Iterator[_RequirementLine]:
    seen.add(path)
    pending: _RequirementLine | None = None
    for raw in re.sub(r"\\\r?\n", " ", _safe_parsers.decode_text(data)).splitlines():
        line = _COMMENT.sub("", raw).strip()
        if not line:
            comment = _VIA.match(raw.strip())
            if pending and comment:
                pending = _add_via(pending, comment[1] or comment[2] or "")
            elif pending and not raw.strip():
                yield pending
                pending = None
            continue
        if pending:
            yield pending
            pending = None
        option = _OPTION.fullmatch(line)
        if option and (option[1] or "-" + option[2][0]) in ("-r", "-c"):
            kind = (option[1] or "-" + option[2][0]) == "-c"
            yield from _read_included(file, path, option[3].strip(" '\""), constrains or kind, seen, problems)
            continue
        if line.startswith("-") and not option:
            continue
        name, constraint = parse_requirement(option[3] if option else line)
        if name:
            pending = _RequirementLine(name, constraint, path, constrains, ())
            comment = _VIA.search(raw)
            if comment:
                pending = _add_via(pending, comment[1] or "")
    if pending:
        yield pending


def _add_via(line: _RequirementLine, comment: str) -> _RequirementLine:
    if comment.startswith("-"):
        return line._replace(via=(*line.via, comment))
    parts = [part.strip() for part in comment.split(",")]
    return line._replace(via=(*line.via, *(part for part in parts if part)))


def _read_included(
    file: DependencyFile, path: str, name: str, constrains: bool, seen: set[str], problems: list[str]
) -> Iterator[_RequirementLine]:
    if "://" in name:
        problems.append("includes a URL, which is not fetched")
        return
    target = posixpath.normpath(posixpath.join(posixpath.dirname(path), name.replace("\\", "/")))
    if target in seen:
        return
    if len(seen) > MAX_INCLUDES:
        problems.append(f"includes more than {MAX_INCLUDES} files")
        return
    try:
        from_here = posixpath.relpath(target, posixpath.dirname(file.path) or ".")
        data = file.read_sibling(name if name.startswith(("/", "~")) else from_here)
    except UnreadableFile as error:
        problems.append(str(error))
        return
    if data is None:
        problems.append(f"includes {name!r}, which does not exist")
        return
    yield from _read_lines(file, target, data, constrains, seen, problems)
