"""github-issue: one issue for each owner in a repository of yours, updated and closed with the incident."""

from __future__ import annotations

import json
from typing import Any

from detector.incident.notify import _http, _issue
from detector.incident.notify._event import CLOSED, Draft, Event, Send, Settings
from rotators.core import http, operator_credentials

SETTINGS = frozenset({"repository", "token_env", "token_file", "endpoint", "assignees"})
PER_OWNER = True

MOST_PAGES = 10


def draft(event: Event, settings: Settings) -> Draft:
    """See `_event.Channel`."""
    message: dict[str, Any] = {"title": _issue.heading(event), "body": _issue.body(event), "labels": [_issue.LABEL]}
    if person := settings.get("assignees", {}).get(event.owner):
        message["assignees"] = [str(person)]
    return Draft(f"POST {_issues(settings)} (or PATCH the one that there is)", message, event)


def deliver(draft: Draft, settings: Settings, thread: str, send: Send) -> str:
    """See `_event.Channel`; the thread is the number of the issue."""
    from detector.net.http_client import Reply, Request

    headers = (
        ("accept", "application/vnd.github+json"),
        ("content-type", "application/json"),
        ("x-github-api-version", "2022-11-28"),
        *http.bearer(operator_credentials.credential(settings)).items(),
    )

    def call(method: str, url: str, body: Any = None) -> Reply:
        content = b"" if body is None else json.dumps(body).encode()
        return _http.taken(send(Request(method, url, headers, content)))

    assert not isinstance(draft.body, str)
    state = "closed" if draft.event.phase == CLOSED else "open"
    number = thread or _known(draft.event, settings, call)
    if number:
        call("PATCH", f"{_issues(settings)}/{number}", {**draft.body, "state": state})
        return number
    if state == "closed":
        return ""
    made = call("POST", _issues(settings), dict(draft.body)).json() or {}
    return str(made.get("number", ""))


def _known(event: Event, settings: Settings, call: Any) -> str:
    for page in range(1, MOST_PAGES + 1):
        query = f"state=all&labels={_issue.LABEL}&per_page=100&page={page}"
        listed = call("GET", f"{_issues(settings)}?{query}").json() or []
        for issue in listed:
            if event.marker in str(issue.get("body") or ""):
                return str(issue["number"])
        if len(listed) < 100:
            break
    return ""


def _issues(settings: Settings) -> str:
    base = str(settings.get("endpoint", "https://api.github.com")).rstrip("/")
    return f"{base}/repos/{operator_credentials.needed(settings, 'repository')}/issues"
