"""Dockerfiles: the images that are built on or copied from, with build arguments put in."""

from __future__ import annotations

import re
from collections.abc import Iterator

from detector.incident.dependents import _safe_parsers
from detector.incident.dependents._entry import Entry, File, Wanted
from detector.incident.dependents._images import images

FILES = ("Dockerfile", "Dockerfile.*", "Dockerfile-*", "*.Dockerfile", "Containerfile", "Containerfile.*")
LOCKS = False

_FROM = re.compile(r"FROM\s+(?:--\S+\s+)*(\S+)(?:\s+AS\s+(\S+))?\s*", re.IGNORECASE)
_COPY = re.compile(r"(?:COPY|ADD)\s.*?--from=(\S+)|RUN\s.*?--mount=\S*?from=([^,\s]+)", re.IGNORECASE)
_ARG = re.compile(r"ARG\s+(.+)", re.IGNORECASE)
_USE = re.compile(r"\$(?:\{(\w+)(?::?-([^}]*))?\}|(\w+))")


def read(file: File, wanted: Wanted) -> Iterator[Entry]:
    """Yield the images that are no stages of the same file."""
    arguments: dict[str, str] = {}
    stages: set[str] = {"scratch"}
    number = 0
    before_first = True
    for raw in re.sub(r"[\\`][ \t]*\r?\n", " ", _safe_parsers.text(file.data)).splitlines():
        line = raw.strip()
        if before_first and (found := _ARG.fullmatch(line)):
            for pair in found[1].split():
                name, _, value = pair.partition("=")
                arguments[name] = _filled(value.strip("\"'"), arguments)
        elif found := _FROM.fullmatch(line):
            before_first = False
            target = _filled(found[1].strip("\"'"), arguments)
            if target.lower() not in stages:
                yield from images(target, wanted)
            stages.add(str(number))
            number += 1
            if found[2]:
                stages.add(found[2].lower())
        elif found := _COPY.match(line):
            target = _filled((found[1] or found[2]).strip("\"'"), arguments)
            if target.lower() not in stages:
                yield from images(target, wanted, "copied from")


def _filled(text: str, arguments: dict[str, str]) -> str:
    return _USE.sub(lambda found: arguments.get(found[1] or found[3], "") or found[2] or found[0], text)[:1000]
