r"""Text that somebody else chose, made safe to print.

A file name, an author, even a line of code may hold terminal escapes, text
that runs right to left, or a command that the log reader of a CI service
obeys at the start of a line (``::add-path::``) or anywhere in it (``##vso[…]``). Every
report passes foreign text through here and then through its own escaping.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterable
from urllib.parse import quote

from detector.model import Finding, Location, Origin
from detector.reports._options import Options

_LOG_COMMAND = re.compile(r"#(?=#\w*\[)|(?<!\S):(?=:)")
_URL = re.compile(r"(\w://)(?:[^/?#\s]*@)?([^?\s]*)(?:\?\S*)?")
_NAMELESS = {
    "stdin": "standard input",
    "commit": "commit message",
    "tag": "tag message",
    "note": "note",
}
_KINDS = {
    "worktree": "working tree",
    "index": "staged",
    "archive": "archive",
    "image": "image",
}
AT_HAND = ("worktree", "archive", "image")
"""Kinds of content that is a file, or in one, unless it is stored as an object."""
SHORT_ID = 10
"""Digits of an object id shown to people."""


def printable(text: str) -> str:
    r"""Return *text* with everything invisible or active spelled out.

    >>> print(printable("a\x1b[2Jb\udcff"))
    a\x1b[2Jb\xff
    """
    if not text.isprintable():
        text = "".join(c if c.isprintable() else _spelled(ord(c)) for c in text)
    if "##" in text or "::" in text:
        text = _LOG_COMMAND.sub(lambda sign: _spelled(ord(sign[0])), text)
    return text


def _spelled(code: int) -> str:
    if 0xDC80 <= code <= 0xDCFF:  # a byte that is not UTF-8 (surrogateescape)
        code -= 0xDC00
    if code <= 0xFF:
        return f"\\x{code:02x}"
    return f"\\u{code:04x}" if code <= 0xFFFF else f"\\U{code:08x}"


def clean(text: str) -> str:
    """Return *text* without lone surrogates, which no file format can carry."""
    return text if text.isascii() else as_bytes(text).decode("utf-8", "replace")


def as_bytes(text: str) -> bytes:
    """Return the bytes of a path as the system gave them."""
    try:
        return text.encode("utf-8", "surrogateescape")
    except UnicodeEncodeError:
        return text.encode("utf-8", "surrogatepass")


def percent(path: str) -> str:
    """Return *path* as a URI reference; bytes that are not UTF-8 survive.

    >>> percent("a b/c:d.txt")
    'a%20b/c%3Ad.txt'
    """
    return quote(as_bytes(path.replace("\\", "/") if _drive(path) else path), safe="/-._~!")


def _drive(path: str) -> bool:
    return path[1:3] == ":\\"


def without_password(text: str) -> str:
    """Return *text* with user, password and query taken out of every URL in it.

    A clone URL often holds a token.

    >>> without_password("https://me:hunter2@example.org/a.git?token=x is empty")
    'https://example.org/a.git is empty'
    """
    return _URL.sub(r"\1\2", text) if "://" in text else text


def name_of(origin: Origin) -> str:
    """Return what to call the content: its path, or what it is instead of a file."""
    if origin.path:
        return printable(origin.path)
    return _NAMELESS.get(origin.kind) or f"object {(origin.object_id or 'unknown')[:SHORT_ID]}"


def place(location: Location) -> str:
    """Return ``path:line:column``, as far as they are known."""
    name = name_of(location.origin)
    return f"{name}:{location.line}:{location.column}" if location.line > 0 else name


def provenance(origin: Origin) -> str:
    """Return where the content came from, for people: commit, day and author."""
    words = []
    if origin.commit:
        words.append(printable(origin.commit[:SHORT_ID]))
    if origin.when:
        words.append(printable(origin.when[:10]))
    if origin.author:
        words.append(printable(origin.author))
    if origin.kind == "unreachable":
        words.append("(no branch or tag reaches it)")
    elif origin.kind in ("stash", "tag", "note"):
        words.append(f"({origin.kind})")
    return " ".join(words) or _KINDS.get(origin.kind, "")


def named(repositories: Iterable[str], target: str) -> bool:
    """Tell whether places are to be told with their repository: not where all are in the one that was scanned.

    >>> named(["", "svc"], "."), named(["", ""], "."), named(["svc"], "svc")
    (True, False, False)
    """
    return bool({without_password(repository) for repository in repositories} - {"", without_password(target)})


def provenance_in(origin: Origin, options: Options) -> str:
    """Return the provenance, with the repository that stored content is in unless it is the one that was scanned."""
    known = provenance(origin)
    if not origin.object_id or not named([origin.repository], options.target):
        return known
    return f"{known} in {printable(without_password(origin.repository))}".strip()


def from_here(finding: Finding, options: Options) -> Finding:
    """Return *finding* with the paths of its files at hand as one reaches them from where the user stands.

    A repository names its files from its own top. Files that are elsewhere are named from the target.
    """
    places = (at._replace(origin=at.origin._replace(path=reached(at.origin, options))) for at in finding.locations)
    return finding._replace(locations=tuple(places))


def reached(origin: Origin, options: Options) -> str:
    """Return the path of a file at hand from where the user stands, any other path as it is.

    >>> reached(Origin("worktree", "conf.py", "svc"), Options())
    'svc/conf.py'
    >>> reached(Origin("worktree", "conf.py", "/srv/shop/svc"), Options(target="/srv/shop"))
    'svc/conf.py'
    """
    stored = origin.object_id or origin.kind not in AT_HAND
    if stored or not origin.repository or "://" in origin.repository:
        return origin.path
    path = os.path.join(os.path.normpath(origin.repository), origin.path)
    if os.path.isabs(path) or path.startswith(".."):
        for folder in filter(None, (options.here, os.path.normpath(options.target))):
            if path.startswith(os.path.join(folder, "")):
                return path.removeprefix(os.path.join(folder, ""))
    return path


def first_place(finding: Finding) -> Location | None:
    """Return the place to name when there is room for one: a file at hand, else the oldest."""
    for location in finding.locations:
        if location.origin.kind in ("worktree", "index"):
            return location
    return finding.locations[0] if finding.locations else None
