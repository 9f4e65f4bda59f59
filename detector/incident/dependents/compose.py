"""Compose files: the images of services."""

from __future__ import annotations

import re
from collections.abc import Iterator

from detector.incident.dependents import _safe_parsers
from detector.incident.dependents._contract import DependencyEntry, DependencyFile, IsWanted
from detector.incident.dependents._images import match_image
from detector.incident.dependents._safe_parsers import as_mapping, as_text

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


def read(file: DependencyFile, is_wanted: IsWanted) -> Iterator[DependencyEntry]:
    """Yield the images, with the defaults of variables; in the oldest format, services are at the top level."""
    whole = as_mapping(_safe_parsers.parse_yaml(file.data))
    services = as_mapping(whole.get("services")) or whole
    for service in map(as_mapping, services.values()):
        image = _DEFAULT.sub(lambda found: found[1], as_text(service.get("image")))
        if image:
            yield from match_image(image, is_wanted)
