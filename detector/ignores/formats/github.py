"""`.github/secret_scanning.yml`: paths in the filter patterns of GitHub Actions."""

from __future__ import annotations

import re

from detector.errors import UsageError
from detector.ignores.policy import Allow, Loaded, check

LIMIT = 1000
"""Entries that GitHub itself looks at."""


def load(content: bytes, name: str) -> Loaded:
    """Read `paths-ignore` of *content*. Raises `UsageError` where it is no YAML."""
    import yaml

    try:
        listed = (yaml.safe_load(content) or {}).get("paths-ignore") or []
    except (yaml.YAMLError, AttributeError):
        raise UsageError(f"{name}: is no secret_scanning.yml") from None
    allows: list[Allow] = []
    refused: list[str] = []
    for glob in map(str, listed[:LIMIT]):
        allow = Allow(f"{name}: {glob}", paths=(expression(glob),))
        try:
            if glob.startswith("!"):
                raise ValueError("an exception to the patterns in front of it; write the others more narrowly")
            check(allow)
        except ValueError as error:
            refused.append(f"{glob}: {error}")
        else:
            allows.append(allow)
    return Loaded(tuple(allows), refused=tuple(refused))


def expression(glob: str) -> str:
    """Turn a filter pattern into a regular expression for the whole path.

    >>> expression("docs/**"), expression("*.js")
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
