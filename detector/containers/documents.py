r"""Documents: office files, PDF, SQLite, notebooks, source maps, compiled Python.

Their bytes differ from the text that a person sees: a word processor splits a
token into runs, a PDF into kerned parts, a notebook into lines of JSON. The
readers here restore the text and yield it as named members.
"""

from __future__ import annotations

import binascii
import io
import json
import re
from collections.abc import Iterable, Iterator
from typing import Any

from detector.containers.contract import Member, Stream
from detector.containers.limits import ENCRYPTED
from detector.model import Skipped

MAX_PART_BYTES = 64 << 20
"""A larger part of an office file is scanned as it is; a larger stream of a PDF is truncated."""

# -- office files ------------------------------------------------------------

_OFFICE = re.compile(r"(?:word|ppt/slides|ppt/notesSlides|xl|xl/worksheets)/[^/]+\.xml|content\.xml")
_BREAKS = re.compile(rb"</(?:w:p|a:p|text:p|text:h|si|c|row)>|<(?:w:br|w:tab|a:br)\b[^>]*>")
_TAGS = re.compile(rb"<[^>]*>")


def extract_office_text(name: str, stream: Stream) -> Stream:
    """Return the text of an office file's XML member without its tags; any other member as it is."""
    if not _OFFICE.fullmatch(name):
        return stream
    content = stream.read(MAX_PART_BYTES + 1)
    if len(content) > MAX_PART_BYTES:
        return _RestoredStream(content, stream)
    return io.BytesIO(_decode_entities(_TAGS.sub(b"", _BREAKS.sub(b"\n", content))))


class _RestoredStream:
    """A stream whose first bytes were already read and are returned again."""

    def __init__(self, first: bytes, stream: Stream) -> None:
        self._first: bytes = first
        self._stream = stream

    def read(self, size: int, /) -> bytes:
        if self._first:
            part, self._first = self._first[:size], self._first[size:]
            return part
        return self._stream.read(size)


def _decode_entities(text: bytes) -> bytes:
    for name, character in ((b"&lt;", b"<"), (b"&gt;", b">"), (b"&quot;", b'"'), (b"&apos;", b"'"), (b"&amp;", b"&")):
        text = text.replace(name, character)
    return text


def skip_encrypted_office(file: Any) -> Iterator[Skipped]:
    """Report that the document is encrypted."""
    del file
    yield Skipped("", ENCRYPTED)


# -- PDF ---------------------------------------------------------------------

_STREAM = re.compile(rb"stream(?<!endstream)\r?\n")
_PAGE_TOKEN = re.compile(  # every branch starts with its own character, so that `re` skips all others fast
    rb"\((?:[^()\\]++|\\.|\((?:[^()\\]++|\\.)*+\))*+\)|<[0-9A-Fa-f\s]*+>|\[|\]"
    rb"|-(?<![\w.]-)[0-9]{3,}(?:\.[0-9]+)?(?![\w.])"
    rb"|T(?<![A-Za-z]T)[dDmJj*](?![A-Za-z])|E(?<![A-Za-z]E)T(?![A-Za-z])"
    rb"|'(?<![A-Za-z]')(?![A-Za-z])|\"(?<![A-Za-z]\")(?![A-Za-z])",
    re.DOTALL,
)
_ESCAPE = re.compile(rb"\\(?:([0-7]{1,3})|\r?\n|(.))", re.DOTALL)
_CONTROL = {b"n": b"\n", b"r": b"\r", b"t": b"\t", b"b": b"\b", b"f": b"\f"}
_BLANK_KERNING = 200
"""A kerning of more thousandths of the font size is read as a blank."""


def read_pdf(file: Any) -> Iterator[Member | Skipped]:
    """Read the streams of a PDF: the text of pages, and other streams uncompressed."""
    import base64
    import zlib

    data = file.read()
    if b"/Encrypt" in data:
        yield Skipped("", ENCRYPTED)
    number = 0
    for begin in _STREAM.finditer(data):
        number += 1
        head = data[max(0, begin.start() - 400) : begin.start()].rpartition(b"obj")[2]
        end = data.find(b"endstream", begin.end())
        content = data[begin.end() : end if end >= 0 else len(data)]
        if b"ASCII85" in head:
            try:
                content = base64.a85decode(content.strip().removesuffix(b"~>"))
            except ValueError:
                continue
        if b"Flate" in head or b"/Fl" in head:
            try:
                content = zlib.decompressobj().decompress(content, MAX_PART_BYTES)
            except zlib.error:
                continue
        elif b"/Filter" in head and b"ASCII85" not in head:
            continue  # an image
        is_page = b"BT" in content and b"/BitsPerComponent" not in head  # image data can contain anything
        yield Member(f"stream {number}", io.BytesIO(_extract_page_text(content) if is_page else content))


def _extract_page_text(content: bytes) -> bytes:
    """Return the text of a page: strings of one line joined, with a line break where the text position moves."""
    out: list[bytes] = []
    strings: list[bytes] = []
    kerned = False
    for found in _PAGE_TOKEN.finditer(content):
        text = found[0]
        first = text[:1]
        if first == b"(":
            strings.append(_ESCAPE.sub(_unescape, text[1:-1]))
        elif first == b"-":
            if kerned and float(text) < -_BLANK_KERNING:
                strings.append(b" ")
        elif first in b"[]":
            kerned = first == b"["
        elif first == b"<":
            digits = text[1:-1].translate(None, b" \t\r\n\f\v")
            strings.append(binascii.a2b_hex(digits + b"0" * (len(digits) % 2)).replace(b"\0", b""))
        else:
            if text in (b"Tj", b"TJ", b"'", b'"'):
                out += strings
            elif out and out[-1] != b"\n":
                out.append(b"\n")
            strings = []
    return b"".join(out)


def _unescape(found: re.Match[bytes]) -> bytes:
    if found[1]:
        return bytes([int(found[1], 8) & 0xFF])
    return _CONTROL.get(found[2], found[2]) if found[2] else b""


# -- compiled Python ---------------------------------------------------------

_CONSTANT = re.compile(
    rb"[zZ\xfa\xda](.)(?=[\t\n\r -~]{8})|[aAust\xe1\xc1\xf5\xf3\xf4](...)\0(?=[\t\n\r -~]{8})", re.DOTALL
)

_MAX_TEXT = 4096
"""Longer texts are truncated to this many bytes; the remaining bytes are scanned as they are stored."""


def read_pyc(file: Any) -> Iterator[Member]:
    """Read the string constants, one per line: in the file, the type byte of the next one follows directly."""
    data = file.read()
    texts = []
    at = 0
    while found := _CONSTANT.search(data, at):
        size = int.from_bytes(found[1] or found[2], "little")
        text = data[found.end() : found.end() + min(size, _MAX_TEXT)]
        at = found.start() + 1
        if size >= 8 and text.isascii():
            texts.append(text)
            at = found.end() + len(text)
    yield Member("constants", io.BytesIO(b"\n".join(texts)))


# -- SQLite ------------------------------------------------------------------


def read_sqlite(file: Any) -> Iterator[Member | Skipped]:
    """Read the tables of a database, one row per line. It is opened in memory, and its triggers never run."""
    import sqlite3

    connection = sqlite3.connect(":memory:")
    steps = iter(range(20_000))
    try:
        connection.deserialize(file.read())
        connection.execute("PRAGMA trusted_schema = OFF")
        connection.set_progress_handler(lambda: next(steps, None) is None, 100_000)
        listed = connection.execute(
            "SELECT name FROM sqlite_schema WHERE type = 'table' AND sql NOT LIKE 'CREATE VIRTUAL%'"
        ).fetchall()
        for (name,) in listed:
            quoted = str(name).replace('"', '""')
            rows = connection.execute(f'SELECT * FROM "{quoted}"')  # noqa: S608 - a name, quoted
            columns = [str(column[0]) for column in rows.description]
            yield Member(str(name), _LineStream(b"".join(_format_row(columns, row)) for row in rows))
    finally:
        connection.close()


def _format_row(columns: list[str], row: Iterable[Any]) -> Iterator[bytes]:
    for column, value in zip(columns, row, strict=True):
        text = value if isinstance(value, bytes) else str("" if value is None else value).encode("utf-8", "replace")
        yield column.encode("utf-8", "replace") + b": " + text.replace(b"\n", b"\\n") + b"\t"
    yield b"\n"


class _LineStream:
    """A stream made of lines."""

    def __init__(self, lines: Iterator[bytes]) -> None:
        self._lines = lines
        self._pending = b""

    def read(self, size: int, /) -> bytes:
        parts, length = [self._pending], len(self._pending)
        while length < size and (line := next(self._lines, b"")):
            parts.append(line)
            length += len(line)
        text = b"".join(parts)
        self._pending = text[size:]
        return text[:size]


# -- JSON --------------------------------------------------------------------

_TEXT = re.compile(rb'"[^"\\]*+(?:\\.[^"\\]*+)*+"|null', re.DOTALL)
_BETWEEN = re.compile(rb"[\s,]*+")
_SOURCES = re.compile(rb'"sourcesContent"\s*:\s*\[')
_NAMES = re.compile(rb'"sources"\s*:\s*\[')


def read_source_map(file: Any) -> Iterator[Member]:
    """Read the sources in a source map. Only one is decoded at a time: maps can have tens of megabytes."""
    data = file.read()
    names = [_parse_text(data[start:end]) for start, end in _find_elements(data, _NAMES, 0)]
    remainder, at, count = [], 0, 0
    while begin := _SOURCES.search(data, at):
        remainder.append(data[at : begin.end()])
        at = begin.end()
        for start, end in _find_elements(data, _SOURCES, begin.start()):
            at = end
            content = _parse_text(data[start:end])
            name = names[count] if count < len(names) else None
            count += 1
            if content:
                yield Member(str(name or f"source {count}"), io.BytesIO(content.encode("utf-8", "surrogatepass")))
        remainder.append(b"\n" * data.count(b"\n", begin.end(), at))
    remainder.append(data[at:])
    yield Member("", io.BytesIO(b"".join(remainder)), is_remainder=True)


def _parse_text(literal: bytes) -> str | None:
    """Return the text of a JSON string, None for null; a string that is not valid JSON as it stands."""
    try:
        text: str | None = json.loads(literal)
    except ValueError:
        return literal.decode("utf-8", "replace")
    return text


def _find_elements(data: bytes, array: re.Pattern[bytes], at: int) -> Iterator[tuple[int, int]]:
    """Yield the spans of the strings in the first *array* after *at*."""
    begin = array.search(data, at)
    at = _BETWEEN.match(data, begin.end()).end() if begin else len(data)  # type: ignore[union-attr]
    while element := _TEXT.match(data, at):
        yield element.span()
        at = _BETWEEN.match(data, element.end()).end()  # type: ignore[union-attr]


def read_notebook(file: Any) -> Iterator[Member]:
    """Read the cells of a notebook and their outputs; cells are numbered from 1, as notebooks show them.

    What is no notebook, although it looks like one, is text: it is returned as it is.
    """
    content = file.read()
    try:
        yield from _read_cells(json.loads(content))
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        yield Member("", io.BytesIO(content), is_remainder=True)


def _read_cells(book: Any) -> Iterator[Member]:
    cells = book.pop("cells")
    for number, cell in enumerate(cells, 1):
        yield Member(f"cell {number}", _open_text(cell.pop("source", "")))
        for index, output in enumerate(cell.pop("outputs", ()), 1):
            parts = [output.get("text", ""), "\n".join(output.get("traceback", ()))]
            for kind, shown in output.get("data", {}).items():
                if not kind.startswith("image/") or kind.startswith("image/svg"):
                    parts.append(shown if isinstance(shown, str | list) else json.dumps(shown))
            yield Member(f"cell {number} output {index}", _open_text(["\n".join(map(_join, parts))]))
    yield Member("", _open_text(json.dumps([book, cells], indent=1)), is_remainder=True)


def _join(text: Any) -> str:
    return "".join(map(str, text)) if isinstance(text, list) else str(text)


def _open_text(text: Any) -> Stream:
    return io.BytesIO(_join(text).encode("utf-8", "surrogatepass"))
