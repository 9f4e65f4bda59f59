"""The probe table of a rule: one harmless request, and how to read the answer.

A table says what is asked (method, address, headers, body), which answers mean
live and dead, and where the answer names the owner. It is checked when the
rule file is read, so that a mistake is named by file and line and not found on
the day a leak has to be confirmed. Asking is left to `detector.verify`.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple
from urllib.parse import urlsplit

from detector.errors import RuleError

HOLE = re.compile(r"\{\{|\}\}|\{([a-z][a-z0-9_-]*)(?:\|last:(.))?\}", re.IGNORECASE)
"""A place in a template that a part of the credential fills (``{secret}``; ``{secret|last:-}`` is
what stands behind its last ``-``), or a doubled brace."""

METHODS = ("get", "post", "head")
KEYS = {
    *METHODS,
    "bearer",
    "basic",
    "headers",
    "body",
    "json",
    "form",
    "live",
    "dead",
    "live_body",
    "dead_body",
    "answer",
    "owner",
    "scopes",
    "facts",
    "reach",
    "host",
    "hosts",
    "sites",
    "control",
    "follow",
    "note",
}
ANSWERS = ("json", "text", "any")
_REACH_KEYS = {*METHODS, "headers", "body", "json", "form", "facts"}
_CONDITION = re.compile(r"\$\.([\w.\[\]@*-]+)(?:\s*(==|!=|~)\s*(.+))?", re.DOTALL)


class Condition(NamedTuple):
    """What the body must say: a field of its JSON, or (without `path`) an expression over its text."""

    path: str
    sign: str
    value: Any

    def holds(self, body: str, document: object) -> bool:
        """Tell whether an answer fulfils it; *document* is its JSON or None."""
        if not self.path:
            return bool(re.search(self.value, body))
        if not isinstance(document, Mapping | list):
            return False
        found = look_up(document, self.path)
        if not self.sign:
            return found not in (None, "", False, [], {})
        if self.sign == "~":
            return found is not None and bool(re.search(self.value, str(found)))
        return (found == self.value) is (self.sign == "==")


class Call(NamedTuple):
    """One request as a template; `basic` is ``user:password``, `content` text, a mapping (form) or any JSON value."""

    method: str
    url: str
    headers: tuple[tuple[str, str], ...] = ()
    basic: str = ""
    kind: str = ""
    content: Any = None
    facts: tuple[tuple[str, str], ...] = ()


class Probe(NamedTuple):
    """A checked table. `live` and `dead` are status codes, `hosts` globs that a filled-in host must match."""

    call: Call
    live: tuple[int, ...]
    dead: tuple[int, ...]
    live_body: tuple[Condition, ...] = ()
    dead_body: tuple[Condition, ...] = ()
    answer: str = "json"
    owner: tuple[str, ...] = ()
    reach: tuple[Call, ...] = ()
    hosts: tuple[str, ...] = ()
    sites: tuple[str, ...] = ()
    control: bool = True
    follow: bool = False
    note: str = ""


def look_up(document: object, path: str) -> object:
    """Return what stands at *path* (``user.emails[0]``, ``*.name`` of each) in a JSON document, or None.

    >>> look_up({"user": {"emails": ["a@b.test"]}}, "user.emails[0]")
    'a@b.test'
    >>> look_up([{"name": "a"}, {"name": "b"}], "*.name")
    ['a', 'b']
    """
    here = document
    steps = re.findall(r"[^.\[\]]+", path)
    for at, step in enumerate(steps):
        if isinstance(here, Mapping):
            here = here.get(step)
        elif isinstance(here, list) and step == "*":
            return [look_up(item, ".".join(steps[at + 1 :])) for item in here]
        elif isinstance(here, list) and step.isdigit() and int(step) < len(here):
            here = here[int(step)]
        else:
            return None
    return here


def holes(probe: Probe) -> set[str]:
    """Name the parts that a request needs."""
    found: set[str] = set()
    for call in (probe.call, *probe.reach):
        for text in _templates([call.url, call.headers, call.basic, call.content]):
            found |= holes_in(text)
    return found


def holes_in(template: str) -> set[str]:
    """Name the parts that fill a template."""
    return {hole[1] for hole in HOLE.finditer(template) if hole[1]}


def _templates(value: Any) -> list[str]:
    if isinstance(value, str):
        return [value]
    inner = value.values() if isinstance(value, Mapping) else value if isinstance(value, list | tuple) else ()
    return [text for item in inner for text in _templates(item)]


def parse(table: Any, where: str, parts: Sequence[str] = ()) -> Probe:
    """Check *table* and return it ready for use.

    *parts* are the names of the rule's companions. Raises `RuleError`, which
    starts with *where*.
    """
    where = f"{where}: probe"
    if not isinstance(table, Mapping):
        raise RuleError(f"{where}: write a table")
    _only(table, KEYS, where)
    if table.get("host", "line") != "line":
        raise RuleError(
            f'{where}: host is "line" (the host stands beside the credential); fixed hosts stand in the URL'
        )
    if table.get("answer", "json") not in ANSWERS:
        raise RuleError(f"{where}: answer is one of {', '.join(ANSWERS)}, not {table['answer']!r}")
    for key in ("control", "follow"):
        if not isinstance(table.get(key, True), bool):
            raise RuleError(f"{where}: {key} is true or false")
    if not isinstance(table.get("note", ""), str):
        raise RuleError(f"{where}: note must be text")
    live = _codes(table.get("live", 200), "live", where)
    dead = _codes(table.get("dead", 401), "dead", where)
    live_body = _conditions(table.get("live_body", []), "live_body", where)
    dead_body = _conditions(table.get("dead_body", []), "dead_body", where)
    if set(live) & set(dead) and not (live_body and dead_body):
        raise RuleError(f"{where}: a status means live and dead; tell them apart by live_body and dead_body")
    facts = dict(_paths_of(table.get("facts", {}), where))
    if "scopes" in table:
        facts["scopes"] = _path(table["scopes"], "scopes", where)
    owner = _texts(table.get("owner", []), "owner", where)
    headers = _pairs(table.get("headers", {}), "headers", where)
    if "bearer" in table:
        headers += (("Authorization", f"Bearer {_text(table['bearer'], 'bearer', where)}"),)
    basic = _text(table["basic"], "basic", where) if "basic" in table else ""
    call = _call(table, headers, basic, tuple(facts.items()), where)
    rows = table.get("reach", [])
    if not isinstance(rows, list):
        raise RuleError(f"{where}: reach is a list of tables")
    reach = []
    for row in rows:
        _only(row, _REACH_KEYS, f"{where}: reach")
        more = _pairs(row.get("headers", {}), "headers", where)
        reach.append(_call(row, headers + more, basic, _paths_of(row.get("facts", {}), where), f"{where}: reach"))
    probe = Probe(
        call=call,
        live=live,
        dead=dead,
        live_body=live_body,
        dead_body=dead_body,
        answer=table.get("answer", "json"),
        owner=tuple(_path(path, "owner", where) for path in owner),
        reach=tuple(reach),
        hosts=_texts(table.get("hosts", []), "hosts", where),
        sites=_texts(table.get("sites", []), "sites", where),
        control=table.get("control", True),
        follow=table.get("follow", False),
        note=table.get("note", ""),
    )
    _check_holes(probe, {"secret", "host", *(["site"] if probe.sites else []), *parts}, where)
    return probe


def _check_holes(probe: Probe, known: set[str], where: str) -> None:
    wanted = holes(probe)
    for name in sorted(wanted - known):
        raise RuleError(f"{where}: {{{name}}} is no part of the credential; known: {', '.join(sorted(known))}")
    if "secret" not in wanted:
        raise RuleError(f"{where}: the request does not contain {{secret}}")
    for call in (probe.call, *probe.reach):
        if call.url.startswith("{"):
            place = "{secret}"
        else:
            address = urlsplit(call.url)
            if address.scheme != "https" or not address.netloc:
                raise RuleError(f"{where}: {call.url!r} must start with https://")
            place = address.netloc
        filled = holes_in(place) - {"host", *(["site"] if probe.sites else [])}
        if filled and not probe.hosts:
            raise RuleError(f"{where}: the credential fills in the host; say in 'hosts' which ones may be asked")
    for glob in probe.hosts:
        if not re.fullmatch(r"(\*\.)?([a-z0-9-]+\.)+[a-z]{2,}", glob):
            raise RuleError(f"{where}: {glob!r} in hosts is no host name such as '*.acme.test'")


def _call(
    table: Mapping[str, Any],
    headers: tuple[tuple[str, str], ...],
    basic: str,
    facts: tuple[tuple[str, str], ...],
    where: str,
) -> Call:
    asked = [method for method in METHODS if method in table]
    if len(asked) != 1:
        raise RuleError(f"{where}: give one of {', '.join(METHODS)} with the URL to ask")
    kinds = [kind for kind in ("body", "json", "form") if kind in table]
    if len(kinds) > 1:
        raise RuleError(f"{where}: body, json and form exclude each other")
    kind = kinds[0] if kinds else ""
    content = table[kind] if kind else None
    if kind == "form" and isinstance(content, str):
        content = dict(pair.partition("=")[::2] for pair in content.split("&"))
    if kind == "json" and isinstance(content, str):
        try:
            content = json.loads(content)
        except ValueError as error:
            raise RuleError(f"{where}: json is no JSON ({error})") from None
    if kind == "form":
        content = dict(_pairs(content, "form", where))
    if kind == "body" and not isinstance(content, str):
        raise RuleError(f"{where}: body must be text")
    return Call(asked[0].upper(), _text(table[asked[0]], asked[0], where), headers, basic, kind, content, facts)


def _only(table: Any, known: set[str], where: str) -> None:
    if not isinstance(table, Mapping):
        raise RuleError(f"{where}: write a table")
    for key in table:
        if key not in known:
            raise RuleError(f"{where}: unknown key {key!r}; known: {', '.join(sorted(known))}")


def _codes(value: Any, key: str, where: str) -> tuple[int, ...]:
    codes = value if isinstance(value, list) else [value]
    if not all(type(code) is int and 100 <= code <= 599 for code in codes):
        raise RuleError(f"{where}: {key} is a status code such as 200 or a list of them, not {value!r}")
    return tuple(codes)


def _conditions(value: Any, key: str, where: str) -> tuple[Condition, ...]:
    return tuple(_condition(text, key, where) for text in _texts(value, key, where))


def _condition(text: str, key: str, where: str) -> Condition:
    if not text.startswith("$."):
        return Condition("", "~", _expression(text, key, where))
    found = _CONDITION.fullmatch(text)
    if not found:
        raise RuleError(
            f"{where}: {key} {text!r}: write '$.path', '$.path == value', '$.path != value' or '$.path ~ regex'"
        )
    path, sign, value = found.groups()
    if not sign:
        return Condition(path, "", None)
    if sign == "~":
        return Condition(path, sign, _expression(value, key, where))
    try:
        return Condition(path, sign, json.loads(value))
    except ValueError:
        return Condition(path, sign, value.strip())


def _expression(text: str, key: str, where: str) -> str:
    try:
        re.compile(text)
    except re.error as error:
        raise RuleError(f"{where}: {key} {text!r} is no regular expression: {error}") from None
    return text


def _text(value: Any, key: str, where: str) -> str:
    if not isinstance(value, str) or not value or not value.isprintable():
        raise RuleError(f"{where}: {key} must be text on one line")
    return value


def _texts(value: Any, key: str, where: str) -> tuple[str, ...]:
    values = value if isinstance(value, list) else [value]
    return tuple(_text(one, key, where) for one in values)


def _pairs(value: Any, key: str, where: str) -> tuple[tuple[str, str], ...]:
    if not isinstance(value, Mapping):
        raise RuleError(f"{where}: {key} must be a table of texts")
    return tuple((str(name), _text(text, key, where)) for name, text in value.items())


def _paths_of(value: Any, where: str) -> tuple[tuple[str, str], ...]:
    return tuple((name, _path(path, "facts", where)) for name, path in _pairs(value, "facts", where))


def _path(value: Any, key: str, where: str) -> str:
    path = _text(value, key, where).removeprefix("$.")
    if not re.fullmatch(r"header:[A-Za-z0-9-]+|[\w.\[\]@*-]+", path):
        raise RuleError(f"{where}: {key} is a path such as 'user.email' or 'header:X-Name', not {value!r}")
    return path
