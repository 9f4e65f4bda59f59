"""GitHub workflows and composite actions: the actions, workflows and images that they use."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from detector.incident.dependents import _safe_parsers
from detector.incident.dependents._entry import Entry, File, Wanted
from detector.incident.dependents._images import images, revision
from detector.incident.dependents._safe_parsers import items, mapping, string

FILES = (
    ".github/workflows/*.yml",
    ".github/workflows/*.yaml",
    ".gitea/workflows/*.yml",
    ".gitea/workflows/*.yaml",
    ".forgejo/workflows/*.yml",
    ".forgejo/workflows/*.yaml",
    "action.yml",
    "action.yaml",
)
LOCKS = False

_REMARK = re.compile(r"uses:[ \t]*[\"']?([^\s\"'#]+)[\"']?[ \t]*#[ \t]*(?:tag=|pin@)?([vV]?\d[\w.+-]*)")


def read(file: File, wanted: Wanted) -> Iterator[Entry]:
    """Yield what jobs and steps use."""
    whole = mapping(_safe_parsers.yaml(file.data))
    remarks = dict(_REMARK.findall(_safe_parsers.text(file.data)))
    for used in _uses(whole):
        if used.startswith("docker://"):
            yield from images(used[9:], wanted)
        elif not used.startswith("."):
            name, _, ref = used.partition("@")
            if wanted("github", name):
                yield revision("github", name, ref, remarks.get(used, ""))
    for job in map(mapping, mapping(whole.get("jobs")).values()):
        for place in (job.get("container"), *mapping(job.get("services")).values()):
            yield from images(string(place) or string(mapping(place).get("image")), wanted)


def _uses(whole: dict[str, Any]) -> Iterator[str]:
    runs = mapping(whole.get("runs"))
    yield from _steps(runs)
    if string(runs.get("image")).startswith("docker://"):
        yield string(runs["image"])
    for job in map(mapping, mapping(whole.get("jobs")).values()):
        if string(job.get("uses")):
            yield string(job["uses"])
        yield from _steps(job)


def _steps(place: dict[str, Any]) -> Iterator[str]:
    for step in map(mapping, items(place.get("steps"))):
        if string(step.get("uses")):
            yield string(step["uses"])
