"""What an issue says: the work list of one person, found again by a marker.

An issue is looked for before one is made, so a message that was sent twice, or
by somebody else with another state, updates it. All foreign text stands in
code spans: no mention, no quick action, no link.
"""

from __future__ import annotations

from detector.incident.notify import _escape
from detector.incident.notify._event import Event, counted, shown_lines, title

LABEL = "leakfirst"


def heading(event: Event) -> str:
    """Return the title: the same for all events of a thread."""
    return f"[{event.incident}] credentials that need {_escape.header(event.owner, 80)}"


def body(event: Event) -> str:
    """Return the text, in Markdown."""
    lines = [f"{_escape.code(title(event))}", ""]
    lines += [counted(event), ""] if event.counts else []
    lines += [f"- {_escape.code(line)}" for line in shown_lines(event, 100)]
    lines += [""]
    for name, target in event.links:
        url = _escape.address(target)
        lines.append(f"- {name}: <{url}>" if url else f"- {name}: {_escape.code(target)}")
    lines += ["", "Written by leakfirst; it is updated as the incident goes on.", f"<!-- {event.marker} -->"]
    return "\n".join(lines) + "\n"
