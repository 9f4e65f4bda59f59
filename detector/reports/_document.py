"""The published shape of a report: ``leakfirst/findings/1``.

It is frozen apart from the types in model.py, so that those may change. json,
jsonl and html print it, `leakfirst view` reads it back. All text in it is free
of lone surrogates; a path that is not UTF-8 keeps its bytes in `path_base64`.
"""

from __future__ import annotations

import json
from base64 import b64encode
from collections.abc import Iterable, Iterator
from typing import Any, TextIO

from detector.errors import UsageError
from detector.model import Finding, Location, Scan
from detector.reports._options import Options
from detector.reports._order import by_urgency
from detector.reports._show import plain
from detector.secret import Secret
from detector.text.untrusted import as_bytes, clean, without_password

SCHEMA = "leakfirst/findings/1"

Record = dict[str, Any]


def head(options: Options) -> Record:
    """Return what is known before the scan: schema, tool, target."""
    return {
        "schema": SCHEMA,
        "tool": {"name": "leakfirst", "version": options.version},
        "target": clean(without_password(options.target)),
    }


def outcome(scan: Scan) -> Record:
    """Return what is known after the scan, apart from the findings."""
    stats = scan.stats
    return {
        "complete": scan.complete,
        "interrupted": scan.interrupted,
        "skipped": [
            {"where": clean(without_password(s.where)), "reason": clean(s.reason), "expected": s.expected}
            for s in scan.skipped
        ],
        "notes": [clean(note) for note in scan.notes],
        "stats": {
            "bytes": stats.bytes,
            "blobs": stats.blobs,
            "seconds": round(stats.seconds, 3),
            "rules": stats.rules,
        },
    }


def rule_records(findings: Iterable[Finding]) -> Record:
    """Return what the rules of *findings* say about harm and remedy, by rule id."""
    rules = {finding.rule.id: finding.rule for finding in findings}
    return {
        id_: {
            "finds": clean(rule.finds),
            "service": clean(rule.service),
            "severity": rule.severity,
            "harm": clean(rule.harm),
            "revoke": clean(rule.revoke),
            "links": [clean(link) for link in rule.links],
        }
        for id_, rule in sorted(rules.items())
    }


def finding_record(finding: Finding, options: Options) -> Record:
    """Return one credential with all its places."""
    verdict = finding.verdict
    record: Record = {
        "fingerprint": finding.fingerprint,
        "rule": finding.rule.id,
        "finds": clean(finding.rule.finds),
        "service": clean(finding.rule.service),
        "severity": finding.severity,
        "confidence": finding.confidence,
        "redacted": finding.secret.redacted,
        **_plain_record(finding.secret, options),
        "verdict": {"state": verdict.state, "why": clean(verdict.why)},
        "parts": [
            {"name": name, "redacted": secret.redacted, **_plain_record(secret, options)}
            for name, secret in finding.parts
        ],
        "evidence": [{"fact": clean(e.fact), "weight": round(e.weight, 3)} for e in finding.evidence],
        "locations": [location_record(location) for location in finding.locations],
    }
    if verdict.owner:
        record["verdict"]["owner"] = clean(verdict.owner)
    if verdict.checked_at:
        record["verdict"]["checked_at"] = verdict.checked_at
    if verdict.facts:
        record["verdict"]["facts"] = {clean(name): clean(value) for name, value in verdict.facts}
    return record


def _plain_record(secret: Secret, options: Options) -> Record:
    value = plain(secret, options)
    if value is None:
        return {}
    try:
        return {"secret": value.decode()}
    except UnicodeDecodeError:
        return {"secret_base64": b64encode(value).decode()}


def location_record(location: Location) -> Record:
    """Return one place. `start` and `end` are byte offsets into the object or file."""
    origin = location.origin
    path = clean(origin.path)
    record = {
        "origin": origin.kind,
        "repository": clean(without_password(origin.repository)),
        "path": path,
        "object": origin.object_id,
        "commit": origin.commit,
        "author": clean(origin.author) if origin.author else origin.author,
        "date": origin.when,
        "line": location.line,
        "column": location.column,
        "end_line": location.end_line,
        "end_column": location.end_column,
        "start": location.start,
        "end": location.end,
        "decoded_via": list(location.decoded_via),
        "snippet": clean(location.snippet),
    }
    if path != origin.path:
        record["path_base64"] = b64encode(as_bytes(origin.path)).decode()
    return record


def ignored_records(scan: Scan, options: Options) -> Iterator[Record]:
    """Yield the ignored findings, each with what ignored it."""
    for ignored in scan.ignored:
        yield {"by": clean(ignored.by), "finding": finding_record(ignored.finding, options)}


def dropped_records(scan: Scan) -> Iterator[Record]:
    """Yield the rejected candidates."""
    for origin, dropped in scan.dropped:
        yield {
            "rule": dropped.rule_id,
            "path": clean(origin.path),
            "origin": origin.kind,
            "object": origin.object_id,
            "start": dropped.start,
            "end": dropped.end,
            "reason": clean(dropped.reason),
            "evidence": [{"fact": clean(e.fact), "weight": round(e.weight, 3)} for e in dropped.evidence],
        }


def lists(scan: Scan, options: Options) -> Iterator[tuple[str, Iterator[Record]]]:
    """Return the long lists of the document by name, each made while it is read."""
    yield "findings", (finding_record(f, options) for f in by_urgency(scan.findings))
    if options.show_ignored:
        yield "ignored", ignored_records(scan, options)
        yield "dropped", dropped_records(scan)


def preamble(scan: Scan, options: Options) -> Record:
    """Return the document without its long lists."""
    document = head(options)
    document["tool"]["ruleset"] = scan.ruleset
    shown = [*scan.findings, *(i.finding for i in scan.ignored if options.show_ignored)]
    return {**document, **outcome(scan), "rules": rule_records(shown)}


def document(scan: Scan, options: Options) -> Record:
    """Return the whole report as one value."""
    return {**preamble(scan, options), **{name: list(items) for name, items in lists(scan, options)}}


def one_a_line(out: TextIO, items: Iterable[Any]) -> None:
    """Write *items* as a JSON list with one item a line, never all in memory.

    The text is ASCII: whatever encoding *out* has, and whatever hides in the
    strings, it arrives as it is.
    """
    encode = json.JSONEncoder(separators=(", ", ": ")).encode
    separator = "[\n  "
    for item in items:
        out.write(separator + encode(item))
        separator = ",\n  "
    out.write("[]" if separator[0] == "[" else "\n ]")


def read(text: str, name: str) -> Record:
    """Return the document in *text*; *name* is what the error calls it.

    Everything that a page prints is checked for its type, so that a report
    from elsewhere cannot cause more than this error.
    """
    try:
        found = json.loads(text)
    except (ValueError, RecursionError):
        raise UsageError(f"{name} is not JSON; give a report made with --format json") from None
    if not isinstance(found, dict) or found.get("schema") != SCHEMA:
        raise UsageError(f"{name} is not a {SCHEMA} report; give one made with --format json")
    wrong = next(_misshapen(found, _SHAPE, ""), None)
    if wrong:
        raise UsageError(f"{name} is damaged: {wrong}")
    return found


_LOCATION = {"origin": str, "path": str, "line": int, "column": int}
_FINDING = {
    "fingerprint": str,
    "rule": str,
    "severity": str,
    "confidence": str,
    "redacted": str,
    "verdict": {"state": str, "why": str},
    "parts": [{"name": str, "redacted": str}],
    "locations": [_LOCATION],
}
_SHAPE = {
    "tool": {"name": str, "version": str},
    "complete": bool,
    "skipped": [{"where": str, "reason": str, "expected": bool}],
    "stats": {"bytes": int, "blobs": int, "rules": int},
    "findings": [_FINDING],
}


def _misshapen(value: object, shape: Any, where: str) -> Iterator[str]:
    if isinstance(shape, dict):
        if not isinstance(value, dict):
            yield f"{where or 'the report'} is not an object"
            return
        for key, inner in shape.items():
            yield from _misshapen(value.get(key), inner, f"{where}.{key}".lstrip("."))
    elif isinstance(shape, list):
        if not isinstance(value, list):
            yield f"{where} is not a list"
            return
        for number, item in enumerate(value):
            yield from _misshapen(item, shape[0], f"{where}[{number}]")
    elif not isinstance(value, shape):
        yield f"{where} is missing or not of type {shape.__name__}"
