"""Rules as data: TOML in, `Rule` out, every mistake named by file and line.

The format is described in docs/rules.md. A rule file is data from the
operator or from the distribution, never from the repository being scanned.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

import regex

from detector.engine import checks
from detector.engine.anchors import parse_anchor
from detector.errors import RuleError
from detector.model import CONFIDENCES, SEVERITIES, Anchor, Companion, Confidence, Rule, Severity
from detector.rules import gitleaks
from detector.rules import probe as probes
from detector.rules.foreign import Foreign

CONTEXT_GAP = r"""[\w.\-]{0,32}["'`\]]{0,2}[ \t]{0,4}(?:=>|:=|=|:|,|\|\||<=|\()?[ \t]{0,4}["'`(]{0,2}"""
"""What may stand between the word that names a service and the value: the rest
of an identifier, a closing quote, an operator, an opening quote. Bounded."""

_SIGN = "[\\w+/.:~@$!%^&*=-]"
CONTEXT_TAIL = rf"""[\w.\-]{{0,32}}["'`\] \t=>:,|<(]{{1,14}}{_SIGN}"""
"""The same, coarser, as the tail of an anchor: the bare word would stop pass 1 a
hundred times as often."""

KEY_WORDS = ("key", "token", "secret", "auth", "pass", "pwd", "cred", "bearer", "api")
"""What the name of a credential says, for `keyed` rules."""

LONG = 24
"""Bytes of a value that are enough to look for it by KEY_WORDS alone, and for its service in front of it only then."""

NAMED_VALUE = (
    rf"(?:{'|'.join(KEY_WORDS)})[\w.\-]*(?:[\"'`\]]{{1,2}}[ \t]{{0,4}}|[ \t]{{1,4}}"
    rf"|[\"'`\]]{{0,2}}[ \t]{{0,4}}(?:=>|:=|=|:|,|\|\||<=|\()[ \t]{{0,4}})[\"'`(]{{0,2}}{_SIGN}{{{LONG}}}"
)
"""What every match of a `keyed` rule with such a value contains: see `Anchor.loose`."""

_NOT_A_KEY = "id|url|uri|host|name|hash|sha|sum|commit|version|path|file|email|user|dir|date|size|len"

_KEYS = {*Rule._fields, "context", "value", "keyed"} - {"source", "reject_when"}
_TEXTS = ("id", "finds", "harm", "service", "pattern", "value", "alphabet", "revoke")
_LISTS = ("checks", "placeholders", "paths", "examples", "misses", "links", "context")


class Loaded(NamedTuple):
    """Rules of several files, what could not be carried over, and files that they brought in."""

    rules: list[Rule]
    notes: tuple[str, ...] = ()
    extends: tuple[str, ...] = ()


def load_files(paths: Iterable[str]) -> list[Rule]:
    """Read rule files, ours and other tools'; ids must be unique over all of them.

    Raises `RuleError` with ``file:line: what is wrong``.
    """
    return load_all(paths).rules


def load_all(paths: Iterable[str]) -> Loaded:
    """As `load_files`, with what there is to say about other tools' files."""
    rules: dict[str, Rule] = {}
    notes: list[str] = []
    extends: list[str] = []
    for path in paths:
        found = read(path)
        notes += found.notes
        extends += found.extends
        for rule in found.rules:
            if rule.id in rules:
                raise RuleError(f"{rule.source}: the id {rule.id!r} is taken by {rules[rule.id].source}")
            rules[rule.id] = rule
    return Loaded(list(rules.values()), tuple(notes), tuple(extends))


def read(path: str) -> Foreign:
    """Read one rule file by what it holds: our TOML, gitleaks' or betterleaks', or kingfisher's YAML."""
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
    if gitleaks.is_theirs(text):
        return gitleaks.read(text, path)
    return Foreign(tuple(parse(text, path)))


def parse(text: str, path: str = "<rules>") -> list[Rule]:
    """Turn the text of one rule file into rules."""
    try:
        tables = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        line = re.search(r"at line (\d+)", str(error))
        raise RuleError(f"{path}:{line[1] if line else text.count(chr(10)) + 1}: {error}") from None
    for key in tables:
        if key not in ("rule", "service", "harm", "revoke"):
            raise RuleError(f"{path}:{_line_of(text, key)}: unknown key {key!r}; a rule file holds [[rule]] tables")
    rows = tables.get("rule", [])
    if not isinstance(rows, list):
        raise RuleError(f"{path}:{_line_of(text, 'rule')}: write [[rule]] with two brackets")
    common: dict[str, Any] = {key: tables[key] for key in ("service", "harm", "revoke") if key in tables}
    lines = [number for number, line in enumerate(text.split("\n"), 1) if line.strip().startswith("[[rule]]")]
    return [_rule({**common, **row}, f"{path}:{line}") for row, line in zip(rows, lines, strict=False)]


def _line_of(text: str, key: str) -> int:
    found = re.search(rf"^[ \t]*(?:\[*[ \t]*)?{re.escape(key)}\b", text, re.MULTILINE)
    return text.count("\n", 0, found.start()) + 1 if found else 1


def _rule(row: Mapping[str, Any], where: str) -> Rule:
    name = row.get("id")
    if not isinstance(name, str) or not re.fullmatch(r"[a-z0-9][a-z0-9-]*(\.[a-z0-9][a-z0-9-]*)+", name):
        raise RuleError(f"{where}: a rule needs an id such as 'acme.api-key', not {name!r}")
    where = f"{where}: {name}"
    for key in row:
        if key not in _KEYS:
            raise RuleError(f"{where}: unknown key {key!r}; known: {', '.join(sorted(_KEYS))}")
    for key in _TEXTS:
        if not isinstance(row.get(key, ""), str):
            raise RuleError(f"{where}: {key} must be text")
    for key in _LISTS:
        values = row.get(key, [])
        if not isinstance(values, list) or not all(isinstance(value, str) for value in values):
            raise RuleError(f"{where}: {key} must be a list of texts")
    if not row.get("finds"):
        raise RuleError(f"{where}: say in 'finds' what the rule finds")
    _one_of(row, "severity", SEVERITIES, where)
    _one_of(row, "confidence", CONFIDENCES, where)
    for check in row.get("checks", []):
        if check not in checks.CHECKS:
            raise RuleError(f"{where}: unknown check {check!r}; known: {', '.join(sorted(checks.CHECKS))}")
    judged = row.get("scored", False)
    if judged is not False and (judged is not True or {"pattern", "value", "context", "anchors"} & set(row)):
        raise RuleError(f"{where}: a rule with 'scored = true' has no pattern, value, context or anchors")
    published = row.get("published", False)
    if published is not False and (published is not True or judged or {"value", "context", "anchors"} & set(row)):
        raise RuleError(
            f"{where}: a rule with 'published = true' has paths, perhaps a pattern, and nothing else to find"
        )
    if published and not row.get("paths"):
        raise RuleError(f"{where}: say in 'paths' which members are meant")
    if judged or published:
        pattern, anchors = row.get("pattern", ""), tuple[Anchor, ...]()
        if pattern:
            _compiled(pattern, "pattern", where)
    else:
        pattern, anchors = _pattern_and_anchors(row, where)
    group = 0 if judged or published else _group(row, pattern, where)
    return Rule(
        id=name,
        finds=row["finds"],
        harm=row.get("harm", ""),
        service=row.get("service") or name.partition(".")[0].replace("-", " ").title(),
        severity=Severity(row.get("severity", Severity.HIGH)),
        confidence=Confidence(row.get("confidence", Confidence.MEDIUM)),
        anchors=anchors,
        pattern=pattern,
        group=group,
        window=_window(row, where),
        min_entropy=_number(row, "min_entropy", where),
        alphabet=row.get("alphabet", ""),
        checks=tuple(row.get("checks", ())),
        companions=_companions(row.get("companions", []), where),
        placeholders=tuple(row.get("placeholders", ())),
        paths=tuple(row.get("paths", ())),
        specificity=int(row.get("specificity", 10 if judged else 50 if "context" in row else 100)),
        probe=_probe(row, where),
        revoke=row.get("revoke", ""),
        examples=tuple(row.get("examples", ())),
        misses=tuple(row.get("misses", ())),
        links=tuple(row.get("links", ())),
        source=where.rpartition(": ")[0],
        scored=judged,
        published=published,
    )


def _group(row: Mapping[str, Any], pattern: str, where: str) -> int | str:
    compiled = _compiled(pattern, "pattern", where)
    group = row.get("group")
    if group is None:
        return "secret" if "secret" in compiled.groupindex else min(compiled.groups, 1)
    known = (
        group in compiled.groupindex if isinstance(group, str) else isinstance(group, int) and group <= compiled.groups
    )
    if not known:
        raise RuleError(f"{where}: the pattern has no group {group!r}")
    return group  # type: ignore[no-any-return]


def _pattern_and_anchors(row: Mapping[str, Any], where: str) -> tuple[str, tuple[Anchor, ...]]:
    if "keyed" in row and "context" not in row:
        raise RuleError(f"{where}: keyed goes with context")
    context, value, pattern = row.get("context", []), row.get("value", ""), row.get("pattern", "")
    if bool(context) != bool(value) or bool(value) == bool(pattern):
        raise RuleError(f"{where}: give either a 'pattern', or 'context' words and the 'value' that follows them")
    listed, loose = row.get("anchors", ()), ""
    if context:
        words = "|".join(regex.escape(word) for word in context)
        compiled = _compiled(value, "value", where)
        body = value if compiled.groups else f"({value})"
        name = _keyed(row["keyed"], where) if row.get("keyed") else ""
        pattern = rf"(?i:{words}){name}{CONTEXT_GAP}(?<![\w+/.-]){body}(?![\w+/-])"
        if not listed:
            named = _named(row.get("keyed"), context, value)
            tail = f"{CONTEXT_TAIL}{{{LONG if named else min(12, _shortest(value))}}}"
            listed, loose = [f"(?i){_escape_anchor(word)}{tail}" for word in context], NAMED_VALUE if named else ""
    if not isinstance(listed, list | tuple) or not listed:
        raise RuleError(f"{where}: name at least one anchor, a text that every match contains")
    try:
        return pattern, tuple(parse_anchor(text)._replace(loose=loose) for text in listed)
    except (ValueError, TypeError) as error:
        raise RuleError(f"{where}: {error}") from None


def _keyed(wanted: Any, where: str) -> str:
    """Return what makes the assigned name say, in front of, in or behind the context word, that it is a credential."""
    if wanted is not True and not (isinstance(wanted, list) and all(isinstance(word, str) for word in wanted)):
        raise RuleError(f"{where}: keyed is true, or a list of words that the name must contain one of")
    said = "|".join(regex.escape(word) for word in (KEY_WORDS if wanted is True else wanted))
    behind = rf"(?=[\w.\-]{{0,32}}?(?i:{said}))"
    before = rf"(?<=(?i:{said})[\w.\-]{{0,40}})"
    return rf"(?:{behind}|{before})(?![\w.\-]{{0,32}}(?<=(?i:{_NOT_A_KEY}))(?![\w.\-]))"


def _named(keyed: Any, context: list[str], value: str) -> bool:
    """Tell whether every match of a rule contains a `NAMED_VALUE`."""
    said = keyed is True or (keyed and all(any(known in word.lower() for known in KEY_WORDS) for word in keyed))
    if not said or _shortest(value) < LONG or not all(re.fullmatch(r"[\w.\-]+", word, re.ASCII) for word in context):
        return False
    return _plain(re._parser.parse(value))  # type: ignore[attr-defined]


def _plain(tokens: Any) -> bool:
    """Tell whether what parsed *tokens* match is made of the signs of a `NAMED_VALUE` alone."""
    for code, about in tokens:
        kind = str(code)
        if kind == "LITERAL":
            fits = _fits(about, about)
        elif kind == "IN":
            fits = all(_plain_part(str(of), part) for of, part in about)
        elif kind == "MAX_REPEAT":
            fits = _plain(about[2])
        elif kind == "SUBPATTERN":
            fits = _plain(about[3])
        elif kind == "BRANCH":
            fits = all(map(_plain, about[1]))
        else:
            fits = kind == "ASSERT"
        if not fits:
            return False
    return True


def _plain_part(kind: str, part: Any) -> bool:
    if kind == "CATEGORY":
        return str(part) in ("CATEGORY_WORD", "CATEGORY_DIGIT")
    return _fits(part, part) if kind == "LITERAL" else kind == "RANGE" and _fits(*part)


def _fits(first: int, last: int) -> bool:
    return last < 128 and all(re.fullmatch(_SIGN, chr(sign)) for sign in range(first, last + 1))


def _shortest(value: str) -> int:
    """Return how many bytes *value* matches at least."""
    from re import _parser  # type: ignore[attr-defined]

    try:
        return max(1, int(_parser.parse(value).getwidth()[0]))
    except re.error:  # an expression that only `regex` understands
        return 1


def _escape_anchor(word: str) -> str:
    return word.replace("\\", "\\\\").replace("[", "\\[").replace("(", "\\(")


def _compiled(pattern: str, key: str, where: str) -> Any:
    try:
        compiled = regex.compile(pattern.encode())
    except regex.error as error:
        raise RuleError(f"{where}: {key} is no valid regular expression: {error}") from None
    except (ValueError, OverflowError, RecursionError) as error:
        raise RuleError(f"{where}: {key} cannot be compiled: {error}") from None
    if compiled.match(b""):
        raise RuleError(f"{where}: {key} matches the empty text")
    return compiled


def _probe(row: Mapping[str, Any], where: str) -> Mapping[str, Any]:
    table: Mapping[str, Any] = row.get("probe", {})
    if table:
        probes.parse(table, where, [part["name"] for part in row.get("companions", [])])
    return table


def _companions(rows: Any, where: str) -> tuple[Companion, ...]:
    if not isinstance(rows, list):
        raise RuleError(f"{where}: companions must be a list of tables")
    found = []
    for row in rows:
        unknown = set(row) - set(Companion._fields)
        if unknown or not row.get("name") or not row.get("pattern"):
            raise RuleError(
                f"{where}: a companion has name and pattern, and may have within, required, secret, min_entropy"
            )
        if row["name"] == "secret":
            raise RuleError(f"{where}: a companion cannot be called secret: that is the first part")
        _compiled(row["pattern"], f"companion {row['name']!r}", where)
        found.append(Companion(**row))
    return tuple(found)


def _window(row: Mapping[str, Any], where: str) -> tuple[int, int]:
    window = row.get("window", [128, 512] if "context" not in row else [64, 256])
    if not (isinstance(window, list) and len(window) == 2 and all(type(n) is int and 0 <= n <= 65536 for n in window)):
        raise RuleError(f"{where}: window is [bytes before, bytes after] the anchor, each at most 65536")
    return window[0], window[1]


def _number(row: Mapping[str, Any], key: str, where: str) -> float:
    value = row.get(key, 0)
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value <= 8:
        raise RuleError(f"{where}: {key} is a number of bits per character, 0 to 8")
    return float(value)


def _one_of(row: Mapping[str, Any], key: str, known: tuple[str, ...], where: str) -> None:
    if key in row and row[key] not in known:
        raise RuleError(f"{where}: {key} is one of {', '.join(known)}, not {row[key]!r}")
