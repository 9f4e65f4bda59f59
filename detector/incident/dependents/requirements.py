"""Requirement files of pip, with what they include and with constraints.

Where pip-compile or uv wrote the file, its remarks (``# via``) say what brought
a package in. A constraint pins what is installed anyway: it gives a requirement
its version; alone it is no more than a hint.
"""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterator
from typing import NamedTuple

from detector.incident.dependents import _safe_parsers
from detector.incident.dependents._entry import Entry, File, Unreadable, Wanted
from detector.incident.dependents._graph import ways
from detector.incident.dependents._names import normal
from detector.incident.dependents._python import entry, requirement

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
_REMARK = re.compile(r"(?:^|\s)#.*")
_VIA = re.compile(r"#\s*via\b\s*(.*)|#\s{2,}(\S.*)")


class _Line(NamedTuple):
    """A requirement, where it stands, and what it says to have brought it in."""

    name: str
    constraint: str
    path: str
    constrains: bool
    via: tuple[str, ...]


def read(file: File, wanted: Wanted) -> Iterator[Entry]:
    """Yield the requirements of *file* and of what it includes."""
    problems: list[str] = []
    constrains = "constraint" in posixpath.basename(file.path).lower()
    lines = list(_lines(file, file.path, file.data, constrains, set(), problems))
    pins = {normal("pypi", line.name): line.constraint for line in lines if line.constrains}
    asked = {normal("pypi", line.name) for line in lines if not line.constrains}
    direct, needs = _explained(lines)
    hits = {normal("pypi", line.name) for line in lines if wanted("pypi", line.name)}
    known = ways(sorted(direct), lambda name: sorted(needs.get(name, ())), hits) if needs else {}
    versions = {normal("pypi", line.name): line.constraint for line in lines}
    for line in lines:
        name = normal("pypi", line.name)
        if name not in hits:
            continue
        if line.constrains:
            if name not in asked:
                yield Entry("pypi", line.name, constraint=line.constraint, note="constraint", path=line.path)
            continue
        pinned = line.constraint.startswith("==") or name not in pins
        yield entry(
            line.name,
            line.constraint if pinned else pins[name],
            direct=name in direct,
            via=tuple(_shown(step, versions) for step in known.get(name, ())),
            note="" if pinned else "by a constraint",
            path=line.path,
        )
    if problems:
        raise Unreadable(problems[0])


def _shown(name: str, versions: dict[str, str]) -> str:
    constraint = versions.get(name, "")
    return f"{name}@{constraint[2:]}" if constraint.startswith("==") else name


def _explained(lines: list[_Line]) -> tuple[set[str], dict[str, set[str]]]:
    """Return what was asked for by people, and what needs what, as the remarks tell it."""
    direct: set[str] = set()
    needs: dict[str, set[str]] = {}
    listed = {normal("pypi", line.name) for line in lines}
    for line in lines:
        name = normal("pypi", line.name)
        for via in line.via:
            if normal("pypi", via) not in listed:  # -r requirements.in, or the project itself
                direct.add(name)
            else:
                needs.setdefault(normal("pypi", via), set()).add(name)
        if not line.via and not line.constrains:
            direct.add(name)
    return direct, needs


def _lines(
    file: File, path: str, data: bytes, constrains: bool, seen: set[str], problems: list[str]
) -> Iterator[_Line]:
    seen.add(path)
    pending: _Line | None = None
    for raw in re.sub(r"\\\r?\n", " ", _safe_parsers.text(data)).splitlines():
        line = _REMARK.sub("", raw).strip()
        if not line:
            said = _VIA.match(raw.strip())
            if pending and said:
                pending = _with_via(pending, said[1] or said[2] or "")
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
            yield from _included(file, path, option[3].strip(" '\""), constrains or kind, seen, problems)
            continue
        if line.startswith("-") and not option:
            continue
        name, constraint = requirement(option[3] if option else line)
        if name:
            pending = _Line(name, constraint, path, constrains, ())
            said = _VIA.search(raw)
            if said:
                pending = _with_via(pending, said[1] or "")
    if pending:
        yield pending


def _with_via(line: _Line, said: str) -> _Line:
    if said.startswith("-"):
        return line._replace(via=(*line.via, said))
    parts = [part.strip() for part in said.split(",")]
    return line._replace(via=(*line.via, *(part for part in parts if part)))


def _included(
    file: File, path: str, name: str, constrains: bool, seen: set[str], problems: list[str]
) -> Iterator[_Line]:
    if "://" in name:
        problems.append("includes a file from the network, which is not fetched")
        return
    target = posixpath.normpath(posixpath.join(posixpath.dirname(path), name.replace("\\", "/")))
    if target in seen:
        return
    if len(seen) > MAX_INCLUDES:
        problems.append(f"includes more than {MAX_INCLUDES} files")
        return
    try:
        from_here = posixpath.relpath(target, posixpath.dirname(file.path) or ".")
        data = file.beside(name if name.startswith(("/", "~")) else from_here)
    except Unreadable as error:
        problems.append(str(error))
        return
    if data is None:
        problems.append(f"includes {name!r}, which is not there")
        return
    yield from _lines(file, target, data, constrains, seen, problems)
