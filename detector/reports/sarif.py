"""sarif: SARIF 2.1.0, as code scanning services take it.

One result per place, because a service shows results in files. GitHub takes
at most 25,000 results; beyond that each credential keeps as many places as
fit, a notification says how many are left out, and json has them all. GitHub
wants a line for every result, so a place without one is put on line 1 and
says so in its properties.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
from collections import Counter
from collections.abc import Iterator
from typing import Any, TextIO

from detector.model import Finding, Location, Origin, Rule, Scan
from detector.reports._document import one_a_line
from detector.reports._options import Options
from detector.reports._order import by_urgency, exit_code, only_in_tests
from detector.text.numbers import counted
from detector.text.untrusted import clean, name_of, percent, printable, provenance, reached, without_password

TITLE = "SARIF 2.1.0, for code scanning"
STREAMS = False

MOST_RESULTS = 25_000
ROOT = "ROOT"
_LEVELS = {"critical": "error", "high": "error", "medium": "warning", "low": "note", "info": "note"}
_SCORES = {"critical": "9.5", "high": "8.0", "medium": "5.5", "low": "3.0", "info": "1.0"}
_SCP_STYLE = re.compile(r"(?:[\w.-]+@)?([\w.-]+):(?!/)(.+)")

Json = dict[str, Any]


def write(scan: Scan, out: TextIO, options: Options) -> None:
    """Print one run."""
    findings = by_urgency(scan.findings)
    ignored = scan.ignored if options.show_ignored else ()
    everything = [*findings, *(i.finding for i in ignored)]
    rules = sorted({finding.rule.id: finding.rule for finding in everything}.items())
    index = {id_: number for number, (id_, _) in enumerate(rules)}
    bases = _bases(everything, options)
    counts = [len(finding.locations) or 1 for finding in everything]
    places = _places_each(counts, MOST_RESULTS)
    fitting = min(MOST_RESULTS, sum(min(count, places) for count in counts))
    run = {
        "tool": {"driver": _driver(options, [rule for _, rule in rules])},
        "invocations": [_invocation(scan, sum(counts) - fitting)],
        "originalUriBaseIds": {
            name: {"uri": uri, "description": {"text": text}} if uri else {"description": {"text": text}}
            for name, uri, text in bases.values()
        },
        "versionControlProvenance": _provenance(bases),
        "columnKind": "unicodeCodePoints",
        "properties": {"ruleset": scan.ruleset, "complete": scan.complete},
    }

    def results() -> Iterator[Json]:
        room = MOST_RESULTS
        for number, finding in enumerate(everything):
            by = ignored[number - len(findings)].by if number >= len(findings) else None
            for result in _results(finding, index, bases, places, options):
                if not room:
                    return
                room -= 1
                if ignored:
                    result["suppressions"] = [_suppression(by)] if by is not None else []
                yield result

    out.write('{"$schema": "https://json.schemastore.org/sarif-2.1.0.json", "version": "2.1.0", "runs": [\n')
    out.write(json.dumps({key: value for key, value in run.items() if value})[:-1] + ', "results": ')
    one_a_line(out, results())
    out.write("}]}\n")


def _places_each(counts: list[int], room: int) -> int:
    """Return how many places each credential may show so that all have room."""
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


def _driver(options: Options, rules: list[Rule]) -> Json:
    return {
        "name": "leakfirst",
        "version": options.version,
        "semanticVersion": options.version if re.fullmatch(r"\d+\.\d+\.\d+", options.version) else "0.0.0",
        "rules": [_rule(rule) for rule in rules],
        "notifications": [
            {"id": "skipped", "shortDescription": {"text": "Some content was not scanned."}},
            {"id": "note", "shortDescription": {"text": "Something to know about this scan."}},
            {
                "id": "too-many-results",
                "shortDescription": {"text": "More results than code scanning services accept."},
            },
        ],
    }


def _rule(rule: Rule) -> Json:
    finds, harm, revoke = clean(rule.finds) or rule.id, clean(rule.harm), clean(rule.revoke)
    advice = revoke or "Revoke it where it was issued, then issue a new one. Deleting the line is not enough."
    links = [link for link in map(clean, rule.links) if link.startswith(("https://", "http://"))]
    text = "\n\n".join(filter(None, [f"{finds}.", harm, f"What to do: {advice}", "\n".join(links)]))
    markdown = "\n\n".join(
        filter(None, [f"**{finds}**", harm, f"**What to do:** {advice}", "\n".join(f"* <{link}>" for link in links)])
    )
    shown: Json = {
        "id": rule.id,
        "name": _camel(rule.id),
        "shortDescription": {"text": finds},
        "fullDescription": {"text": harm or finds},
        "help": {"text": text, "markdown": markdown},
        "defaultConfiguration": {"level": _LEVELS.get(rule.severity, "warning")},
        "properties": {
            "tags": ["security", "secret", *([clean(rule.service)] if rule.service else [])],
            "precision": rule.confidence,
            "security-severity": _SCORES.get(rule.severity, "5.5"),
        },
    }
    if links:
        shown["helpUri"] = links[0]
    return shown


def _camel(id_: str) -> str:
    return "".join(word[:1].upper() + word[1:] for word in re.split(r"[^0-9A-Za-z]+", id_))


# -- what happened ------------------------------------------------------------


def _invocation(scan: Scan, left_out: int) -> Json:
    notifications = [
        {
            "descriptor": {"id": "skipped"},
            "level": "note" if skipped.expected else "warning",
            "message": {
                "text": f"Not scanned: {printable(without_password(skipped.where))}: {printable(skipped.reason)}"
            },
        }
        for skipped in scan.skipped
    ]
    notifications += [
        {"descriptor": {"id": "note"}, "level": "note", "message": {"text": printable(note)}} for note in scan.notes
    ]
    if left_out:
        omitted = f"{counted(left_out, 'result')} omitted: code scanning services accept {MOST_RESULTS:,}"
        text = f"{omitted}. --format json has all of them."
        notifications.append({"descriptor": {"id": "too-many-results"}, "level": "warning", "message": {"text": text}})
    return {
        "executionSuccessful": scan.complete and not scan.interrupted,
        "exitCode": exit_code(scan),
        "toolExecutionNotifications": notifications,
    }


def _suppression(by: str) -> Json:
    source = "inSource" if "inline" in by.lower() or ":allow" in by else "external"
    return {"kind": source, "status": "accepted", "justification": printable(by)}


# -- where files are ----------------------------------------------------------


def _bases(findings: list[Finding], options: Options) -> dict[str, tuple[str, str, str]]:
    """Return name, URI and description of the root of each repository that occurs."""
    found = {_rooted(location.origin, options)[0] for f in findings for location in f.locations}
    repositories = sorted(found, key=lambda repository: (not repository, repository))
    bases = {}
    for number, repository in enumerate(repositories or [""]):
        root = without_password(repository or _target(options))
        name = f"%SRCROOT{number or ''}%"
        bases[repository] = (name, _root_uri(root), f"Paths are relative to {printable(root)}")
    return bases


def _rooted(origin: Origin, options: Options) -> tuple[str, str]:
    """Return the root that a place is told from, and its path there: services know no root but the target's.

    "" is the folder that the user stands in.
    """
    path = reached(origin, options._replace(here=""))
    if path == origin.path or os.path.isabs(path) or path.startswith(".."):
        return origin.repository, origin.path
    outside = os.path.isabs(origin.repository) or origin.repository.startswith("..")
    return options.target if outside else "", path


def _target(options: Options) -> str:
    """Return the root of paths without a repository: an absolute target, else where the user stands."""
    return options.target if "://" in options.target or os.path.isabs(options.target) else "."


def _root_uri(root: str) -> str:
    if "://" in root:
        return percent_url(root).rstrip("/") + "/"
    if os.path.isabs(root):
        return f"file://{'' if root.startswith('/') else '/'}{percent(root).rstrip('/')}/"
    return ""


def percent_url(url: str) -> str:
    """Return *url* with everything quoted that a URI may not hold."""
    scheme, _, rest = url.partition("://")
    return f"{scheme}://{percent(rest).replace('%3A', ':', 1)}"


def _provenance(bases: dict[str, tuple[str, str, str]]) -> list[Json]:
    known = []
    for repository, (name, uri, _) in bases.items():
        remote = without_password(repository)
        if "://" in remote:
            known.append({"repositoryUri": percent_url(remote), "mappedTo": {"uriBaseId": name}})
        elif match := _SCP_STYLE.fullmatch(remote):
            address = f"ssh://{match[1]}/{percent(match[2])}"
            known.append({"repositoryUri": address, "mappedTo": {"uriBaseId": name}})
        elif repository and uri:
            known.append({"repositoryUri": uri, "mappedTo": {"uriBaseId": name}})
    return known


# -- results ------------------------------------------------------------------


def _results(
    finding: Finding, index: dict[str, int], bases: dict[str, tuple[str, str, str]], most: int, options: Options
) -> Iterator[Json]:
    verdict = finding.verdict
    what = clean(finding.rule.finds) or finding.rule.id
    seen: Counter[str] = Counter()
    base: Json = {
        "ruleId": finding.rule.id,
        "ruleIndex": index[finding.rule.id],
        "level": _LEVELS.get(finding.severity, "warning"),
    }
    properties = {
        "severity": finding.severity,
        "security-severity": _SCORES.get(finding.severity, "5.5"),
        "confidence": finding.confidence,
        "verdict": verdict.state,
        **({"verdictWhy": printable(verdict.why)} if verdict.why else {}),
        **({"testCode": True} if only_in_tests(finding) else {}),
    }
    if not finding.locations:
        yield {
            **base,
            "message": {"text": f"{what} {finding.secret.redacted}."},
            "partialFingerprints": {"leakfirst/v1": finding.fingerprint},
            "properties": properties,
        }
    for location in finding.locations[:most]:
        origin = location.origin
        seen[origin.path] += 1
        same_file = hashlib.sha256(f"{finding.fingerprint}\0{origin.path}".encode("utf-8", "surrogatepass"))
        yield {
            **base,
            "message": {
                "text": f"{what} {finding.secret.redacted} in {_told(origin._replace(path=reached(origin, options)))}."
            },
            "locations": [_location(location, bases, options)],
            "partialFingerprints": {
                "leakfirst/v1": finding.fingerprint,
                "primaryLocationLineHash": f"{same_file.hexdigest()[:16]}:{seen[origin.path]}",
            },
            "properties": {**properties, **_where(location)},
        }


def _told(origin: Origin) -> str:
    """Return what and where for a message, in which brackets would form links."""
    text = ", ".join(filter(None, [name_of(origin), provenance(origin)]))
    return text.replace("[", "\\[").replace("]", "\\]")


def _location(location: Location, bases: dict[str, tuple[str, str, str]], options: Options) -> Json:
    origin = location.origin
    root, path = _rooted(origin, options)
    artifact: Json = {"uri": percent(path or name_of(origin)), "uriBaseId": bases[root][0]}
    if os.path.isabs(origin.path):
        artifact = {"uri": _root_uri(origin.path).rstrip("/")}
    region: Json = {"startLine": max(location.line, 1)}
    if location.line > 0 and location.column > 0:
        region["startColumn"] = location.column
        region["endLine"] = max(location.end_line, location.line)
        region["endColumn"] = max(location.end_column, 1)
    if location.snippet:
        region["snippet"] = {"text": clean(location.snippet)}
    shown: Json = {"physicalLocation": {"artifactLocation": artifact, "region": region}}
    if origin.commit:
        full = f"{origin.commit}:{printable(origin.path)}"
        shown["logicalLocations"] = [{"name": origin.commit, "fullyQualifiedName": full, "kind": "commit"}]
    return shown


def _where(location: Location) -> Json:
    origin = location.origin
    known = {
        "origin": origin.kind,
        "repository": clean(without_password(origin.repository)),
        "object": origin.object_id,
        "commit": origin.commit,
        "author": clean(origin.author or ""),
        "date": origin.when,
        "decodedVia": list(location.decoded_via),
        "lineUnknown": location.line <= 0,
    }
    return {key: value for key, value in known.items() if value}
