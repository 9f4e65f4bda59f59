"""References to images and to actions, as they stand in Dockerfiles and workflows.

A tag may be moved, so only a digest or a full version is taken as locked.

>>> image("docker.io/library/node:18.2.0-alpine@sha256:abc")
('docker.io/library/node', '18.2.0-alpine', 'sha256:abc')
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from detector.incident.dependents._entry import Entry, Wanted

_FULL = re.compile(r"[vV]?\d+\.\d+\.\d+\S*")
_ID = re.compile(r"[0-9a-f]{40}|[0-9a-f]{64}")


def image(text: str) -> tuple[str, str, str]:
    """Return name, tag and digest of an image."""
    name, _, digest = text.partition("@")
    colon = name.rfind(":")
    if colon > name.rfind("/"):
        return name[:colon], name[colon + 1 :], digest
    return name, "", digest


def images(text: str, wanted: Wanted, note: str = "") -> Iterator[Entry]:
    """Yield the entry for an image, if it is the wanted one."""
    name, tag, digest = image(text)
    if wanted("docker", name):
        if digest or _FULL.fullmatch(tag):
            version = tag or digest
            remark = "; ".join(part for part in (note, digest if tag else "") if part)
            yield Entry("docker", name, version=version, direct=True, note=remark)
        else:
            yield Entry("docker", name, constraint=tag or "latest", direct=True, note=note)


def revision(ecosystem: str, name: str, ref: str, remark: str = "", note: str = "") -> Entry:
    """Return the entry for a repository at a ref; *remark* is the version that a person wrote behind an id."""
    if _ID.fullmatch(ref):
        if remark:
            return Entry(ecosystem, name, version=remark, direct=True, note="; ".join(filter(None, (note, ref))))
        return Entry(ecosystem, name, version=ref, direct=True, note=note)
    if _FULL.fullmatch(ref):
        return Entry(ecosystem, name, version=ref, direct=True, note=note)
    return Entry(ecosystem, name, constraint=ref, direct=True, note=note)
