"""webhook: the event as JSON to a service of yours, signed.

`x-leakfirst-signature: sha256=HEX` is HMAC-SHA-256 over the time stamp of
`x-leakfirst-timestamp`, a full stop and the body, so an old message cannot be
played again. `x-leakfirst-delivery` is the same when a message is sent again.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import time

from detector.incident.notify import _escape, _http
from detector.incident.notify._event import Draft, Event, Send, Settings
from rotators.core import http, operator_credentials

SETTINGS = frozenset({"url", "url_env", "url_file", "key_env", "key_file"})
PER_OWNER = False


def draft(event: Event, settings: Settings) -> Draft:
    """See `_event.Channel`."""
    body = {
        "schema": "leakfirst/event/1",
        "incident": event.incident,
        "phase": event.phase,
        "summary": _escape.plain(event.summary),
        "counts": dict(event.counts),
        "owner": _escape.plain(event.owner),
        "lines": [_escape.plain(line) for line in event.lines],
        "links": [{"name": name, "target": target} for name, target in event.links],
        "at": event.at,
        "urgent": event.urgent,
        "key": event.key,
    }
    return Draft(f"POST {settings.get('url', '(the url of url_env or url_file)')}", body, event)


def deliver(draft: Draft, settings: Settings, thread: str, send: Send) -> str:
    """See `_event.Channel`."""
    from detector.net.http_client import Request

    url = str(settings.get("url", "")) or http.text(operator_credentials.credential(settings, "url"))
    body = json.dumps(draft.body, sort_keys=True).encode()
    at = str(int(time.time()))
    key = http.text(operator_credentials.credential(settings, "key"))
    headers = (
        ("content-type", "application/json"),
        ("x-leakfirst-timestamp", at),
        ("x-leakfirst-delivery", hashlib.sha256(draft.event.key.encode()).hexdigest()[:32]),
        ("x-leakfirst-signature", f"sha256={signature(key, at, body)}"),
    )
    _http.taken(send(Request("POST", url, headers, body)))
    return thread


def signature(key: str, at: str, body: bytes) -> str:
    """Return the signature of *body* sent at *at*, as the receiver works it out."""
    return hmac.new(key.encode(), at.encode() + b"." + body, hashlib.sha256).hexdigest()
