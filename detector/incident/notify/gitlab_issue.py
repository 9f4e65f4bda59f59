"""gitlab-issue: one confidential issue for each owner in a project of yours, updated and closed with the incident."""

from __future__ import annotations

import json
from typing import Any
from urllib.parse import quote

from detector.incident.notify import _http, _issue
from detector.incident.notify._event import CLOSED, Draft, Event, Send, Settings
from rotators.core import http, operator_credentials

SETTINGS = frozenset({"project", "token_env", "token_file", "endpoint"})
PER_OWNER = True


def draft(event: Event, settings: Settings) -> Draft:
    """See `_event.Channel`."""
    message = {
        "title": _issue.heading(event),
        "description": _issue.body(event),
        "labels": _issue.LABEL,
        "confidential": True,
    }
    return Draft(f"POST {_issues(settings)} (or PUT the one that there is)", message, event)


def deliver(draft: Draft, settings: Settings, thread: str, send: Send) -> str:
    """See `_event.Channel`; the thread is the number of the issue."""
    from detector.net.http_client import Reply, Request

    token = http.text(operator_credentials.credential(settings))
    headers = (("content-type", "application/json"), ("private-token", token))

    def call(method: str, url: str, body: Any = None) -> Reply:
        content = b"" if body is None else json.dumps(body).encode()
        return _http.taken(send(Request(method, url, headers, content)))

    assert not isinstance(draft.body, str)
    closed = draft.event.phase == CLOSED
    number = thread or _known(draft.event, settings, call)
    if number:
        event = "close" if closed else "reopen"
        call("PUT", f"{_issues(settings)}/{number}", {**draft.body, "state_event": event})
        return number
    if closed:
        return ""
    made = call("POST", _issues(settings), dict(draft.body)).json() or {}
    return str(made.get("iid", ""))


def _known(event: Event, settings: Settings, call: Any) -> str:
    query = f"labels={_issue.LABEL}&in=description&search={event.marker}&scope=all"
    for issue in call("GET", f"{_issues(settings)}?{query}").json() or []:
        if event.marker in str(issue.get("description") or ""):
            return str(issue["iid"])
    return ""


def _issues(settings: Settings) -> str:
    base = str(settings.get("endpoint", "https://gitlab.com")).rstrip("/")
    return f"{base}/api/v4/projects/{quote(operator_credentials.needed(settings, 'project'), safe='')}/issues"
