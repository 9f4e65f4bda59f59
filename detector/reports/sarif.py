"""sarif: SARIF 2.1.0, as code scanning services take it.

One result per credential and line of a file, because a service shows results in files
and remembers each as an alert; older versions of the file are related locations. GitHub accepts
at most 25,000 results; beyond that each credential keeps as many places as
fit, a notification says how many are omitted, and json has all of them. GitHub
requires a line for every result, so a location without one is put on line 1 and
has `lineUnknown` in its properties.
"""

from __future__ import annotations

import json
import os
import re
from collections import Counter
from collections.abc import Iterator, Mapping
from typing import Any, TextIO

from detector.model import SEVERITIES, Finding, Location, Origin, PlaceClass, Rule, Scan, Severity
from detector.reports._document import write_list
from detector.reports._locations import resolve_path
from detector.reports._options import ReportOptions
from detector.reports._order import choose_exit_code, sort_by_urgency
from detector.reports._places import Place, count_places, list_places
from detector.text.numbers import format_count
from detector.text.untrusted import (
    describe_provenance,
    format_skipped,
    make_printable,
    name_content,
    percent_encode,
    replace_surrogates,
    strip_url_credentials,
)

MAX_RESULTS = 25_000
MAX_RELATED = 20
ROOT = "ROOT"
_LEVELS = {"critical": "error", "high": "error", "medium": "warning", "low": "note", "info": "note"}
_SCORES = {"critical": "9.5", "high": "8.0", "medium": "5.5", "low": "3.0", "info": "1.0"}
_SCP_STYLE = re.compile(r"(?:[\w.-]+@)?([\w.-]+):(?!/)(.+)")

JsonObject = dict[str, Any]


def write(scan: Scan, out: TextIO, options: ReportOptions) -> None:
    """Print one run."""
    findings = sort_by_urgency(scan.findings)
    ignored = scan.ignored if options.show_ignored else ()
    shown = [*findings, *(i.finding for i in ignored)]
    rules = sorted({finding.rule.id: finding.rule for finding in shown}.items())
    index = {id_: number for number, (id_, _) in enumerate(rules)}
    roots = _find_roots(shown, options)
    counts = [count_places(finding) or 1 for finding in shown]
    most = _limit_locations(counts, MAX_RESULTS)
    fitting = min(MAX_RESULTS, sum(min(count, most) for count in counts))
    run = {
        "tool": {"driver": _build_driver(options, [rule for _, rule in rules], _find_highest(shown))},
        "invocations": [_build_invocation(scan, sum(counts) - fitting)],
        "originalUriBaseIds": {
            name: {"uri": uri, "description": {"text": text}} if uri else {"description": {"text": text}}
            for name, uri, text in roots.values()
        },
        "versionControlProvenance": _build_provenance(roots),
        "columnKind": "unicodeCodePoints",
        "properties": {"ruleset": scan.ruleset, "complete": scan.complete},
    }

    def build_results() -> Iterator[JsonObject]:
        room = MAX_RESULTS
        seen: Counter[str] = Counter()
        for number, finding in enumerate(shown):
            by = ignored[number - len(findings)].by if number >= len(findings) else None
            for result in _build_results(finding, index, roots, most, options, scan.alert_keys, seen):
                if not room:
                    return
                room -= 1
                if ignored:
                    result["suppressions"] = [_build_suppression(by)] if by is not None else []
                yield result

    out.write('{"$schema": "https://json.schemastore.org/sarif-2.1.0.json", "version": "2.1.0", "runs": [\n')
    out.write(json.dumps({key: value for key, value in run.items() if value})[:-1] + ', "results": ')
    write_list(out, build_results())
    out.write("}]}\n")


def _limit_locations(counts: list[int], room: int) -> int:
    """Return how many locations each credential may show so that all credentials fit into *room* results."""
    most = max(counts, default=1)
    if sum(counts) <= room:
        return most
    low, high = 1, most
    while low < high:
        middle = (low + high + 1) // 2
        if sum(min(count, middle) for count in counts) <= room:
            low = middle
        else:
            high = middle - 1
    return low


# -- the tool and its rules ---------------------------------------------------


def _build_driver(options: ReportOptions, rules: list[Rule], highest: Mapping[str, Severity]) -> JsonObject:
    return {
        "name": "leakfirst",
        "version": options.version,
        "semanticVersion": options.version if re.fullmatch(r"\d+\.\d+\.\d+", options.version) else "0.0.0",
        "rules": [_build_rule(rule, highest[rule.id]) for rule in rules],
        "notifications": [
            {"id": "skipped", "shortDescription": {"text": "Some content was not scanned."}},
            {"id": "note", "shortDescription": {"text": "Something to know about this scan."}},
            {
                "id": "too-many-results",
                "shortDescription": {"text": "More results than code scanning services accept."},
            },
        ],
    }


def _build_rule(rule: Rule, severity: Severity) -> JsonObject:
    """Return *rule* with the severity of its most severe result: services show that of the rule."""
    finds, harm, revoke = (
        replace_surrogates(rule.finds) or rule.id,
        replace_surrogates(rule.harm),
        replace_surrogates(rule.revoke),
    )
    advice = revoke or "Revoke it where it was issued, then issue a new one. Deleting the line is not enough."
    links = [link for link in map(replace_surrogates, rule.links) if link.startswith(("https://", "http://"))]
    text = "\n\n".join(filter(None, [f"{finds}.", harm, f"What to do: {advice}", "\n".join(links)]))
    markdown = "\n\n".join(
        filter(None, [f"**{finds}**", harm, f"**What to do:** {advice}", "\n".join(f"* <{link}>" for link in links)])
    )
    shown: JsonObject = {
        "id": rule.id,
        "name": _to_camel_case(rule.id),
        "shortDescription": {"text": finds},
        "fullDescription": {"text": harm or finds},
        "help": {"text": text, "markdown": markdown},
        "defaultConfiguration": {"level": _LEVELS.get(severity, "warning")},
        "properties": {
            "tags": ["security", "secret", *([replace_surrogates(rule.service)] if rule.service else [])],
            "precision": rule.confidence,
            "security-severity": _SCORES.get(severity, "5.5"),
        },
    }
    if links:
        shown["helpUri"] = links[0]
    return shown


def _find_highest(findings: list[Finding]) -> dict[str, Severity]:
    """Return the highest severity of the findings of each rule."""
    highest: dict[str, Severity] = {}
    for finding in findings:
        known = highest.get(finding.rule.id, Severity.INFO)
        highest[finding.rule.id] = max(known, Severity(finding.severity), key=SEVERITIES.index)
    return highest


def _to_camel_case(id_: str) -> str:
    return "".join(word[:1].upper() + word[1:] for word in re.split(r"[^0-9A-Za-z]+", id_))


# -- the invocation -----------------------------------------------------------


def _build_invocation(scan: Scan, left_out: int) -> JsonObject:
    notifications = [
        {
            "descriptor": {"id": "skipped"},
            "level": "note" if skipped.expected else "warning",
            "message": {"text": f"Not scanned: {format_skipped(skipped)}"},
        }
        for skipped in scan.skipped
    ]
    notifications += [
        {"descriptor": {"id": "note"}, "level": "note", "message": {"text": make_printable(note)}}
        for note in scan.notes
    ]
    if left_out:
        omitted = f"{format_count(left_out, 'result')} omitted: code scanning services accept {MAX_RESULTS:,}"
        text = f"{omitted}. --format json has all of them."
        notifications.append({"descriptor": {"id": "too-many-results"}, "level": "warning", "message": {"text": text}})
    return {
        "executionSuccessful": scan.complete and not scan.interrupted,
        "exitCode": choose_exit_code(scan),
        "toolExecutionNotifications": notifications,
    }


def _build_suppression(by: str) -> JsonObject:
    source = "inSource" if "inline" in by.lower() or ":allow" in by else "external"
    return {"kind": source, "status": "accepted", "justification": make_printable(by)}


# -- repositories and paths ---------------------------------------------------------


def _find_roots(findings: list[Finding], options: ReportOptions) -> dict[str, tuple[str, str, str]]:
    """Return name, URI and description of the root of each repository, by repository."""
    found = {_split_root(location.origin, options)[0] for f in findings for location in f.locations}
    repositories = sorted(found, key=lambda repository: (not repository, repository))
    roots = {}
    for number, repository in enumerate(repositories or [""]):
        root = strip_url_credentials(repository or _choose_root(options))
        name = f"%SRCROOT{number or ''}%"
        roots[repository] = (name, _make_root_uri(root), f"Paths are relative to {make_printable(root)}")
    return roots


def _split_root(origin: Origin, options: ReportOptions) -> tuple[str, str]:
    """Return the root that the path of *origin* is relative to, and that path. "" is the user's current folder."""
    path = resolve_path(origin, options._replace(here=""))
    if path == origin.path or os.path.isabs(path) or path.startswith(".."):
        return origin.repository, origin.path
    outside = os.path.isabs(origin.repository) or origin.repository.startswith("..")
    return options.target if outside else "", path


def _choose_root(options: ReportOptions) -> str:
    """Return the root of paths without a repository: an absolute target, else the current folder."""
    return options.target if "://" in options.target or os.path.isabs(options.target) else "."


def _make_root_uri(root: str) -> str:
    if "://" in root:
        return encode_url(root).rstrip("/") + "/"
    if os.path.isabs(root):
        return f"file://{'' if root.startswith('/') else '/'}{percent_encode(root).rstrip('/')}/"
    return ""


def encode_url(url: str) -> str:
    """Return *url* with everything percent-encoded that a URI may not contain."""
    scheme, _, rest = url.partition("://")
    return f"{scheme}://{percent_encode(rest).replace('%3A', ':', 1)}"


def _build_provenance(roots: dict[str, tuple[str, str, str]]) -> list[JsonObject]:
    known = []
    for repository, (name, uri, _) in roots.items():
        remote = strip_url_credentials(repository)
        if "://" in remote:
            known.append({"repositoryUri": encode_url(remote), "mappedTo": {"uriBaseId": name}})
        elif match := _SCP_STYLE.fullmatch(remote):
            address = f"ssh://{match[1]}/{percent_encode(match[2])}"
            known.append({"repositoryUri": address, "mappedTo": {"uriBaseId": name}})
        elif repository and uri:
            known.append({"repositoryUri": uri, "mappedTo": {"uriBaseId": name}})
    return known


# -- results ------------------------------------------------------------------


def _build_results(
    finding: Finding,
    index: dict[str, int],
    roots: dict[str, tuple[str, str, str]],
    most: int,
    options: ReportOptions,
    keys: Mapping[str, bytes],
    seen: Counter[str],
) -> Iterator[JsonObject]:
    verdict = finding.verdict
    what = replace_surrogates(finding.rule.finds) or finding.rule.id
    base: JsonObject = {
        "ruleId": finding.rule.id,
        "ruleIndex": index[finding.rule.id],
        "level": _LEVELS.get(finding.severity, "warning"),
    }
    properties = {
        "severity": finding.severity,
        "security-severity": _SCORES.get(finding.severity, "5.5"),
        "confidence": finding.confidence,
        "verdict": verdict.state,
        "fingerprint": finding.fingerprint,
        **({"verdictWhy": make_printable(verdict.why)} if verdict.why else {}),
        "place": finding.place,
        **({"severityReason": replace_surrogates(finding.severity_reason)} if finding.severity_reason else {}),
        **({"testCode": True} if finding.place == PlaceClass.TEST else {}),
    }
    if not finding.locations:
        yield {**base, "message": {"text": f"{what} {finding.secret.redacted}."}, "properties": properties}
    for place in list_places(finding, keys, seen)[:most]:
        origin = place.location.origin
        yield {
            **base,
            "message": {"text": f"{what} {finding.secret.redacted} in {_describe_origin(origin, options)}."},
            "locations": [_build_location(place.location, roots, options)],
            **_build_related(place, roots, options),
            "partialFingerprints": {
                "leakfirst/v2": place.identity,
                "primaryLocationLineHash": f"{place.identity[:16]}:1",
            },
            "properties": {**properties, **_build_properties(place.location)},
        }


def _build_related(place: Place, roots: dict[str, tuple[str, str, str]], options: ReportOptions) -> JsonObject:
    """Return older versions, the newest first."""
    related = [_build_location(location, roots, options) for location in place.others[::-1][:MAX_RELATED]]
    return {"relatedLocations": related} if related else {}


def _describe_origin(origin: Origin, options: ReportOptions) -> str:
    """Return path and provenance for a message, in which brackets would form links."""
    name = name_content(origin._replace(path=resolve_path(origin, options)))
    text = ", ".join(filter(None, [name, describe_provenance(origin)]))
    return text.replace("[", "\\[").replace("]", "\\]")


def _build_location(location: Location, roots: dict[str, tuple[str, str, str]], options: ReportOptions) -> JsonObject:
    origin = location.origin
    root, path = _split_root(origin, options)
    artifact: JsonObject = {"uri": percent_encode(path or name_content(origin)), "uriBaseId": roots[root][0]}
    if os.path.isabs(origin.path):
        artifact = {"uri": _make_root_uri(origin.path).rstrip("/")}
    region: JsonObject = {"startLine": max(location.line, 1)}
    if location.line > 0 and location.column > 0:
        region["startColumn"] = location.column
        region["endLine"] = max(location.end_line, location.line)
        region["endColumn"] = max(location.end_column, 1)
    if location.snippet:
        region["snippet"] = {"text": replace_surrogates(location.snippet)}
    shown: JsonObject = {"physicalLocation": {"artifactLocation": artifact, "region": region}}
    if origin.commit:
        full = f"{origin.commit}:{make_printable(origin.path)}"
        shown["logicalLocations"] = [{"name": origin.commit, "fullyQualifiedName": full, "kind": "commit"}]
    return shown


def _build_properties(location: Location) -> JsonObject:
    origin = location.origin
    known = {
        "origin": origin.kind,
        "repository": replace_surrogates(strip_url_credentials(origin.repository)),
        "object": origin.object_id,
        "commit": origin.commit,
        "author": replace_surrogates(origin.author or ""),
        "date": origin.when,
        "decodedVia": list(location.decoded_via),
        "lineUnknown": location.line <= 0,
    }
    return {key: value for key, value in known.items() if value}
