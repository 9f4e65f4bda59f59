"""go.mod: the versions that a Go module is built with, after replacements."""

from __future__ import annotations

import re
from collections.abc import Iterator

from detector.incident.dependents._contract import DependencyEntry, DependencyFile, IsWanted
from detector.incident.dependents._go import parse_go_mod

FILES = ("go.mod",)
LOCKS = True


def read(file: DependencyFile, is_wanted: IsWanted) -> Iterator[DependencyEntry]:
    """Yield the requirements; a replaced one is yielded as its replacement."""
    module = parse_go_mod(file.data)
    for path, version, indirect in module.requires:
        new = module.replaces.get((path, version)) or module.replaces.get((path, ""))
        name, at, note = path, version, ""
        if new:
            if re.match(r"\.{0,2}/|[A-Za-z]:", new[0]):
                continue  # a folder
            name, at, note = new[0], new[1] or version, f"replaces {path}"
        if is_wanted("golang", name):
            yield DependencyEntry("golang", name, version=at, direct=not indirect, note=note)
