"""build.gradle: programs that are read, not run, so only coordinates written as text are known."""

from __future__ import annotations

import re
from collections.abc import Iterator

from detector.incident.dependents import _safe_parsers
from detector.incident.dependents._entry import Entry, File, Wanted

FILES = ("build.gradle", "build.gradle.kts", "*.gradle")
LOCKS = False

_COORDINATES = re.compile(r"""(["'])([\w.-]+):([\w.-]+)(?::([^"':@\s]+))?(?:[:@][^"'\s]*)?\1""")
_APART = re.compile(
    r"""group\s*[:=]\s*(["'])([\w.-]+)\1\s*,\s*name\s*[:=]\s*(["'])([\w.-]+)\3(?:\s*,\s*version\s*[:=]\s*(["'])([^"'\s]+)\5)?"""
)


def read(file: File, wanted: Wanted) -> Iterator[Entry]:
    """Yield the modules that are named."""
    text = _safe_parsers.text(file.data)
    for found in _COORDINATES.finditer(text):
        yield from _entry(found[2], found[3], found[4] or "", wanted)
    for found in _APART.finditer(text):
        yield from _entry(found[2], found[4], found[6] or "", wanted)


def _entry(group: str, name: str, version: str, wanted: Wanted) -> Iterator[Entry]:
    if wanted("maven", f"{group}:{name}"):
        known = version and "$" not in version and version[0] not in "[(" and not version.endswith("+")
        if known:
            yield Entry("maven", f"{group}:{name}", version=version, direct=True)
        else:
            yield Entry("maven", f"{group}:{name}", constraint=version or "(managed elsewhere)", direct=True)
