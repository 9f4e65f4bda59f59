"""Insert members into a JSON file without writing any of it anew, and take them out again.

Settings of agents are written by people: with comments, trailing commas, a byte order mark, their own
line breaks and order. Only places are computed here; every other byte stays.
"""

from __future__ import annotations

import re
from typing import NamedTuple

from detector.errors import UsageError

_SPACE = re.compile(r"(?:[ \t\r\n\ufeff]|//[^\n]*|/\*.*?\*/)*", re.DOTALL)
_STRING = re.compile(r'"(?:[^"\\\x00-\x1f]|\\.)*"')
_SCALAR = re.compile(r"-?\d[\d.eE+-]*|true|false|null")
MAX_DEPTH = 200


class Node(NamedTuple):
    """A value and where it is: `members` of an object by name (the last of equal names), `items` of a list."""

    start: int
    end: int
    kind: str
    members: dict[str, Node] = {}  # noqa: RUF012 - never changed
    items: tuple[Node, ...] = ()
    text: str = ""
    last: int = 0
    """Where the last member or item ends, or the opening bracket if there is none."""
    has_comma: bool = False
    """Whether a comma stands after the last member or item."""


class Insertion(NamedTuple):
    """A text to put at an offset."""

    at: int
    text: str


def parse(text: str) -> Node:
    """Return the value in *text*, JSON with comments and trailing commas. Raises `UsageError`."""
    at = _skip(text, 0)
    if at == len(text):
        raise UsageError("is empty")
    node = _parse_value(text, at, 0)
    at = _skip(text, node.end)
    if at != len(text):
        raise _fail(text, at)
    return node


def _fail(text: str, at: int) -> UsageError:
    return UsageError(f"is no JSON (line {text.count(chr(10), 0, at) + 1})")


def _skip(text: str, at: int) -> int:
    match = _SPACE.match(text, at)
    return match.end() if match else at


def _parse_value(text: str, at: int, depth: int) -> Node:
    if depth > MAX_DEPTH:
        raise UsageError("is nested too deeply")
    first = text[at : at + 1]
    if first == "{":
        return _parse_object(text, at, depth)
    if first == "[":
        return _parse_list(text, at, depth)
    if match := _STRING.match(text, at):
        import json

        try:
            return Node(at, match.end(), "string", text=json.loads(match[0]))
        except ValueError:
            raise _fail(text, at) from None
    if match := _SCALAR.match(text, at):
        return Node(at, match.end(), "scalar", text=match[0])
    raise _fail(text, at)


def _parse_object(text: str, start: int, depth: int) -> Node:
    members: dict[str, Node] = {}
    last, has_comma = start + 1, False
    at = _skip(text, start + 1)
    while text[at : at + 1] != "}":
        if members and not has_comma:
            raise _fail(text, at)
        key = _STRING.match(text, at)
        if not key:
            raise _fail(text, at)
        name = _parse_value(text, at, depth + 1).text
        at = _skip(text, key.end())
        if text[at : at + 1] != ":":
            raise _fail(text, at)
        value = _parse_value(text, _skip(text, at + 1), depth + 1)
        if name in members and (value.members or value.items or members[name].members or members[name].items):
            raise UsageError(f"has {name!r} twice: remove one of them")
        members[name] = value
        last, has_comma = value.end, False
        at = _skip(text, value.end)
        if text[at : at + 1] == ",":
            last, has_comma = at + 1, True
            at = _skip(text, at + 1)
    return Node(start, at + 1, "object", members, last=last, has_comma=has_comma)


def _parse_list(text: str, start: int, depth: int) -> Node:
    items: list[Node] = []
    last, has_comma = start + 1, False
    at = _skip(text, start + 1)
    while text[at : at + 1] != "]":
        if items and not has_comma:
            raise _fail(text, at)
        item = _parse_value(text, at, depth + 1)
        items.append(item)
        last, has_comma = item.end, False
        at = _skip(text, item.end)
        if text[at : at + 1] == ",":
            last, has_comma = at + 1, True
            at = _skip(text, at + 1)
    return Node(start, at + 1, "list", items=tuple(items), last=last, has_comma=has_comma)


def insert(node: Node, entry: str) -> Insertion:
    """Return where to put *entry* (a member with its name, or an item) as the last one of *node*."""
    is_empty = not node.members and not node.items
    return Insertion(node.last, f" {entry}" if is_empty or node.has_comma else f", {entry}")


def apply(text: str, insertions: list[Insertion]) -> str:
    """Return *text* with all *insertions*, whose offsets are those of *text*; of one place in their order."""
    last_first = sorted(enumerate(insertions), key=lambda one: (one[1].at, one[0]), reverse=True)
    for _, (at, added) in last_first:
        text = text[:at] + added + text[at:]
    return text
