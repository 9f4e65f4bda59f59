"""html: one file for a browser, which asks nobody for anything.

The page is made from the published document (_document.py), so that `leakfirst
view` can make it from a stored report. It works without script; the script
filters. A content security policy allows the page's own style and script, by
digest, and nothing else: no foreign text can become active, were an escape
ever forgotten. The text is ASCII, so no encoding can be guessed wrong.
"""

from __future__ import annotations

import html
from base64 import b64encode
from collections import Counter
from collections.abc import Iterator
from hashlib import sha256
from importlib.resources import files
from typing import Any, TextIO

from detector.model import SEVERITIES, Origin, Scan, VerdictState
from detector.reports._document import Record, document
from detector.reports._options import Options
from detector.reports._order import in_test_code
from detector.text.numbers import counted, size
from detector.text.untrusted import name_of, named, printable, provenance

TITLE = "one web page with filters"
STREAMS = False

MOST_PLACES = 50


def write(scan: Scan, out: TextIO, options: Options) -> None:
    """Print the page. It never shows a secret."""
    out.writelines(page(document(scan, options._replace(show_secrets=False))))


def page(report: Record) -> Iterator[str]:
    """Return the page for a document that `_document.read` has checked, in pieces."""
    for piece in _page(report):
        yield piece.encode("ascii", "xmlcharrefreplace").decode()


def policy(style: str, script: str) -> str:
    """Return the content security policy: this style, this script, nothing else."""
    return (
        f"default-src 'none'; style-src '{_digest(style)}'; script-src '{_digest(script)}'; img-src data:; "
        "base-uri 'none'; form-action 'none'"
    )


def _digest(text: str) -> str:
    return f"sha256-{b64encode(sha256(text.encode()).digest()).decode()}"


def _page(report: Record) -> Iterator[str]:
    style = files("detector.reports").joinpath("page.css").read_text("ascii")
    script = files("detector.reports").joinpath("page.js").read_text("ascii")
    findings = report["findings"]
    title = _headline(report)
    yield f"""<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="{_text(policy(style, script))}">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="referrer" content="no-referrer">
<meta name="color-scheme" content="light dark">
<link rel="icon" href="data:,">
<title>leakfirst: {_text(title)}</title>
<style>{style}</style>
</head>
<body>
<header>
<h1>{_text(title)}</h1>
"""
    yield from _facts(report)
    yield from _filters(findings)
    yield "</header>\n<main>\n"
    rules = report.get("rules")
    repositories = {str(location.get("repository") or "") for f in findings for location in f["locations"]}
    target = report.get("target")
    several = named(repositories, target) if isinstance(target, str) else len(repositories - {""}) > 1
    for finding in findings:
        about = rules.get(finding["rule"], {}) if isinstance(rules, dict) else {}
        yield from _card(finding, about if isinstance(about, dict) else {}, several)
    yield '<p class="none" hidden>No credential matches the filter.</p>\n</main>\n'
    yield from _not_reported(report)
    yield f"<script>{script}</script>\n</body>\n</html>\n"


# -- the head of the page -----------------------------------------------------


def _headline(report: Record) -> str:
    if report["findings"]:
        return f"{counted(len(report['findings']), 'credential')} found"
    if report["complete"]:
        return "No credentials found"
    return "Found nothing, but some content could not be scanned"


def _facts(report: Record) -> Iterator[str]:
    stats, tool = report["stats"], report["tool"]
    locations = sum(len(finding["locations"]) for finding in report["findings"])
    words = [
        f"<b>{_text(report['target'])}</b>" if isinstance(report.get("target"), str) else "",
        counted(locations, "location") if locations else "",
        f"read {size(stats['bytes'])} in {counted(stats['blobs'], 'object')}",
        counted(stats["rules"], "rule"),
        f"leakfirst {_text(tool['version'])}",
    ]
    yield f'<p class="facts">{" &middot; ".join(filter(None, words))}</p>\n'
    if not report["complete"]:
        yield '<p class="warning">Incomplete: some content could not be scanned. <a href="#lost">What</a></p>\n'
    for note in _strings(report.get("notes")):
        yield f'<p class="note">{_text(note)}</p>\n'


def _filters(findings: list[Record]) -> Iterator[str]:
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
        yield f'<option value="{_text(rule)}">{_text(rule)} ({count:,})</option>\n'
    yield "</select></label>\n"
    yield '<label>Search <input type="search" name="text" placeholder="path, author, commit"></label>\n'
    yield '<label><input type="checkbox" name="tests" checked> test code</label>\n<output></output>\n</form>\n'


# -- one credential -----------------------------------------------------------


def _card(finding: Record, about: Record, several: bool) -> Iterator[str]:
    severity = finding["severity"] if finding["severity"] in SEVERITIES else "info"
    verdict, locations = finding["verdict"], finding["locations"]
    state = verdict["state"]
    tests = bool(locations) and all(in_test_code(location["path"]) for location in locations)
    finds = finding.get("finds") or about.get("finds") or finding["rule"]
    yield f'<article class="{severity}" data-severity="{severity}" data-rule="{_text(finding["rule"])}"'
    yield ' data-tests="1">\n' if tests else ">\n"
    yield f'<h2><span class="chip {severity}">{severity}</span> {_text(finds)}</h2>\n'
    yield f"<p><code>{_text(finding['redacted'])}</code>"
    for part in finding["parts"]:
        yield f" with {_text(part['name'])} <code>{_text(part['redacted'])}</code>"
    if state != VerdictState.UNCHECKED:
        words = ", ".join(filter(None, [state, str(verdict.get("owner") or ""), verdict["why"]]))
        yield f' <span class="chip {"live" if state == VerdictState.LIVE else "known"}">{_text(words)}</span>'
    yield f" {_text(finding['confidence'])} confidence{', test code' if tests else ''}</p>\n"
    if about.get("harm"):
        yield f"<p>{_text(about['harm'])}</p>\n"
    yield '<ul class="places">\n'
    yield from _places(locations[:MOST_PLACES], several)
    if len(locations) > MOST_PLACES:
        yield f"<li>and {counted(len(locations) - MOST_PLACES, 'more location')}, all in the json report</li>\n"
    yield "</ul>\n"
    if about.get("revoke"):
        yield f'<p class="next"><b>Next:</b> {_text(about["revoke"])}</p>\n'
    links = [link for link in _strings(about.get("links")) if link.startswith(("https://", "http://"))]
    for link in links:
        yield f'<p class="link"><a href="{_text(link)}" rel="noreferrer noopener">{_text(link)}</a></p>\n'
    yield from _evidence(finding)
    yield f'<p class="ids">{_text(finding["rule"])} &middot; {_text(finding["fingerprint"])}</p>\n</article>\n'


def _places(locations: list[Record], several: bool) -> Iterator[str]:
    last = ""
    for location in locations:
        origin = _origin(location)
        place_ = name_of(origin)
        if location["line"] > 0:
            place_ = f"{place_}:{location['line']}:{location['column']}"
        via = [f"inside {decoder}" for decoder in _strings(location.get("decoded_via"))]
        source = ", ".join(filter(None, [provenance(origin), *via]))
        repository = f' <span class="repository">{_text(origin.repository)}</span>' if several else ""
        title = f' title="{_text(origin.commit)}"' if origin.commit else ""
        yield f'<li><code>{_text(place_)}</code>{repository} <span class="source"{title}>{_text(source)}</span>'
        snippet = location.get("snippet")
        if isinstance(snippet, str) and snippet not in ("", last):
            last = snippet
            yield f"\n<pre>{_text(snippet.expandtabs(4))}</pre>"
        yield "</li>\n"


def _origin(location: Record) -> Origin:
    """Return where the content came from; what a report from elsewhere has of the wrong type is left out."""
    names = ("repository", "object", "commit", "author", "date")
    repository, object_id, commit, author, date = (
        value if isinstance(value := location.get(name), str) else "" for name in names
    )
    return Origin(location["origin"], location["path"], repository, object_id, commit, author, date)


def _evidence(finding: Record) -> Iterator[str]:
    evidence = [e for e in finding.get("evidence") or () if isinstance(e, dict)]
    if not evidence:
        return
    yield "<details><summary>Why</summary><ul>\n"
    for one in evidence:
        yield f"<li>{_text(str(one.get('fact')))} ({_text(str(one.get('weight')))})</li>\n"
    yield "</ul></details>\n"


# -- what was not reported ----------------------------------------------------


def _not_reported(report: Record) -> Iterator[str]:
    yield "<footer>\n"
    for expected, name, title in ((False, "lost", "Could not be scanned"), (True, "left-out", "Skipped on request")):
        skipped = [one for one in report["skipped"] if one["expected"] is expected]
        if skipped:
            shown = "" if expected else " open"
            yield f'<details id="{name}"{shown}><summary>{title} ({len(skipped):,})</summary><ul>\n'
            for one in skipped:
                yield f"<li><code>{_text(one['where'])}</code> {_text(one['reason'])}</li>\n"
            yield "</ul></details>\n"
    ignored = [one for one in report.get("ignored") or () if isinstance(one, dict)]
    if ignored:
        yield f"<details><summary>Ignored ({len(ignored):,})</summary><ul>\n"
        for one in ignored:
            finding = one.get("finding") if isinstance(one.get("finding"), dict) else {}
            assert isinstance(finding, dict)
            yield (
                f"<li><code>{_text(str(finding.get('redacted')))}</code> {_text(str(finding.get('finds')))}, "
                f"by {_text(str(one.get('by')))}</li>\n"
            )
        yield "</ul></details>\n"
    yield "</footer>\n"


def _strings(values: Any) -> list[str]:
    return [value for value in values if isinstance(value, str)] if isinstance(values, list) else []


def _text(text: Any) -> str:
    """Return *text* so that it can stand in the page or in an attribute."""
    return html.escape(printable(str(text)))
