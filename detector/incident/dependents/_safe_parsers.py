"""Parse JSON, YAML, TOML and XML from untrusted sources.

Depth, size and references are limited before values are built. YAML is built here from
the events of the parser, without recursion, and every scalar stays text, so that a
version such as ``1.10`` is not turned into a number. XML with a document type is
refused, so it has no entities.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from detector.incident.dependents._contract import UnreadableFile

MAX_DEPTH = 128
MAX_ALIASES = 256
MAX_TOML = 8 << 20
MAX_XML_OR_YAML = 16 << 20


def decode_text(data: bytes) -> str:
    """Return *data* as text, by its byte order mark; invalid bytes are replaced."""
    if data[:2] in (b"\xff\xfe", b"\xfe\xff"):
        return data.decode("utf-16", "replace")
    return data.decode("utf-8-sig", "replace")


def parse_json(data: bytes) -> Any:
    """Parse JSON."""
    from json import loads

    try:
        return loads(decode_text(data))
    except RecursionError:
        raise UnreadableFile("is nested too deeply") from None
    except ValueError as error:
        raise UnreadableFile(f"is not JSON: {_get_first_line(error)}") from None


_COMMENTS = re.compile(r'("(?:[^"\\]|\\.)*(?:"|\Z))|//[^\n]*|/\*.*?(?:\*/|\Z)', re.DOTALL)
_TRAILING = re.compile(r'("(?:[^"\\]|\\.)*(?:"|\Z))|,(?=\s*[}\]])', re.DOTALL)


def parse_jsonc(data: bytes) -> Any:
    """Parse JSON with comments and trailing commas."""
    plain = _COMMENTS.sub(lambda found: found[1] or " ", decode_text(data))
    return parse_json(_TRAILING.sub(lambda found: found[1] or "", plain).encode())


def parse_toml(data: bytes) -> dict[str, Any]:
    """Parse TOML."""
    import tomllib

    if len(data) > MAX_TOML:
        raise UnreadableFile(f"{len(data)} bytes are over the limit of {MAX_TOML} for TOML")
    try:
        return tomllib.loads(decode_text(data).replace("\r\n", "\n"))
    except RecursionError:
        raise UnreadableFile("is nested too deeply") from None
    except (ValueError, IndexError) as error:
        raise UnreadableFile(f"is not TOML: {_get_first_line(error)}") from None


def parse_yaml(data: bytes) -> Any:
    """Parse the first document of YAML. Scalars are strings; an empty value is an empty string."""
    import yaml as pyyaml

    if len(data) > MAX_XML_OR_YAML:
        raise UnreadableFile(f"{len(data)} bytes are over the limit of {MAX_XML_OR_YAML} for YAML")
    loader: Any = getattr(pyyaml, "CSafeLoader", pyyaml.SafeLoader)
    try:
        return _build_yaml(pyyaml.parse(decode_text(data), Loader=loader))
    except pyyaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        place = f" in line {mark.line + 1}" if mark else ""
        problem = getattr(error, "problem", None) or "a character is not allowed"
        if "nesting depth" in problem:  # libyaml has its own limit since PyYAML 6.0.4
            raise UnreadableFile("is nested too deeply") from None
        raise UnreadableFile(f"is not YAML: {problem}{place}") from None
    except (RecursionError, ValueError) as error:
        if isinstance(error, UnreadableFile):
            raise
        raise UnreadableFile(f"is not YAML: {_get_first_line(error)}") from None


def _build_yaml(events: Iterator[Any]) -> Any:
    """Build lists and dictionaries from parser events; an alias is the same object as its anchor."""
    import yaml as pyyaml

    root: list[Any] = []
    stack: list[tuple[Any, list[Any]]] = [(root, [])]  # containers being filled, and keys without a value
    anchors: dict[str, Any] = {}
    aliases = 0
    for event in events:
        if isinstance(event, pyyaml.ScalarEvent):
            value: Any = event.value
            if value in ("~", "null") and not event.style:
                value = ""
        elif isinstance(event, pyyaml.AliasEvent):
            aliases += 1
            if aliases > MAX_ALIASES:
                raise UnreadableFile(f"has more than {MAX_ALIASES} aliases")
            if event.anchor not in anchors:
                raise UnreadableFile("has an alias without an anchor")
            value = anchors[event.anchor]
        elif isinstance(event, pyyaml.MappingStartEvent):
            value = {}
        elif isinstance(event, pyyaml.SequenceStartEvent):
            value = []
        elif isinstance(event, pyyaml.CollectionEndEvent):
            stack.pop()
            continue
        elif isinstance(event, pyyaml.DocumentEndEvent):
            break
        else:
            continue
        if getattr(event, "anchor", None) and not isinstance(event, pyyaml.AliasEvent):
            anchors[event.anchor] = value
        container, pending_keys = stack[-1]
        if isinstance(container, list):
            container.append(value)
        elif pending_keys:
            key = pending_keys.pop()
            if key == "<<" and isinstance(value, dict):
                for name, merged in list(value.items())[:MAX_ALIASES]:
                    container.setdefault(name, merged)
            else:
                container[key] = value
        else:
            pending_keys.append(value if isinstance(value, str) else "")
        if isinstance(event, pyyaml.CollectionStartEvent):
            if len(stack) > MAX_DEPTH:
                raise UnreadableFile("is nested too deeply")
            stack.append((value, []))
    return root[0] if root else ""


class Element:
    """An XML element: its name without namespace, attributes, children and pieces of text."""

    __slots__ = ("attributes", "children", "name", "pieces")

    def __init__(self, name: str, attributes: dict[str, str]) -> None:
        self.name = name
        self.attributes = attributes
        self.children: list[Element] = []
        self.pieces: list[str] = []

    @property
    def text(self) -> str:
        """The text directly in this element."""
        return "".join(self.pieces).strip()

    def find_all(self, *path: str) -> Iterator[Element]:
        """Yield the descendants at *path*, a sequence of element names."""
        for child in self.children:
            if child.name == path[0]:
                if len(path) == 1:
                    yield child
                else:
                    yield from child.find_all(*path[1:])

    def get_text(self, *path: str) -> str:
        """Return the text of the first descendant at *path*, empty if there is none."""
        for found in self.find_all(*path):
            return found.text
        return ""

    def walk(self) -> Iterator[Element]:
        """Yield this element and all descendants."""
        yield self
        for child in self.children:
            yield from child.walk()


def parse_xml(data: bytes) -> Element:
    """Parse XML without a document type."""
    from xml.parsers import expat  # safe: a document type is refused below, so nothing is fetched or expanded

    if len(data) > MAX_XML_OR_YAML:
        raise UnreadableFile(f"{len(data)} bytes are over the limit of {MAX_XML_OR_YAML} for XML")
    top = Element("", {})
    stack = [top]
    parser = expat.ParserCreate()
    parser.buffer_text = True

    def refuse(*_: object) -> None:
        raise UnreadableFile("has a document type, which may define entities")

    def start(name: str, attributes: dict[str, str]) -> None:
        if len(stack) > MAX_DEPTH:
            raise UnreadableFile("is nested too deeply")
        value = Element(name.rpartition(":")[2], attributes)
        stack[-1].children.append(value)
        stack.append(value)

    def add_text(text_part: str) -> None:
        stack[-1].pieces.append(text_part)

    parser.StartDoctypeDeclHandler = refuse
    parser.EntityDeclHandler = refuse
    parser.StartElementHandler = start
    parser.EndElementHandler = lambda _name: stack.pop()
    parser.CharacterDataHandler = add_text
    try:
        parser.Parse(data, True)
    except expat.ExpatError as error:
        raise UnreadableFile(f"is not XML: {_get_first_line(error)}") from None
    except (LookupError, ValueError) as error:
        if isinstance(error, UnreadableFile):
            raise
        raise UnreadableFile("is not XML: its encoding is unknown") from None
    return top.children[0]


def as_mapping(value: Any) -> dict[str, Any]:
    """Return *value* if it is a mapping, else an empty one: an untrusted file may have any type anywhere."""
    return value if isinstance(value, dict) else {}


def as_list(value: Any) -> list[Any]:
    """Return *value* if it is a list, else an empty list."""
    return value if isinstance(value, list) else []


def as_text(value: Any) -> str:
    """Return *value* if it is a string, else an empty one."""
    return value if isinstance(value, str) else ""


def _get_first_line(error: BaseException) -> str:
    return str(error).partition("\n")[0][:200]
