"""html: one file for a browser, which makes no request.

The page is rendered from the published document (_document.py), so that
`leakfirst view` can render a stored report. It works without script; the script
only filters. A content security policy allows the page's own style and script, by
digest, and nothing else: even if an escape were forgotten, no scanned text could
become active. The text is ASCII, so the encoding cannot be guessed wrong.
"""

from __future__ import annotations

import html
from base64 import b64encode
from collections import Counter
from collections.abc import Iterator
from hashlib import sha256
from importlib.resources import files
from typing import Any, TextIO

from detector.model import SEVERITIES, Origin, PlaceClass, Scan, VerdictState
from detector.reports._document import Record, build_document
from detector.reports._options import ReportOptions
from detector.text.numbers import format_count, format_size
from detector.text.places import classify_place
from detector.text.untrusted import describe_provenance, make_printable, name_content, needs_repository

MAX_LOCATIONS = 50
_PLACES = {
    PlaceClass.SOURCE: "source", PlaceClass.TEST: "tests", PlaceClass.EXAMPLE: "examples",
    PlaceClass.DOCUMENTATION: "documentation", PlaceClass.VENDORED: "vendored code",
    PlaceClass.GENERATED: "generated code",
}  # fmt: skip


def write(scan: Scan, out: TextIO, options: ReportOptions) -> None:
    """Print the page. It never shows a secret."""
    out.writelines(render_page(build_document(scan, options._replace(show_secrets=False))))


def render_page(report: Record) -> Iterator[str]:
    """Yield the page for a document that `_document.parse_document` has checked, in pieces."""
    for piece in _render(report):
        yield piece.encode("ascii", "xmlcharrefreplace").decode()


def build_policy(style: str, script: str) -> str:
    """Return the content security policy: this style, this script, nothing else."""
    return (
        f"default-src 'none'; style-src '{_hash_source(style)}'; script-src '{_hash_source(script)}'; img-src data:; "
        "base-uri 'none'; form-action 'none'"
    )


def _hash_source(text: str) -> str:
    return f"sha256-{b64encode(sha256(text.encode()).digest()).decode()}"


def _render(report: Record) -> Iterator[str]:
    style = files("detector.reports").joinpath("page.css").read_text("ascii")
    script = files("detector.reports").joinpath("page.js").read_text("ascii")
    findings = report["findings"]
    title = _format_headline(report)
    yield f"""<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="{_escape(build_policy(style, script))}">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="referrer" content="no-referrer">
<meta name="color-scheme" content="light dark">
<link rel="icon" href="data:,">
<title>leakfirst: {_escape(title)}</title>
<style>{style}</style>
</head>
<body>
<header>
<h1>{_escape(title)}</h1>
"""
    yield from _render_facts(report)
    yield from _render_filters(findings)
    yield "</header>\n<main>\n"
    rules = report.get("rules")
    repositories = {str(location.get("repository") or "") for f in findings for location in f["locations"]}
    target = report.get("target")
    several = needs_repository(repositories, target) if isinstance(target, str) else len(repositories - {""}) > 1
    for finding in findings:
        about = rules.get(finding["rule"], {}) if isinstance(rules, dict) else {}
        yield from _render_finding(finding, about if isinstance(about, dict) else {}, several)
    yield '<p class="none" hidden>No credential matches the filter.</p>\n</main>\n'
    yield from _render_not_reported(report)
    yield f"<script>{script}</script>\n</body>\n</html>\n"


# -- the head of the page -----------------------------------------------------


def _format_headline(report: Record) -> str:
    if report["findings"]:
        return f"{format_count(len(report['findings']), 'credential')} found"
    if report["complete"]:
        return "No credentials found"
    return "Found nothing, but some content could not be scanned"


def _render_facts(report: Record) -> Iterator[str]:
    stats, tool = report["stats"], report["tool"]
    locations = sum(len(finding["locations"]) for finding in report["findings"])
    words = [
        f"<b>{_escape(report['target'])}</b>" if isinstance(report.get("target"), str) else "",
        format_count(locations, "location") if locations else "",
        f"read {format_size(stats['bytes'])} in {format_count(stats['blobs'], 'object')}",
        format_count(stats["rules"], "rule"),
        f"leakfirst {_escape(tool['version'])}",
    ]
    yield f'<p class="facts">{" &middot; ".join(filter(None, words))}</p>\n'
    if not report["complete"]:
        yield '<p class="warning">Incomplete: some content could not be scanned. <a href="#lost">What</a></p>\n'
    if report.get("interrupted") is True:
        yield '<p class="warning">Interrupted: only what was found until then is reported.</p>\n'
    for note in _keep_strings(report.get("notes")):
        yield f'<p class="note">{_escape(note)}</p>\n'


def _render_filters(findings: list[Record]) -> Iterator[str]:
    if not findings:
        return
    kinds = Counter(finding["severity"] for finding in findings)
    yield '<form class="filters" hidden>\n<span>'
    for severity in reversed(SEVERITIES):
        if kinds[severity]:
            yield (
                f'<label class="chip {severity}"><input type="checkbox" name="severity" value="{severity}" checked> '
                f"{severity} {kinds[severity]:,}</label>\n"
            )
    yield '</span>\n<label>Rule <select name="rule"><option value="">all</option>\n'
    for rule, count in sorted(Counter(finding["rule"] for finding in findings).items()):
        yield f'<option value="{_escape(rule)}">{_escape(rule)} ({count:,})</option>\n'
    yield "</select></label>\n"
    yield '<label>Search <input type="search" name="text" placeholder="path, author, commit"></label>\n'
    yield '<label><input type="checkbox" name="elsewhere" checked> outside of source</label>\n'
    yield "<output></output>\n</form>\n"


# -- one credential -----------------------------------------------------------


def _render_finding(finding: Record, about: Record, several: bool) -> Iterator[str]:
    severity = finding["severity"] if finding["severity"] in SEVERITIES else "info"
    verdict, locations = finding["verdict"], finding["locations"]
    state = verdict["state"]
    place = _find_place(finding)
    finds = finding.get("finds") or about.get("finds") or finding["rule"]
    yield f'<article class="{severity}" data-severity="{severity}" data-rule="{_escape(finding["rule"])}"'
    yield f' data-place="{place}">\n'
    yield f'<h2><span class="chip {severity}">{severity}</span> {_escape(finds)}</h2>\n'
    yield f"<p><code>{_escape(finding['redacted'])}</code>"
    for part in finding["parts"]:
        yield f" with {_escape(part['name'])} <code>{_escape(part['redacted'])}</code>"
    if state != VerdictState.UNCHECKED:
        words = ", ".join(filter(None, [state, str(verdict.get("owner") or ""), verdict["why"]]))
        yield f' <span class="chip {"live" if state == VerdictState.LIVE else "known"}">{_escape(words)}</span>'
    yield f" {_escape(finding['confidence'])} confidence, in {_PLACES[place]}</p>\n"
    if isinstance(reason := finding.get("severity_reason"), str) and reason:
        yield f'<p class="source">{severity}: {_escape(reason)}</p>\n'
    if about.get("harm"):
        yield f"<p>{_escape(about['harm'])}</p>\n"
    yield '<ul class="places">\n'
    yield from _render_locations(locations[:MAX_LOCATIONS], several)
    if len(locations) > MAX_LOCATIONS:
        yield f"<li>and {format_count(len(locations) - MAX_LOCATIONS, 'more location')}, all in the json report</li>\n"
    yield "</ul>\n"
    if about.get("revoke"):
        yield f'<p class="next"><b>Next:</b> {_escape(about["revoke"])}</p>\n'
    links = [link for link in _keep_strings(about.get("links")) if link.startswith(("https://", "http://"))]
    for link in links:
        yield f'<p class="link"><a href="{_escape(link)}" rel="noreferrer noopener">{_escape(link)}</a></p>\n'
    yield from _render_evidence(finding)
    yield f'<p class="ids">{_escape(finding["rule"])} &middot; {_escape(finding["fingerprint"])}</p>\n</article>\n'


def _find_place(finding: Record) -> PlaceClass:
    """Return the class of the most exposed place; an older report does not say it."""
    if finding.get("place") in tuple(PlaceClass):
        return PlaceClass(finding["place"])
    classes = {classify_place(location["path"]) for location in finding["locations"]}
    return min(classes, key=tuple(PlaceClass).index, default=PlaceClass.SOURCE)


def _render_locations(locations: list[Record], several: bool) -> Iterator[str]:
    last = ""
    for location in locations:
        origin = _read_origin(location)
        name = name_content(origin)
        if location["line"] > 0:
            name = f"{name}:{location['line']}:{location['column']}"
        via = [f"inside {decoder}" for decoder in _keep_strings(location.get("decoded_via"))]
        source = ", ".join(filter(None, [describe_provenance(origin), *via]))
        repository = f' <span class="repository">{_escape(origin.repository)}</span>' if several else ""
        title = f' title="{_escape(origin.commit)}"' if origin.commit else ""
        yield f'<li><code>{_escape(name)}</code>{repository} <span class="source"{title}>{_escape(source)}</span>'
        snippet = location.get("snippet")
        if isinstance(snippet, str) and snippet not in ("", last):
            last = snippet
            yield f"\n<pre>{_escape(snippet.expandtabs(4))}</pre>"
        yield "</li>\n"


def _read_origin(location: Record) -> Origin:
    """Return the origin in *location*; members of a wrong type are ignored."""
    names = ("repository", "object", "commit", "author", "date")
    repository, object_id, commit, author, date = (
        value if isinstance(value := location.get(name), str) else "" for name in names
    )
    return Origin(location["origin"], location["path"], repository, object_id, commit, author, date)


def _render_evidence(finding: Record) -> Iterator[str]:
    evidence = [e for e in finding.get("evidence") or () if isinstance(e, dict)]
    if not evidence:
        return
    yield "<details><summary>Why</summary><ul>\n"
    for one in evidence:
        yield f"<li>{_escape(str(one.get('fact')))} ({_escape(str(one.get('weight')))})</li>\n"
    yield "</ul></details>\n"


# -- what was not reported ----------------------------------------------------


def _render_not_reported(report: Record) -> Iterator[str]:
    yield "<footer>\n"
    for expected, name, title in ((False, "lost", "Could not be scanned"), (True, "left-out", "Skipped on request")):
        skipped = [one for one in report["skipped"] if one["expected"] is expected]
        if skipped:
            shown = "" if expected else " open"
            yield f'<details id="{name}"{shown}><summary>{title} ({len(skipped):,})</summary><ul>\n'
            for one in skipped:
                yield f"<li><code>{_escape(one['where'])}</code> {_escape(one['reason'])}</li>\n"
            yield "</ul></details>\n"
    ignored = [one for one in report.get("ignored") or () if isinstance(one, dict)]
    if ignored:
        yield f"<details><summary>Ignored ({len(ignored):,})</summary><ul>\n"
        for one in ignored:
            finding = one.get("finding") if isinstance(one.get("finding"), dict) else {}
            assert isinstance(finding, dict)
            yield (
                f"<li><code>{_escape(str(finding.get('redacted')))}</code> {_escape(str(finding.get('finds')))}, "
                f"by {_escape(str(one.get('by')))}</li>\n"
            )
        yield "</ul></details>\n"
    yield "</footer>\n"


def _keep_strings(values: Any) -> list[str]:
    return [value for value in values if isinstance(value, str)] if isinstance(values, list) else []


def _escape(text: Any) -> str:
    """Return *text* escaped for the page or an attribute."""
    return html.escape(make_printable(str(text)))
