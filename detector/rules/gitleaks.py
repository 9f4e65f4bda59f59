"""Read gitleaks and betterleaks TOML as our rules, unchanged.

The meaning is theirs: keys in any case, `extend`, allow-lists with their
conditions, entropy that must be exceeded, keywords as a gate for the file,
required parts, the first group that is not empty as the secret. What has no
counterpart is named in a note, one line each, and never dropped in silence.
"""

from __future__ import annotations

import os
import re
import tomllib
from collections.abc import Iterable, Mapping
from typing import Any

from detector.errors import RuleError
from detector.model import Companion, Rule
from detector.rules import expr
from detector.rules.foreign import SPECIFICITY, Condition, Foreign, anchored, compiled
from detector.rules.re2 import Untranslatable, translate

DEPTH = 2
"""How many files may extend one another; gitleaks reads no further."""

_CHECKS = ("commits", "paths", "regexes", "stopwords")
_TARGETS = ("secret", "match", "line")
_MERGED = ("description", "entropy", "secretgroup", "regex", "path", "filter", "validate")
_APPENDED = ("tags", "keywords", "allowlists")


def is_theirs(text: str) -> bool:
    """Tell whether *text* looks like a rule file of these tools rather than ours."""
    return (
        re.search(r"^\s*(?:\[\[\s*(?:rules|allowlists)\s*\]\]|\[\s*(?:extend|allowlist)\s*\])", text, re.MULTILINE)
        is not None
    )


def read(text: str, path: str) -> Foreign:
    """Turn the text of a file into rules. Raises `RuleError` with file and line."""
    config = _Config(path)
    config.take(_tables(text, path), depth=0)
    return config.result()


def _tables(text: str, path: str) -> dict[str, Any]:
    try:
        return dict(_lowered(tomllib.loads(text)))
    except tomllib.TOMLDecodeError as error:
        line = re.search(r"at line (\d+)", str(error))
        raise RuleError(f"{path}:{line[1] if line else 1}: {error}") from None


def _lowered(value: Any) -> Any:
    if isinstance(value, dict):
        return {key.lower(): _lowered(inner) for key, inner in value.items()}
    return [_lowered(item) for item in value] if isinstance(value, list) else value


class _Config:
    """One file with those that it extends."""

    def __init__(self, path: str) -> None:
        self.path = path
        self.rules: dict[str, dict[str, Any]] = {}
        self.lists: list[dict[str, Any]] = []
        self.filters: dict[str, str] = {}
        self.notes: list[str] = []
        self.extends: list[str] = []

    def note(self, text: str, rule: str = "") -> None:
        self.notes.append(f"{self.path}: {f'{rule}: ' if rule else ''}{text}")

    def wrong(self, text: str) -> RuleError:
        return RuleError(f"{self.path}: {text}")

    # -- reading and merging --------------------------------------------------

    def take(self, tables: Mapping[str, Any], depth: int) -> None:
        """Read *tables*; those of a file that is extended come first."""
        extend = tables.get("extend", {})
        if extend.get("usedefault") and extend.get("path"):
            raise self.wrong("extend takes useDefault or path, not both")
        if extend.get("url"):
            self.note("extend.url was never put to use by gitleaks; it is not here either")
        own = self._own_rules(tables)
        if depth < DEPTH and extend.get("path"):
            self.take(self._extended(extend["path"]), depth + 1)
        elif extend.get("path"):
            self.note(f"extend.path {extend['path']!r} is not read: gitleaks follows {DEPTH} levels")
        if extend.get("usedefault"):
            self.note("extend.useDefault: leakfirst's own rules take the place of the tool's default rules")
        for name in extend.get("disabledrules", ()):
            if self.rules.pop(name, None) is None:
                self.note(f"extend.disabledRules: there is no rule {name!r}; skip ours with --skip")
        for name, rule in own.items():
            self.rules[name] = _merged(self.rules[name], rule) if name in self.rules else rule
        self._global(tables, base=depth > 0)

    def _extended(self, path: str) -> dict[str, Any]:
        self.extends.append(path)
        try:
            with open(path, "rb") as file:  # as gitleaks does, seen from the working folder
                return _tables(file.read().decode(), path)
        except (OSError, UnicodeDecodeError) as error:
            raise self.wrong(f"extend.path {path!r} cannot be read ({error})") from None

    def _own_rules(self, tables: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
        found = {}
        for number, rule in enumerate(tables.get("rules", []), 1):
            if not rule.get("id"):
                raise self.wrong(f"rule {number} has no id")
            if not rule.get("regex") and not rule.get("path") and not rule.get("allowlists") and "extend" not in tables:
                raise self.wrong(f"rule {rule['id']!r} has neither regex nor path")
            found[rule["id"]] = {**rule, "allowlists": self._lists(rule, rule["id"])}
        for rule in found.values():
            for part in rule.get("required", ()):
                if part.get("id") not in found:
                    raise self.wrong(
                        f"rule {rule['id']!r} requires {part.get('id')!r}, which this file does not define"
                    )
        return found

    def _lists(self, table: Mapping[str, Any], name: str) -> list[dict[str, Any]]:
        if "allowlist" in table and "allowlists" in table:
            raise self.wrong(f"{name}: allowlist and allowlists exclude each other")
        lists = [table["allowlist"]] if "allowlist" in table else table.get("allowlists", [])
        for one in lists:
            if not any(one.get(check) for check in _CHECKS):
                raise self.wrong(f"{name}: an allow-list holds commits, paths, regexes or stopwords")
            if str(one.get("condition", "or")).lower() not in ("or", "||", "and", "&&"):
                raise self.wrong(f"{name}: the condition of an allow-list is OR or AND")
            if one.get("regextarget", "secret") not in _TARGETS:
                raise self.wrong(f"{name}: regexTarget is secret, match or line")
        return list(lists)

    def _global(self, tables: Mapping[str, Any], *, base: bool) -> None:
        for one in self._lists(tables, "the global allow-list"):
            targets = one.get("targetrules", ())
            if not targets:
                self.lists.append(one)
            elif base:
                self.note(
                    f"an allow-list of an extended file for {', '.join(targets)} is ignored by gitleaks, and here"
                )
            for name in targets if not base else ():
                if name not in self.rules:
                    raise self.wrong(f"an allow-list targets {name!r}, and there is no such rule")
                self.rules[name] = {**self.rules[name], "allowlists": [*self.rules[name]["allowlists"], one]}
        for key in ("prefilter", "filter"):
            if tables.get(key):
                self.filters[key] = tables[key]

    # -- turning into rules -----------------------------------------------------

    def result(self) -> Foreign:
        """Return what was read."""
        shared = [("an allow-list of its rule file", found) for found in self._conditions(self.lists, "")]
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
        return Foreign(tuple(rules), tuple(self.notes), tuple(self.extends))

    def _rule(self, name: str, table: Mapping[str, Any], shared: Iterable[tuple[str, Condition]]) -> Rule:
        if not table.get("regex"):
            raise Untranslatable("it matches the names of files, and leakfirst reports credentials")
        pattern = translate(table["regex"])
        groups = compiled(pattern).groups
        group = int(table.get("secretgroup", 0))
        if group > groups:
            raise self.wrong(f"rule {name!r}: its regex has no group {group}")
        reject_when: list[tuple[str, Condition]] = []
        if table.get("entropy"):
            reject_when.append(("too regular for its rule", ("entropy", "<=", float(table["entropy"]))))
        reject_when += [("an allow-list of its rule", found) for found in self._conditions(table["allowlists"], name)]
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
        return anchored(rule, tuple(table.get("keywords", ())))

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
                self.note(f"the allow-lists of the required {part['id']!r} are not applied to it as a part", name)
            lines = int(part["withinlines"]) if part.get("withinlines") is not None else -1
            within = 100_000 if lines < 0 else min(100_000, 2000 * (lines + 1))
            pattern = translate(other["regex"])
            found.append(Companion(part["id"], pattern, within, required=True, min_entropy=bits, lines=lines))
        return tuple(found)

    def _filter(self, text: str, name: str, key: str) -> list[Condition]:
        try:
            return [expr.condition(text, name)]
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
            self.note("the commits of an allow-list are not applied; leakfirst reports each content once", name)
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
                compiled(translate(pattern))
                kept.append(translate(pattern))
            except Untranslatable as reason:
                self.note(f"the expression {pattern!r} of an allow-list is not applied: {reason}", name)
        return ("matches", where, *kept) if kept else None


def _merged(base: Mapping[str, Any], own: Mapping[str, Any]) -> dict[str, Any]:
    """Return the rule that an extending file makes of one it extends."""
    merged = dict(base)
    merged.update({key: own[key] for key in _MERGED if own.get(key)})
    for key in _APPENDED:
        merged[key] = [*base.get(key, []), *own.get(key, [])]
    return merged
