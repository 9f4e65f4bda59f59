"""One request to a destination of the operator's, over the guarded wire.

The address is the operator's word, so it may be internal; a cloud's metadata
service it may not be. Redirects are not followed, and an answer is never quoted.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from detector.errors import UsageError
from detector.incident.notify._event import NotTaken

if TYPE_CHECKING:
    from detector.net.http_client import Reply, Request

LONGEST = 300.0
"""Seconds that a destination's Retry-After may ask for."""

_ON_THIS_MACHINE = ("127.0.0.1", "localhost", "::1")


def send(request: Request) -> Reply:
    """Send *request* and return the answer. Raises `NotTaken` when there is none."""
    return asyncio.run(_send(request))


async def _send(request: Request) -> Reply:
    from detector.net.http_client import Wire
    from detector.net.log_silencing import hushed
    from detector.probes._contract import Settings, Unclear

    where = urlsplit(request.url)
    host = where.hostname or ""
    if where.scheme != "https" and host not in _ON_THIS_MACHINE:
        raise UsageError(f"{host or 'a destination'}: only https is sent to")
    wire = Wire(Settings(allow_internal=(host,), rate=50, timeout=20))
    why = ""
    try:
        with hushed():
            return await wire.ask(request)
    except Unclear as unclear:
        why = str(unclear)
    finally:
        await wire.close()
    raise NotTaken(why, 1.0)  # out here it has no context: that may quote the address


def taken(reply: Reply, *also: int) -> Reply:
    """Return *reply* if the destination took the message. Raises `NotTaken`."""
    if 200 <= reply.status < 300 or reply.status in also:
        return reply
    why = f"it answered {reply.status}"
    if reply.status == 429 or reply.status >= 500:
        raise NotTaken(why, seconds(reply.headers.get("retry-after", "")))
    raise NotTaken(why)


def seconds(text: str) -> float:
    """Return a Retry-After in seconds: a number or a date; 1 where it says nothing."""
    from email.utils import parsedate_to_datetime
    from time import time

    text = text.strip()
    if text.isdecimal():
        return min(float(text), LONGEST)
    try:
        return min(max(parsedate_to_datetime(text).timestamp() - time(), 1.0), LONGEST)
    except (ValueError, TypeError, IndexError):
        return 1.0
