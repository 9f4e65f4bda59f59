"""GitHub workflows and composite actions: the actions, workflows and images they use."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from detector.incident.dependents import _safe_parsers
from detector.incident.dependents._contract import DependencyEntry, DependencyFile, IsWanted
from detector.incident.dependents._images import make_revision_entry, match_image
from detector.incident.dependents._safe_parsers import as_list, as_mapping, as_text

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

_VERSION_COMMENT = re.compile(r"uses:[ \t]*[\"']?([^\s\"'#]+)[\"']?[ \t]*#[ \t]*(?:tag=|pin@)?([vV]?\d[\w.+-]*)")


def read(file: DependencyFile, is_wanted: IsWanted) -> Iterator[DependencyEntry]:
    """Yield what jobs and steps use."""
    whole = as_mapping(_safe_parsers.parse_yaml(file.data))
    comments = dict(_VERSION_COMMENT.findall(_safe_parsers.decode_text(file.data)))
    for used in _list_uses(whole):
        if used.startswith("docker://"):
            yield from match_image(used[9:], is_wanted)
        elif not used.startswith("."):
            name, _, ref = used.partition("@")
            if is_wanted("github", name):
                yield make_revision_entry("github", name, ref, comments.get(used, ""))
    for job in map(as_mapping, as_mapping(whole.get("jobs")).values()):
        for parent in (job.get("container"), *as_mapping(job.get("services")).values()):
            yield from match_image(as_text(parent) or as_text(as_mapping(parent).get("image")), is_wanted)


def _list_uses(whole: dict[str, Any]) -> Iterator[str]:
    runs = as_mapping(whole.get("runs"))
    yield from _list_steps(runs)
    if as_text(runs.get("image")).startswith("docker://"):
        yield as_text(runs["image"])
    for job in map(as_mapping, as_mapping(whole.get("jobs")).values()):
        if as_text(job.get("uses")):
            yield as_text(job["uses"])
        yield from _list_steps(job)


def _list_steps(parent: dict[str, Any]) -> Iterator[str]:
    for step in map(as_mapping, as_list(parent.get("steps"))):
        if as_text(step.get("uses")):
            yield as_text(step["uses"])
