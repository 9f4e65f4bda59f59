"""The published shape of a report: ``leakfirst/findings/1``.

It is kept apart from the types in model.py, so that those may change. json,
jsonl and html print it, `leakfirst view` reads it. No text in it holds lone
surrogates; the bytes of a path that is not UTF-8 are in `path_base64`.
"""

from __future__ import annotations

import json
from base64 import b64encode
from collections.abc import Iterable, Iterator
from typing import Any, TextIO

from detector.errors import UsageError
from detector.model import Finding, Judgement, Location, Scan
from detector.reports._options import ReportOptions
from detector.reports._order import sort_by_urgency
from detector.reports._show import reveal_on_request
from detector.secret import Secret
from detector.text.untrusted import encode_path, replace_surrogates, strip_url_credentials

SCHEMA = "leakfirst/findings/1"

Record = dict[str, Any]


def build_header(options: ReportOptions) -> Record:
    """Return what is known before the scan: schema, tool, target."""
    return {
        "schema": SCHEMA,
        "tool": {"name": "leakfirst", "version": options.version},
        "target": replace_surrogates(strip_url_credentials(options.target)),
    }


def build_summary(scan: Scan) -> Record:
    """Return what is known after the scan, apart from the findings."""
    stats = scan.stats
    return {
        "complete": scan.complete,
        "interrupted": scan.interrupted,
        "skipped": [
            {
                "where": replace_surrogates(strip_url_credentials(s.where)),
                "reason": replace_surrogates(s.reason),
                "expected": s.expected,
            }
            for s in scan.skipped
        ],
        "notes": [replace_surrogates(note) for note in scan.notes],
        "stats": {
            "bytes": stats.bytes,
            "blobs": stats.blobs,
            "seconds": round(stats.seconds, 3),
            "rules": stats.rules,
        },
    }


def build_rules(findings: Iterable[Finding]) -> Record:
    """Return harm, remedy and links of the rules of *findings*, by rule id."""
    rules = {finding.rule.id: finding.rule for finding in findings}
    return {
        id_: {
            "finds": replace_surrogates(rule.finds),
            "service": replace_surrogates(rule.service),
            "severity": rule.severity,
            "harm": replace_surrogates(rule.harm),
            "revoke": replace_surrogates(rule.revoke),
            "links": [replace_surrogates(link) for link in rule.links],
        }
        for id_, rule in sorted(rules.items())
    }


def build_finding(finding: Finding, options: ReportOptions) -> Record:
    """Return one credential with all its locations."""
    verdict = finding.verdict
    record: Record = {
        "fingerprint": finding.fingerprint,
        "rule": finding.rule.id,
        "finds": replace_surrogates(finding.rule.finds),
        "service": replace_surrogates(finding.rule.service),
        "severity": finding.severity,
        "severity_reason": replace_surrogates(finding.severity_reason),
        "place": finding.place,
        "confidence": finding.confidence,
        "redacted": finding.secret.redacted,
        **_build_value(finding.secret, options),
        "verdict": {"state": verdict.state, "why": replace_surrogates(verdict.why)},
        "parts": [
            {"name": name, "redacted": secret.redacted, **_build_value(secret, options)}
            for name, secret in finding.parts
        ],
        "evidence": [{"fact": replace_surrogates(e.fact), "weight": round(e.weight, 3)} for e in finding.evidence],
        "locations": [build_location(location) for location in finding.locations],
    }
    if finding.judgement:
        record["judgement"] = build_judgement(finding.judgement)
    if verdict.owner:
        record["verdict"]["owner"] = replace_surrogates(verdict.owner)
    if verdict.checked_at:
        record["verdict"]["checked_at"] = verdict.checked_at
    if verdict.facts:
        facts = {replace_surrogates(name): replace_surrogates(value) for name, value in verdict.facts}
        record["verdict"]["facts"] = facts
    return record


def build_judgement(judgement: Judgement) -> Record:
    """Return how a value without a format of its own was judged."""
    return {
        "form": judgement.form,
        "name": judgement.name,
        "value": judgement.value,
        "total": judgement.total,
        "decisive": judgement.decisive,
    }


def _build_value(secret: Secret, options: ReportOptions) -> Record:
    value = reveal_on_request(secret, options)
    if value is None:
        return {}
    try:
        return {"secret": value.decode()}
    except UnicodeDecodeError:
        return {"secret_base64": b64encode(value).decode()}


def build_location(location: Location) -> Record:
    """Return one location. `start` and `end` are byte offsets into the object or file."""
    origin = location.origin
    path = replace_surrogates(origin.path)
    record = {
        "origin": origin.kind,
        "repository": replace_surrogates(strip_url_credentials(origin.repository)),
        "path": path,
        "object": origin.object_id,
        "commit": origin.commit,
        "author": replace_surrogates(origin.author) if origin.author else origin.author,
        "date": origin.when,
        "line": location.line,
        "column": location.column,
        "end_line": location.end_line,
        "end_column": location.end_column,
        "start": location.start,
        "end": location.end,
        "decoded_via": list(location.decoded_via),
        "snippet": replace_surrogates(location.snippet),
    }
    if path != origin.path:
        record["path_base64"] = b64encode(encode_path(origin.path)).decode()
    return record


def build_ignored(scan: Scan, options: ReportOptions) -> Iterator[Record]:
    """Yield the ignored findings, each with what ignored it."""
    for ignored in scan.ignored:
        yield {"by": replace_surrogates(ignored.by), "finding": build_finding(ignored.finding, options)}


def build_rejected(scan: Scan) -> Iterator[Record]:
    """Yield the rejected candidates."""
    for origin, rejected in scan.rejected:
        yield {
            "rule": rejected.rule_id,
            "path": replace_surrogates(origin.path),
            "origin": origin.kind,
            "object": origin.object_id,
            "start": rejected.start,
            "end": rejected.end,
            "reason": replace_surrogates(rejected.reason),
            "evidence": [{"fact": replace_surrogates(e.fact), "weight": round(e.weight, 3)} for e in rejected.evidence],
            **({"judgement": build_judgement(rejected.judgement)} if rejected.judgement else {}),
        }


def build_lists(scan: Scan, options: ReportOptions) -> Iterator[tuple[str, Iterator[Record]]]:
    """Yield the name of each long list of the document and an iterator over its items."""
    yield "findings", (build_finding(f, options) for f in sort_by_urgency(scan.findings))
    if options.show_ignored:
        yield "ignored", build_ignored(scan, options)
        yield "rejected", build_rejected(scan)


def build_preamble(scan: Scan, options: ReportOptions) -> Record:
    """Return the document without its long lists."""
    document = build_header(options)
    document["tool"]["ruleset"] = scan.ruleset
    shown = [*scan.findings, *(i.finding for i in scan.ignored if options.show_ignored)]
    return {**document, **build_summary(scan), "rules": build_rules(shown)}


def build_document(scan: Scan, options: ReportOptions) -> Record:
    """Return the whole report as one value."""
    return {**build_preamble(scan, options), **{name: list(items) for name, items in build_lists(scan, options)}}


def write_list(out: TextIO, items: Iterable[Any]) -> None:
    """Write *items* as a JSON list with one item a line, never all in memory.

    The text is ASCII, so it does not depend on the encoding of *out*.
    """
    encode = json.JSONEncoder(separators=(", ", ": ")).encode
    separator = "[\n  "
    for item in items:
        out.write(separator + encode(item))
        separator = ",\n  "
    out.write("[]" if separator[0] == "[" else "\n ]")


def parse_document(text: str, name: str) -> Record:
    """Return the document in *text*. Raises `UsageError`, in which *name* is the name of the file.

    The type of everything that the page prints is checked, so that a report of
    another program cannot cause another error.
    """
    try:
        found = json.loads(text)
    except (ValueError, RecursionError):
        raise UsageError(f"{name} is not JSON; give a report made with --format json") from None
    if not isinstance(found, dict) or found.get("schema") != SCHEMA:
        raise UsageError(f"{name} is not a {SCHEMA} report; give one made with --format json")
    wrong = next(_find_type_errors(found, _SHAPE, ""), None)
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


def _find_type_errors(value: object, shape: Any, where: str) -> Iterator[str]:
    if isinstance(shape, dict):
        if not isinstance(value, dict):
            yield f"{where or 'the report'} is not an object"
            return
        for key, inner in shape.items():
            yield from _find_type_errors(value.get(key), inner, f"{where}.{key}".lstrip("."))
    elif isinstance(shape, list):
        if not isinstance(value, list):
            yield f"{where} is not a list"
            return
        for number, item in enumerate(value):
            yield from _find_type_errors(item, shape[0], f"{where}[{number}]")
    elif not isinstance(value, shape):
        yield f"{where} is missing or not of type {shape.__name__}"
