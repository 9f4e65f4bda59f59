"""apprise: every other service, through the apprise library.

Its URLs contain credentials, so they are read from `urls_env` or `urls_file`, one per
line. The library reports only whether all services accepted the message.
"""

from __future__ import annotations

from typing import Any

from detector.errors import UsageError
from detector.incident.messages import escape
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

SETTINGS = frozenset({"urls_env", "urls_file"})
PER_OWNER = False


def draft(event: IncidentEvent, settings: ChannelSettings) -> Draft:
    """See `event.Channel`."""
    lines = [format_counts(event)] if event.counts else []
    lines += [f"for {_remove_mentions(event.owner)}"] if event.owner else []
    lines += [f"- {_remove_mentions(line)}" for line in limit_lines(event, 20)]
    lines += [f"{name}: {escape.get_safe_url(to) or _remove_mentions(to)}" for name, to in event.links]
    message: dict[str, Any] = {
        "title": escape.to_header(_remove_mentions(format_title(event))),
        "body": "\n".join(lines) or _remove_mentions(event.summary),
        "notify_type": "failure" if event.urgent else "warning",
        "body_format": "text",
    }
    return Draft("apprise (the URLs in urls_env or urls_file)", message, event)


def _remove_mentions(text: str) -> str:
    """Return *text* without `@` and `<`: the mention syntax of the receiving service is unknown.

    >>> _remove_mentions("@everyone <!channel> <@U1>")
    '(at)everyone (!channel> ((at)U1>'
    """
    return escape.to_plain(text).replace("@", "(at)").replace("<", "(")


def deliver(draft: Draft, settings: ChannelSettings, thread: str, send: Send) -> str:
    """See `event.Channel`."""
    import logging

    try:
        import apprise
    except ImportError:
        raise UsageError("this channel needs apprise: install leakfirst with the extra notify") from None

    assert not isinstance(draft.body, str)
    logger = logging.getLogger("apprise")
    logger.disabled = True  # it logs URLs with their credentials
    try:
        notifier = apprise.Apprise()
        if not all(
            notifier.add(url)
            for url in http.reveal_text(operator_credentials.read_credential(settings, "urls")).split()
        ):
            raise UsageError("apprise does not support one of the URLs in urls_env or urls_file")
        delivered = bool(notifier.notify(**draft.body))
    finally:
        logger.disabled = False
    if not delivered:
        raise DeliveryFailed("apprise could not deliver the message", 10.0)
    return thread
