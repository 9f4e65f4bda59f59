"""The rule catalogue in docs/rules/, made from the rules: a page per provider, and an index.

Made by `leakfirst rules docs`; the same rules give the same bytes, and a test
compares. Examples are shown as shapes, never as values.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Mapping
from urllib.parse import urlsplit

from detector.model import Rule

INDEX = "README.md"
_MADE = "<!-- made by `leakfirst rules docs`; edit patterns/*.toml instead -->\n"


def pages(rules: Iterable[Rule]) -> dict[str, str]:
    """Return file names and texts."""
    providers: dict[str, list[Rule]] = {}
    for rule in sorted(rules, key=lambda rule: rule.id):
        providers.setdefault(rule.id.partition(".")[0], []).append(rule)
    made = {f"{name}.md": _page(found) for name, found in providers.items()}
    made[INDEX] = _index(providers)
    return made


def write(folder: str, made: Mapping[str, str]) -> list[str]:
    """Bring *folder* up to date and return the names of the files that changed."""
    os.makedirs(folder, exist_ok=True)
    changed = stale(folder, made)
    for name in changed:
        path = os.path.join(folder, name)
        if name in made:
            with open(path, "w", encoding="utf-8", newline="\n") as file:
                file.write(made[name])
        else:
            os.unlink(path)
    return changed


def stale(folder: str, made: Mapping[str, str]) -> list[str]:
    """Return the names of the pages in *folder* that are missing, outdated or of no provider any more."""
    there = {name for name in os.listdir(folder) if name.endswith(".md")} if os.path.isdir(folder) else set()
    return sorted(name for name in there | set(made) if made.get(name) != _text(os.path.join(folder, name)))


def _text(path: str) -> str | None:
    try:
        with open(path, encoding="utf-8", newline="") as file:
            return file.read()
    except FileNotFoundError:
        return None


def _index(providers: Mapping[str, list[Rule]]) -> str:
    count = sum(map(len, providers.values()))
    proven = sum(bool(rule.checks) for rules in providers.values() for rule in rules)
    asked = sum(bool(rule.probe) for rules in providers.values() for rule in rules)
    lines = [
        f"{_MADE}# Rules",
        f"{count} rules for {len(providers)} providers; {proven} with a proof that needs no network, {asked} with a "
        "question that the issuer can be asked.",
        "| provider | rules | severity |\n|---|---|---|",
    ]
    rows = [
        f"| [{_cell(rules[0].service)}]({name}.md) | {len(rules)} | {', '.join(_severities(rules))} |"
        for name, rules in sorted(providers.items(), key=lambda item: (item[1][0].service.lower(), item[0]))
    ]
    return "\n\n".join(lines) + "\n" + "\n".join(rows) + "\n"


def _severities(rules: Iterable[Rule]) -> list[str]:
    from detector.model import SEVERITIES

    return sorted({rule.severity for rule in rules}, key=SEVERITIES.index, reverse=True)


def _page(rules: list[Rule]) -> str:
    return f"{_MADE}# {rules[0].service}\n\n" + "\n".join(map(_section, rules))


def _section(rule: Rule) -> str:
    rows = [
        ("severity", rule.severity),
        ("confidence", rule.confidence),
        ("looks like", ", ".join(_code(shape.strip()) for shape in rule.examples if "\n" not in shape)),
        ("proof without network", ", ".join(_code(name) for name in rule.checks)),
        ("found together with", ", ".join(_companion(part.name, required=part.required) for part in rule.companions)),
        ("asks", _asked(rule)),
        ("revoke", rule.revoke),
        ("documentation", ", ".join(f"<{link}>" for link in rule.links)),
    ]
    table = "\n".join(f"| {name} | {_cell(text)} |" for name, text in rows if text)
    harm = f"{rule.harm}\n\n" if rule.harm else ""
    return f"## {rule.id}\n\n**{rule.finds}.** {harm}| | |\n|---|---|\n{table}\n"


def _companion(name: str, *, required: bool) -> str:
    return f"{_code(name)} (required)" if required else _code(name)


def _asked(rule: Rule) -> str:
    for method in ("get", "post", "head"):
        if url := rule.probe.get(method):
            return _code(urlsplit(str(url)).netloc or str(url))
    return ""


def _code(text: str) -> str:
    fence = "``" if "`" in text else "`"
    return f"{fence}{text}{fence}"


def _cell(text: str) -> str:
    return re.sub(r"\s+", " ", text).replace("|", "\\|")
