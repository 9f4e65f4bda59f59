"""slack: a message by an incoming webhook, or by `chat.postMessage` with one thread per incident.

Untrusted text is in `plain_text` elements, which Slack does not interpret; the fallback
text is escaped and its markup is disabled. `chat.postMessage` always returns status 200;
the field `ok` of the body is the result.
"""

from __future__ import annotations

import json
from typing import Any

from detector.incident.messages import escape, transport
from detector.incident.messages.event import (
    ChannelSettings,
    DeliveryFailed,
    Draft,
    IncidentEvent,
    Send,
    format_counts,
    format_title,
    limit_lines,
)
from rotators.core import http, operator_credentials

SETTINGS = frozenset({"url_env", "url_file", "token_env", "token_file", "to", "endpoint"})
PER_OWNER = False

MAX_TEXT = 2900
"""Characters of one text element."""

_RETRYABLE = frozenset({"ratelimited", "rate_limited", "internal_error", "fatal_error", "service_unavailable"})


def draft(event: IncidentEvent, settings: ChannelSettings) -> Draft:
    """See `event.Channel`."""
    message: dict[str, Any] = {
        "text": escape.to_slack(format_title(event)),
        "mrkdwn": False,
        "unfurl_links": False,
        "unfurl_media": False,
        "blocks": _build_blocks(event),
    }
    if operator_credentials.has_credential(settings):
        channel = operator_credentials.require_setting(settings, "to")
        message = {"channel": channel, "parse": "none", "link_names": False, **message}
        return Draft(f"POST {_get_base_url(settings)}/api/chat.postMessage", message, event)
    return Draft("POST (the webhook URL in url_env or url_file)", message, event)


def _build_blocks(event: IncidentEvent) -> list[dict[str, Any]]:
    blocks: list[dict[str, Any]] = [
        {"type": "header", "text": _build_text(escape.to_plain(format_title(event), 140))},
    ]
    if event.counts:
        blocks.append({"type": "section", "text": _build_text(format_counts(event))})
    if event.owner:
        blocks.append({"type": "section", "text": _build_text(f"for {escape.to_plain(event.owner, 100)}")})
    if event.lines:
        lines = "\n".join(f"• {escape.to_plain(line, 200)}" for line in limit_lines(event, 12))
        blocks.append({"type": "section", "text": _build_text(lines[:MAX_TEXT])})
    for name, target in event.links[:8]:
        if url := escape.get_safe_url(target):
            shown = f"<{url.replace('&', '&amp;')}|{escape.to_slack(name, 100)}>"
            text = {"type": "mrkdwn", "text": shown, "verbatim": True}
        else:
            text = _build_text(f"{name}: {escape.to_plain(target, 300)}")
        blocks.append({"type": "context", "elements": [text]})
    return blocks


def _build_text(text: str) -> dict[str, Any]:
    return {"type": "plain_text", "text": text, "emoji": False}


def deliver(draft: Draft, settings: ChannelSettings, thread: str, send: Send) -> str:
    """See `event.Channel`; the thread is the timestamp of the first message."""
    from detector.net.http_client import Request

    assert not isinstance(draft.body, str)
    body = dict(draft.body)
    headers = [("content-type", "application/json; charset=utf-8")]
    if not operator_credentials.has_credential(settings):
        url = http.reveal_text(operator_credentials.read_credential(settings, "url"))
        transport.require_accepted(send(Request("POST", url, tuple(headers), json.dumps(body).encode())))
        return thread
    headers += http.bearer_header(operator_credentials.read_credential(settings)).items()
    if thread:
        body["thread_ts"] = thread
    url = f"{_get_base_url(settings)}/api/chat.postMessage"
    answer = (
        transport.require_accepted(send(Request("POST", url, tuple(headers), json.dumps(body).encode()))).json() or {}
    )
    if not answer.get("ok"):
        why = str(answer.get("error", "an unknown error"))[:60]
        raise DeliveryFailed(f"Slack answered {why}", 30.0 if why in _RETRYABLE else None)
    return thread or str(answer.get("ts", ""))


def _get_base_url(settings: ChannelSettings) -> str:
    return str(settings.get("endpoint", "https://slack.com")).rstrip("/")
