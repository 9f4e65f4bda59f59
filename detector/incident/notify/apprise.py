"""apprise: every other service, by the addresses that the apprise library knows.

Its addresses hold credentials, so they come from `urls_env` or `urls_file`
(one a line). The library says only whether all of them took the message.
"""

from __future__ import annotations

from typing import Any

from detector.errors import UsageError
from detector.incident.notify import _escape
from detector.incident.notify._event import Draft, Event, NotTaken, Send, Settings, counted, shown_lines, title
from rotators.core import http, operator_credentials

SETTINGS = frozenset({"urls_env", "urls_file"})
PER_OWNER = False


def draft(event: Event, settings: Settings) -> Draft:
    """See `_event.Channel`."""
    lines = [counted(event)] if event.counts else []
    lines += [f"for {_still(event.owner)}"] if event.owner else []
    lines += [f"- {_still(line)}" for line in shown_lines(event, 20)]
    lines += [f"{name}: {_escape.address(to) or _still(to)}" for name, to in event.links]
    message: dict[str, Any] = {
        "title": _escape.header(_still(title(event))),
        "body": "\n".join(lines) or _still(event.summary),
        "notify_type": "failure" if event.urgent else "warning",
        "body_format": "text",
    }
    return Draft("apprise (the addresses of urls_env or urls_file)", message, event)


def _still(text: str) -> str:
    """Return *text* so that it mentions nobody: which services there are, and how they are called upon, we cannot know.

    >>> _still("@everyone <!channel> <@U1>")
    '(at)everyone (!channel> ((at)U1>'
    """
    return _escape.plain(text).replace("@", "(at)").replace("<", "(")


def deliver(draft: Draft, settings: Settings, thread: str, send: Send) -> str:
    """See `_event.Channel`."""
    import logging

    try:
        import apprise
    except ImportError:
        raise UsageError("this channel needs apprise: pip install 'leakfirst[notify]'") from None

    assert not isinstance(draft.body, str)
    quiet = logging.getLogger("apprise")
    quiet.disabled = True  # it logs addresses
    try:
        told = apprise.Apprise()
        if not all(told.add(url) for url in http.text(operator_credentials.credential(settings, "urls")).split()):
            raise UsageError("apprise does not know one of the addresses of urls_env or urls_file")
        ok = bool(told.notify(**draft.body))
    finally:
        quiet.disabled = False
    if not ok:
        raise NotTaken("apprise could not deliver it", 10.0)
    return thread
