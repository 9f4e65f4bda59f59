"""Find the credentials of a report again, where the report says they stand.

A report holds no credential. So the named file or git object is read once
more, the rules are applied to it, and only what has the same fingerprint (that
is: the same value under the same key) counts as found again.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

from detector.config import Config
from detector.contracts import Source
from detector.errors import UsageError
from detector.fingerprint import compute_fingerprint
from detector.model import UNPACKED_KINDS, Blob, Finding, Location, Origin, Sighting, Skipped, Verdict, VerdictState
from detector.rules.pack import Pack, build_engine
from detector.scan.targets import find_source
from detector.scan.triage import build_findings
from detector.scan.worker import examine_share
from detector.secret import Secret

DEFAULTS = Config()


class _Locations(NamedTuple):
    """The locations of a report as a share: each source reads its own again."""

    origins: tuple[Origin, ...]
    config: Config
    name: str = "the locations of the report"
    weight: int = 0
    published: bool = False
    read_before: bool = False

    def read(self) -> Iterator[Blob | Skipped]:
        """Read every location; what cannot be read is skipped."""
        groups: dict[int, tuple[Source, list[Origin]]] = {}
        for origin in self.origins:
            source = find_source(origin)
            if source is None:
                yield Skipped(origin.path or origin.kind, f"a location of kind {origin.kind} cannot be read again")
            else:
                groups.setdefault(id(source), (source, []))[1].append(origin)
        for source, origins in groups.values():
            yield from source.read_again(origins, self.config)


def reread_report(path: str, pack: Pack, key: bytes, config: Config = DEFAULTS) -> tuple[list[Finding], list[Skipped]]:
    """Return the findings of the report at *path* with their credentials, and what was not found again.

    Relative places are read from the current folder, as the scan did; *key* is
    that of the report's fingerprints. Raises `UsageError` when it is no report.
    """
    rows = _rows(path)
    origins = dict.fromkeys(origin for row in rows for origin in _origins(row))
    sightings, skipped = [], []
    for message in examine_share(_Locations(tuple(origins), config), build_engine(pack)):
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
        if kind in UNPACKED_KINDS:  # the container itself is read, and looked into again
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
    share = _Text(text, origin)
    seen = [message for message in examine_share(share, build_engine(pack)) if isinstance(message, Sighting)]
    for finding in build_findings(seen, pack.rules, key):
        if finding.rule.id == rule_id:
            return finding
    secret = Secret(text.strip())
    place = Location(origin, 0, len(text), 1, 1, 1, len(text) + 1)
    return Finding(compute_fingerprint(secret, key), rule, rule.severity, rule.confidence, secret, (), (place,))


class _Text(NamedTuple):
    """A given text as a share."""

    text: bytes
    origin: Origin
    name: str = "standard input"
    weight: int = 0
    published: bool = False
    read_before: bool = False

    def read(self) -> Iterator[Blob | Skipped]:
        """Yield the text."""
        yield Blob(self.text, self.origin)
