"""email: a message by SMTP, in plain text and HTML.

STARTTLS is required and the certificate is verified. `tls = "implicit"` uses TLS from
the first byte; `tls = "none"` is allowed only for localhost. The Message-ID is derived
from the event, so that a mailbox recognizes a message that was sent twice and keeps
later messages in the same thread.
"""

from __future__ import annotations

import hashlib
from email.message import EmailMessage
from email.policy import SMTP
from typing import TYPE_CHECKING

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

if TYPE_CHECKING:
    from smtplib import SMTP as Client

SETTINGS = frozenset({"host", "port", "tls", "ca", "user", "password_env", "password_file", "from", "to"})
PER_OWNER = False


def draft(event: IncidentEvent, settings: ChannelSettings) -> Draft:
    """See `event.Channel`."""
    message = EmailMessage(policy=SMTP)
    message["From"] = operator_credentials.require_setting(settings, "from")
    message["To"] = ", ".join(_get_recipients(settings))
    message["Subject"] = escape.to_header(format_title(event))
    domain = (
        operator_credentials.require_setting(settings, "from").rpartition("@")[2].strip("<> ") or "leakfirst.invalid"
    )
    message["Message-ID"] = _make_message_id(event.key, domain)
    message["References"] = _make_message_id(event.thread, domain)
    message["Auto-Submitted"] = "auto-generated"
    message.set_content(_build_plain_text(event))
    message.add_alternative(_build_html(event), subtype="html")
    for part, end in zip(message.walk(), ("", "a", "b"), strict=False):
        if part.is_multipart():
            part.set_boundary(f"=={event.marker}{end}")
    return Draft(f"SMTP {settings.get('host', 'localhost')}:{_get_port(settings)}", message.as_string(), event)


def _build_plain_text(event: IncidentEvent) -> str:
    lines = [escape.to_plain(format_title(event)), ""]
    lines += [format_counts(event), ""] if event.counts else []
    lines += [f"For {escape.to_plain(event.owner)}:", ""] if event.owner else []
    lines += [f"- {escape.to_plain(line)}" for line in limit_lines(event)]
    lines += ["", *(f"{name}: {escape.get_safe_url(to) or escape.to_plain(to)}" for name, to in event.links)]
    return "\n".join(lines).rstrip() + "\n"


def _build_html(event: IncidentEvent) -> str:
    items = "".join(f"<li><code>{escape.to_html(line)}</code></li>" for line in limit_lines(event))
    links = ""
    for name, target in event.links:
        if url := escape.get_safe_url(target):
            links += f'<p><a href="{escape.to_html(url).replace("[:]", ":")}">{escape.to_html(name)}</a></p>'
        else:
            links += f"<p>{escape.to_html(name)}: <code>{escape.to_html(target)}</code></p>"
    title, counts = escape.to_html(format_title(event)), escape.to_html(format_counts(event))
    owner = f"<p>For {escape.to_html(event.owner)}:</p>" if event.owner else ""
    body = f"<h2>{title}</h2><p>{counts}</p>{owner}<ul>{items}</ul>{links}"
    return f"<!doctype html><html><body>{body}</body></html>\n"


def deliver(draft: Draft, settings: ChannelSettings, thread: str, send: Send) -> str:
    """See `event.Channel`."""
    import smtplib

    assert isinstance(draft.body, str)
    why, retry_after = "", 5.0
    try:
        with _connect(settings) as client:
            if user := settings.get("user"):
                client.login(str(user), http.reveal_text(operator_credentials.read_credential(settings, "password")))
            client.sendmail(
                operator_credentials.require_setting(settings, "from"),
                _get_recipients(settings),
                draft.body.encode("ascii", "replace"),
            )
    except smtplib.SMTPResponseException as error:
        why = f"the mail server answered {error.smtp_code}"
        retry_after = 30.0 if 400 <= error.smtp_code < 500 else 0.0
    except smtplib.SMTPRecipientsRefused:
        why, retry_after = "the mail server refused the recipients", 0.0
    except (smtplib.SMTPException, OSError) as error:
        why = f"the mail server: {type(error).__name__}"
    if why:
        raise DeliveryFailed(why, retry_after or None)
    return thread or str(draft.event.marker)


def _connect(settings: ChannelSettings) -> Client:
    import smtplib
    import ssl

    host, tls = str(settings.get("host", "localhost")), settings.get("tls", "starttls")
    checks = ssl.create_default_context(cafile=settings.get("ca"))
    if tls == "implicit":
        return smtplib.SMTP_SSL(host, _get_port(settings), timeout=30, context=checks)
    if tls == "none" and host not in ("localhost", "127.0.0.1", "::1"):
        raise UsageError('tls = "none" is allowed only for a mail server on localhost')
    if tls not in ("starttls", "none"):
        raise UsageError("tls must be starttls, implicit or none")
    client = smtplib.SMTP(host, _get_port(settings), timeout=30)
    if tls == "starttls":
        client.starttls(context=checks)
    return client


def _get_port(settings: ChannelSettings) -> int:
    return int(settings.get("port", {"implicit": 465, "none": 25}.get(str(settings.get("tls")), 587)))


def _get_recipients(settings: ChannelSettings) -> list[str]:
    to = settings.get("to", [])
    recipients = [to] if isinstance(to, str) else [str(recipient) for recipient in to]
    if not recipients or any("\n" in recipient or "\r" in recipient for recipient in recipients):
        raise UsageError('an email destination needs to = ["somebody@example.org"]')
    return recipients


def _make_message_id(text: str, domain: str) -> str:
    return f"<{hashlib.sha256(text.encode('utf-8', 'surrogatepass')).hexdigest()[:32]}@{domain}>"
