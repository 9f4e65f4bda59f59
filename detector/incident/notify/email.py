"""email: a message by SMTP, in plain text and HTML.

STARTTLS is demanded and the certificate checked; `tls = "implicit"` speaks TLS
from the first byte, and `tls = "none"` only to this machine. The Message-ID
comes from the event, so a message that was sent twice is one in the mailbox,
and later ones continue the thread.
"""

from __future__ import annotations

import hashlib
from email.message import EmailMessage
from email.policy import SMTP
from typing import TYPE_CHECKING

from detector.errors import UsageError
from detector.incident.notify import _escape
from detector.incident.notify._event import Draft, Event, NotTaken, Send, Settings, counted, shown_lines, title
from rotators.core import http, operator_credentials

if TYPE_CHECKING:
    from smtplib import SMTP as Client

SETTINGS = frozenset({"host", "port", "tls", "ca", "user", "password_env", "password_file", "from", "to"})
PER_OWNER = False


def draft(event: Event, settings: Settings) -> Draft:
    """See `_event.Channel`."""
    message = EmailMessage(policy=SMTP)
    message["From"] = operator_credentials.needed(settings, "from")
    message["To"] = ", ".join(_to(settings))
    message["Subject"] = _escape.header(title(event))
    domain = operator_credentials.needed(settings, "from").rpartition("@")[2].strip("<> ") or "leakfirst.invalid"
    message["Message-ID"] = _id(event.key, domain)
    message["References"] = _id(event.thread, domain)
    message["Auto-Submitted"] = "auto-generated"
    message.set_content(_plain(event))
    message.add_alternative(_page(event), subtype="html")
    for part, end in zip(message.walk(), ("", "a", "b"), strict=False):
        if part.is_multipart():
            part.set_boundary(f"=={event.marker}{end}")
    return Draft(f"SMTP {settings.get('host', 'localhost')}:{_port(settings)}", message.as_string(), event)


def _plain(event: Event) -> str:
    lines = [_escape.plain(title(event)), ""]
    lines += [counted(event), ""] if event.counts else []
    lines += [f"For {_escape.plain(event.owner)}:", ""] if event.owner else []
    lines += [f"- {_escape.plain(line)}" for line in shown_lines(event)]
    lines += ["", *(f"{name}: {_escape.address(to) or _escape.plain(to)}" for name, to in event.links)]
    return "\n".join(lines).rstrip() + "\n"


def _page(event: Event) -> str:
    items = "".join(f"<li><code>{_escape.page(line)}</code></li>" for line in shown_lines(event))
    links = ""
    for name, target in event.links:
        if url := _escape.address(target):
            links += f'<p><a href="{_escape.page(url).replace("[:]", ":")}">{_escape.page(name)}</a></p>'
        else:
            links += f"<p>{_escape.page(name)}: <code>{_escape.page(target)}</code></p>"
    owner = f"<p>For {_escape.page(event.owner)}:</p>" if event.owner else ""
    told = f"<h2>{_escape.page(title(event))}</h2><p>{_escape.page(counted(event))}</p>{owner}<ul>{items}</ul>{links}"
    return f"<!doctype html><html><body>{told}</body></html>\n"


def deliver(draft: Draft, settings: Settings, thread: str, send: Send) -> str:
    """See `_event.Channel`."""
    import smtplib

    assert isinstance(draft.body, str)
    why, again = "", 5.0
    try:
        with _client(settings) as client:
            if user := settings.get("user"):
                client.login(str(user), http.text(operator_credentials.credential(settings, "password")))
            client.sendmail(
                operator_credentials.needed(settings, "from"), _to(settings), draft.body.encode("ascii", "replace")
            )
    except smtplib.SMTPResponseException as error:
        why = f"the mail server answered {error.smtp_code}"
        again = 30.0 if 400 <= error.smtp_code < 500 else 0.0
    except smtplib.SMTPRecipientsRefused:
        why, again = "the mail server refuses the recipients", 0.0
    except (smtplib.SMTPException, OSError) as error:
        why = f"the mail server: {type(error).__name__}"
    if why:
        raise NotTaken(why, again or None)
    return thread or str(draft.event.marker)


def _client(settings: Settings) -> Client:
    import smtplib
    import ssl

    host, tls = str(settings.get("host", "localhost")), settings.get("tls", "starttls")
    checks = ssl.create_default_context(cafile=settings.get("ca"))
    if tls == "implicit":
        return smtplib.SMTP_SSL(host, _port(settings), timeout=30, context=checks)
    if tls == "none" and host not in ("localhost", "127.0.0.1", "::1"):
        raise UsageError('tls = "none" is for a mail server on this machine')
    if tls not in ("starttls", "none"):
        raise UsageError("tls is one of starttls, implicit, none")
    client = smtplib.SMTP(host, _port(settings), timeout=30)
    if tls == "starttls":
        client.starttls(context=checks)
    return client


def _port(settings: Settings) -> int:
    return int(settings.get("port", {"implicit": 465, "none": 25}.get(str(settings.get("tls")), 587)))


def _to(settings: Settings) -> list[str]:
    to = settings.get("to", [])
    people = [to] if isinstance(to, str) else [str(person) for person in to]
    if not people or any("\n" in person or "\r" in person for person in people):
        raise UsageError('a mail destination needs to = ["somebody@example.org"]')
    return people


def _id(text: str, domain: str) -> str:
    return f"<{hashlib.sha256(text.encode('utf-8', 'surrogatepass')).hexdigest()[:32]}@{domain}>"
