"""go.mod: the versions that a Go module is built with; what is replaced is something else."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import NamedTuple

from detector.incident.dependents import _safe_parsers
from detector.incident.dependents._entry import Entry, File, Unreadable, Wanted

FILES = ("go.mod",)
LOCKS = True


class Module(NamedTuple):
    """What a go.mod says: requirements as (path, version, indirect), and replacements."""

    requires: tuple[tuple[str, str, bool], ...]
    replaces: dict[tuple[str, str], tuple[str, str]]


def parse(data: bytes) -> Module:
    """Parse go.mod."""
    requires: list[tuple[str, str, bool]] = []
    replaces: dict[tuple[str, str], tuple[str, str]] = {}
    block = ""
    known = False
    for raw in _safe_parsers.text(data).splitlines():
        line, _, remark = raw.partition("//")
        words = [word.strip('"`') for word in line.split()]
        if not words:
            continue
        if block and words[0] == ")":
            block = ""
            continue
        if not block:
            if words[1:2] == ["("]:
                block = words[0]
                known = True
                continue
            verb, words = words[0], words[1:]
            known = known or verb in ("module", "go", "require")
        else:
            verb = block
        if verb == "require" and len(words) >= 2:
            requires.append((words[0], words[1], remark.strip().startswith("indirect")))
        elif verb == "replace" and "=>" in words:
            at = words.index("=>")
            old, new = words[:at], words[at + 1 :]
            if old and new:
                replaces[old[0], old[1] if len(old) > 1 else ""] = (new[0], new[1] if len(new) > 1 else "")
    if not known:
        raise Unreadable("is not a go.mod")
    return Module(tuple(requires), replaces)


def read(file: File, wanted: Wanted) -> Iterator[Entry]:
    """Yield the requirements, each as what it is replaced by."""
    module = parse(file.data)
    for path, version, indirect in module.requires:
        new = module.replaces.get((path, version)) or module.replaces.get((path, ""))
        name, at, note = path, version, ""
        if new:
            if re.match(r"\.{0,2}/|[A-Za-z]:", new[0]):
                continue  # a folder
            name, at, note = new[0], new[1] or version, f"in place of {path}"
        if wanted("golang", name):
            yield Entry("golang", name, version=at, direct=not indirect, note=note)
