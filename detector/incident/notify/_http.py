"""Send one HTTP request to a destination of the operator's configuration.

The operator chose the address, so it may be internal, but not the metadata service of
a cloud. Redirects are not followed. Error messages never quote the response.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from detector.errors import UsageError
from detector.incident.notify._event import DeliveryFailed

if TYPE_CHECKING:
    from detector.net.http_client import Reply, Request

MAX_RETRY_AFTER = 300.0
"""Longest Retry-After, in seconds, that is respected."""

_LOCAL_HOSTS = ("127.0.0.1", "localhost", "::1")


def send(request: Request) -> Reply:
    """Send *request* and return the response. Raises `DeliveryFailed` if there is none."""
    return asyncio.run(_send(request))


async def _send(request: Request) -> Reply:
    from detector.net.http_client import Wire
    from detector.net.log_silencing import silence_client_logs
    from detector.probes._contract import Settings, Unclear

    where = urlsplit(request.url)
    host = where.hostname or ""
    if where.scheme != "https" and host not in _LOCAL_HOSTS:
        raise UsageError(f"{host or 'a destination'}: only https is allowed")
    wire = Wire(Settings(allow_internal=(host,), rate=50, timeout=20))
    why = ""
    try:
        with silence_client_logs():
            return await wire.ask(request)
    except Unclear as unclear:
        why = str(unclear)
    finally:
        await wire.close()
    raise DeliveryFailed(why, 1.0)  # raised here so that it has no context, which may quote the URL


def require_accepted(reply: Reply, *also: int) -> Reply:
    """Return *reply* if its status is 2xx or one of *also*. Raises `DeliveryFailed`."""
    if 200 <= reply.status < 300 or reply.status in also:
        return reply
    why = f"it answered {reply.status}"
    if reply.status == 429 or reply.status >= 500:
        raise DeliveryFailed(why, parse_retry_after(reply.headers.get("retry-after", "")))
    raise DeliveryFailed(why)


def parse_retry_after(text: str) -> float:
    """Return a Retry-After header (a number or a date) in seconds; 1 if it is missing or malformed."""
    from email.utils import parsedate_to_datetime
    from time import time

    text = text.strip()
    if text.isdecimal():
        return min(float(text), MAX_RETRY_AFTER)
    try:
        return min(max(parsedate_to_datetime(text).timestamp() - time(), 1.0), MAX_RETRY_AFTER)
    except (ValueError, TypeError, IndexError):
        return 1.0
