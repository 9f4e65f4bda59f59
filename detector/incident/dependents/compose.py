"""Compose files: the images of services."""

from __future__ import annotations

import re
from collections.abc import Iterator

from detector.incident.dependents import _safe_parsers
from detector.incident.dependents._entry import Entry, File, Wanted
from detector.incident.dependents._images import images
from detector.incident.dependents._safe_parsers import mapping, string

FILES = (
    "compose.yml",
    "compose.yaml",
    "compose.*.yml",
    "compose.*.yaml",
    "docker-compose*.yml",
    "docker-compose*.yaml",
)
LOCKS = False

_DEFAULT = re.compile(r"\$\{\w+:?-([^}]*)\}")


def read(file: File, wanted: Wanted) -> Iterator[Entry]:
    """Yield the images, variables with a default put in; the oldest form has services at the top."""
    whole = mapping(_safe_parsers.yaml(file.data))
    services = mapping(whole.get("services")) or whole
    for service in map(mapping, services.values()):
        image = _DEFAULT.sub(lambda found: found[1], string(service.get("image")))
        if image:
            yield from images(image, wanted)
