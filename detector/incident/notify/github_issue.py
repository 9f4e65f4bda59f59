"""github-issue: one issue per owner in a repository of yours, updated and closed with the incident."""

from __future__ import annotations

import json
from typing import Any

from detector.incident.messages import transport
from detector.incident.messages.event import ChannelSettings, Draft, IncidentEvent, Phase, Send
from detector.incident.notify import _issue
from rotators.core import http, operator_credentials

SETTINGS = frozenset({"repository", "token_env", "token_file", "endpoint", "assignees"})
PER_OWNER = True

MAX_PAGES = 10


def draft(event: IncidentEvent, settings: ChannelSettings) -> Draft:
    """See `event.Channel`."""
    message: dict[str, Any] = {
        "title": _issue.format_heading(event),
        "body": _issue.format_body(event),
        "labels": [_issue.LABEL],
    }
    if person := settings.get("assignees", {}).get(event.owner):
        message["assignees"] = [str(person)]
    return Draft(f"POST {_get_issues_url(settings)} (or PATCH the existing issue)", message, event)


def deliver(draft: Draft, settings: ChannelSettings, thread: str, send: Send) -> str:
    """See `event.Channel`; the thread is the issue number."""
    from detector.net.http_client import Reply, Request

    headers = (
        ("accept", "application/vnd.github+json"),
        ("content-type", "application/json"),
        ("x-github-api-version", "2022-11-28"),
        *http.bearer_header(operator_credentials.read_credential(settings)).items(),
    )

    def call(method: str, url: str, body: Any = None) -> Reply:
        content = b"" if body is None else json.dumps(body).encode()
        return transport.require_accepted(send(Request(method, url, headers, content)))

    assert not isinstance(draft.body, str)
    state = "closed" if draft.event.phase == Phase.CLOSED else "open"
    number = thread or _find_issue(draft.event, settings, call)
    if number:
        call("PATCH", f"{_get_issues_url(settings)}/{number}", {**draft.body, "state": state})
        return number
    if state == "closed":
        return ""
    created = call("POST", _get_issues_url(settings), dict(draft.body)).json() or {}
    return str(created.get("number", ""))


def _find_issue(event: IncidentEvent, settings: ChannelSettings, call: Any) -> str:
    for page in range(1, MAX_PAGES + 1):
        query = f"state=all&labels={_issue.LABEL}&per_page=100&page={page}"
        listed = call("GET", f"{_get_issues_url(settings)}?{query}").json() or []
        for issue in listed:
            if event.marker in str(issue.get("body") or ""):
                return str(issue["number"])
        if len(listed) < 100:
            break
    return ""


def _get_issues_url(settings: ChannelSettings) -> str:
    base = str(settings.get("endpoint", "https://api.github.com")).rstrip("/")
    return f"{base}/repos/{operator_credentials.require_setting(settings, 'repository')}/issues"
