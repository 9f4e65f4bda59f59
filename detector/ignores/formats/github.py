"""`.github/secret_scanning.yml`: paths in the filter patterns of GitHub Actions."""

from __future__ import annotations

import re

from detector.errors import UsageError
from detector.files.trusted import decode_list
from detector.ignores.policy import AllowEntry, ParsedIgnores, check_patterns

LIMIT = 1000
"""Entries that GitHub reads; it ignores the rest."""


def load(content: bytes, name: str) -> ParsedIgnores:
    """Read `paths-ignore`. Raises `UsageError` if *content* is not YAML."""
    import yaml

    try:
        listed = (yaml.safe_load(decode_list(content, name)) or {}).get("paths-ignore") or []
    except (yaml.YAMLError, AttributeError):
        raise UsageError(f"{name}: not a secret_scanning.yml") from None
    allowlist: list[AllowEntry] = []
    rejected: list[str] = []
    for glob in map(str, listed[:LIMIT]):
        allow = AllowEntry(f"{name}: {glob}", paths=(translate_glob(glob),))
        try:
            if glob.startswith("!"):
                raise ValueError("is an exception to the patterns before it; make those narrower")
            check_patterns(allow)
        except ValueError as error:
            rejected.append(f"{glob}: {error}")
        else:
            allowlist.append(allow)
    return ParsedIgnores(tuple(allowlist), rejected=tuple(rejected))


def translate_glob(glob: str) -> str:
    """Translate a filter pattern to a regular expression for the whole path.

    >>> translate_glob("docs/**"), translate_glob("*.js")
    ('^docs/.*$', '^[^/]*\\\\.js$')
    """
    out = ""
    for piece in re.findall(r"\*\*/?|\*|\?|\+|\[[^\]]*\]|\\.|.", glob):
        if piece == "**/":
            out += "(?:.*/)?"
        elif piece.startswith("**"):
            out += ".*"
        elif piece == "*":
            out += "[^/]*"
        elif piece in "?+" or piece.startswith(("[", "\\")):
            out += piece
        else:
            out += re.escape(piece)
    return f"^{out}$"
