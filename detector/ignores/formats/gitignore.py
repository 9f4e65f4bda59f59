"""Files in gitignore syntax under another name, such as those of noseyparker (``--ignore``)."""

from __future__ import annotations

from detector.ignores.allowlist import parse_ignore_file
from detector.ignores.policy import ParsedIgnores


def load(content: bytes, name: str) -> ParsedIgnores:
    """Read lines of gitignore syntax."""
    return parse_ignore_file(content, name)
