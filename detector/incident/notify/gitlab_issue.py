"""gitlab-issue: one confidential issue per owner in a project of yours, updated and closed with the incident."""

from __future__ import annotations

import json
from typing import Any
from urllib.parse import quote

from detector.incident.messages import transport
from detector.incident.messages.event import ChannelSettings, Draft, IncidentEvent, Phase, Send
from detector.incident.notify import _issue
from rotators.core import http, operator_credentials

SETTINGS = frozenset({"project", "token_env", "token_file", "endpoint"})
PER_OWNER = True


def draft(event: IncidentEvent, settings: ChannelSettings) -> Draft:
    """See `event.Channel`."""
    message = {
        "title": _issue.format_heading(event),
        "description": _issue.format_body(event),
        "labels": _issue.LABEL,
        "confidential": True,
    }
    return Draft(f"POST {_get_issues_url(settings)} (or PUT the existing issue)", message, event)


def deliver(draft: Draft, settings: ChannelSettings, thread: str, send: Send) -> str:
    """See `event.Channel`; the thread is the issue number."""
    from detector.net.http_client import Reply, Request

    token = http.reveal_text(operator_credentials.read_credential(settings))
    headers = (("content-type", "application/json"), ("private-token", token))

    def call(method: str, url: str, body: Any = None) -> Reply:
        content = b"" if body is None else json.dumps(body).encode()
        return transport.require_accepted(send(Request(method, url, headers, content)))

    assert not isinstance(draft.body, str)
    closed = draft.event.phase == Phase.CLOSED
    number = thread or _find_issue(draft.event, settings, call)
    if number:
        event = "close" if closed else "reopen"
        call("PUT", f"{_get_issues_url(settings)}/{number}", {**draft.body, "state_event": event})
        return number
    if closed:
        return ""
    created = call("POST", _get_issues_url(settings), dict(draft.body)).json() or {}
    return str(created.get("iid", ""))


def _find_issue(event: IncidentEvent, settings: ChannelSettings, call: Any) -> str:
    query = f"labels={_issue.LABEL}&in=description&search={event.marker}&scope=all"
    for issue in call("GET", f"{_get_issues_url(settings)}?{query}").json() or []:
        if event.marker in str(issue.get("description") or ""):
            return str(issue["iid"])
    return ""


def _get_issues_url(settings: ChannelSettings) -> str:
    base = str(settings.get("endpoint", "https://gitlab.com")).rstrip("/")
    return f"{base}/api/v4/projects/{quote(operator_credentials.require_setting(settings, 'project'), safe='')}/issues"
