"""build.gradle: code that is not executed, so only literal coordinates are found."""

from __future__ import annotations

import re
from collections.abc import Iterator

from detector.incident.dependents import _safe_parsers
from detector.incident.dependents._contract import DependencyEntry, DependencyFile, IsWanted

FILES = ("build.gradle", "build.gradle.kts", "*.gradle")
LOCKS = False

_COORDINATES = re.compile(r"""(["'])([\w.-]+):([\w.-]+)(?::([^"':@\s]+))?(?:[:@][^"'\s]*)?\1""")
_NAMED_ARGUMENTS = re.compile(
    r"""group\s*[:=]\s*(["'])([\w.-]+)\1\s*,\s*name\s*[:=]\s*(["'])([\w.-]+)\3(?:\s*,\s*version\s*[:=]\s*(["'])([^"'\s]+)\5)?"""
)


def read(file: DependencyFile, is_wanted: IsWanted) -> Iterator[DependencyEntry]:
    """Yield the named modules."""
    text = _safe_parsers.decode_text(file.data)
    for found in _COORDINATES.finditer(text):
        yield from _list_entries(found[2], found[3], found[4] or "", is_wanted)
    for found in _NAMED_ARGUMENTS.finditer(text):
        yield from _list_entries(found[2], found[4], found[6] or "", is_wanted)


def _list_entries(group: str, name: str, version: str, is_wanted: IsWanted) -> Iterator[DependencyEntry]:
    if is_wanted("maven", f"{group}:{name}"):
        known = version and "$" not in version and version[0] not in "[(" and not version.endswith("+")
        if known:
            yield DependencyEntry("maven", f"{group}:{name}", version=version, direct=True)
        else:
            yield DependencyEntry("maven", f"{group}:{name}", constraint=version or "(managed elsewhere)", direct=True)
