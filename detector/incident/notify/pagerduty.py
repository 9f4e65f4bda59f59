"""pagerduty: Events API v2. One alert per incident, triggered, acknowledged and resolved by its dedup key.

PagerDuty drops a second event with the same key, so a message that is sent twice pages
once. An escalation is a separate alert, because an acknowledged alert would not page
again. Closing the incident resolves both.
"""

from __future__ import annotations

import json

from detector.incident.messages import escape, transport
from detector.incident.messages.event import (
    ChannelSettings,
    Draft,
    IncidentEvent,
    Phase,
    Send,
    format_title,
    limit_lines,
)
from rotators.core import http, operator_credentials

SETTINGS = frozenset({"routing_key_env", "routing_key_file", "endpoint", "source"})
PER_OWNER = False

DEADLINE_SUFFIX = "-deadline"
"""Appended to the dedup key of an incident to form the key of its escalation."""

ACTIONS = {Phase.CLOSED: "resolve", Phase.ACKNOWLEDGED: "acknowledge"}


def draft(event: IncidentEvent, settings: ChannelSettings) -> Draft:
    """See `event.Channel`."""
    action = ACTIONS.get(event.phase, "trigger")
    suffix = DEADLINE_SUFFIX if event.phase == Phase.ESCALATED else ""
    message: dict[str, object] = {"event_action": action, "dedup_key": f"leakfirst-{event.incident}{suffix}"}
    if action == "trigger":
        message["client"] = "leakfirst"
        message["payload"] = {
            "summary": escape.to_plain(format_title(event), 1000),
            "source": str(settings.get("source", "leakfirst")),
            "severity": "critical" if event.urgent else "error",
            "component": event.incident,
            "class": event.phase,
            "custom_details": {
                **dict(event.counts),
                **({"owner": escape.to_plain(event.owner, 100)} if event.owner else {}),
                "lines": [escape.to_plain(line, 200) for line in limit_lines(event, 20)],
                "next": [
                    f"{name}: {escape.to_plain(to, 300)}" for name, to in event.links if not escape.get_safe_url(to)
                ],
            },
        }
        links = [(name, escape.get_safe_url(target)) for name, target in event.links]
        message["links"] = [{"href": url, "text": escape.to_plain(name, 100)} for name, url in links if url]
    second = f" (and again for {message['dedup_key']}{DEADLINE_SUFFIX})" if event.phase == Phase.CLOSED else ""
    return Draft(f"POST {_get_base_url(settings)}/v2/enqueue{second}", message, event)


def deliver(draft: Draft, settings: ChannelSettings, thread: str, send: Send) -> str:
    """See `event.Channel`."""
    from detector.net.http_client import Request

    assert not isinstance(draft.body, str)
    routing = {"routing_key": http.reveal_text(operator_credentials.read_credential(settings, "routing_key"))}
    headers = (("content-type", "application/json"),)
    bodies = [{**routing, **draft.body}]
    if draft.event.phase == Phase.CLOSED:
        bodies.append({**bodies[0], "dedup_key": f"{draft.body['dedup_key']}{DEADLINE_SUFFIX}"})
    for body in bodies:
        transport.require_accepted(
            send(Request("POST", f"{_get_base_url(settings)}/v2/enqueue", headers, json.dumps(body).encode()))
        )
    return thread or str(draft.body["dedup_key"])


def _get_base_url(settings: ChannelSettings) -> str:
    return str(settings.get("endpoint", "https://events.pagerduty.com")).rstrip("/")
