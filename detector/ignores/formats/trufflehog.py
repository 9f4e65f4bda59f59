"""The path files of trufflehog (``--exclude-paths``): one regular expression per line, searched in the path."""

from __future__ import annotations

from detector.files.trusted import decode_list
from detector.ignores.policy import AllowEntry, ParsedIgnores, check_patterns


def load(content: bytes, name: str) -> ParsedIgnores:
    """Read the expressions; blanks at the end of a line are part of the expression."""
    allowlist: list[AllowEntry] = []
    rejected: list[str] = []
    for number, line in enumerate(decode_list(content, name, "surrogateescape").split("\n"), 1):
        line = line.rstrip("\r")
        if not line.strip() or line.lstrip().startswith("#"):
            continue
        allow = AllowEntry(f"{name}:{number}", paths=(line,))
        try:
            check_patterns(allow)
        except ValueError as error:
            rejected.append(f"line {number}: {error}")
        else:
            allowlist.append(allow)
    return ParsedIgnores(tuple(allowlist), rejected=tuple(rejected))
