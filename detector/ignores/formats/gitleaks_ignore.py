"""`.gitleaksignore` and `.betterleaksignore`: one place a line, ``[commit:]path:rule:line``.

A place is taken whatever the rule is called: ids differ from tool to tool. It
stands for a line, so another value on that line is set aside too;
`leakfirst migrate` turns places into values.
"""

from __future__ import annotations

import re

from detector.ignores.policy import Known, Loaded


def load(content: bytes, name: str) -> Loaded:
    """Read the places of *content*."""
    known: list[Known] = []
    refused: list[str] = []
    for number, line in enumerate(content.decode("utf-8", "surrogateescape").splitlines(), 1):
        text = line.strip()
        if not text or text.startswith("#"):
            continue
        found = re.fullmatch(r"(?:([0-9a-fA-F]{40,64}):)?(.+):([^:]+):(\d+)", text)
        if not found:
            refused.append(f"line {number}: is no [commit:]path:rule:line")
            continue
        commit, path, _rule, at = found.groups()
        path, spot = path.replace("\\", "/"), int(at)
        key = ("line", path, spot, commit.lower()) if commit else ("line", path, spot)
        known.append(Known(f"{name}:{number}", key, path, spot))
    return Loaded(known=tuple(known), refused=tuple(refused))
