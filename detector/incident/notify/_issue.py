"""Title and body of an issue: the work list of one person.

The body contains a marker. A channel searches for it before it creates an issue, so a
message that is sent twice, or from another machine, updates the existing issue. All
untrusted text is in code spans: no mention, no quick action, no link.
"""

from __future__ import annotations

from detector.incident.messages import escape
from detector.incident.messages.event import IncidentEvent, format_counts, format_title, limit_lines

LABEL = "leakfirst"


def format_heading(event: IncidentEvent) -> str:
    """Return the title, which is the same for all events of a thread."""
    return f"[{event.incident}] credentials waiting for {escape.to_header(event.owner, 80)}"


def format_body(event: IncidentEvent) -> str:
    """Return the body in Markdown."""
    lines = [f"{escape.to_code_span(format_title(event))}", ""]
    lines += [format_counts(event), ""] if event.counts else []
    lines += [f"- {escape.to_code_span(line)}" for line in limit_lines(event, 100)]
    lines += [""]
    for name, target in event.links:
        url = escape.get_safe_url(target)
        lines.append(f"- {name}: <{url}>" if url else f"- {name}: {escape.to_code_span(target)}")
    lines += ["", "Created by leakfirst, which updates it during the incident.", f"<!-- {event.marker} -->"]
    return "\n".join(lines) + "\n"
