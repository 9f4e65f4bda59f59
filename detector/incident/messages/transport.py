"""Send one HTTP request to a destination of the operator's configuration.

The operator chose the address, so it may be internal, but not the metadata service of
a cloud. Redirects are not followed. Error messages never quote the response.
"""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from detector.errors import UsageError
from detector.incident.messages.event import DeliveryFailed
from detector.net.failures import RequestFailed
from detector.net.ssrf_guard import is_loopback

if TYPE_CHECKING:
    from detector.net.http_client import Reply, Request

MAX_RETRY_AFTER = 300.0
"""Longest Retry-After, in seconds, that is respected."""


def send(request: Request) -> Reply:
    """Send *request* and return the response. Raises `DeliveryFailed` if there is none."""
    from detector.net.blocking_client import BlockingHttpClient
    from detector.net.http_client import ClientPolicy

    where = urlsplit(request.url)
    host = where.hostname or ""
    if where.scheme != "https" and not is_loopback(host):
        raise UsageError(f"{host or 'a destination'}: only https is allowed")
    with BlockingHttpClient(ClientPolicy((host,), timeout=20, environment_proxies=True)) as client:
        try:
            return client.send(request)
        except RequestFailed as failure:
            why = str(failure)
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
