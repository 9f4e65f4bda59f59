"""Lock files of Gradle: one ``group:name:version=configurations`` on each line."""

from __future__ import annotations

import re
from collections.abc import Iterator

from detector.incident.dependents import _safe_parsers
from detector.incident.dependents._contract import DependencyEntry, DependencyFile, IsWanted, UnreadableFile

FILES = ("gradle.lockfile", "*-gradle.lockfile", "buildscript-gradle.lockfile", "dependency-locks/*.lockfile")
LOCKS = True

_LINE = re.compile(r"([^:=\s]+):([^:=\s]+):([^:=\s]+)(?:=(.*))?")


def read(file: DependencyFile, is_wanted: IsWanted) -> Iterator[DependencyEntry]:
    """Yield the locked modules; the file does not say which are direct."""
    malformed = 0
    for raw in _safe_parsers.decode_text(file.data).splitlines():
        line = raw.partition("#")[0].strip()
        found = _LINE.fullmatch(line)
        if found is None:
            malformed += bool(line) and not line.startswith("empty=")
        elif is_wanted("maven", f"{found[1]}:{found[2]}"):
            yield DependencyEntry("maven", f"{found[1]}:{found[2]}", version=found[3])
    if malformed:
        raise UnreadableFile(f"is not a lock file of Gradle: {malformed} lines name no module")
