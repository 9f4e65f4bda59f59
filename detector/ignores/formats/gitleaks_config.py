"""The allow-lists of `.gitleaks.toml` and `.betterleaks.toml`; their rules are read with ``--patterns``.

Keys are compared without case. Of betterleaks' filter expressions the usual
form is understood: calls of `matchesAny` and `containsAny` joined by ``||``.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from typing import Any

from detector.errors import UsageError
from detector.ignores.policy import Allow, Loaded, check

_CALL = re.compile(
    r"""(?:filter\.)?(matchesAny|containsAny)\(\s*
    (?:get\(\s*attributes\s*,\s*"path"\s*,[^)]*\)|attributes\["path"\](?:\s*\?\?\s*"")?|finding\["(secret|match|line)"\])
    \s*,\s*\[((?:\s*(?:`[^`]*`|"(?:[^"\\]|\\.)*")\s*,?)*)\s*\]\s*\)""",
    re.VERBOSE,
)
_TEXT = re.compile(r"`([^`]*)`|\"((?:[^\"\\]|\\.)*)\"")


def load(content: bytes, name: str) -> Loaded:
    """Read the allow-lists of *content*. Raises `UsageError` where it is no TOML."""
    import tomllib

    try:
        tables = _folded(tomllib.loads(content.decode()))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise UsageError(f"{name}: {error}") from None
    allows: list[Allow] = []
    refused: list[str] = []
    joined = "betterleaks" not in os.path.basename(name)
    for where, rules, row in _lists(tables):
        try:
            allow = _allow(row, f"{name}: {where}", rules, joined)
            check(allow)
        except ValueError as error:
            refused.append(f"{where}: {error}")
        else:
            allows.append(allow)
    for where, rules, text in _filters(tables):
        taken, problem = _expression(text, f"{name}: {where}", rules)
        allows += taken
        if problem:
            refused.append(f"{where}: {problem}")
    extend = tables.get("extend", {})
    if isinstance(extend, dict):
        if extend.get("path"):
            refused.append(f"extend.path: the allow-lists of {extend['path']} are read where `read` names that file")
        refused += [
            f"extend.disabledRules: {rule}: name the rules of ours with `skip`"
            for rule in extend.get("disabledrules", [])
        ]
    return Loaded(tuple(allows), refused=tuple(refused))


def _folded(value: Any) -> Any:
    if isinstance(value, dict):
        return {key.lower(): _folded(one) for key, one in value.items()}
    return [_folded(one) for one in value] if isinstance(value, list) else value


def _rows(table: dict[str, Any]) -> list[Any]:
    several, one = table.get("allowlists", []), table.get("allowlist")
    rows = list(several) if isinstance(several, list) else [several]
    return rows + ([one] if one else [])


def _lists(tables: dict[str, Any]) -> Iterator[tuple[str, tuple[str, ...], dict[str, Any]]]:
    for number, row in enumerate(_rows(tables), 1):
        if isinstance(row, dict):
            yield f"allowlist {number}", tuple(row.get("targetrules", ())), row
    for rule in tables.get("rules", []):
        for number, row in enumerate(_rows(rule), 1):
            if isinstance(row, dict):
                yield f"rule {rule.get('id')}: allowlist {number}", (str(rule.get("id")),), row


def _allow(row: dict[str, Any], by: str, rules: tuple[str, ...], joined: bool) -> Allow:
    condition = str(row.get("condition", "OR")).upper()
    if condition not in ("OR", "||", "AND", "&&"):
        raise ValueError(f"condition {condition!r} is neither AND nor OR")
    target = row.get("regextarget", "secret") or "secret"
    if target not in ("secret", "match", "line"):
        raise ValueError(f"regexTarget {target!r} is unknown")
    given: dict[str, tuple[str, ...]] = {
        "paths": _texts(row, "paths", joined),
        {"secret": "values", "match": "matches", "line": "lines"}[target]: _texts(row, "regexes", joined),
        "words": tuple(word.lower() for word in _texts(row, "stopwords", False)),
        "commits": tuple(commit.lower() for commit in _texts(row, "commits", False)),
    }
    if not any(given.values()):
        raise ValueError("has no condition that sets anything aside")
    by = f"{by} ({row['description']})" if row.get("description") else by
    return Allow(by, rules=rules, every=condition in ("AND", "&&"), foreign=bool(rules), **given)  # type: ignore[arg-type]


def _texts(row: dict[str, Any], key: str, joined: bool) -> tuple[str, ...]:
    """Return a list of texts; gitleaks joins expressions, so that a bare ``(?i)`` reaches those behind it."""
    texts = row.get(key, [])
    if not isinstance(texts, list) or not all(isinstance(text, str) for text in texts):
        raise ValueError(f"{key} is no list of texts")
    ignoring_case = False
    out = []
    for text in texts:
        out.append(f"(?i){text}" if ignoring_case and not text.startswith("(?i)") else text)
        ignoring_case = ignoring_case or (joined and text.startswith("(?i)"))
    return tuple(out)


def _filters(tables: dict[str, Any]) -> Iterator[tuple[str, tuple[str, ...], str]]:
    for key in ("prefilter", "filter"):
        if isinstance(tables.get(key), str):
            yield key, (), tables[key]
    for rule in tables.get("rules", []):
        text = rule.get("filter")
        if isinstance(text, str) and not re.fullmatch(
            r"\s*(?:filter\.)?entropy\(finding\[\"secret\"\]\)[ <=\d.]*", text
        ):
            yield f"rule {rule.get('id')}: filter", (str(rule.get("id")),), text


def _expression(text: str, by: str, rules: tuple[str, ...]) -> tuple[list[Allow], str]:
    """Read an expression of calls joined by ``||``; return what else it holds as a problem."""
    allows: list[Allow] = []
    for found in _CALL.finditer(text):
        function, target, listed = found.groups()
        texts = tuple(raw or _unescaped(quoted) for raw, quoted in _TEXT.findall(listed))
        kind = {None: "paths", "secret": "values", "match": "matches", "line": "lines"}[target]
        if function == "containsAny":
            # An upper-case term never fits there: the text is lowered, the terms are not.
            texts = tuple(re.escape(word) for word in texts if word == word.lower())
            texts = tuple(f"(?i){word}" for word in texts)
        allow = Allow(by, rules=rules, foreign=bool(rules), **{kind: texts})  # type: ignore[arg-type]
        try:
            check(allow)
        except ValueError as error:
            return [], str(error)
        if texts:
            allows.append(allow)
    rest = re.sub(r"(?:filter\.)?entropy\(finding\[\"secret\"\]\)\s*<=?\s*[\d.]+", "", _CALL.sub("", text))
    rest = re.sub(r"[\s()]|\|\|", "", rest)
    return ([], "the expression is more than matchesAny and containsAny joined by ||") if rest else (allows, "")


def _unescaped(text: str) -> str:
    return re.sub(r"\\(.)", r"\1", text)
