"""Rules as rows of plain values, as packs store them.

Each row is compressed: scans of a home folder read the files of packs too, and the
examples of a thousand rules look like credentials. So no file has to be excluded
from scans by its name, and a rule that is not used costs nothing.
"""

from __future__ import annotations

import marshal
import os
import zlib
from collections.abc import Sequence
from typing import Any

from detector.model import Anchor, Companion, Confidence, Rule, Severity

_SHIPPED = "\0"
"""Stands in a row for the folder of the shipped rules at the beginning of a source."""


class LazyRules(Sequence[Rule]):
    """Rules that are made from their rows on first use."""

    def __init__(self, rows: Sequence[bytes], folder: str) -> None:
        """*folder* is where the rule files lie whose sources are stored without it."""
        self._rows = rows
        self._folder = folder
        self._made: dict[int, Rule] = {}

    def __len__(self) -> int:
        return len(self._rows)

    def __getitem__(self, index: Any) -> Any:
        if isinstance(index, slice):
            return [self[i] for i in range(*index.indices(len(self)))]
        rule = self._made.get(index)
        if rule is None:
            rule = self._made[index] = _unpack(self._rows[index], self._folder)
        return rule


def pack_rules(rules: Sequence[Rule], folder: str) -> tuple[bytes, ...]:
    """Return *rules* as rows for `LazyRules`; sources in *folder* are stored without it, wherever it will lie."""
    return tuple(zlib.compress(marshal.dumps(_to_row(rule, os.path.join(folder, "")))) for rule in rules)


def _unpack(row: bytes, folder: str) -> Rule:
    rule = Rule(*marshal.loads(zlib.decompress(row)))  # noqa: S302 - our own file, checked as a whole
    return rule._replace(
        severity=Severity(rule.severity),
        confidence=Confidence(rule.confidence),
        anchors=tuple(Anchor(*anchor) for anchor in rule.anchors),
        companions=tuple(Companion(*part) for part in rule.companions),
        source=os.path.join(folder, rule.source[1:]) if rule.source.startswith(_SHIPPED) else rule.source,
    )


def _to_row(rule: Rule, folder: str) -> tuple[Any, ...]:
    row: dict[str, Any] = rule._asdict()
    row["severity"] = str(rule.severity)  # marshal takes plain strings only
    row["confidence"] = str(rule.confidence)
    row["anchors"] = tuple(tuple(anchor) for anchor in rule.anchors)
    row["companions"] = tuple(tuple(part) for part in rule.companions)
    row["probe"] = dict(rule.probe)
    if rule.source.startswith(folder):
        row["source"] = _SHIPPED + rule.source[len(folder) :]
    return tuple(row.values())
