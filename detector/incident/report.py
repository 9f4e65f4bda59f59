"""The account of an incident: what leaked, what was done when and by whom, what is left, as Markdown and HTML.

It is made from the log alone, so it can be made again at any time and by
anybody. Texts from the exposed material are foreign and are shown as such.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple

from detector.incident import events
from detector.incident.model import Case, Credential, Line
from detector.incident.notify import _escape
from detector.incident.timeline import PHASES, between, left, passed

STYLE = (
    "body{font:16px/1.5 system-ui,sans-serif;max-width:72rem;margin:2rem auto;padding:0 1rem;color:#1a1a1a}"
    "table{border-collapse:collapse;width:100%;margin:1rem 0;font-size:.85rem}"
    "th,td{border:1px solid #ccc;padding:.3rem .5rem;text-align:left;vertical-align:top}"
    "code{font-family:ui-monospace,monospace;overflow-wrap:break-word}td{max-width:18rem;overflow-wrap:break-word}h2{margin-top:2rem}"
)


class Section(NamedTuple):
    """A heading, some sentences, and a table if there is one to show."""

    title: str
    sentences: tuple[str, ...] = ()
    heads: tuple[str, ...] = ()
    rows: tuple[tuple[str, ...], ...] = ()


def document(case: Case, problems: Sequence[str], now: float) -> list[Section]:
    """Return the account; *problems* are those of the logs' chains."""
    return [
        _summary(case, now),
        _exposure(case),
        Section(
            "Credentials",
            (),
            ("credential", "whose", "who answers for it", "verdict", "state", "found at"),
            tuple(_credentials(case)),
        ),
        Section(
            "Clock",
            ("Times are in UTC. The last column is the time from being found to being proven dead.",),
            ("credential", *PHASES, "took"),
            tuple(_clock(case)),
        ),
        Section(
            "What waits for a person",
            _none(events.tasks(case)),
            ("what", "why", "owner", "due", "how"),
            _waiting(case),
        ),
        Section(
            "Other places",
            _none(case.places),
            ("credential", "repository", "place", "at a tip"),
            tuple(
                (
                    _name(case, str(at["fingerprint"])),
                    str(at["repository"]),
                    f"{at['path']}:{at['line']} {str(at['commit'])[:12]}",
                    "yes" if at.get("tip") else "no",
                )
                for at in case.places
            ),
        ),
        Section(
            "Dependent repositories",
            _none(case.dependents) if case.exposure.package else ("What leaked is no package.",),
            ("repository", "file", "version", "how", "scanned again"),
            tuple(_dependents(case)),
        ),
        Section(
            "Who decided what",
            _none(case.approvals),
            ("when", "who", "credential", "what"),
            tuple((line.at, _who(line), _name(case, line.subject), _decision(line)) for line in case.approvals),
        ),
        Section("Who was told", (), ("when", "destination", "of"), tuple(_told(case))),
        Section("What could not be looked at", _none(case.skipped), ("what", "why"), case.skipped),
        Section("Timeline", (), ("when", "who", "what"), tuple(_timeline(case))),
        _chain(case, problems),
    ]


def _none(rows: Sequence[object]) -> tuple[str, ...]:
    return () if rows else ("Nothing.",)


def _summary(case: Case, now: float) -> Section:
    numbers = ", ".join(f"{number} {name}" for name, number in events.counts(case))
    late = "The deadline has passed." if passed(case.due_at, now) else f"{left(case.due_at, now)}."
    over = case.status == "closed"
    return Section(
        f"Incident {case.id}",
        (
            case.title,
            f"Found {case.found_at}, opened {case.opened_at} by {case.opened_by}; deadline {case.due_at}.",
            f"Closed: {case.closed_reason}." if over else f"Open. {late}",
            f"Taken by {case.acknowledged_by}." if case.acknowledged_by else "Nobody has said that it is theirs.",
            f"{numbers}.",
        ),
    )


def _exposure(case: Case) -> Section:
    told = case.exposure
    digests = {line.subject: line.facts for line in case.lines if line.kind == "material"}
    sentences = [f"Package {told.package}."] if told.package else []
    sentences += [f"Commits {told.range}."] if told.range else []
    sentences += [f"Only {', '.join(told.paths)}."] if told.paths else []
    rows = tuple(
        (
            target,
            f"{digests[target]['bytes']:,}" if target in digests else "",
            digests.get(target, {}).get("sha256", ""),
        )
        for target in told.targets
    )
    return Section("What was exposed", tuple(sentences), (told.kind, "bytes", "SHA-256"), rows)


def _credentials(case: Case) -> Iterator[tuple[str, ...]]:
    for one in events.pressing(case.credentials):
        first = one.where[0] if one.where else {}
        place = f"{first.get('path') or first.get('origin', '')}:{first.get('line', '')}"
        more = f" and {len(one.where) - 1} more" if len(one.where) > 1 else ""
        verdict = "live" if one.live else one.verdict
        yield (one.name, one.whose, one.owner or events.NOBODY, verdict, _state(one), place + more)


def _state(one: Credential) -> str:
    if one.accepted:
        return f"accepted: {one.accepted}"
    if one.times.dead:
        how = "dead" if one.result in ("", "dead") else f"ended ({one.result})"
        return f"{how}, replaced" if one.times.reissued else how
    if one.held:
        return f"waits: {one.held['why']}"
    return one.times.phase if one.live else ("never live" if one.verdict == "dead" else "not known")


def _clock(case: Case) -> Iterator[tuple[str, ...]]:
    for one in events.pressing(case.live):
        instants = {phase: (getattr(one.times, phase) or "")[:19].replace("T", " ") for phase in PHASES}
        instants["used"] = f"{instants['used']} {one.used}".strip()
        yield (one.name, *instants.values(), between(one.times.found, one.times.dead))


def _waiting(case: Case) -> tuple[tuple[str, ...], ...]:
    return tuple(
        (task.what, task.why, task.owner or events.NOBODY, task.due, task.command or task.link)
        for task in events.tasks(case)
    )


def _dependents(case: Case) -> Iterator[tuple[str, ...]]:
    for row in case.dependents:
        how = {True: "directly", False: "indirectly", None: "not told"}[row["direct"]]
        via = f" by {' > '.join(row['via'])}" if row.get("via") else ""
        again = case.scanned.get(row["repository"])
        told = f"{again['at']}, {again['findings']} findings" if again else "no"
        yield (row["repository"], row["path"], row["version"], how + via, told)


def _name(case: Case, fingerprint: str) -> str:
    return next((one.name for one in events.pressing(case.credentials) if one.fingerprint == fingerprint), fingerprint)


def _who(line: Line) -> str:
    return str(line.facts.get("who") or line.by)


def _decision(line: Line) -> str:
    if "scope" in line.facts:
        return f"approved ({line.facts['scope']}) plan {str(line.facts.get('plan', ''))[:12]}"
    return f"accepted: {line.facts.get('reason', '')}"


def _told(case: Case) -> Iterator[tuple[str, ...]]:
    for line in case.lines:
        if line.kind == "told":
            yield (line.at, str(line.facts["destination"]), f"{line.facts['phase']}: {line.facts['summary']}")


def _timeline(case: Case) -> Iterator[tuple[str, ...]]:
    for line in case.lines:
        if line.kind == "told":
            continue
        subject = _name(case, line.subject) if line.subject.startswith("lf1:") else line.subject
        chosen = {
            name: value
            for name, value in line.facts.items()
            if name in ("state", "why", "at", "result", "rotator", "scope", "reason", "kind", "refs", "version")
            and value
        }
        facts = ", ".join(f"{name} {value}" for name, value in chosen.items())
        yield (line.at, line.by, " ".join(part for part in (line.kind, subject, facts) if part))


def _chain(case: Case, problems: Sequence[str]) -> Section:
    whole = "Every line follows from the one before it: nobody has edited the log."
    sentences = tuple(f"{problem}." for problem in problems) or (whole,)
    return Section("Log", (*sentences, f"{len(case.lines)} lines; the last one has the hash {case.head}."))


def redacted(sections: Sequence[Section], clean: Callable[[str], str]) -> list[Section]:
    """Return the account with every text passed through *clean*: a path may hold a credential of its own."""
    return [
        section._replace(
            sentences=tuple(map(clean, section.sentences)),
            rows=tuple(tuple(map(clean, row)) for row in section.rows),
        )
        for section in sections
    ]


# -- as text -------------------------------------------------------------------


def markdown(sections: Sequence[Section]) -> str:
    """Return the account as Markdown; nothing foreign in it is active."""
    lines: list[str] = []
    for number, section in enumerate(sections):
        lines += [f"{'#' if not number else '##'} {section.title}", ""]
        lines += [part for sentence in section.sentences for part in (_inert(sentence), "")]
        if section.rows:
            lines.append(f"| {' | '.join(section.heads)} |")
            lines.append(f"|{'---|' * len(section.heads)}")
            lines += [f"| {' | '.join(_cell(cell) for cell in row)} |" for row in section.rows]
            lines.append("")
    return "\n".join(lines).rstrip() + "\n"


def _cell(text: str) -> str:
    return _escape.to_code_span(text, 1000).replace("|", "\\|") if text else ""


def _inert(sentence: str) -> str:
    plain = _escape.to_plain(sentence, 2000)
    return "".join(f"\\{sign}" if sign in "\\`*_{}[]<>#|!@~" else sign for sign in plain)


def page(sections: Sequence[Section]) -> str:
    """Return the account as one HTML page that asks nobody for anything."""
    from detector.reports.html import build_policy

    out = [
        "<!doctype html><html lang='en'><head><meta charset='utf-8'>",
        f'<meta http-equiv="Content-Security-Policy" content="{build_policy(STYLE, "")}">',
        f"<title>{_escape.to_html(sections[0].title)}</title><style>{STYLE}</style></head><body>",
    ]
    for number, section in enumerate(sections):
        level = 2 if number else 1
        out.append(f"<h{level}>{_escape.to_html(section.title)}</h{level}>")
        out += [f"<p>{_escape.to_html(sentence)}</p>" for sentence in section.sentences]
        if section.rows:
            heads = "".join(f"<th>{_escape.to_html(head)}</th>" for head in section.heads)
            out.append(f"<table><thead><tr>{heads}</tr></thead><tbody>")
            for row in section.rows:
                out.append("<tr>" + "".join(f"<td><code>{_escape.to_html(cell)}</code></td>" for cell in row) + "</tr>")
            out.append("</tbody></table>")
    return "".join((*out, "</body></html>")).encode("ascii", "xmlcharrefreplace").decode() + "\n"
