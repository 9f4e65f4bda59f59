"""The allowlists of `.gitleaks.toml` and `.betterleaks.toml`; their rules are read with ``--patterns``.

The case of keys is ignored. Of betterleaks' filter expressions the usual form is
supported: calls of `matchesAny` and `containsAny` joined by ``||``.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from typing import Any

from detector.files.trusted import parse_toml
from detector.ignores.policy import AllowEntry, ParsedIgnores, check_patterns

_CALL = re.compile(
    r"""(?:filter\.)?(matchesAny|containsAny)\(\s*
    (?:get\(\s*attributes\s*,\s*"path"\s*,[^)]*\)|attributes\["path"\](?:\s*\?\?\s*"")?|finding\["(secret|match|line)"\])
    \s*,\s*\[((?:\s*(?:`[^`]*`|"(?:[^"\\]|\\.)*")\s*,?)*)\s*\]\s*\)""",
    re.VERBOSE,
)
_TEXT = re.compile(r"`([^`]*)`|\"((?:[^\"\\]|\\.)*)\"")


def load(content: bytes, name: str) -> ParsedIgnores:
    """Read the allowlists. Raises `UsageError` if *content* is not TOML."""
    tables = _lower_keys(parse_toml(content, name))
    allowlist: list[AllowEntry] = []
    rejected: list[str] = []
    joined = "betterleaks" not in os.path.basename(name)
    for where, rules, row in _find_allowlists(tables):
        try:
            allow = _parse_entry(row, f"{name}: {where}", rules, joined)
            check_patterns(allow)
        except ValueError as error:
            rejected.append(f"{where}: {error}")
        else:
            allowlist.append(allow)
    for where, rules, text in _find_filters(tables):
        entries, problem = _parse_expression(text, f"{name}: {where}", rules)
        allowlist += entries
        if problem:
            rejected.append(f"{where}: {problem}")
    extend = tables.get("extend", {})
    if isinstance(extend, dict):
        if extend.get("path"):
            rejected.append(f"extend.path: name {extend['path']} in `read` to apply its allowlists")
        rejected += [
            f"extend.disabledRules: {rule}: name the leakfirst rules with --skip"
            for rule in extend.get("disabledrules", [])
        ]
    return ParsedIgnores(tuple(allowlist), rejected=tuple(rejected), rules=tuple(_list_rules(tables)))


def _list_rules(tables: dict[str, Any]) -> Iterator[str]:
    """Yield the ids of the rules that find something; others only add an allowlist to a rule of the tool."""
    for number, rule in enumerate(tables.get("rules", []), 1):
        if isinstance(rule, dict) and (rule.get("regex") or rule.get("path")):
            yield str(rule.get("id") or f"rule {number}")


def _lower_keys(value: Any) -> Any:
    if isinstance(value, dict):
        return {key.lower(): _lower_keys(one) for key, one in value.items()}
    return [_lower_keys(one) for one in value] if isinstance(value, list) else value


def _get_allowlists(table: dict[str, Any]) -> list[Any]:
    several, one = table.get("allowlists", []), table.get("allowlist")
    rows = list(several) if isinstance(several, list) else [several]
    return rows + ([one] if one else [])


def _find_allowlists(tables: dict[str, Any]) -> Iterator[tuple[str, tuple[str, ...], dict[str, Any]]]:
    for number, row in enumerate(_get_allowlists(tables), 1):
        if isinstance(row, dict):
            yield f"allowlist {number}", tuple(row.get("targetrules", ())), row
    for rule in tables.get("rules", []):
        for number, row in enumerate(_get_allowlists(rule), 1):
            if isinstance(row, dict):
                yield f"rule {rule.get('id')}: allowlist {number}", (str(rule.get("id")),), row


def _parse_entry(row: dict[str, Any], by: str, rules: tuple[str, ...], joined: bool) -> AllowEntry:
    condition = str(row.get("condition", "OR")).upper()
    if condition not in ("OR", "||", "AND", "&&"):
        raise ValueError(f"condition {condition!r} must be AND or OR")
    target = row.get("regextarget", "secret") or "secret"
    if target not in ("secret", "match", "line"):
        raise ValueError(f"regexTarget {target!r} is unknown")
    given: dict[str, tuple[str, ...]] = {
        "paths": _read_texts(row, "paths", joined),
        {"secret": "values", "match": "matches", "line": "lines"}[target]: _read_texts(row, "regexes", joined),
        "words": tuple(word.lower() for word in _read_texts(row, "stopwords", False)),
        "commits": tuple(commit.lower() for commit in _read_texts(row, "commits", False)),
    }
    if not any(given.values()):
        raise ValueError("has no condition and would ignore nothing")
    by = f"{by} ({row['description']})" if row.get("description") else by
    match_all = condition in ("AND", "&&")
    return AllowEntry(by, rules=rules, match_all=match_all, of_other_tool=bool(rules), **given)  # type: ignore[arg-type]


def _read_texts(row: dict[str, Any], key: str, joined: bool) -> tuple[str, ...]:
    """Return a list of texts; gitleaks joins expressions, so a bare ``(?i)`` also applies to those after it."""
    texts = row.get(key, [])
    if not isinstance(texts, list) or not all(isinstance(text, str) for text in texts):
        raise ValueError(f"{key} must be a list of texts")
    ignoring_case = False
    out = []
    for text in texts:
        out.append(f"(?i){text}" if ignoring_case and not text.startswith("(?i)") else text)
        ignoring_case = ignoring_case or (joined and text.startswith("(?i)"))
    return tuple(out)


def _find_filters(tables: dict[str, Any]) -> Iterator[tuple[str, tuple[str, ...], str]]:
    for key in ("prefilter", "filter"):
        if isinstance(tables.get(key), str):
            yield key, (), tables[key]
    for rule in tables.get("rules", []):
        text = rule.get("filter")
        if isinstance(text, str) and not re.fullmatch(
            r"\s*(?:filter\.)?entropy\(finding\[\"secret\"\]\)[ <=\d.]*", text
        ):
            yield f"rule {rule.get('id')}: filter", (str(rule.get("id")),), text


def _parse_expression(text: str, by: str, rules: tuple[str, ...]) -> tuple[list[AllowEntry], str]:
    """Parse an expression of calls joined by ``||``; return the entries and a problem, "" if there is none."""
    allowlist: list[AllowEntry] = []
    for found in _CALL.finditer(text):
        function, target, listed = found.groups()
        texts = tuple(raw or _unescape(quoted) for raw, quoted in _TEXT.findall(listed))
        kind = {None: "paths", "secret": "values", "match": "matches", "line": "lines"}[target]
        if function == "containsAny":
            # betterleaks lowers the text but not the terms, so a term in upper case never matches.
            texts = tuple(re.escape(word) for word in texts if word == word.lower())
            texts = tuple(f"(?i){word}" for word in texts)
        allow = AllowEntry(by, rules=rules, of_other_tool=bool(rules), **{kind: texts})  # type: ignore[arg-type]
        try:
            check_patterns(allow)
        except ValueError as error:
            return [], str(error)
        if texts:
            allowlist.append(allow)
    rest = re.sub(r"(?:filter\.)?entropy\(finding\[\"secret\"\]\)\s*<=?\s*[\d.]+", "", _CALL.sub("", text))
    rest = re.sub(r"[\s()]|\|\|", "", rest)
    return ([], "the expression has more than matchesAny and containsAny joined by ||") if rest else (allowlist, "")


def _unescape(text: str) -> str:
    return re.sub(r"\\(.)", r"\1", text)
