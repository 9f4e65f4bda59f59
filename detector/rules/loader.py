"""Read rule files, ours and those of other tools; every mistake is reported with file and line.

docs/rules.md describes the format. A rule file comes from the operator or from the
distribution, never from the repository that is scanned.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from detector.errors import RuleError
from detector.model import Rule
from detector.rules import gitleaks
from detector.rules.foreign import ForeignRules
from detector.rules.rule_table import RuleTable, read_rule
from detector.rules.toml_lines import TomlLines, parse_toml
from detector.text.suggestions import suggest

_SHARED = ("service", "harm", "revoke")
"""Keys at the top of a file that apply to all of its rules."""


class ParsedRules(NamedTuple):
    """The rules of several files, notes about what could not be carried over, and files that they extend."""

    rules: list[Rule]
    notes: tuple[str, ...] = ()
    extends: tuple[str, ...] = ()


def load_files(paths: Iterable[str]) -> list[Rule]:
    """Read rule files, ours and those of other tools; an id may occur only once in all of them.

    Raises `RuleError` with ``file:line: what is wrong``.
    """
    return load_all(paths).rules


def load_all(paths: Iterable[str]) -> ParsedRules:
    """Do what `load_files` does, and return the notes about files of other tools too."""
    rules: list[Rule] = []
    notes: list[str] = []
    extends: list[str] = []
    for path in paths:
        found = read_file(path)
        notes += found.notes
        extends += found.extends
        rules += found.rules
    check_ids(rules)
    return ParsedRules(rules, tuple(notes), tuple(extends))


def check_ids(rules: Iterable[Rule], known: Iterable[Rule] = ()) -> None:
    """Raise `RuleError` if the id of one of *rules* occurs twice, in them and in *known* together."""
    taken = {rule.id: rule.source for rule in known}
    for rule in rules:
        if rule.id in taken:
            raise RuleError(f"{rule.source}: the id {rule.id!r} is taken by {taken[rule.id]}")
        taken[rule.id] = rule.source


def read_file(path: str) -> ForeignRules:
    """Read one rule file: our TOML, that of gitleaks or betterleaks, or YAML of kingfisher or noseyparker."""
    try:
        with open(path, "rb") as file:
            text = file.read().decode()
    except OSError as error:
        raise RuleError(f"{path}: cannot be read ({error.strerror})") from None
    except UnicodeDecodeError:
        raise RuleError(f"{path}: is not UTF-8 text") from None
    if path.endswith((".yml", ".yaml")):
        from detector.rules import kingfisher

        return kingfisher.read(text, path)
    if gitleaks.is_gitleaks_file(text):
        return gitleaks.read(text, path)
    return ForeignRules(tuple(parse(text, path)))


def parse(text: str, path: str = "<rules>") -> list[Rule]:
    """Return the rules in the text of one of our rule files. Raises `RuleError`."""
    tables = parse_toml(text, path)
    lines = TomlLines(text, "rule")
    for key, value in tables.items():
        if key not in ("rule", *_SHARED):
            near = suggest(key, ("rule", *_SHARED))
            raise RuleError(f"{path}:{lines.top(key)}: unknown key {key!r} outside of [[rule]] tables; {near}")
        if key in _SHARED and not isinstance(value, str):
            raise RuleError(f"{path}:{lines.top(key)}: {key} must be a string")
    rows = tables.get("rule", [])
    if not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows):
        raise RuleError(f"{path}:{lines.top('rule')}: write [[rule]] with two brackets")
    shared = {key: tables[key] for key in _SHARED if key in tables}
    return [read_rule(RuleTable({**shared, **row}, path, lines, index, len(rows))) for index, row in enumerate(rows)]
