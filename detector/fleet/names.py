"""Checks of names and URLs before they are used.

Inventories come from servers and files. A URL can name a program (``ext::sh -c
…``), a name can be an option (``--upload-pack=…``), a path (``../..``) or an escape
sequence for the terminal. Nothing of that is repaired: it is rejected with a
message that is itself safe to print.
"""

from __future__ import annotations

import re
from urllib.parse import unquote, urlsplit, urlunsplit

SCHEMES = ("https", "http", "ssh", "git")
PORTS = {"https": 443, "http": 80, "ssh": 22, "git": 9418}
MAX_URL_LENGTH = 2048
MAX_NAME_LENGTH = 512
_HOST = re.compile(r"[A-Za-z0-9_](?:[A-Za-z0-9._-]*[A-Za-z0-9_])?|\[[0-9A-Fa-f:.]+\]")
_USER = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._+-]*")
_SHORT_SSH = re.compile(r"(?:(?P<user>[^@:/\s]+)@)?(?P<host>[^@:/\s]+):(?P<path>[^\s]+)")


class InvalidName(Exception):
    """A name or URL that is not used; its message continues a sentence that begins with the name."""


def make_line(text: str, max_length: int = 200) -> str:
    """Return *text* as one printable line: without control characters, and shortened to *max_length* characters."""
    line = "".join(c if c.isprintable() else "\N{REPLACEMENT CHARACTER}" for c in text[: max_length + 1])
    return line if len(line) <= max_length else line[:max_length] + "…"


def normalize_url(text: str) -> str:
    """Return the canonical form of the URL *text*; raises `InvalidName`.

    >>> normalize_url("git@Git.Example.org:team/app.git")
    'ssh://git@git.example.org/team/app.git'
    """
    if not text or len(text) > MAX_URL_LENGTH or not text.isprintable() or any(c.isspace() for c in text):
        raise InvalidName("is not a valid URL")
    if "::" in text.partition("//")[0]:
        raise InvalidName("names a program as transport, which is never run")
    if text.startswith("-"):
        raise InvalidName("looks like an option, not like a URL")
    if "://" not in text:
        short = _SHORT_SSH.fullmatch(text)
        if not short:
            raise InvalidName("is not a URL")
        user = f"{short['user']}@" if short["user"] else ""
        text = f"ssh://{user}{short['host']}/{short['path'].lstrip('/')}"
    try:
        parts = urlsplit(text)
        port = parts.port
    except ValueError:
        raise InvalidName("is not a valid URL") from None
    scheme = parts.scheme.lower()
    if scheme not in SCHEMES:
        raise InvalidName(f"uses {make_line(scheme, 20)}, which is not supported; known: {', '.join(SCHEMES)}, file")
    if parts.password is not None or (parts.username is not None and scheme != "ssh"):
        raise InvalidName("contains a user or password; name a token in the operator's configuration instead")
    if parts.username is not None and not _USER.fullmatch(parts.username):
        raise InvalidName("has an invalid user")
    host = (parts.hostname or "").lower()
    host = f"[{host}]" if ":" in host else host
    if not _HOST.fullmatch(host):
        raise InvalidName("has an invalid host")
    if parts.query or parts.fragment:
        raise InvalidName("has a query, which is not part of a repository's URL")
    path = parts.path.rstrip("/")
    if not path or any(part in (".", "..") or part.startswith("-") for part in unquote(path).split("/")):
        raise InvalidName("has an invalid path")
    user = f"{parts.username}@" if parts.username else ""
    port_suffix = f":{port}" if port and port != PORTS[scheme] else ""
    return urlunsplit((scheme, f"{user}{host}{port_suffix}", path, "", ""))


def check_name(text: str) -> str:
    """Return *text* if it can be the name of a repository; raises `InvalidName`."""
    if not text or len(text) > MAX_NAME_LENGTH or not text.isprintable() or text.startswith("-"):
        raise InvalidName("has an invalid name")
    if any(part in ("", ".", "..") or part.startswith("-") for part in text.split("/")) or "\\" in text:
        raise InvalidName("has an invalid name")
    return text
