"""Lock files of Gradle: one ``group:name:version=configurations`` on each line."""

from __future__ import annotations

import re
from collections.abc import Iterator

from detector.incident.dependents import _safe_parsers
from detector.incident.dependents._entry import Entry, File, Unreadable, Wanted

FILES = ("gradle.lockfile", "*-gradle.lockfile", "buildscript-gradle.lockfile", "dependency-locks/*.lockfile")
LOCKS = True

_LINE = re.compile(r"([^:=\s]+):([^:=\s]+):([^:=\s]+)(?:=(.*))?")


def read(file: File, wanted: Wanted) -> Iterator[Entry]:
    """Yield the locked modules; the file does not tell which of them are direct."""
    odd = 0
    for raw in _safe_parsers.text(file.data).splitlines():
        line = raw.partition("#")[0].strip()
        found = _LINE.fullmatch(line)
        if found is None:
            odd += bool(line) and not line.startswith("empty=")
        elif wanted("maven", f"{found[1]}:{found[2]}"):
            yield Entry("maven", f"{found[1]}:{found[2]}", version=found[3])
    if odd:
        raise Unreadable(f"is not a lock file of Gradle: {odd} lines name no module")
