"""webhook: the event as signed JSON to a service of yours.

`x-leakfirst-signature: sha256=HEX` is the HMAC-SHA-256 of the value of
`x-leakfirst-timestamp`, a full stop and the body, which prevents replay of an old
message. `x-leakfirst-delivery` has the same value when a message is sent again.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import time

from detector.incident.messages import escape, transport
from detector.incident.messages.event import ChannelSettings, Draft, IncidentEvent, Send
from rotators.core import http, operator_credentials

SETTINGS = frozenset({"url", "url_env", "url_file", "key_env", "key_file"})
PER_OWNER = False


def draft(event: IncidentEvent, settings: ChannelSettings) -> Draft:
    """See `event.Channel`."""
    body = {
        "schema": "leakfirst/event/1",
        "incident": event.incident,
        "phase": event.phase,
        "summary": escape.to_plain(event.summary),
        "counts": dict(event.counts),
        "owner": escape.to_plain(event.owner),
        "lines": [escape.to_plain(line) for line in event.lines],
        "links": [{"name": name, "target": target} for name, target in event.links],
        "at": event.at,
        "urgent": event.urgent,
        "key": event.key,
    }
    return Draft(f"POST {settings.get('url', '(the URL in url_env or url_file)')}", body, event)


def deliver(draft: Draft, settings: ChannelSettings, thread: str, send: Send) -> str:
    """See `event.Channel`."""
    from detector.net.http_client import Request

    url = str(settings.get("url", "")) or http.reveal_text(operator_credentials.read_credential(settings, "url"))
    body = json.dumps(draft.body, sort_keys=True).encode()
    at = str(int(time.time()))
    key = http.reveal_text(operator_credentials.read_credential(settings, "key"))
    headers = (
        ("content-type", "application/json"),
        ("x-leakfirst-timestamp", at),
        ("x-leakfirst-delivery", hashlib.sha256(draft.event.key.encode()).hexdigest()[:32]),
        ("x-leakfirst-signature", f"sha256={compute_signature(key, at, body)}"),
    )
    transport.require_accepted(send(Request("POST", url, headers, body)))
    return thread


def compute_signature(key: str, at: str, body: bytes) -> str:
    """Return the signature of *body* sent at *at*, as the receiver computes it."""
    return hmac.new(key.encode(), at.encode() + b"." + body, hashlib.sha256).hexdigest()
