"""Find files that should not be published, whatever they contain: a `.git` folder, a source map, a memory dump.

The rules are data like all others (patterns/exposure.toml, `published = true`)
but match names. Such a finding has no credential; the path within the package
takes its place, so that two findings of one file are the same.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from functools import cached_property

from detector.engine.confirm import compile_pattern
from detector.model import Blob, Evidence, Location, Rule, Sighting
from detector.secret import Secret

HEAD_BYTES = 64 << 10
"""Bytes at the beginning of a member in which a pattern is searched."""


class PublishingCheck:
    """Reports what should not be published, each thing once for a package."""

    def __init__(self, rules: Sequence[Rule]) -> None:
        self._all_rules = rules
        self._reported: set[tuple[str, int, str]] = set()

    @cached_property
    def _rules(self) -> list[tuple[int, Rule]]:
        return [(index, rule) for index, rule in enumerate(self._all_rules) if rule.published]

    def check(self, blob: Blob, name: str, package: str = "") -> Iterator[Sighting]:
        """Yield what *blob*, called *name* within *package*, is by itself."""
        if blob.base:
            return
        for index, rule in self._rules:
            found = next(filter(None, (re.search(path, name) for path in rule.paths)), None)
            if not found or (
                rule.pattern and not compile_pattern(rule.pattern).search(blob.data[:HEAD_BYTES], timeout=1)
            ):
                continue
            what = found["what"] if "what" in found.re.groupindex else name
            if (package, index, what) in self._reported:
                continue
            self._reported.add((package, index, what))
            yield _sighting(index, rule, blob, name, what)


def _sighting(index: int, rule: Rule, blob: Blob, name: str, what: str) -> Sighting:
    path = blob.origin.path.removesuffix(name) + what
    return Sighting(
        rule=index,
        location=Location(blob.origin._replace(path=path), 0, 0, 1, 1, 1, 1),
        secret=Secret(what.encode("utf-8", "surrogateescape")),
        confidence=rule.confidence,
        evidence=(Evidence(f"is part of what is published: {what}"),),
    )
