"""References to images and actions in Dockerfiles and workflows.

A tag can be moved, so only a digest, a commit or a full version counts as locked.

>>> split_image("docker.io/library/node:18.2.0-alpine@sha256:abc")
('docker.io/library/node', '18.2.0-alpine', 'sha256:abc')
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from detector.incident.dependents._contract import DependencyEntry, IsWanted
from detector.incident.dependents._names import Ecosystem

_FULL_VERSION = re.compile(r"[vV]?\d+\.\d+\.\d+\S*")
_COMMIT_OR_DIGEST = re.compile(r"[0-9a-f]{40}|[0-9a-f]{64}")


def split_image(text: str) -> tuple[str, str, str]:
    """Return name, tag and digest of an image."""
    name, _, digest = text.partition("@")
    colon = name.rfind(":")
    if colon > name.rfind("/"):
        return name[:colon], name[colon + 1 :], digest
    return name, "", digest


def match_image(text: str, is_wanted: IsWanted, note: str = "") -> Iterator[DependencyEntry]:
    """Yield the entry for an image if it is wanted."""
    name, tag, digest = split_image(text)
    if is_wanted("docker", name):
        if digest or _FULL_VERSION.fullmatch(tag):
            version = tag or digest
            details = "; ".join(part for part in (note, digest if tag else "") if part)
            yield DependencyEntry("docker", name, version=version, direct=True, note=details)
        else:
            yield DependencyEntry("docker", name, constraint=tag or "latest", direct=True, note=note)


def make_revision_entry(
    ecosystem: Ecosystem, name: str, ref: str, comment: str = "", note: str = ""
) -> DependencyEntry:
    """Return the entry for a repository at *ref*; *comment* is the version in a comment after a commit id."""
    if _COMMIT_OR_DIGEST.fullmatch(ref):
        if comment:
            return DependencyEntry(
                ecosystem, name, version=comment, direct=True, note="; ".join(filter(None, (note, ref)))
            )
        return DependencyEntry(ecosystem, name, version=ref, direct=True, note=note)
    if _FULL_VERSION.fullmatch(ref):
        return DependencyEntry(ecosystem, name, version=ref, direct=True, note=note)
    return DependencyEntry(ecosystem, name, constraint=ref, direct=True, note=note)
