"""Files in gitignore syntax under another name, such as those of noseyparker (``--ignore``)."""

from __future__ import annotations

from detector.ignores.own import ignore_file
from detector.ignores.policy import Loaded


def load(content: bytes, name: str) -> Loaded:
    """Read the lines of *content*."""
    return ignore_file(content, name)
