"""Turn one ``[[rule]]`` table into a `Rule`, or say what is wrong with it and in which line."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

import regex

from detector.engine import checks
from detector.engine.anchors import parse_anchor
from detector.errors import RuleError
from detector.model import CONFIDENCES, SEVERITIES, Anchor, Companion, Confidence, Rule, Severity
from detector.rules import context
from detector.rules import probe as probes
from detector.rules.toml_lines import TomlLines
from detector.text.suggestions import suggest

_KEYS = {*Rule._fields, "context", "value", "keyed"} - {"source", "reject_when"}
_TEXTS = ("id", "finds", "harm", "service", "pattern", "value", "alphabet", "revoke")
_LISTS = ("checks", "placeholders", "paths", "examples", "misses", "links", "context")
_FLAGS = ("scored", "published")
_COMPANION_KEYS = set(Companion._fields)


class RuleTable:
    """A table, where it is in its file, and the errors that name both."""

    def __init__(self, row: Mapping[str, Any], path: str, lines: TomlLines, index: int, count: int) -> None:
        """*row* is table number *index* of *count* in the file *path*; keys of the whole file are included."""
        self.row = row
        self._path = path
        self._lines = lines
        self._index = index
        self._count = count

    @property
    def source(self) -> str:
        """Return ``file:line`` of the table."""
        return f"{self._path}:{self._lines.start(self._index, of=self._count)}"

    def where(self, key: str) -> str:
        """Return ``file:line: id``, with the line of *key*."""
        return f"{self._path}:{self._lines.key(self._index, key, of=self._count)}: {self.row.get('id')}"

    def error(self, text: str, key: str = "id") -> RuleError:
        """Make the error that *text* describes, at the line of *key*."""
        return RuleError(f"{self.where(key)}: {text}")


def read_rule(table: RuleTable) -> Rule:
    """Return the rule of *table*. Raises `RuleError`."""
    _check_types(table)
    row = table.row
    scored, published = _kind(table)
    if scored or published:
        pattern, anchors = row.get("pattern", ""), tuple[Anchor, ...]()
        if pattern:
            _compile(table, pattern, "pattern", "pattern")
    else:
        pattern, anchors = _pattern_and_anchors(table)
    return Rule(
        id=row["id"],
        finds=row["finds"],
        harm=row.get("harm", ""),
        service=row.get("service") or row["id"].partition(".")[0].replace("-", " ").title(),
        severity=Severity(row.get("severity", Severity.HIGH)),
        confidence=Confidence(row.get("confidence", Confidence.MEDIUM)),
        anchors=anchors,
        pattern=pattern,
        group=0 if scored or published else _group(table, pattern),
        window=_window(table),
        min_entropy=_entropy(table),
        alphabet=row.get("alphabet", ""),
        checks=tuple(row.get("checks", ())),
        companions=_companions(table),
        placeholders=tuple(row.get("placeholders", ())),
        paths=tuple(row.get("paths", ())),
        specificity=row.get("specificity", 10 if scored else 50 if "context" in row else 100),
        probe=_probe(table),
        revoke=row.get("revoke", ""),
        examples=tuple(row.get("examples", ())),
        misses=tuple(row.get("misses", ())),
        links=tuple(row.get("links", ())),
        source=table.source,
        scored=scored,
        published=published,
    )


def _check_types(table: RuleTable) -> None:
    """Check the id, the names of keys, and the values that need no other key."""
    row = table.row
    name = row.get("id")
    if not isinstance(name, str) or not re.fullmatch(r"[a-z0-9][a-z0-9-]*(\.[a-z0-9][a-z0-9-]*)+", name):
        place = table.where("id").removesuffix(f": {name}")
        raise RuleError(f"{place}: a rule needs an id such as 'acme.api-key', not {name!r}")
    for key in row:
        if key not in _KEYS:
            raise table.error(f"unknown key {key!r}; {suggest(key, _KEYS)}", key)
    for key in _TEXTS:
        if not isinstance(row.get(key, ""), str):
            raise table.error(f"{key} must be a string", key)
    for key in _LISTS:
        values = row.get(key, [])
        if not isinstance(values, list) or not all(isinstance(value, str) for value in values):
            raise table.error(f"{key} must be a list of strings", key)
    for key in _FLAGS:
        if not isinstance(row.get(key, False), bool):
            raise table.error(f"{key} is true or false", key)
    if type(row.get("specificity", 0)) is not int:
        raise table.error("specificity must be a whole number", "specificity")
    if not row.get("finds"):
        raise table.error("say in 'finds' what the rule finds", "finds")
    for key, known in (("severity", SEVERITIES), ("confidence", CONFIDENCES)):
        if key in row and row[key] not in known:
            raise table.error(f"{key} is one of {', '.join(known)}, not {row[key]!r}", key)
    for check in row.get("checks", []):
        if check not in checks.CHECKS:
            raise table.error(f"unknown check {check!r}; {suggest(check, checks.CHECKS)}", "checks")


def _kind(table: RuleTable) -> tuple[bool, bool]:
    """Return whether the rule is scored and whether it is published; such rules have no anchors of their own."""
    row = table.row
    scored, published = row.get("scored", False), row.get("published", False)
    if scored and {"pattern", "value", "context", "anchors"} & set(row):
        raise table.error("a rule with 'scored = true' has no pattern, value, context or anchors", "scored")
    if published and (scored or {"value", "context", "anchors"} & set(row)):
        text = "a rule with 'published = true' has paths, optionally a pattern, and nothing else to find"
        raise table.error(text, "published")
    if published and not row.get("paths"):
        raise table.error("list in 'paths' the members that the rule finds", "published")
    return scored, published


def _group(table: RuleTable, pattern: str) -> int | str:
    compiled = _compile(table, pattern, "pattern", "pattern")
    group = table.row.get("group")
    if group is None:
        return "secret" if "secret" in compiled.groupindex else min(compiled.groups, 1)
    if isinstance(group, str) and group in compiled.groupindex:
        return group
    if type(group) is int and 0 <= group <= compiled.groups:
        return group
    raise table.error(f"the pattern has no group {group!r}", "group")


def _pattern_and_anchors(table: RuleTable) -> tuple[str, tuple[Anchor, ...]]:
    row = table.row
    words, value, pattern = row.get("context", []), row.get("value", ""), row.get("pattern", "")
    if "keyed" in row and not words:
        raise table.error("keyed requires context", "keyed")
    if bool(words) != bool(value) or bool(value) == bool(pattern):
        text = "give either a 'pattern', or 'context' words and the 'value' that follows them"
        raise table.error(text, "pattern" if pattern else "value")
    listed, loose = row.get("anchors", ()), ""
    if words:
        keyed = _keyed(table)
        _compile(table, value, "value", "value")
        pattern = context.build_pattern(words, value, keyed)
        if not listed:
            listed, loose = context.build_anchors(words, value, keyed)
    if not isinstance(listed, list) or not listed:
        raise table.error("name at least one anchor, a text that every match contains", "anchors")
    try:
        return pattern, tuple(parse_anchor(text)._replace(loose=loose) for text in listed)
    except (ValueError, TypeError) as error:
        raise table.error(str(error), "anchors") from None


def _keyed(table: RuleTable) -> bool | list[str]:
    keyed = table.row.get("keyed", False)
    if isinstance(keyed, bool) or (isinstance(keyed, list) and all(isinstance(word, str) for word in keyed)):
        return keyed
    raise table.error("keyed is true, or a list of words of which the name must contain one", "keyed")


def _compile(table: RuleTable, pattern: str, name: str, key: str) -> Any:
    try:
        compiled = regex.compile(pattern.encode())
    except regex.error as error:
        raise table.error(f"{name} is not a valid regular expression: {error}", key) from None
    except (ValueError, OverflowError, RecursionError) as error:
        raise table.error(f"{name} cannot be compiled: {error}", key) from None
    if compiled.match(b""):
        raise table.error(f"{name} matches the empty string", key)
    return compiled


def _probe(table: RuleTable) -> Mapping[str, Any]:
    probe: Mapping[str, Any] = table.row.get("probe", {})
    if probe:
        probes.parse(probe, table.where("probe"), [part["name"] for part in table.row.get("companions", [])])
    return probe


def _companions(table: RuleTable) -> tuple[Companion, ...]:
    rows = table.row.get("companions", [])
    if not isinstance(rows, list) or not all(isinstance(row, Mapping) for row in rows):
        raise table.error("companions must be a list of tables", "companions")
    return tuple(_companion(table, row) for row in rows)


def _companion(table: RuleTable, row: Mapping[str, Any]) -> Companion:
    for key in row:
        if key not in _COMPANION_KEYS:
            raise table.error(f"unknown key {key!r} of a companion; {suggest(key, _COMPANION_KEYS)}", key)
    for key in ("name", "pattern"):
        if not isinstance(row.get(key), str) or not row[key]:
            raise table.error(f"a companion needs a {key}, which is a string", "companions")
    for key, default in Companion._field_defaults.items():
        value = row.get(key, default)
        wanted = (int, float) if isinstance(default, float) else (type(default),)
        if type(value) not in wanted:
            kind = "true or false" if isinstance(default, bool) else "a number"
            raise table.error(f"{key} of companion {row['name']!r} must be {kind}", key)
    if row["name"] == "secret":
        raise table.error("a companion cannot be called secret: that is the first part", "companions")
    _compile(table, row["pattern"], f"companion {row['name']!r}", "companions")
    return Companion(**row)


def _window(table: RuleTable) -> tuple[int, int]:
    window = table.row.get("window", [128, 512] if "context" not in table.row else [64, 256])
    if not (isinstance(window, list) and len(window) == 2 and all(type(n) is int and 0 <= n <= 65536 for n in window)):
        raise table.error("window is [bytes before, bytes after] the anchor, each at most 65536", "window")
    return window[0], window[1]


def _entropy(table: RuleTable) -> float:
    value = table.row.get("min_entropy", 0)
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value <= 8:
        raise table.error("min_entropy is a number of bits per character, 0 to 8", "min_entropy")
    return float(value)
