"""What a tree of files has to look like, written down with digests, and whether it still does.

For modules, vendored and generated code and build outputs: what is shipped or
run without anybody reading it. file_format.py has the file, tree.py reads the disk,
signature.py says who vouches for it, watch.py stays and looks.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from typing import NamedTuple

from detector.incident.manifest.file_format import Entry, Manifest

__all__ = ["Difference", "Entry", "Manifest", "differences"]


class Difference(NamedTuple):
    """One path that is not what it has to be.

    `what` is added, missing, changed, mode, link, kind or unreadable; `expected`
    and `found` say what it should be and is: digests, modes, targets, kinds.
    """

    path: str
    what: str
    expected: str = ""
    found: str = ""


def differences(expected: Mapping[str, Entry], found: Mapping[str, Entry]) -> list[Difference]:
    """Compare what has to be with what is, by path."""
    told: list[Difference] = []
    for path in sorted({*expected, *found}):
        ought, been = expected.get(path), found.get(path)
        if ought is None:
            assert been is not None
            told.append(Difference(path, "added", "", been.kind))
        elif been is None:
            told.append(Difference(path, "missing", ought.kind))
        elif been.kind == "unreadable":
            told.append(Difference(path, "unreadable", "", been.target))
        else:
            told += _unlike(ought, been)
    return told


def _unlike(ought: Entry, been: Entry) -> Iterable[Difference]:
    if ought.kind != been.kind:
        yield Difference(ought.path, "kind", ought.kind, been.kind)
        return
    if ought.target != been.target:
        yield Difference(ought.path, "link", ought.target, been.target)
    if ought.digest != been.digest:
        yield Difference(ought.path, "changed", ought.digest, been.digest)
    if ought.mode != been.mode:
        yield Difference(ought.path, "mode", _words(ought.mode), _words(been.mode))


def _words(mode: Collection[str]) -> str:
    return " ".join(mode) or "plain"
