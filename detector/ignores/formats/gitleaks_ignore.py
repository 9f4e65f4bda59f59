"""`.gitleaksignore` and `.betterleaksignore`: one location per line, ``[commit:]path:rule:line``.

The rule id is not compared, because ids differ between tools. An entry stands for
a line, so another value on that line is ignored too; `leakfirst migrate` replaces
the entries by entries for the values.
"""

from __future__ import annotations

import re

from detector.files.trusted import decode_list
from detector.ignores.policy import ExactEntry, ParsedIgnores


def load(content: bytes, name: str) -> ParsedIgnores:
    """Read the locations."""
    exact: list[ExactEntry] = []
    rejected: list[str] = []
    for number, line in enumerate(decode_list(content, name, "surrogateescape").splitlines(), 1):
        text = line.strip()
        if not text or text.startswith("#"):
            continue
        found = re.fullmatch(r"(?:([0-9a-fA-F]{40,64}):)?(.+):([^:]+):(\d+)", text)
        if not found:
            rejected.append(f"line {number}: not of the form [commit:]path:rule:line")
            continue
        commit, path, _rule, at = found.groups()
        path, spot = path.replace("\\", "/"), int(at)
        key = ("line", path, spot, commit.lower()) if commit else ("line", path, spot)
        exact.append(ExactEntry(f"{name}:{number}", key, path, spot))
    return ParsedIgnores(exact=tuple(exact), rejected=tuple(rejected))
