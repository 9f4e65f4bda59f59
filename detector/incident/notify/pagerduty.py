"""pagerduty: Events API v2. One alert for each incident: triggered, acknowledged, resolved by its dedup key.

PagerDuty itself drops a second event with the same key, so a message that was
sent twice rings once. An escalation is an alert of its own: one that somebody
has acknowledged would not ring again. Closing resolves both.
"""

from __future__ import annotations

import json

from detector.incident.notify import _escape, _http
from detector.incident.notify._event import (
    ACKNOWLEDGED,
    CLOSED,
    ESCALATED,
    Draft,
    Event,
    Send,
    Settings,
    shown_lines,
    title,
)
from rotators.core import http, operator_credentials

SETTINGS = frozenset({"routing_key_env", "routing_key_file", "endpoint", "source"})
PER_OWNER = False

LATE = "-deadline"
"""What the key of an escalation has behind that of its incident."""

ACTIONS = {CLOSED: "resolve", ACKNOWLEDGED: "acknowledge"}


def draft(event: Event, settings: Settings) -> Draft:
    """See `_event.Channel`."""
    action = ACTIONS.get(event.phase, "trigger")
    late = LATE if event.phase == ESCALATED else ""
    message: dict[str, object] = {"event_action": action, "dedup_key": f"leakfirst-{event.incident}{late}"}
    if action == "trigger":
        message["client"] = "leakfirst"
        message["payload"] = {
            "summary": _escape.plain(title(event), 1000),
            "source": str(settings.get("source", "leakfirst")),
            "severity": "critical" if event.urgent else "error",
            "component": event.incident,
            "class": event.phase,
            "custom_details": {
                **dict(event.counts),
                **({"owner": _escape.plain(event.owner, 100)} if event.owner else {}),
                "lines": [_escape.plain(line, 200) for line in shown_lines(event, 20)],
                "next": [f"{name}: {_escape.plain(to, 300)}" for name, to in event.links if not _escape.address(to)],
            },
        }
        links = [(name, _escape.address(target)) for name, target in event.links]
        message["links"] = [{"href": url, "text": _escape.plain(name, 100)} for name, url in links if url]
    both = f" (and the same for {message['dedup_key']}{LATE})" if event.phase == CLOSED else ""
    return Draft(f"POST {_base(settings)}/v2/enqueue{both}", message, event)


def deliver(draft: Draft, settings: Settings, thread: str, send: Send) -> str:
    """See `_event.Channel`."""
    from detector.net.http_client import Request

    assert not isinstance(draft.body, str)
    routing = {"routing_key": http.text(operator_credentials.credential(settings, "routing_key"))}
    headers = (("content-type", "application/json"),)
    bodies = [{**routing, **draft.body}]
    if draft.event.phase == CLOSED:
        bodies.append({**bodies[0], "dedup_key": f"{draft.body['dedup_key']}{LATE}"})
    for body in bodies:
        _http.taken(send(Request("POST", f"{_base(settings)}/v2/enqueue", headers, json.dumps(body).encode())))
    return thread or str(draft.body["dedup_key"])


def _base(settings: Settings) -> str:
    return str(settings.get("endpoint", "https://events.pagerduty.com")).rstrip("/")
