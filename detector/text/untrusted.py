r"""Make text that somebody else chose safe to print.

A file name, an author or a line of code may hold terminal escapes, right-to-left
text, or a command that the log reader of a CI service obeys at the start of a line
(``::add-path::``) or anywhere in it (``##vso[…]``). Every report passes such text
through here, and then through the escaping of its own format.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from urllib.parse import quote

from detector.model import Finding, Location, Origin, Skipped

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
    "ref": "name of a branch, tag or other ref",
    "blob": "in the history, its commit is not known",
}
SHORT_ID = 10
"""Digits of an object id shown to people."""


def make_printable(text: str) -> str:
    r"""Return *text* with invisible and active characters escaped.

    >>> print(make_printable("a\x1b[2Jb\udcff"))
    a\x1b[2Jb\xff
    """
    if not text.isprintable():
        text = "".join(c if c.isprintable() else _escape_character(ord(c)) for c in text)
    if "##" in text or "::" in text:
        text = _LOG_COMMAND.sub(lambda match: _escape_character(ord(match[0])), text)
    return text


def _escape_character(code: int) -> str:
    if 0xDC80 <= code <= 0xDCFF:  # a byte that is not UTF-8 (surrogateescape)
        code -= 0xDC00
    if code <= 0xFF:
        return f"\\x{code:02x}"
    return f"\\u{code:04x}" if code <= 0xFFFF else f"\\U{code:08x}"


def replace_surrogates(text: str) -> str:
    """Return *text* with replacement characters for lone surrogates, which no file format can hold."""
    return text if text.isascii() else encode_path(text).decode("utf-8", "replace")


def encode_path(text: str) -> bytes:
    """Return the bytes of a path as the operating system returned them."""
    try:
        return text.encode("utf-8", "surrogateescape")
    except UnicodeEncodeError:
        return text.encode("utf-8", "surrogatepass")


def percent_encode(path: str) -> str:
    """Return *path* as a URI reference; bytes that are not UTF-8 are kept.

    >>> percent_encode("a b/c:d.txt")
    'a%20b/c%3Ad.txt'
    """
    return quote(encode_path(path.replace("\\", "/") if _has_drive(path) else path), safe="/-._~!")


def _has_drive(path: str) -> bool:
    return path[1:3] == ":\\"


def strip_url_credentials(text: str) -> str:
    """Return *text* without the user, password and query of every URL in it.

    A clone URL often holds a token.

    >>> strip_url_credentials("https://me:hunter2@example.org/a.git?token=x is empty")
    'https://example.org/a.git is empty'
    """
    return _URL.sub(r"\1\2", text) if "://" in text else text


def name_content(origin: Origin) -> str:
    """Return the path of the content, or what it is if it has no path."""
    if origin.path:
        return make_printable(origin.path)
    return _NAMELESS.get(origin.kind) or f"object {(origin.object_id or 'unknown')[:SHORT_ID]}"


def format_location(location: Location) -> str:
    """Return ``path:line:column``, without the line and column if they are not known."""
    name = name_content(location.origin)
    return f"{name}:{location.line}:{location.column}" if location.line > 0 else name


def describe_provenance(origin: Origin) -> str:
    """Return where the content comes from: commit, day and author, or the kind of source."""
    words = []
    if origin.commit:
        words.append(make_printable(origin.commit[:SHORT_ID]))
    if origin.when:
        words.append(make_printable(origin.when[:10]))
    if origin.author:
        words.append(make_printable(origin.author))
    if origin.kind == "unreachable":
        words.append("(no branch or tag reaches it)")
    elif origin.kind in ("stash", "tag", "note"):
        words.append(f"({origin.kind})")
    return " ".join(words) or _KINDS.get(origin.kind, "")


def format_skipped(skipped: Skipped) -> str:
    """Return what was skipped and why."""
    return f"{make_printable(strip_url_credentials(skipped.where))}: {make_printable(skipped.reason)}"


def needs_repository(repositories: Iterable[str], target: str) -> bool:
    """Tell whether a report has to name the repository of each location.

    It has not if all locations are in the repository that was scanned.

    >>> needs_repository(["", "svc"], "."), needs_repository(["", ""], "."), needs_repository(["svc"], "svc")
    (True, False, False)
    """
    named = {strip_url_credentials(repository) for repository in repositories}
    return bool(named - {"", strip_url_credentials(target)})


def choose_location(finding: Finding) -> Location | None:
    """Return the location to show if there is room for one: a file in the working tree, else the oldest."""
    for location in finding.locations:
        if location.origin.kind in ("worktree", "index"):
            return location
    return finding.locations[0] if finding.locations else None
