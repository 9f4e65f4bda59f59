"""Dockerfiles: base images and images that are copied from, with the values of build arguments."""

from __future__ import annotations

import re
from collections.abc import Iterator

from detector.incident.dependents import _safe_parsers
from detector.incident.dependents._contract import DependencyEntry, DependencyFile, IsWanted
from detector.incident.dependents._images import match_image

FILES = ("Dockerfile", "Dockerfile.*", "Dockerfile-*", "*.Dockerfile", "Containerfile", "Containerfile.*")
LOCKS = False

_FROM = re.compile(r"FROM\s+(?:--\S+\s+)*(\S+)(?:\s+AS\s+(\S+))?\s*", re.IGNORECASE)
_COPY = re.compile(r"(?:COPY|ADD)\s.*?--from=(\S+)|RUN\s.*?--mount=\S*?from=([^,\s]+)", re.IGNORECASE)
_ARG = re.compile(r"ARG\s+(.+)", re.IGNORECASE)
_USE = re.compile(r"\$(?:\{(\w+)(?::?-([^}]*))?\}|(\w+))")


def read(file: DependencyFile, is_wanted: IsWanted) -> Iterator[DependencyEntry]:
    """Yield the images, except stages of the same file."""
    arguments: dict[str, str] = {}
    stages: set[str] = {"scratch"}
    number = 0
    before_first = True
    for raw in re.sub(r"[\\`][ \t]*\r?\n", " ", _safe_parsers.decode_text(file.data)).splitlines():
        line = raw.strip()
        if before_first and (found := _ARG.fullmatch(line)):
            for pair in found[1].split():
                name, _, value = pair.partition("=")
                arguments[name] = _fill_arguments(value.strip("\"'"), arguments)
        elif found := _FROM.fullmatch(line):
            before_first = False
            target = _fill_arguments(found[1].strip("\"'"), arguments)
            if target.lower() not in stages:
                yield from match_image(target, is_wanted)
            stages.add(str(number))
            number += 1
            if found[2]:
                stages.add(found[2].lower())
        elif found := _COPY.match(line):
            target = _fill_arguments((found[1] or found[2]).strip("\"'"), arguments)
            if target.lower() not in stages:
                yield from match_image(target, is_wanted, "copied from")


def _fill_arguments(text: str, arguments: dict[str, str]) -> str:
    return _USE.sub(lambda found: arguments.get(found[1] or found[3], "") or found[2] or found[0], text)[:1000]
