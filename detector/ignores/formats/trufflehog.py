"""The path files of trufflehog (``--exclude-paths``): one regular expression a line, searched in the path."""

from __future__ import annotations

from detector.ignores.policy import Allow, Loaded, check


def load(content: bytes, name: str) -> Loaded:
    """Read the expressions of *content*; blanks at the end of a line belong to them."""
    allows: list[Allow] = []
    refused: list[str] = []
    for number, line in enumerate(content.decode("utf-8", "surrogateescape").split("\n"), 1):
        line = line.rstrip("\r")
        if not line.strip() or line.lstrip().startswith("#"):
            continue
        allow = Allow(f"{name}:{number}", paths=(line,))
        try:
            check(allow)
        except ValueError as error:
            refused.append(f"line {number}: {error}")
        else:
            allows.append(allow)
    return Loaded(tuple(allows), refused=tuple(refused))
