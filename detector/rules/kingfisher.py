"""Read kingfisher and noseyparker YAML as our rules, unchanged.

The two formats are one with different extras. The secret is the group named
`TOKEN`, else the first group that is not empty. Rules that kingfisher hides
serve as parts of others. Live checks, revocation and checksum templates have
no counterpart; a note says so, one line each.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Mapping
from typing import Any

from detector.errors import RuleError
from detector.model import CONFIDENCES, Companion, Confidence, Rule
from detector.rules.foreign import SPECIFICITY, Condition, Foreign, anchored, compiled
from detector.rules.re2 import RUST, Untranslatable, translate

AROUND = 4096
"""Bytes around a find in which a part that it depends on is looked for; kingfisher takes the whole file."""

_COUNTED = {f"min_{kind}": kind for kind in ("digits", "uppercase", "lowercase")}


def read(text: str, path: str) -> Foreign:
    """Turn the text of a file into rules. Raises `RuleError` with file and line."""
    notes: list[str] = []
    tables: dict[str, Mapping[str, Any]] = {}
    for table in _tables(text, path, notes):
        for key in ("name", "id", "pattern"):
            if not isinstance(table.get(key), str):
                raise RuleError(f"{path}: a rule ({table.get('id', table.get('name', '?'))}) has no {key}")
        if table["id"] in tables:
            raise RuleError(f"{path}: the id {table['id']!r} is given twice")
        tables[table["id"]] = table
    rules = []
    for name, table in tables.items():
        if table.get("visible") is False:
            continue
        try:
            rules.append(_rule(table, tables, path, notes))
        except Untranslatable as reason:
            notes.append(f"{path}: {name}: is not carried over: {reason}")
    counts = {key: sum(key in table for table in tables.values()) for key in ("validation", "revocation")}
    notes += [f"{path}: the {key} of {count} rules is not carried over" for key, count in counts.items() if count]
    return Foreign(tuple(rules), tuple(notes))


def _tables(text: str, path: str, notes: list[str]) -> Iterator[Mapping[str, Any]]:
    import yaml

    try:
        documents = [*yaml.load_all(text, Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader))]
    except (yaml.YAMLError, RecursionError) as error:
        mark = getattr(error, "problem_mark", None)
        raise RuleError(
            f"{path}:{mark.line + 1 if mark else 1}: is no YAML ({getattr(error, 'problem', error)})"
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
        group="TOKEN" if "TOKEN" in compiled(pattern).groupindex else -1,
        companions=tuple(_parts(table, tables, path, notes)),
        specificity=SPECIFICITY,
        examples=tuple(_plain(text) for text in table.get("examples") or ()),
        misses=tuple(_plain(text) for text in table.get("negative_examples") or ()),
        links=tuple(str(link) for link in table.get("references") or ()),
        source=path,
        reject_when=tuple(_drops(table, path, notes)),
    )
    return anchored(rule)


def _plain(text: Any) -> str:
    """Write *text* as a shape that stands for itself."""
    return str(text).replace("{", "{{").replace("}", "}}")


def _drops(table: Mapping[str, Any], path: str, notes: list[str]) -> Iterator[tuple[str, Condition]]:
    if table.get("min_entropy"):
        yield "too regular for its rule", ("entropy", "<=", float(table["min_entropy"]))
    wanted = table.get("pattern_requirements") or {}
    for key, kind in _COUNTED.items():
        if wanted.get(key):
            yield f"fewer {kind} than its rule wants", ("count", kind, "<", int(wanted[key]))
    if wanted.get("min_special_chars"):
        special = str(wanted.get("special_chars") or "").encode() or "special"
        yield "fewer special characters than its rule wants", ("count", special, "<", int(wanted["min_special_chars"]))
    if words := wanted.get("ignore_if_contains"):
        yield "a word that its rule excludes", ("contains", "secret", *(str(word).lower().encode() for word in words))
    if wanted.get("checksum"):
        notes.append(f"{path}: {table['id']}: its checksum template is not applied")


def _parts(
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
            compiled(pattern)
        except Untranslatable as reason:
            notes.append(f"{path}: {table['id']}: its part {named!r} is not carried over: {reason}")
            continue
        lines = re.search(r"\b(\d+)L\b", str(part.get("within", "")))
        name = str(part.get("variable") or named).lower().replace("_", "-")
        bits = float(tables[named].get("min_entropy", 0))
        yield Companion(name, pattern, AROUND, min_entropy=bits, lines=int(lines[1]) if lines else -1)
