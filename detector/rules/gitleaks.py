"""Read rule files of gitleaks and betterleaks without changes to them.

They mean what they mean there: keys in any case, `extend`, allowlists with their
conditions, entropy that must be exceeded, keywords that must occur in the file,
required parts, the first non-empty group as the secret. Each thing that has no
counterpart is named in a note of one line; nothing is dropped without one.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Mapping
from typing import Any

from detector.engine.conditions import Condition
from detector.errors import RuleError
from detector.model import Companion, Rule
from detector.rules import filters
from detector.rules.foreign import SPECIFICITY, ForeignRules, add_anchors, compile_translated
from detector.rules.re2 import Untranslatable, translate
from detector.rules.toml_lines import TomlLines, parse_toml
from detector.text.suggestions import suggest

MAX_DEPTH = 2
"""How many files may extend one another; gitleaks reads no further."""

_CHECKS = ("commits", "paths", "regexes", "stopwords")
_TARGETS = ("secret", "match", "line")
_MERGED = ("description", "entropy", "secretgroup", "regex", "path", "filter", "validate")
_APPENDED = ("tags", "keywords", "allowlists")

_NUMBER = (int, float)
_FILE_KEYS: dict[str, Any] = {
    "title": str, "description": str, "minversion": str, "betterleaksminversion": str, "extend": dict, "rules": list,
    "allowlist": dict, "allowlists": list, "prefilter": str, "filter": str,
}  # fmt: skip
_RULE_KEYS: dict[str, Any] = {
    "id": str, "description": str, "regex": str, "path": str, "entropy": _NUMBER, "secretgroup": int, "keywords": list,
    "tags": list, "allowlist": dict, "allowlists": list, "required": list, "filter": str, "prefilter": str,
    "validate": str, "skipreport": bool, "specificity": int, "tokenefficiency": bool,
}  # fmt: skip
_LIST_KEYS: dict[str, Any] = {
    "description": str, "condition": str, "commits": list, "paths": list, "regexes": list, "regextarget": str,
    "stopwords": list, "targetrules": list,
}  # fmt: skip
_NAMES = {str: "a string", dict: "a table", list: "a list", bool: "true or false", int: "a number", _NUMBER: "a number"}


def is_gitleaks_file(text: str) -> bool:
    """Return whether *text* looks like a rule file of these tools rather than one of ours."""
    return (
        re.search(r"^\s*(?:\[\[\s*(?:rules|allowlists)\s*\]\]|\[\s*(?:extend|allowlist)\s*\])", text, re.MULTILINE)
        is not None
    )


def read(text: str, path: str) -> ForeignRules:
    """Return the rules in the text of a file. Raises `RuleError` with file and line."""
    config = _Config(path)
    config.take(*_parse(text, path), depth=0)
    return config.result()


def _parse(text: str, path: str) -> tuple[dict[str, Any], list[str]]:
    """Parse *text* and check the types of its values; return its tables, keys in lower case, and notes."""
    tables: dict[str, Any] = _lower_keys(parse_toml(text, path))
    lines = TomlLines(text, "rules")
    notes = []
    for key, value in tables.items():
        if key not in _FILE_KEYS:
            notes.append(f"{path}:{lines.top(key)}: unknown key {key!r}; {suggest(key, _FILE_KEYS)}")
        _check_type(value, key, _FILE_KEYS.get(key), f"{path}:{lines.top(key)}")
    rules = tables.get("rules", [])
    names: dict[str, str] = {}
    for index, rule in enumerate(rules):
        place = f"{path}:{lines.start(index, of=len(rules))}"
        if not isinstance(rule, dict):
            raise RuleError(f"{place}: write [[rules]] with two brackets")
        name = str(rule.get("id", ""))
        if name in names and name:
            raise RuleError(f"{place}: the id {name!r} is taken by {names[name]}")
        names[name] = place
        for key, value in rule.items():
            line = f"{path}:{lines.key(index, key, of=len(rules))}"
            if key not in _RULE_KEYS:
                notes.append(f"{line}: {name}: unknown key {key!r}; {suggest(key, _RULE_KEYS)}")
            _check_type(value, key, _RULE_KEYS.get(key), line)
        _check_tables(rule, place)
    _check_tables(tables, f"{path}:{lines.top('allowlists')}")
    return tables, notes


def _check_tables(table: Mapping[str, Any], place: str) -> None:
    """Check the allowlists and required parts of a rule or of the whole file."""
    lists = [table["allowlist"]] if "allowlist" in table else table.get("allowlists", [])
    for one in (*lists, *table.get("required", ())):
        if not isinstance(one, dict):
            raise RuleError(f"{place}: an allowlist or a required part must be a table")
        for key, value in one.items():
            _check_type(value, key, _LIST_KEYS.get(key), place)


def _check_type(value: Any, key: str, wanted: Any, place: str) -> None:
    if wanted is None:
        return
    fits = isinstance(value, wanted) and (wanted is bool or not isinstance(value, bool))
    of_strings = wanted is list and key not in ("rules", "allowlists", "required")
    if of_strings and not (fits and all(isinstance(item, str) for item in value)):
        raise RuleError(f"{place}: {key} must be a list of strings")
    if not fits:
        raise RuleError(f"{place}: {key} must be {_NAMES[wanted]}")


def _lower_keys(value: Any) -> Any:
    if isinstance(value, dict):
        return {key.lower(): _lower_keys(inner) for key, inner in value.items()}
    return [_lower_keys(item) for item in value] if isinstance(value, list) else value


class _Config:
    """One file and those that it extends."""

    def __init__(self, path: str) -> None:
        self.path = path
        self.rules: dict[str, dict[str, Any]] = {}
        self.lists: list[dict[str, Any]] = []
        self.filters: dict[str, str] = {}
        self.notes: list[str] = []
        self.extends: list[str] = []

    def note(self, text: str, rule: str = "") -> None:
        self.notes.append(f"{self.path}: {f'{rule}: ' if rule else ''}{text}")

    def error(self, text: str) -> RuleError:
        return RuleError(f"{self.path}: {text}")

    # -- reading and merging --------------------------------------------------

    def take(self, tables: Mapping[str, Any], notes: Iterable[str], depth: int) -> None:
        """Add *tables* and the *notes* about them; those of a file that it extends come first."""
        self.notes += notes
        extend = tables.get("extend", {})
        if extend.get("usedefault") and extend.get("path"):
            raise self.error("extend takes useDefault or path, not both")
        if extend.get("url"):
            self.note("extend.url is not read; gitleaks does not read it either")
        own = self._own_rules(tables)
        if depth < MAX_DEPTH and extend.get("path"):
            self.take(*self._read_extended(extend["path"]), depth + 1)
        elif extend.get("path"):
            self.note(f"extend.path {extend['path']!r} is not read: gitleaks follows {MAX_DEPTH} levels")
        if extend.get("usedefault"):
            self.note("extend.useDefault: the rules of leakfirst replace the default rules of the tool")
        for name in extend.get("disabledrules", ()):
            if self.rules.pop(name, None) is None:
                self.note(f"extend.disabledRules: there is no rule {name!r}; skip ours with --skip")
        for name, rule in own.items():
            self.rules[name] = _merge(self.rules[name], rule) if name in self.rules else rule
        self._global(tables, base=depth > 0)

    def _read_extended(self, path: str) -> tuple[dict[str, Any], list[str]]:
        self.extends.append(path)
        try:
            with open(path, "rb") as file:  # relative to the working folder, as in gitleaks
                text = file.read().decode()
        except (OSError, UnicodeDecodeError) as error:
            raise self.error(f"extend.path {path!r} cannot be read ({error})") from None
        return _parse(text, path)

    def _own_rules(self, tables: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
        found = {}
        for number, rule in enumerate(tables.get("rules", []), 1):
            if not rule.get("id"):
                raise self.error(f"rule {number} has no id")
            if not rule.get("regex") and not rule.get("path") and not rule.get("allowlists") and "extend" not in tables:
                raise self.error(f"rule {rule['id']!r} has neither regex nor path")
            found[rule["id"]] = {**rule, "allowlists": self._lists(rule, rule["id"])}
        for rule in found.values():
            for part in rule.get("required", ()):
                if part.get("id") not in found:
                    raise self.error(
                        f"rule {rule['id']!r} requires {part.get('id')!r}, which this file does not define"
                    )
        return found

    def _lists(self, table: Mapping[str, Any], name: str) -> list[dict[str, Any]]:
        if "allowlist" in table and "allowlists" in table:
            raise self.error(f"{name}: allowlist and allowlists exclude each other")
        lists = [table["allowlist"]] if "allowlist" in table else table.get("allowlists", [])
        for one in lists:
            if not any(one.get(check) for check in _CHECKS):
                raise self.error(f"{name}: an allowlist holds commits, paths, regexes or stopwords")
            if str(one.get("condition", "or")).lower() not in ("or", "||", "and", "&&"):
                raise self.error(f"{name}: the condition of an allowlist is OR or AND")
            if one.get("regextarget", "secret") not in _TARGETS:
                raise self.error(f"{name}: regexTarget is secret, match or line")
        return list(lists)

    def _global(self, tables: Mapping[str, Any], *, base: bool) -> None:
        for one in self._lists(tables, "the global allowlist"):
            targets = one.get("targetrules", ())
            if not targets:
                self.lists.append(one)
            elif base:
                self.note(f"an allowlist of an extended file for {', '.join(targets)} is ignored, as in gitleaks")
            for name in targets if not base else ():
                if name not in self.rules:
                    raise self.error(f"an allowlist targets {name!r}, and there is no such rule")
                self.rules[name] = {**self.rules[name], "allowlists": [*self.rules[name]["allowlists"], one]}
        for key in ("prefilter", "filter"):
            if tables.get(key):
                self.filters[key] = tables[key]

    # -- turning into rules -----------------------------------------------------

    def result(self) -> ForeignRules:
        """Return what was read."""
        shared = [("an allowlist of its rule file", found) for found in self._conditions(self.lists, "")]
        for key, text in self.filters.items():
            shared += [("a filter of its rule file", found) for found in self._filter(text, "", key)]
        rules = []
        for name, table in sorted(self.rules.items()):
            if table.get("skipreport"):
                continue
            try:
                rules.append(self._rule(name, table, shared))
            except Untranslatable as reason:
                self.note(f"is not carried over: {reason}", name)
        if checked := sum("validate" in table for table in self.rules.values()):
            self.note(f"the live checks (validate) of {checked} rules are not carried over")
        return ForeignRules(tuple(rules), tuple(self.notes), tuple(self.extends))

    def _rule(self, name: str, table: Mapping[str, Any], shared: Iterable[tuple[str, Condition]]) -> Rule:
        if not table.get("regex"):
            raise Untranslatable("it matches names of files, and leakfirst reports credentials")
        pattern = translate(table["regex"])
        groups = compile_translated(pattern).groups
        group = int(table.get("secretgroup", 0))
        if group > groups:
            raise self.error(f"rule {name!r}: its regex has no group {group}")
        reject_when: list[tuple[str, Condition]] = []
        if table.get("entropy"):
            reject_when.append(("entropy too low for its rule", ("entropy", "<=", float(table["entropy"]))))
        reject_when += [("an allowlist of its rule", found) for found in self._conditions(table["allowlists"], name)]
        if table.get("filter"):
            reject_when += [
                ("the filter of its rule", found) for found in self._filter(table["filter"], name, "filter")
            ]
        if table.get("tokenefficiency"):
            self.note("tokenEfficiency is not applied", name)
        specificity = int(table.get("specificity", 0 if "generic" in name else 100)) * SPECIFICITY // 100
        rule = Rule(
            id=name,
            finds=table.get("description") or name,
            service=os.path.basename(self.path),
            pattern=pattern,
            group=group or -1,
            paths=(translate(table["path"]),) if table.get("path") else (),
            companions=self._companions(name, table),
            specificity=specificity,
            source=self.path,
            reject_when=(*reject_when, *shared),
        )
        return add_anchors(rule, tuple(table.get("keywords", ())))

    def _companions(self, name: str, table: Mapping[str, Any]) -> tuple[Companion, ...]:
        found = []
        for part in table.get("required", ()):
            other = self.rules[part["id"]]
            if part.get("withincolumns") is not None:
                self.note(f"withinColumns of the required {part['id']!r} is not applied", name)
            filters = self._filter(other["filter"], part["id"], "filter") if other.get("filter") else []
            bits = max(
                [float(other.get("entropy", 0)), *(f[2] for f in filters if f[:1] == ("entropy",) and "<" in f[1])]
            )
            if other.get("allowlists") or any(f[0] != "entropy" for f in filters):
                self.note(f"the allowlists of the required {part['id']!r} are not applied to it as a part", name)
            lines = int(part["withinlines"]) if part.get("withinlines") is not None else -1
            within = 100_000 if lines < 0 else min(100_000, 2000 * (lines + 1))
            pattern = translate(other["regex"])
            found.append(Companion(part["id"], pattern, within, required=True, min_entropy=bits, lines=lines))
        return tuple(found)

    def _filter(self, text: str, name: str, key: str) -> list[Condition]:
        try:
            return [filters.translate_filter(text, name)]
        except Untranslatable as reason:
            self.note(f"{key} is not applied: {reason}", name)
            return []

    def _conditions(self, lists: Iterable[Mapping[str, Any]], name: str) -> list[Condition]:
        found = []
        for one in lists:
            parts = self._parts(one, name)
            if str(one.get("condition", "or")).lower() in ("and", "&&"):
                if None not in parts:
                    found.append(("and", *parts))
            elif kept := [part for part in parts if part is not None]:
                found.append(("or", *kept))
        return found

    def _parts(self, one: Mapping[str, Any], name: str) -> list[Condition | None]:
        parts: list[Condition | None] = []
        if one.get("commits"):
            self.note("the commits of an allowlist are not applied; leakfirst reports each content once", name)
            parts.append(None)
        if one.get("paths"):
            parts.append(self._matches("path", one["paths"], name))
        if one.get("regexes"):
            parts.append(self._matches(one.get("regextarget", "secret"), one["regexes"], name))
        if one.get("stopwords"):
            parts.append(("contains", "secret", *(word.lower().encode() for word in one["stopwords"])))
        return parts

    def _matches(self, where: str, patterns: Iterable[str], name: str) -> Condition | None:
        kept = []
        for pattern in patterns:
            try:
                compile_translated(translate(pattern))
                kept.append(translate(pattern))
            except Untranslatable as reason:
                self.note(f"the expression {pattern!r} of an allowlist is not applied: {reason}", name)
        return ("matches", where, *kept) if kept else None


def _merge(base: Mapping[str, Any], own: Mapping[str, Any]) -> dict[str, Any]:
    """Return the rule that results when *own* extends *base*."""
    merged = dict(base)
    merged.update({key: own[key] for key in _MERGED if own.get(key)})
    for key in _APPENDED:
        merged[key] = [*base.get(key, []), *own.get(key, [])]
    return merged
