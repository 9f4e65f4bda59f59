"""The report of an incident as Markdown and HTML: what leaked, what was done when and by whom, what is left.

It is computed from the log alone, so that anybody can create it again at any time. Text
from the leaked material is untrusted and is shown as plain text only.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple

from detector.fingerprint import PREFIX
from detector.incident import events
from detector.incident.messages import escape
from detector.incident.model import Credential, Incident, LineKind, LogLine
from detector.incident.timeline import MILESTONES, format_elapsed, format_time_left, has_passed
from detector.model import VerdictState

STYLE = (
    "body{font:16px/1.5 system-ui,sans-serif;max-width:72rem;margin:2rem auto;padding:0 1rem;color:#1a1a1a}"
    "table{border-collapse:collapse;width:100%;margin:1rem 0;font-size:.85rem}"
    "th,td{border:1px solid #ccc;padding:.3rem .5rem;text-align:left;vertical-align:top}"
    "code{font-family:ui-monospace,monospace;overflow-wrap:break-word}td{max-width:18rem;overflow-wrap:break-word}h2{margin-top:2rem}"
)

SHOWN_FACTS = ("state", "why", "at", "result", "rotator", "scope", "reason", "kind", "refs", "version")
"""The facts of a log line that the timeline shows."""


class Section(NamedTuple):
    """A heading with some sentences and a table, which is omitted if it has no rows."""

    title: str
    sentences: tuple[str, ...] = ()
    heads: tuple[str, ...] = ()
    rows: tuple[tuple[str, ...], ...] = ()


def build_report(incident: Incident, problems: Sequence[str], now: float) -> list[Section]:
    """Return the sections of the report; *problems* are those of the log's hash chain."""
    return [
        _build_summary(incident, now),
        _build_exposure(incident),
        Section(
            "Credentials",
            (),
            ("credential", "identity", "owner", "verdict", "state", "found at"),
            tuple(_list_credentials(incident)),
        ),
        Section(
            "Times",
            ("Times are in UTC. The last column is the time from discovery to proof that it is dead.",),
            ("credential", *MILESTONES, "duration"),
            tuple(_list_times(incident)),
        ),
        _build_table("Open tasks", ("what", "why", "owner", "due", "how"), _list_tasks(incident)),
        _build_table(
            "Other locations",
            ("credential", "repository", "location", "at a branch head"),
            _list_locations(incident),
        ),
        Section(
            "Dependent repositories",
            _describe_empty(incident.dependents)
            if incident.exposure.package
            else ("The leaked material is not a package.",),
            ("repository", "file", "version", "how", "swept again"),
            tuple(_list_dependents(incident)),
        ),
        _build_table("Decisions", ("when", "who", "credential", "what"), _list_decisions(incident)),
        _build_table("Notifications", ("when", "destination", "event"), tuple(_list_notifications(incident))),
        _build_table("Not read", ("what", "why"), incident.skipped),
        Section("Timeline", (), ("when", "who", "what"), tuple(_list_lines(incident))),
        _build_log_check(incident, problems),
    ]


def _build_table(title: str, heads: tuple[str, ...], rows: tuple[tuple[str, ...], ...]) -> Section:
    return Section(title, _describe_empty(rows), heads, rows)


def _describe_empty(rows: Sequence[object]) -> tuple[str, ...]:
    return () if rows else ("None.",)


def _build_summary(incident: Incident, now: float) -> Section:
    numbers = ", ".join(f"{number} {name}" for name, number in events.count_all(incident))
    time_left = format_time_left(incident.due_at, now)
    open_state = "The deadline has passed." if has_passed(incident.due_at, now) else f"{time_left}."
    found = f"Found {incident.found_at}, opened {incident.opened_at} by {incident.opened_by}"
    return Section(
        f"Incident {incident.id}",
        (
            incident.title,
            f"{found}; deadline {incident.due_at}.",
            f"Closed: {incident.closed_reason}." if incident.status == "closed" else f"Open. {open_state}",
            f"Taken by {incident.acknowledged_by}." if incident.acknowledged_by else "Nobody has taken the incident.",
            f"{numbers}.",
        ),
    )


def _build_exposure(incident: Incident) -> Section:
    exposure = incident.exposure
    digests = {line.subject: line.facts for line in incident.lines if line.kind == LineKind.MATERIAL}
    sentences = [f"Package {exposure.package}."] if exposure.package else []
    sentences += [f"Commits {exposure.range}."] if exposure.range else []
    sentences += [f"Only {', '.join(exposure.paths)}."] if exposure.paths else []
    rows = tuple(
        (
            target,
            f"{digests[target]['bytes']:,}" if target in digests else "",
            digests.get(target, {}).get("sha256", ""),
        )
        for target in exposure.targets
    )
    return Section("Leaked material", tuple(sentences), (exposure.kind, "bytes", "SHA-256"), rows)


def _build_dependents(incident: Incident) -> Section:
    rows = tuple(_list_dependents(incident))
    sentences = _describe_empty(rows) if incident.exposure.package else ("The leaked material is not a package.",)
    return Section("Dependent repositories", sentences, ("repository", "file", "version", "how", "swept again"), rows)


def _list_credentials(incident: Incident) -> Iterator[tuple[str, ...]]:
    for one in events.sort_by_urgency(incident.credentials):
        first = one.where[0] if one.where else {}
        location = f"{first.get('path') or first.get('origin', '')}:{first.get('line', '')}"
        more = f" and {len(one.where) - 1} more" if len(one.where) > 1 else ""
        verdict = VerdictState.LIVE if one.was_live else one.verdict
        yield (one.name, one.identity, one.owner or events.NO_OWNER, verdict, _describe_state(one), location + more)


def _describe_state(one: Credential) -> str:
    if one.accepted:
        return f"accepted: {one.accepted}"
    if one.times.dead:
        how = "dead" if one.result in ("", "dead") else f"ended ({one.result})"
        return f"{how}, replaced" if one.times.reissued else how
    if one.hold:
        return f"waiting: {one.hold['why']}"
    if one.was_live:
        return one.times.latest
    return "never live" if one.verdict == VerdictState.DEAD else "unknown"


def _list_times(incident: Incident) -> Iterator[tuple[str, ...]]:
    for one in events.sort_by_urgency(incident.live_credentials):
        times = {name: (getattr(one.times, name) or "")[:19].replace("T", " ") for name in MILESTONES}
        times["used"] = f"{times['used']} {one.last_use}".strip()
        yield (one.name, *times.values(), format_elapsed(one.times.found, one.times.dead))


def _list_tasks(incident: Incident) -> tuple[tuple[str, ...], ...]:
    return tuple(
        (task.what, task.why, task.owner or events.NO_OWNER, task.due, task.command or task.link)
        for task in events.list_tasks(incident)
    )


def _list_locations(incident: Incident) -> tuple[tuple[str, ...], ...]:
    return tuple(
        (
            _find_name(incident, str(at["fingerprint"])),
            str(at["repository"]),
            f"{at['path']}:{at['line']} {str(at['commit'])[:12]}",
            "yes" if at.get("at_head") else "no",
        )
        for at in incident.locations
    )


def _list_dependents(incident: Incident) -> Iterator[tuple[str, ...]]:
    for row in incident.dependents:
        how = {True: "directly", False: "indirectly", None: "unknown"}[row["direct"]]
        via = f" via {' > '.join(row['via'])}" if row.get("via") else ""
        swept = incident.scanned.get(row["repository"])
        result = f"{swept['at']}, {swept['findings']} findings" if swept else "no"
        yield (row["repository"], row["path"], row["version"], how + via, result)


def _list_decisions(incident: Incident) -> tuple[tuple[str, ...], ...]:
    return tuple(
        (line.at, str(line.facts.get("who") or line.by), _find_name(incident, line.subject), _describe_decision(line))
        for line in incident.approvals
    )


def _describe_decision(line: LogLine) -> str:
    if "scope" in line.facts:
        return f"approved ({line.facts['scope']}) plan {str(line.facts.get('plan', ''))[:12]}"
    return f"accepted: {line.facts.get('reason', '')}"


def _list_notifications(incident: Incident) -> Iterator[tuple[str, ...]]:
    for line in incident.lines:
        if line.kind == LineKind.NOTIFIED:
            yield (line.at, str(line.facts["destination"]), f"{line.facts['phase']}: {line.facts['summary']}")


def _list_lines(incident: Incident) -> Iterator[tuple[str, ...]]:
    for line in incident.lines:
        if line.kind == LineKind.NOTIFIED:
            continue
        subject = _find_name(incident, line.subject) if line.subject.startswith(PREFIX) else line.subject
        shown = {name: value for name, value in line.facts.items() if name in SHOWN_FACTS and value}
        facts = ", ".join(f"{name} {value}" for name, value in shown.items())
        yield (line.at, line.by, " ".join(part for part in (line.kind, subject, facts) if part))


def _find_name(incident: Incident, fingerprint: str) -> str:
    return next((one.name for one in incident.credentials if one.fingerprint == fingerprint), fingerprint)


def _build_log_check(incident: Incident, problems: Sequence[str]) -> Section:
    intact = "The hash chain is intact: no line was edited or removed."
    sentences = tuple(f"{problem}." for problem in problems) or (intact,)
    return Section("Log", (*sentences, f"{len(incident.lines)} lines; the hash of the last one is {incident.head}."))


def redact_report(sections: Sequence[Section], redact: Callable[[str], str]) -> list[Section]:
    """Return *sections* with every text passed through *redact*: a path may contain a credential."""
    return [
        section._replace(
            sentences=tuple(map(redact, section.sentences)),
            rows=tuple(tuple(map(redact, row)) for row in section.rows),
        )
        for section in sections
    ]


# -- output formats --------------------------------------------------------------


def render_markdown(sections: Sequence[Section]) -> str:
    """Return the report as Markdown, with all untrusted text escaped."""
    lines: list[str] = []
    for number, section in enumerate(sections):
        lines += [f"{'#' if not number else '##'} {section.title}", ""]
        lines += [part for sentence in section.sentences for part in (_escape_sentence(sentence), "")]
        if section.rows:
            lines.append(f"| {' | '.join(section.heads)} |")
            lines.append(f"|{'---|' * len(section.heads)}")
            lines += [f"| {' | '.join(_escape_cell(cell) for cell in row)} |" for row in section.rows]
            lines.append("")
    return "\n".join(lines).rstrip() + "\n"


def _escape_cell(text: str) -> str:
    return escape.to_code_span(text, 1000).replace("|", "\\|") if text else ""


def _escape_sentence(sentence: str) -> str:
    plain = escape.to_plain(sentence, 2000)
    return "".join(f"\\{character}" if character in "\\`*_{}[]<>#|!@~" else character for character in plain)


def render_html(sections: Sequence[Section]) -> str:
    """Return the report as one HTML page that loads nothing."""
    from detector.reports.html import build_policy

    out = [
        "<!doctype html><html lang='en'><head><meta charset='utf-8'>",
        f'<meta http-equiv="Content-Security-Policy" content="{build_policy(STYLE, "")}">',
        f"<title>{escape.to_html(sections[0].title)}</title><style>{STYLE}</style></head><body>",
    ]
    for number, section in enumerate(sections):
        level = 2 if number else 1
        out.append(f"<h{level}>{escape.to_html(section.title)}</h{level}>")
        out += [f"<p>{escape.to_html(sentence)}</p>" for sentence in section.sentences]
        if section.rows:
            heads = "".join(f"<th>{escape.to_html(head)}</th>" for head in section.heads)
            out.append(f"<table><thead><tr>{heads}</tr></thead><tbody>")
            for row in section.rows:
                cells = "".join(f"<td><code>{escape.to_html(cell)}</code></td>" for cell in row)
                out.append(f"<tr>{cells}</tr>")
            out.append("</tbody></table>")
    return "".join((*out, "</body></html>")).encode("ascii", "xmlcharrefreplace").decode() + "\n"
