"""Manifests: the digests of a tree of files, and the differences between a tree and its manifest.

They are meant for modules, vendored and generated code and build outputs, which are
shipped or executed without review. file_format.py reads and writes manifests, tree.py
reads files, signature.py signs and verifies, watch.py reports changes.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from enum import StrEnum
from typing import NamedTuple

from detector.incident.manifest.file_format import Manifest, ManifestEntry

__all__ = ["Difference", "DifferenceKind", "Entry", "Manifest", "compare_entries"]


class DifferenceKind(StrEnum):
    """How a path differs from the manifest; `ROOT` means that the whole tree is gone."""

    ADDED = "added"
    MISSING = "missing"
    CHANGED = "changed"
    MODE = "mode"
    LINK = "link"
    KIND = "kind"
    UNREADABLE = "unreadable"
    ROOT = "root"


class Difference(NamedTuple):
    """One path that differs from the manifest.

    `expected` and `found` are digests, modes, link targets or kinds, depending on `what`.
    """

    path: str
    what: DifferenceKind
    expected: str = ""
    found: str = ""


def compare_entries(expected: Mapping[str, ManifestEntry], found: Mapping[str, ManifestEntry]) -> list[Difference]:
    """Compare the entries of a manifest with those of a tree, by path."""
    result: list[Difference] = []
    for path in sorted({*expected, *found}):
        expected_entry, found_entry = expected.get(path), found.get(path)
        if expected_entry is None:
            assert found_entry is not None
            result.append(Difference(path, DifferenceKind.ADDED, "", found_entry.kind))
        elif found_entry is None:
            result.append(Difference(path, DifferenceKind.MISSING, expected_entry.kind))
        elif found_entry.kind == "unreadable":
            result.append(Difference(path, DifferenceKind.UNREADABLE, "", found_entry.target))
        else:
            result += _compare_pair(expected_entry, found_entry)
    return result


def _compare_pair(expected_entry: ManifestEntry, found_entry: ManifestEntry) -> Iterable[Difference]:
    if expected_entry.kind != found_entry.kind:
        yield Difference(expected_entry.path, DifferenceKind.KIND, expected_entry.kind, found_entry.kind)
        return
    if expected_entry.target != found_entry.target:
        yield Difference(expected_entry.path, DifferenceKind.LINK, expected_entry.target, found_entry.target)
    if expected_entry.digest != found_entry.digest:
        yield Difference(expected_entry.path, DifferenceKind.CHANGED, expected_entry.digest, found_entry.digest)
    if expected_entry.mode != found_entry.mode:
        yield Difference(
            expected_entry.path, DifferenceKind.MODE, _format_mode(expected_entry.mode), _format_mode(found_entry.mode)
        )


def _format_mode(mode: Collection[str]) -> str:
    return " ".join(mode) or "plain"
