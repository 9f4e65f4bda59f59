"""Find the credentials of a report again, where the report says they stand.

A report holds no credential. So the named file or git object is read once
more, the rules are applied to it, and only what has the same fingerprint (that
is: the same value under the same key) counts as found again.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

from detector.containers.kinds import UNPACKED_ORIGINS
from detector.errors import SourceError, UsageError
from detector.fingerprint import compute_fingerprint
from detector.model import Blob, Finding, Location, Origin, Sighting, Skipped, Verdict, VerdictState
from detector.rules.pack import Pack, build_engine
from detector.scan.triage import build_findings
from detector.scan.worker import examine_share
from detector.secret import Secret
from detector.sources.files import read_file

IN_FILES = ("worktree", "file")
IN_OBJECTS = ("blob", "commit", "tag", "note", "stash", "unreachable", "index")


class _Places(NamedTuple):
    """A share of places; see contracts.Share."""

    origins: tuple[Origin, ...]
    name: str = "the places of the report"
    weight: int = 0

    def blobs(self) -> Iterator[Blob | Skipped]:
        """Read every place; what cannot be read is skipped."""
        objects: dict[str, list[Origin]] = {}
        for origin in self.origins:
            if origin.kind in IN_OBJECTS and origin.object_id:
                objects.setdefault(origin.repository, []).append(origin)
            elif origin.kind in IN_FILES:
                yield from read_file(os.path.join(origin.repository, origin.path), origin)
            else:
                yield Skipped(origin.path or origin.kind, f"a place of kind {origin.kind} cannot be read again")
        for repository, origins in objects.items():
            yield from _objects(repository, origins)


def reread_report(path: str, pack: Pack, key: bytes) -> tuple[list[Finding], list[Skipped]]:
    """Return the findings of the report at *path* with their credentials, and what was not found again.

    Relative places are read from the current folder, as the scan did; *key* is
    that of the report's fingerprints. Raises `UsageError` when it is no report.
    """
    rows = _rows(path)
    origins = dict.fromkeys(origin for row in rows for origin in _origins(row))
    sightings, skipped = [], []
    for message in examine_share(_Places(tuple(origins)), build_engine(pack)):
        if isinstance(message, Sighting):
            sightings.append(message)
        elif isinstance(message, Skipped):
            skipped.append(message)
    again = {finding.fingerprint: finding for finding in build_findings(sightings, pack.rules, key)}
    found = []
    for row in rows:
        finding = again.get(row["fingerprint"])
        if finding is None:
            skipped.append(
                Skipped(str(row.get("redacted", "")), f"{row['rule']}: not found again where the report says")
            )
            continue
        found.append(finding._replace(verdict=_before(row, finding.verdict)))
    return found, skipped


def _rows(path: str) -> list[Mapping[str, Any]]:
    try:
        with open(path, encoding="utf-8") as file:
            text = file.read()
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(f"{path}: cannot be read ({getattr(error, 'strerror', 'no UTF-8 text')})") from None
    try:
        report = json.loads(text)
        rows = report["findings"]
        if not str(report["schema"]).startswith("leakfirst/findings/"):
            raise ValueError
        for row in rows:
            _ = row["fingerprint"], row["rule"], VerdictState(row.get("verdict", {}).get("state", "unchecked"))
            if not all(isinstance(place, dict) for place in row["locations"]):
                raise ValueError
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        raise UsageError(f"{path}: is no report; make one with leakfirst scan --report json={path}") from None
    return list(rows)


def _origins(row: Mapping[str, Any]) -> Iterator[Origin]:
    for place in row["locations"]:
        path = str(place.get("path") or "").partition("!")[0]
        kind = str(place.get("origin"))
        if kind in UNPACKED_ORIGINS:  # the container itself is read, and looked into again
            kind = "blob" if place.get("object") else "worktree"
        yield Origin(
            kind=kind,
            path=path,
            repository=str(place.get("repository") or ""),
            object_id=place.get("object"),
            commit=place.get("commit"),
        )


def _before(row: Mapping[str, Any], now: Verdict) -> Verdict:
    """Keep what the report knows when reading again tells less."""
    told = row.get("verdict", {})
    return Verdict(told.get("state", now.state), told.get("why", ""), told.get("owner", "")) if told else now


def _objects(repository: str, origins: list[Origin]) -> Iterator[Blob | Skipped]:
    from detector.git.objects import cat_file
    from detector.git.repository import discover

    try:
        opened = discover(repository or ".")
    except SourceError as error:
        yield Skipped(repository or ".", str(error))
        return
    by_id: dict[str, list[Origin]] = {}
    for origin in origins:
        name = str(origin.object_id)
        if all(c in "0123456789abcdef" for c in name) and len(name) in (40, 64):
            by_id.setdefault(name, []).append(origin)
    for name, _, data in cat_file(opened, by_id):
        if data is None:
            yield Skipped(name, "the object is not there any more")
            continue
        for origin in by_id.get(name, ()):
            yield Blob(data, origin)


def find_in_text(text: bytes, rule_id: str, pack: Pack, key: bytes) -> Finding:
    """Return the one credential of rule *rule_id* in *text*, which may also be the bare value.

    Further parts may stand in the text as they would in a file. Raises `UsageError`.
    """
    rules = {rule.id: rule for rule in pack.rules}
    rule = rules.get(rule_id)
    if rule is None:
        raise UsageError(f"no rule is called {rule_id!r}; leakfirst rules list names them")
    if not text.strip():
        raise UsageError("no credential on standard input")
    origin = Origin("stdin")
    share = _Given(text, origin)
    seen = [message for message in examine_share(share, build_engine(pack)) if isinstance(message, Sighting)]
    for finding in build_findings(seen, pack.rules, key):
        if finding.rule.id == rule_id:
            return finding
    secret = Secret(text.strip())
    place = Location(origin, 0, len(text), 1, 1, 1, len(text) + 1)
    return Finding(compute_fingerprint(secret, key), rule, rule.severity, rule.confidence, secret, (), (place,))


class _Given(NamedTuple):
    """Standard input as a share; see contracts.Share."""

    text: bytes
    origin: Origin
    name: str = "standard input"
    weight: int = 0

    def blobs(self) -> Iterator[Blob]:
        """Give the text."""
        yield Blob(self.text, self.origin)
