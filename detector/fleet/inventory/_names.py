"""What a name or a URL must look like before anything is done with it.

Lists come from servers and files. A URL can name a program (``ext::sh -c …``),
a name can be an option (``--upload-pack=…``), a path (``../..``) or an escape
sequence for the terminal. Nothing of that is repaired; it is refused, in a line
that is itself safe to print.
"""

from __future__ import annotations

import os
import re
from urllib.parse import unquote, urlsplit, urlunsplit

from detector.fleet.inventory import Entry

SCHEMES = ("https", "http", "ssh", "git")
PORTS = {"https": 443, "http": 80, "ssh": 22, "git": 9418}
LONGEST = 2048
_HOST = re.compile(r"[A-Za-z0-9_](?:[A-Za-z0-9._-]*[A-Za-z0-9_])?|\[[0-9A-Fa-f:.]+\]")
_USER = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._+-]*")
_SHORT_SSH = re.compile(r"(?:(?P<user>[^@:/\s]+)@)?(?P<host>[^@:/\s]+):(?P<path>[^\s]+)")


class Refused(Exception):
    """A name or URL that is not used; `str()` says why in one line."""


def shown(text: str, longest: int = 200) -> str:
    """Return *text* fit to print: on one line, without control characters, not too long."""
    line = "".join(c if c.isprintable() else "�" for c in text[: longest + 1])
    return line if len(line) <= longest else line[:longest] + "…"


def plain_url(text: str) -> str:
    """Return the one way to write the URL *text*; raises `Refused`.

    >>> plain_url("git@Git.Example.org:team/app.git")
    'ssh://git@git.example.org/team/app.git'
    """
    if not text or len(text) > LONGEST or not text.isprintable() or any(c.isspace() for c in text):
        raise Refused("is no URL that can be used")
    if "::" in text.partition("//")[0]:
        raise Refused("names a program as transport, which is never run")
    if text.startswith("-"):
        raise Refused("looks like an option, not like a URL")
    if "://" not in text:
        short = _SHORT_SSH.fullmatch(text)
        if not short:
            raise Refused("is no URL")
        user = f"{short['user']}@" if short["user"] else ""
        text = f"ssh://{user}{short['host']}/{short['path'].lstrip('/')}"
    try:
        parts = urlsplit(text)
        port = parts.port
    except ValueError:
        raise Refused("is no URL that can be read") from None
    scheme = parts.scheme.lower()
    if scheme not in SCHEMES:
        raise Refused(f"is reached over {shown(scheme, 20)}, which is not used; known: {', '.join(SCHEMES)}, file")
    if parts.password is not None or (parts.username is not None and scheme != "ssh"):
        raise Refused("carries a user or password; name the token in the operator's file instead")
    if parts.username is not None and not _USER.fullmatch(parts.username):
        raise Refused("has a user that cannot be one")
    host = (parts.hostname or "").lower()
    host = f"[{host}]" if ":" in host else host
    if not _HOST.fullmatch(host):
        raise Refused("has a host that cannot be one")
    if parts.query or parts.fragment:
        raise Refused("has a query, which no repository's URL has")
    path = parts.path.rstrip("/")
    if not path or any(part in (".", "..") or part.startswith("-") for part in unquote(path).split("/")):
        raise Refused("has a path that cannot be one")
    user = f"{parts.username}@" if parts.username else ""
    door = f":{port}" if port and port != PORTS[scheme] else ""
    return urlunsplit((scheme, f"{user}{host}{door}", path, "", ""))


def plain_name(text: str) -> str:
    """Return *text* if it can be the name of a repository; raises `Refused`."""
    if not text or len(text) > 512 or not text.isprintable() or text.startswith("-"):
        raise Refused("has a name that cannot be one")
    if any(part in ("", ".", "..") or part.startswith("-") for part in text.split("/")) or "\\" in text:
        raise Refused("has a name that cannot be one")
    return text


def entry_for_url(text: str) -> Entry:
    """Return the repository at a URL that an operator wrote; raises `Refused`."""
    url = plain_url(text)
    parts = urlsplit(url)
    name = parts.path.strip("/").removesuffix(".git")
    host = parts.netloc.rpartition("@")[2]
    return Entry(f"{parts.scheme}://{host}/{name}", plain_name(name), url, _kind_of(url))


def _kind_of(url: str) -> str:
    return "wiki" if url.endswith((".wiki.git", ".wiki")) else "repository"


def entry_for_path(path: str, root: str = "") -> Entry:
    """Return the repository at *path*, named as it lies below *root* or by its last two folders; raises `Refused`."""
    real = os.path.realpath(path)
    home = real.removesuffix("/.git")
    if not real.isprintable():
        raise Refused("has a name that cannot be printed")
    inner = os.path.relpath(home, os.path.realpath(root)) if root else "/".join(home.split(os.sep)[-2:])
    name = inner.removesuffix(".git").strip("/") if inner != "." else os.path.basename(home)
    return Entry(real, name, real)
