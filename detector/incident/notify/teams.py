"""teams: an adaptive card to the webhook of a Microsoft Teams workflow.

Foreign text stands in `TextRun`s, which know no Markdown and no mention. The
workflow answers 202 whatever becomes of the card.
"""

from __future__ import annotations

import json
from typing import Any

from detector.incident.notify import _escape, _http
from detector.incident.notify._event import Draft, Event, Send, Settings, counted, shown_lines, title
from rotators.core import http, operator_credentials

SETTINGS = frozenset({"url_env", "url_file"})
PER_OWNER = False


def draft(event: Event, settings: Settings) -> Draft:
    """See `_event.Channel`."""
    body = [_run(_escape.plain(title(event), 200), weight="Bolder", size="Large")]
    if event.counts:
        body.append(_run(counted(event)))
    if event.owner:
        body.append(_run(f"for {_escape.plain(event.owner, 100)}"))
    body += [_run(f"• {_escape.plain(line, 200)}") for line in shown_lines(event, 20)]
    actions = []
    for name, target in event.links[:6]:
        if url := _escape.address(target):
            actions.append({"type": "Action.OpenUrl", "title": _escape.plain(name, 60), "url": url})
        else:
            body.append(_run(f"{name}: {_escape.plain(target, 300)}", fontType="Monospace"))
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
    return Draft("POST (the workflow's webhook of url_env or url_file)", message, event)


def _run(text: str, **style: str) -> dict[str, Any]:
    return {"type": "RichTextBlock", "inlines": [{"type": "TextRun", "text": text, **style}]}


def deliver(draft: Draft, settings: Settings, thread: str, send: Send) -> str:
    """See `_event.Channel`."""
    from detector.net.http_client import Request

    url = http.text(operator_credentials.credential(settings, "url"))
    headers = (("content-type", "application/json"),)
    _http.taken(send(Request("POST", url, headers, json.dumps(draft.body).encode())))
    return thread
