"""Scan containers and read their members: helpers of the tests of this folder."""

import io
import zipfile
from functools import cache

from detector.config import Config
from detector.containers import kinds, unpack
from detector.model import Blob, Location, Origin, Scan, Skipped
from detector.rules.shapes import expand
from detector.scan import pipeline
from tests.fakes.hidden import Place, encoded, stored

RULES = r"""
[[rule]]
id = "acme.key"
finds = "Acme key"
confidence = "high"
anchors = ["ghp_[0-9A-Za-z]{12}"]
pattern = '\b(ghp_[0-9A-Za-z]{36})(?![0-9A-Za-z_])'
"""
STORED = stored("")


@cache
def plant_all() -> list[tuple[Place, str]]:
    """Return all places, each with its own token. Making them takes seconds."""
    found = []
    for index in range(len(STORED)):
        token = expand("ghp_{alnum:36}", index)
        found.append((stored(token)[index], token))
    for index in range(len(encoded("ghp_"))):
        token = expand("ghp_{alnum:36}", 1000 + index)
        found.append((encoded(token)[index], token))
    return found


def scan_file(rules: str, target: str, **options: object) -> Scan:
    return pipeline.scan(Config(targets=(target,), patterns=(rules,), only=("acme.key",), jobs=1, **options))  # type: ignore[arg-type]


def find_locations(result: Scan) -> dict[str, list[Location]]:
    return {finding.secret.reveal().decode(): list(finding.locations) for finding in result.findings}


ORIGIN = Origin("worktree", "x.bin")


def read_members(data: bytes, content: list[bytes] | None = None) -> tuple[dict[str, bytes], list[Skipped]]:
    """Return the members by path, and what was skipped; *content* collects members in their order."""
    items = list(unpack.unpack(data, kinds.detect_kind(data), ORIGIN))
    if content is not None:
        content += [item.data for item in items if isinstance(item, Blob)]
    blobs = {item.origin.path: item.data for item in items if isinstance(item, Blob)}
    return blobs, [item for item in items if isinstance(item, Skipped)]


def deflate_zip(members: dict[str, bytes]) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in members.items():
            archive.writestr(zipfile.ZipInfo(name), content, zipfile.ZIP_DEFLATED)
    return out.getvalue()
