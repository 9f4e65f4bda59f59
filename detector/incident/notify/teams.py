"""teams: an adaptive card to the webhook of a Microsoft Teams workflow.

Untrusted text is in `TextRun`s, which support neither Markdown nor mentions. The
workflow answers 202 whether or not it can post the card.
"""

from __future__ import annotations

import json
from typing import Any

from detector.incident.messages import escape, transport
from detector.incident.messages.event import (
    ChannelSettings,
    Draft,
    IncidentEvent,
    Send,
    format_counts,
    format_title,
    limit_lines,
)
from rotators.core import http, operator_credentials

SETTINGS = frozenset({"url_env", "url_file"})
PER_OWNER = False


def draft(event: IncidentEvent, settings: ChannelSettings) -> Draft:
    """See `event.Channel`."""
    body = [_build_text_run(escape.to_plain(format_title(event), 200), weight="Bolder", size="Large")]
    if event.counts:
        body.append(_build_text_run(format_counts(event)))
    if event.owner:
        body.append(_build_text_run(f"for {escape.to_plain(event.owner, 100)}"))
    body += [_build_text_run(f"• {escape.to_plain(line, 200)}") for line in limit_lines(event, 20)]
    actions = []
    for name, target in event.links[:6]:
        if url := escape.get_safe_url(target):
            actions.append({"type": "Action.OpenUrl", "title": escape.to_plain(name, 60), "url": url})
        else:
            body.append(_build_text_run(f"{name}: {escape.to_plain(target, 300)}", fontType="Monospace"))
    card = {
        "type": "AdaptiveCard",
        "$schema": "http://adaptivecards.io/schemas/adaptive-card.json",
        "version": "1.4",
        "body": body,
        "actions": actions,
    }
    message = {
        "type": "message",
        "attachments": [
            {"contentType": "application/vnd.microsoft.card.adaptive", "contentUrl": None, "content": card}
        ],
    }
    return Draft("POST (the workflow's webhook URL in url_env or url_file)", message, event)


def _build_text_run(text: str, **style: str) -> dict[str, Any]:
    return {"type": "RichTextBlock", "inlines": [{"type": "TextRun", "text": text, **style}]}


def deliver(draft: Draft, settings: ChannelSettings, thread: str, send: Send) -> str:
    """See `event.Channel`."""
    from detector.net.http_client import Request

    url = http.reveal_text(operator_credentials.read_credential(settings, "url"))
    headers = (("content-type", "application/json"),)
    transport.require_accepted(send(Request("POST", url, headers, json.dumps(draft.body).encode())))
    return thread
