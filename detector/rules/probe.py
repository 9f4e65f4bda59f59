"""The probe table of a rule: one harmless request, and how to read the answer.

A table says what is requested (method, address, headers, body), which answers mean
live and dead, and where the answer names the owner. It is checked when the rule
file is read, so that a mistake is reported with file and line, and not discovered
when a leak has to be verified. `detector.probes` sends the request.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple
from urllib.parse import urlsplit

from detector.errors import RuleError
from detector.text.suggestions import suggest

FIELD = re.compile(r"\{\{|\}\}|\{([a-z][a-z0-9_-]*)(?:\|last:(.))?\}", re.IGNORECASE)
"""A field of a template that a part of the credential fills (``{secret}``; ``{secret|last:-}`` is
the text after its last ``-``), or a doubled brace."""

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


class AnswerCondition(NamedTuple):
    """What the body of an answer must contain: a field of its JSON, or (if `path` is "") a match of an expression."""

    path: str
    operator: str
    value: Any

    def is_met(self, body: str, document: object) -> bool:
        """Return whether an answer meets the condition; *document* is its JSON or None."""
        if not self.path:
            return bool(re.search(self.value, body))
        if not isinstance(document, Mapping | list):
            return False
        found = look_up(document, self.path)
        if not self.operator:
            return found not in (None, "", False, [], {})
        if self.operator == "~":
            return found is not None and bool(re.search(self.value, str(found)))
        return (found == self.value) is (self.operator == "==")


class RequestTemplate(NamedTuple):
    """A request with fields to fill; `basic` is ``user:password``, `content` is text, a form or JSON."""

    method: str
    url: str
    headers: tuple[tuple[str, str], ...] = ()
    basic: str = ""
    kind: str = ""
    content: Any = None
    facts: tuple[tuple[str, str], ...] = ()


class ProbeTable(NamedTuple):
    """A checked table. `live` and `dead` are status codes; a host from the credential must match a glob in `hosts`."""

    call: RequestTemplate
    live: tuple[int, ...]
    dead: tuple[int, ...]
    live_body: tuple[AnswerCondition, ...] = ()
    dead_body: tuple[AnswerCondition, ...] = ()
    answer: str = "json"
    owner: tuple[str, ...] = ()
    reach: tuple[RequestTemplate, ...] = ()
    hosts: tuple[str, ...] = ()
    sites: tuple[str, ...] = ()
    control: bool = True
    follow: bool = False
    note: str = ""


def look_up(document: object, path: str) -> object:
    """Return the value at *path* (``user.emails[0]``, ``*.name`` of each) of a JSON document, or None.

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


def list_fields(probe: ProbeTable) -> set[str]:
    """Return the names of the fields of all requests."""
    found: set[str] = set()
    for call in (probe.call, *probe.reach):
        for text in _templates([call.url, call.headers, call.basic, call.content]):
            found |= list_fields_in(text)
    return found


def list_fields_in(template: str) -> set[str]:
    """Return the names of the fields of *template*."""
    return {hole[1] for hole in FIELD.finditer(template) if hole[1]}


def _templates(value: Any) -> list[str]:
    if isinstance(value, str):
        return [value]
    inner = value.values() if isinstance(value, Mapping) else value if isinstance(value, list | tuple) else ()
    return [text for item in inner for text in _templates(item)]


def parse(table: Any, where: str, parts: Sequence[str] = ()) -> ProbeTable:
    """Check *table* and return it as a `Probe`.

    *parts* are the names of the rule's companions. Raises `RuleError`, which
    starts with *where*.
    """
    where = f"{where}: probe"
    _check_keys(table, KEYS, where)
    _check_choices(table, where)
    live = _parse_codes(table.get("live", 200), "live", where)
    dead = _parse_codes(table.get("dead", 401), "dead", where)
    live_body = _parse_conditions(table.get("live_body", []), "live_body", where)
    dead_body = _parse_conditions(table.get("dead_body", []), "dead_body", where)
    if set(live) & set(dead) and not (live_body and dead_body):
        raise RuleError(f"{where}: a status means both live and dead; distinguish them by live_body and dead_body")
    call, reach = _parse_requests(table, where)
    probe = ProbeTable(
        call=call,
        live=live,
        dead=dead,
        live_body=live_body,
        dead_body=dead_body,
        answer=table.get("answer", "json"),
        owner=tuple(_parse_path(path, "owner", where) for path in _check_texts(table.get("owner", []), "owner", where)),
        reach=reach,
        hosts=_check_texts(table.get("hosts", []), "hosts", where),
        sites=_check_texts(table.get("sites", []), "sites", where),
        control=table.get("control", True),
        follow=table.get("follow", False),
        note=table.get("note", ""),
    )
    _check_fields(probe, {"secret", "host", *(["site"] if probe.sites else []), *parts}, where)
    return probe


def _check_choices(table: Mapping[str, Any], where: str) -> None:
    if table.get("host", "line") != "line":
        raise RuleError(f'{where}: host is "line" (the host is near the credential); write a fixed host in the URL')
    if table.get("answer", "json") not in ANSWERS:
        raise RuleError(f"{where}: answer is one of {', '.join(ANSWERS)}, not {table['answer']!r}")
    for key in ("control", "follow"):
        if not isinstance(table.get(key, True), bool):
            raise RuleError(f"{where}: {key} is true or false")
    if not isinstance(table.get("note", ""), str):
        raise RuleError(f"{where}: note must be a string")


def _parse_requests(table: Mapping[str, Any], where: str) -> tuple[RequestTemplate, tuple[RequestTemplate, ...]]:
    """Return the request that decides, and those that find out how far the credential reaches."""
    facts = dict(_parse_paths(table.get("facts", {}), where))
    if "scopes" in table:
        facts["scopes"] = _parse_path(table["scopes"], "scopes", where)
    headers = _check_pairs(table.get("headers", {}), "headers", where)
    if "bearer" in table:
        headers += (("Authorization", f"Bearer {_check_text(table['bearer'], 'bearer', where)}"),)
    basic = _check_text(table["basic"], "basic", where) if "basic" in table else ""
    call = _parse_request(table, headers, basic, tuple(facts.items()), where)
    rows = table.get("reach", [])
    if not isinstance(rows, list):
        raise RuleError(f"{where}: reach is a list of tables")
    reach = []
    for row in rows:
        _check_keys(row, _REACH_KEYS, f"{where}: reach")
        more = _check_pairs(row.get("headers", {}), "headers", where)
        found = _parse_paths(row.get("facts", {}), where)
        reach.append(_parse_request(row, headers + more, basic, found, f"{where}: reach"))
    return call, tuple(reach)


def _check_fields(probe: ProbeTable, known: set[str], where: str) -> None:
    wanted = list_fields(probe)
    for name in sorted(wanted - known):
        raise RuleError(f"{where}: {{{name}}} is not a part of the credential; known: {', '.join(sorted(known))}")
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
        filled = list_fields_in(place) - {"host", *(["site"] if probe.sites else [])}
        if filled and not probe.hosts:
            raise RuleError(f"{where}: the credential fills in the host; list in 'hosts' the hosts that may be asked")
    for glob in probe.hosts:
        if not re.fullmatch(r"(\*\.)?([a-z0-9-]+\.)+[a-z]{2,}", glob):
            raise RuleError(f"{where}: {glob!r} in hosts is not a host name such as '*.acme.test'")


def _parse_request(
    table: Mapping[str, Any],
    headers: tuple[tuple[str, str], ...],
    basic: str,
    facts: tuple[tuple[str, str], ...],
    where: str,
) -> RequestTemplate:
    methods = [method for method in METHODS if method in table]
    if len(methods) != 1:
        raise RuleError(f"{where}: give one of {', '.join(METHODS)} with the URL")
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
            raise RuleError(f"{where}: json is not JSON ({error})") from None
    if kind == "form":
        content = dict(_check_pairs(content, "form", where))
    if kind == "body" and not isinstance(content, str):
        raise RuleError(f"{where}: body must be a string")
    url = _check_text(table[methods[0]], methods[0], where)
    return RequestTemplate(methods[0].upper(), url, headers, basic, kind, content, facts)


def _check_keys(table: Any, known: set[str], where: str) -> None:
    if not isinstance(table, Mapping):
        raise RuleError(f"{where}: write a table")
    for key in table:
        if key not in known:
            raise RuleError(f"{where}: unknown key {key!r}; {suggest(key, known)}")


def _parse_codes(value: Any, key: str, where: str) -> tuple[int, ...]:
    codes = value if isinstance(value, list) else [value]
    if not all(type(code) is int and 100 <= code <= 599 for code in codes):
        raise RuleError(f"{where}: {key} is a status code such as 200 or a list of them, not {value!r}")
    return tuple(codes)


def _parse_conditions(value: Any, key: str, where: str) -> tuple[AnswerCondition, ...]:
    return tuple(_parse_condition(text, key, where) for text in _check_texts(value, key, where))


def _parse_condition(text: str, key: str, where: str) -> AnswerCondition:
    if not text.startswith("$."):
        return AnswerCondition("", "~", _check_expression(text, key, where))
    found = _CONDITION.fullmatch(text)
    if not found:
        raise RuleError(
            f"{where}: {key} {text!r}: write '$.path', '$.path == value', '$.path != value' or '$.path ~ regex'"
        )
    path, operator, value = found.groups()
    if not operator:
        return AnswerCondition(path, "", None)
    if operator == "~":
        return AnswerCondition(path, operator, _check_expression(value, key, where))
    try:
        return AnswerCondition(path, operator, json.loads(value))
    except ValueError:
        return AnswerCondition(path, operator, value.strip())


def _check_expression(text: str, key: str, where: str) -> str:
    try:
        re.compile(text)
    except re.error as error:
        raise RuleError(f"{where}: {key} {text!r} is not a regular expression: {error}") from None
    return text


def _check_text(value: Any, key: str, where: str) -> str:
    if not isinstance(value, str) or not value or not value.isprintable():
        raise RuleError(f"{where}: {key} must be a string on one line")
    return value


def _check_texts(value: Any, key: str, where: str) -> tuple[str, ...]:
    values = value if isinstance(value, list) else [value]
    return tuple(_check_text(one, key, where) for one in values)


def _check_pairs(value: Any, key: str, where: str) -> tuple[tuple[str, str], ...]:
    if not isinstance(value, Mapping):
        raise RuleError(f"{where}: {key} must be a table of strings")
    return tuple((str(name), _check_text(text, key, where)) for name, text in value.items())


def _parse_paths(value: Any, where: str) -> tuple[tuple[str, str], ...]:
    return tuple((name, _parse_path(path, "facts", where)) for name, path in _check_pairs(value, "facts", where))


def _parse_path(value: Any, key: str, where: str) -> str:
    path = _check_text(value, key, where).removeprefix("$.")
    if not re.fullmatch(r"header:[A-Za-z0-9-]+|[\w.\[\]@*-]+", path):
        raise RuleError(f"{where}: {key} is a path such as 'user.email' or 'header:X-Name', not {value!r}")
    return path
