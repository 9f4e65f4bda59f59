"""Read rule files (YAML) of kingfisher and noseyparker without changes to them.

Both formats share their basic keys. The secret is the group named `TOKEN`, else
the first non-empty group. Rules that are not visible are parts of others.
Live checks, revocation and checksum templates have no counterpart; a note of one
line says so.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Mapping
from typing import Any

from detector.engine.conditions import Condition
from detector.errors import RuleError
from detector.model import CONFIDENCES, Companion, Confidence, Rule
from detector.rules.foreign import SPECIFICITY, ForeignRules, add_anchors, compile_translated
from detector.rules.re2 import RUST, Untranslatable, translate

AROUND = 4096
"""Bytes around a match in which a required part is searched for; kingfisher searches the whole file."""

_COUNTED = {f"min_{kind}": kind for kind in ("digits", "uppercase", "lowercase")}


def read(text: str, path: str) -> ForeignRules:
    """Return the rules in the text of a file. Raises `RuleError`."""
    notes: list[str] = []
    tables: dict[str, Mapping[str, Any]] = {}
    places: dict[str, int] = {}
    for number, table in enumerate(_read_tables(text, path, notes)):
        for key in ("name", "id", "pattern"):
            if not isinstance(table.get(key), str):
                name = table.get("id", table.get("name", "?"))
                raise RuleError(f"{path}:{_find_line(text, number)}: a rule ({name}) has no {key}")
        name = table["id"]
        if name in tables:
            taken = _find_line(text, places[name])
            raise RuleError(f"{path}:{_find_line(text, number)}: the id {name!r} is taken by {path}:{taken}")
        tables[name], places[name] = table, number
    rules = []
    for name, table in tables.items():
        if table.get("visible") is False:
            continue
        try:
            rules.append(_rule(table, tables, path, notes))
        except Untranslatable as reason:
            notes.append(f"{path}: {name}: is not carried over: {reason}")
        except (TypeError, ValueError, AttributeError) as error:
            place = f"{path}:{_find_line(text, places[name])}"
            raise RuleError(f"{place}: {name}: a value has the wrong type ({error})") from None
    counts = {key: sum(key in table for table in tables.values()) for key in ("validation", "revocation")}
    notes += [f"{path}: the {key} of {count} rules is not carried over" for key, count in counts.items() if count]
    return ForeignRules(tuple(rules), tuple(notes))


def _find_line(text: str, number: int) -> int:
    """Return the line of rule *number*, counted over all documents; only messages need it."""
    import yaml

    documents = yaml.compose_all(text, Loader=yaml.SafeLoader)
    lists = [value for document in documents for key, value in document.value if key.value == "rules"]
    nodes = [node for rules in lists for node in rules.value]
    return int(nodes[number].start_mark.line) + 1


def _read_tables(text: str, path: str, notes: list[str]) -> Iterator[Mapping[str, Any]]:
    import yaml

    try:
        documents = [*yaml.load_all(text, Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader))]
    except (yaml.YAMLError, RecursionError) as error:
        mark = getattr(error, "problem_mark", None)
        raise RuleError(
            f"{path}:{mark.line + 1 if mark else 1}: is not YAML ({getattr(error, 'problem', error)})"
        ) from None
    for document in documents:
        if not isinstance(document, Mapping) or not {"rules", "rulesets"} & set(document):
            raise RuleError(f"{path}:1: a rule file holds a list called rules")
        if document.get("rulesets"):
            notes.append(f"{path}: rulesets are not applied; choose with --only and --skip")
        for table in document.get("rules") or ():
            if not isinstance(table, Mapping):
                raise RuleError(f"{path}: a rule is a mapping with name, id and pattern")
            yield table


def _rule(table: Mapping[str, Any], tables: Mapping[str, Mapping[str, Any]], path: str, notes: list[str]) -> Rule:
    pattern = translate(table["pattern"].strip(), RUST)
    confidence = str(table.get("confidence", "medium")).lower()
    rule = Rule(
        id=table["id"],
        finds=table["name"],
        harm=str(table.get("description") or ""),
        service=os.path.basename(path),
        confidence=Confidence(confidence) if confidence in CONFIDENCES else Confidence.MEDIUM,
        pattern=pattern,
        group="TOKEN" if "TOKEN" in compile_translated(pattern).groupindex else -1,
        companions=tuple(_read_companions(table, tables, path, notes)),
        specificity=SPECIFICITY,
        examples=tuple(_escape_shape(text) for text in table.get("examples") or ()),
        misses=tuple(_escape_shape(text) for text in table.get("negative_examples") or ()),
        links=tuple(str(link) for link in table.get("references") or ()),
        source=path,
        reject_when=tuple(_read_conditions(table, path, notes)),
    )
    return add_anchors(rule)


def _escape_shape(text: Any) -> str:
    """Return the shape that expands to *text*."""
    return str(text).replace("{", "{{").replace("}", "}}")


def _read_conditions(table: Mapping[str, Any], path: str, notes: list[str]) -> Iterator[tuple[str, Condition]]:
    if table.get("min_entropy"):
        yield "entropy too low for its rule", ("entropy", "<=", float(table["min_entropy"]))
    wanted = table.get("pattern_requirements") or {}
    for key, kind in _COUNTED.items():
        if wanted.get(key):
            yield f"fewer {kind} than its rule requires", ("count", kind, "<", int(wanted[key]))
    if wanted.get("min_special_chars"):
        special = str(wanted.get("special_chars") or "").encode() or "special"
        yield (
            "fewer special characters than its rule requires",
            ("count", special, "<", int(wanted["min_special_chars"])),
        )
    if words := wanted.get("ignore_if_contains"):
        yield "a word that its rule excludes", ("contains", "secret", *(str(word).lower().encode() for word in words))
    if wanted.get("checksum"):
        notes.append(f"{path}: {table['id']}: its checksum template is not applied")


def _read_companions(
    table: Mapping[str, Any], tables: Mapping[str, Mapping[str, Any]], path: str, notes: list[str]
) -> Iterator[Companion]:
    for part in table.get("depends_on_rule") or ():
        named = part.get("rule_id") if isinstance(part, Mapping) else None
        if not named:
            continue
        if named not in tables:
            notes.append(f"{path}: {table['id']}: depends on {named!r}, which this file does not define")
            continue
        try:
            pattern = translate(tables[named]["pattern"].strip(), RUST)
            compile_translated(pattern)
        except Untranslatable as reason:
            notes.append(f"{path}: {table['id']}: its part {named!r} is not carried over: {reason}")
            continue
        lines = re.search(r"\b(\d+)L\b", str(part.get("within", "")))
        name = str(part.get("variable") or named).lower().replace("_", "-")
        bits = float(tables[named].get("min_entropy", 0))
        yield Companion(name, pattern, AROUND, min_entropy=bits, lines=int(lines[1]) if lines else -1)
