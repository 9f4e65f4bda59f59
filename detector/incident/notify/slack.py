"""slack: a message by an incoming webhook, or by `chat.postMessage` with a thread for each incident.

Foreign text stands in `plain_text` elements, which Slack does not interpret;
the fallback text is escaped and its mark-up switched off. `chat.postMessage`
answers 200 to everything, `ok` in the body is the answer.
"""

from __future__ import annotations

import json
from typing import Any

from detector.incident.notify import _escape, _http
from detector.incident.notify._event import Draft, Event, NotTaken, Send, Settings, counted, shown_lines, title
from rotators.core import http, operator_credentials

SETTINGS = frozenset({"url_env", "url_file", "token_env", "token_file", "to", "endpoint"})
PER_OWNER = False

MOST = 2900
"""Characters of one text element."""

_AGAIN = frozenset({"ratelimited", "rate_limited", "internal_error", "fatal_error", "service_unavailable"})


def draft(event: Event, settings: Settings) -> Draft:
    """See `_event.Channel`."""
    message: dict[str, Any] = {
        "text": _escape.slack(title(event)),
        "mrkdwn": False,
        "unfurl_links": False,
        "unfurl_media": False,
        "blocks": _blocks(event),
    }
    if operator_credentials.has_credential(settings):
        channel = operator_credentials.needed(settings, "to")
        message = {"channel": channel, "parse": "none", "link_names": False, **message}
        return Draft(f"POST {_base(settings)}/api/chat.postMessage", message, event)
    return Draft("POST (the webhook of url_env or url_file)", message, event)


def _blocks(event: Event) -> list[dict[str, Any]]:
    blocks: list[dict[str, Any]] = [
        {"type": "header", "text": _text(_escape.plain(title(event), 140))},
    ]
    if event.counts:
        blocks.append({"type": "section", "text": _text(counted(event))})
    if event.owner:
        blocks.append({"type": "section", "text": _text(f"for {_escape.plain(event.owner, 100)}")})
    if event.lines:
        lines = "\n".join(f"• {_escape.plain(line, 200)}" for line in shown_lines(event, 12))
        blocks.append({"type": "section", "text": _text(lines[:MOST])})
    for name, target in event.links[:8]:
        if url := _escape.address(target):
            shown = f"<{url.replace('&', '&amp;')}|{_escape.slack(name, 100)}>"
            text = {"type": "mrkdwn", "text": shown, "verbatim": True}
        else:
            text = _text(f"{name}: {_escape.plain(target, 300)}")
        blocks.append({"type": "context", "elements": [text]})
    return blocks


def _text(text: str) -> dict[str, Any]:
    return {"type": "plain_text", "text": text, "emoji": False}


def deliver(draft: Draft, settings: Settings, thread: str, send: Send) -> str:
    """See `_event.Channel`; the thread is the time stamp of the first message."""
    from detector.net.http_client import Request

    assert not isinstance(draft.body, str)
    body = dict(draft.body)
    headers = [("content-type", "application/json; charset=utf-8")]
    if not operator_credentials.has_credential(settings):
        url = http.text(operator_credentials.credential(settings, "url"))
        _http.taken(send(Request("POST", url, tuple(headers), json.dumps(body).encode())))
        return thread
    headers += http.bearer(operator_credentials.credential(settings)).items()
    if thread:
        body["thread_ts"] = thread
    url = f"{_base(settings)}/api/chat.postMessage"
    answer = _http.taken(send(Request("POST", url, tuple(headers), json.dumps(body).encode()))).json() or {}
    if not answer.get("ok"):
        why = str(answer.get("error", "no answer that we know"))[:60]
        raise NotTaken(f"Slack says {why}", 30.0 if why in _AGAIN else None)
    return thread or str(answer.get("ts", ""))


def _base(settings: Settings) -> str:
    return str(settings.get("endpoint", "https://slack.com")).rstrip("/")
