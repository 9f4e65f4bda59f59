"""Parse JSON, YAML, TOML and XML that may have been written to hurt.

Depth, size and references are bounded before anything is built. YAML is built
here from the events of the parser, without recursion, and every scalar stays
the text that it is: a version such as ``1.10`` is no number. XML has no
document type, so it has no entities either.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from detector.incident.dependents._entry import Unreadable

MAX_DEPTH = 128
MAX_ALIASES = 256
MAX_TOML = 8 << 20
MAX_SLOW = 16 << 20


def text(data: bytes) -> str:
    """Return *data* as text, whatever byte order mark it has; a wrong byte is replaced."""
    if data[:2] in (b"\xff\xfe", b"\xfe\xff"):
        return data.decode("utf-16", "replace")
    return data.decode("utf-8-sig", "replace")


def json(data: bytes) -> Any:
    """Parse JSON."""
    from json import loads

    try:
        return loads(text(data))
    except RecursionError:
        raise Unreadable("is nested too deeply") from None
    except ValueError as error:
        raise Unreadable(f"is not JSON: {_first_line(error)}") from None


_REMARKS = re.compile(r'("(?:[^"\\]|\\.)*(?:"|\Z))|//[^\n]*|/\*.*?(?:\*/|\Z)', re.DOTALL)
_TRAILING = re.compile(r'("(?:[^"\\]|\\.)*(?:"|\Z))|,(?=\s*[}\]])', re.DOTALL)


def jsonc(data: bytes) -> Any:
    """Parse JSON with remarks and trailing commas."""
    plain = _REMARKS.sub(lambda found: found[1] or " ", text(data))
    return json(_TRAILING.sub(lambda found: found[1] or "", plain).encode())


def toml(data: bytes) -> dict[str, Any]:
    """Parse TOML."""
    import tomllib

    if len(data) > MAX_TOML:
        raise Unreadable(f"{len(data)} bytes are over the limit of {MAX_TOML} for TOML")
    try:
        return tomllib.loads(text(data).replace("\r\n", "\n"))
    except RecursionError:
        raise Unreadable("is nested too deeply") from None
    except (ValueError, IndexError) as error:
        raise Unreadable(f"is not TOML: {_first_line(error)}") from None


def yaml(data: bytes) -> Any:
    """Parse the first document of YAML; scalars are text, what is empty is an empty text."""
    import yaml as pyyaml

    if len(data) > MAX_SLOW:
        raise Unreadable(f"{len(data)} bytes are over the limit of {MAX_SLOW} for YAML")
    loader: Any = getattr(pyyaml, "CSafeLoader", pyyaml.SafeLoader)
    try:
        return _built(pyyaml.parse(text(data), Loader=loader))
    except pyyaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        place = f" in line {mark.line + 1}" if mark else ""
        problem = getattr(error, "problem", None) or "a character is not allowed"
        if "nesting depth" in problem:  # libyaml has a bound of its own since PyYAML 6.0.4
            raise Unreadable("is nested too deeply") from None
        raise Unreadable(f"is not YAML: {problem}{place}") from None
    except (RecursionError, ValueError) as error:
        if isinstance(error, Unreadable):
            raise
        raise Unreadable(f"is not YAML: {_first_line(error)}") from None


def _built(events: Iterator[Any]) -> Any:
    """Build lists and dictionaries of *events*; an alias is the same object again."""
    import yaml as pyyaml

    root: list[Any] = []
    stack: list[tuple[Any, list[Any]]] = [(root, [])]  # what is being filled, and the keys that wait for a value
    anchors: dict[str, Any] = {}
    aliases = 0
    for event in events:
        if isinstance(event, pyyaml.ScalarEvent):
            made: Any = event.value
            if made in ("~", "null") and not event.style:
                made = ""
        elif isinstance(event, pyyaml.AliasEvent):
            aliases += 1
            if aliases > MAX_ALIASES:
                raise Unreadable(f"has more than {MAX_ALIASES} aliases")
            if event.anchor not in anchors:
                raise Unreadable("has an alias for nothing")
            made = anchors[event.anchor]
        elif isinstance(event, pyyaml.MappingStartEvent):
            made = {}
        elif isinstance(event, pyyaml.SequenceStartEvent):
            made = []
        elif isinstance(event, pyyaml.CollectionEndEvent):
            stack.pop()
            continue
        elif isinstance(event, pyyaml.DocumentEndEvent):
            break
        else:
            continue
        if getattr(event, "anchor", None) and not isinstance(event, pyyaml.AliasEvent):
            anchors[event.anchor] = made
        holder, waiting = stack[-1]
        if isinstance(holder, list):
            holder.append(made)
        elif waiting:
            key = waiting.pop()
            if key == "<<" and isinstance(made, dict):
                for name, value in list(made.items())[:MAX_ALIASES]:
                    holder.setdefault(name, value)
            else:
                holder[key] = made
        else:
            waiting.append(made if isinstance(made, str) else "")
        if isinstance(event, pyyaml.CollectionStartEvent):
            if len(stack) > MAX_DEPTH:
                raise Unreadable("is nested too deeply")
            stack.append((made, []))
    return root[0] if root else ""


class Element:
    """An element of XML: its name without namespace, attributes, children and the pieces of its text."""

    __slots__ = ("attributes", "children", "name", "pieces")

    def __init__(self, name: str, attributes: dict[str, str]) -> None:
        self.name = name
        self.attributes = attributes
        self.children: list[Element] = []
        self.pieces: list[str] = []

    @property
    def text(self) -> str:
        """The text directly within."""
        return "".join(self.pieces).strip()

    def all(self, *path: str) -> Iterator[Element]:
        """Yield the descendants at *path*."""
        for child in self.children:
            if child.name == path[0]:
                if len(path) == 1:
                    yield child
                else:
                    yield from child.all(*path[1:])

    def say(self, *path: str) -> str:
        """Return the text at *path*, empty if there is none."""
        for found in self.all(*path):
            return found.text
        return ""

    def walk(self) -> Iterator[Element]:
        """Yield this element and all below."""
        yield self
        for child in self.children:
            yield from child.walk()


def xml(data: bytes) -> Element:
    """Parse XML that has no document type."""
    from xml.parsers import expat  # nothing is fetched or expanded: a document type is refused below

    if len(data) > MAX_SLOW:
        raise Unreadable(f"{len(data)} bytes are over the limit of {MAX_SLOW} for XML")
    top = Element("", {})
    stack = [top]
    parser = expat.ParserCreate()
    parser.buffer_text = True

    def refuse(*_: object) -> None:
        raise Unreadable("has a document type, which could define entities")

    def start(name: str, attributes: dict[str, str]) -> None:
        if len(stack) > MAX_DEPTH:
            raise Unreadable("is nested too deeply")
        made = Element(name.rpartition(":")[2], attributes)
        stack[-1].children.append(made)
        stack.append(made)

    def more(said: str) -> None:
        stack[-1].pieces.append(said)

    parser.StartDoctypeDeclHandler = refuse
    parser.EntityDeclHandler = refuse
    parser.StartElementHandler = start
    parser.EndElementHandler = lambda _name: stack.pop()
    parser.CharacterDataHandler = more
    try:
        parser.Parse(data, True)
    except expat.ExpatError as error:
        raise Unreadable(f"is not XML: {_first_line(error)}") from None
    except (LookupError, ValueError) as error:
        if isinstance(error, Unreadable):
            raise
        raise Unreadable("is not XML: its encoding is not known") from None
    return top.children[0]


def mapping(value: Any) -> dict[str, Any]:
    """Return *value* if it is a mapping, else an empty one: foreign files have anything anywhere."""
    return value if isinstance(value, dict) else {}


def items(value: Any) -> list[Any]:
    """Return *value* if it is a list, else an empty one."""
    return value if isinstance(value, list) else []


def string(value: Any) -> str:
    """Return *value* if it is text, else an empty one."""
    return value if isinstance(value, str) else ""


def _first_line(error: BaseException) -> str:
    return str(error).partition("\n")[0][:200]
