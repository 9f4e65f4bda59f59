"""The table of providers in docs/providers.md: which rules each has, and which of them can be verified.

`leakfirst rules docs` writes it. It contains the ids of rules and nothing else about them, so
that only adding, renaming or removing a rule changes it; `leakfirst rules show ID` is
the page of one rule.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

from detector.model import Rule

MADE = "<!-- made by `leakfirst rules docs`; edit patterns/*.toml instead -->\n"


def render(rules: Iterable[Rule]) -> str:
    """Return the page; the same rules give the same text, whatever their order."""
    providers: dict[str, list[Rule]] = {}
    for rule in sorted(rules, key=lambda rule: rule.id):
        providers.setdefault(rule.id.partition(".")[0], []).append(rule)
    every = [rule for found in providers.values() for rule in found]
    checked, probed = sum(bool(rule.checks) for rule in every), sum(bool(rule.probe) for rule in every)
    head = (
        f"{MADE}# Providers\n\n"
        f"{len(every)} rules for {len(providers)} providers. {checked} have an offline check; {probed}, marked with ✓, "
        "have a request in their rule file that asks the provider whether the credential is live.\n"
        "`leakfirst rules show ID` prints everything about one rule.\n\n"
        "| provider | rules |\n|---|---|\n"
    )
    return head + "".join(sorted(map(_row, providers.values()), key=str.casefold))


def _row(rules: list[Rule]) -> str:
    names = ", ".join(f"`{rule.id}`{' ✓' if rule.probe else ''}" for rule in rules)
    return f"| {_cell(rules[0].service)} | {names} |\n"


def _cell(text: str) -> str:
    return re.sub(r"\s+", " ", text).replace("|", "\\|")
