r"""Documents: office files, PDF, SQLite, notebooks, source maps.

What a person reads in them is not what their bytes say: a word processor cuts
a token into runs, a PDF into kerned pieces, a notebook into lines of JSON.
Here they become the text again, piece by piece, with the name of the piece.
"""

from __future__ import annotations

import binascii
import io
import json
import re
from collections.abc import Iterable, Iterator
from typing import Any

from detector.containers.contract import Member, Stream
from detector.containers.limits import LOCKED
from detector.model import Skipped

LARGEST = 64 << 20
"""A part of an office file, or a stream of a PDF, that is larger is scanned as it is, or cut."""

# -- office files ------------------------------------------------------------

_OFFICE = re.compile(r"(?:word|ppt/slides|ppt/notesSlides|xl|xl/worksheets)/[^/]+\.xml|content\.xml")
_BREAKS = re.compile(rb"</(?:w:p|a:p|text:p|text:h|si|c|row)>|<(?:w:br|w:tab|a:br)\b[^>]*>")
_TAGS = re.compile(rb"<[^>]*>")


def office_text(name: str, stream: Stream) -> Stream:
    """Return the text of a part of an office file, tags taken out; any other member as it is."""
    if not _OFFICE.fullmatch(name):
        return stream
    content = stream.read(LARGEST + 1)
    if len(content) > LARGEST:
        return _Again(content, stream)
    return io.BytesIO(_entities(_TAGS.sub(b"", _BREAKS.sub(b"\n", content))))


class _Again:
    """A stream of which the beginning was read already."""

    def __init__(self, first: bytes, stream: Stream) -> None:
        self._first: bytes = first
        self._stream = stream

    def read(self, size: int, /) -> bytes:
        if self._first:
            part, self._first = self._first[:size], self._first[size:]
            return part
        return self._stream.read(size)


def _entities(text: bytes) -> bytes:
    for name, character in ((b"&lt;", b"<"), (b"&gt;", b">"), (b"&quot;", b'"'), (b"&apos;", b"'"), (b"&amp;", b"&")):
        text = text.replace(name, character)
    return text


def encrypted_office(file: Any) -> Iterator[Skipped]:
    """Say that the document is encrypted."""
    del file
    yield Skipped("", LOCKED)


# -- PDF ---------------------------------------------------------------------

_STREAM = re.compile(rb"stream(?<!endstream)\r?\n")
_SHOWN = re.compile(  # every branch begins with a sign of its own, so that `re` leaps over all other signs
    rb"\((?:[^()\\]++|\\.|\((?:[^()\\]++|\\.)*+\))*+\)|<[0-9A-Fa-f\s]*+>|\[|\]"
    rb"|-(?<![\w.]-)[0-9]{3,}(?:\.[0-9]+)?(?![\w.])"
    rb"|T(?<![A-Za-z]T)[dDmJj*](?![A-Za-z])|E(?<![A-Za-z]E)T(?![A-Za-z])"
    rb"|'(?<![A-Za-z]')(?![A-Za-z])|\"(?<![A-Za-z]\")(?![A-Za-z])",
    re.DOTALL,
)
_ESCAPE = re.compile(rb"\\(?:([0-7]{1,3})|\r?\n|(.))", re.DOTALL)
_CONTROL = {b"n": b"\n", b"r": b"\r", b"t": b"\t", b"b": b"\b", b"f": b"\f"}
_GAP = 200
"""A kerning of more thousandths of the font's size is a blank."""


def pdf_texts(file: Any) -> Iterator[Member | Skipped]:
    """Read the streams of a PDF: what its pages show as text, anything else unpacked."""
    import base64
    import zlib

    data = file.read()
    if b"/Encrypt" in data:
        yield Skipped("", LOCKED)
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
                content = zlib.decompressobj().decompress(content, LARGEST)
            except zlib.error:
                continue
        elif b"/Filter" in head and b"ASCII85" not in head:
            continue  # pictures
        shows = b"BT" in content and b"/BitsPerComponent" not in head  # the bytes of a picture may look like anything
        yield Member(f"stream {number}", io.BytesIO(_shown(content) if shows else content))


def _shown(content: bytes) -> bytes:
    """Return what a page shows: strings put together along a line, a line break where the pen moves."""
    out: list[bytes] = []
    held: list[bytes] = []
    kerned = False
    for found in _SHOWN.finditer(content):
        text = found[0]
        sign = text[:1]
        if sign == b"(":
            held.append(_ESCAPE.sub(_unescaped, text[1:-1]))
        elif sign == b"-":
            if kerned and float(text) < -_GAP:
                held.append(b" ")
        elif sign in b"[]":
            kerned = sign == b"["
        elif sign == b"<":
            digits = text[1:-1].translate(None, b" \t\r\n\f\v")
            held.append(binascii.a2b_hex(digits + b"0" * (len(digits) % 2)).replace(b"\0", b""))
        else:
            if text in (b"Tj", b"TJ", b"'", b'"'):
                out += held
            elif out and out[-1] != b"\n":
                out.append(b"\n")
            held = []
    return b"".join(out)


def _unescaped(found: re.Match[bytes]) -> bytes:
    if found[1]:
        return bytes([int(found[1], 8) & 0xFF])
    return _CONTROL.get(found[2], found[2]) if found[2] else b""


# -- compiled Python ---------------------------------------------------------

_CONSTANT = re.compile(
    rb"[zZ\xfa\xda](.)(?=[\t\n\r -~]{8})|[aAust\xe1\xc1\xf5\xf3\xf4](...)\0(?=[\t\n\r -~]{8})", re.DOTALL
)

_LONG = 4096
"""What follows in a longer text is found where it is stored."""


def pyc_constants(file: Any) -> Iterator[Member]:
    """Read the texts among the constants, a line each: as stored, the type of the next one is glued to them."""
    data = file.read()
    texts = []
    at = 0
    while found := _CONSTANT.search(data, at):
        size = int.from_bytes(found[1] or found[2], "little")
        text = data[found.end() : found.end() + min(size, _LONG)]
        at = found.start() + 1
        if size >= 8 and text.isascii():
            texts.append(text)
            at = found.end() + len(text)
    yield Member("constants", io.BytesIO(b"\n".join(texts)))


# -- SQLite ------------------------------------------------------------------


def sqlite_tables(file: Any) -> Iterator[Member | Skipped]:
    """Read the tables of a database, a row to a line; the database is opened in memory, its triggers never run."""
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
            yield Member(str(name), _Lines(b"".join(_row(columns, row)) for row in rows))
    finally:
        connection.close()


def _row(columns: list[str], row: Iterable[Any]) -> Iterator[bytes]:
    for column, value in zip(columns, row, strict=True):
        text = value if isinstance(value, bytes) else str("" if value is None else value).encode("utf-8", "replace")
        yield column.encode("utf-8", "replace") + b": " + text.replace(b"\n", b"\\n") + b"\t"
    yield b"\n"


class _Lines:
    """Lines as a stream."""

    def __init__(self, lines: Iterator[bytes]) -> None:
        self._lines = lines
        self._held = b""

    def read(self, size: int, /) -> bytes:
        parts, length = [self._held], len(self._held)
        while length < size and (line := next(self._lines, b"")):
            parts.append(line)
            length += len(line)
        text = b"".join(parts)
        self._held = text[size:]
        return text[:size]


# -- JSON --------------------------------------------------------------------

_TEXT = re.compile(rb'"[^"\\]*+(?:\\.[^"\\]*+)*+"|null', re.DOTALL)
_BETWEEN = re.compile(rb"[\s,]*+")
_SOURCES = re.compile(rb'"sourcesContent"\s*:\s*\[')
_NAMES = re.compile(rb'"sources"\s*:\s*\[')


def source_map_sources(file: Any) -> Iterator[Member]:
    """Read the sources that a map carries. Only one is decoded at a time: such maps have tens of megabytes."""
    data = file.read()
    names = [json.loads(data[start:end]) for start, end in _elements(data, _NAMES, 0)]
    left, at, count = [], 0, 0
    while begin := _SOURCES.search(data, at):
        left.append(data[at : begin.end()])
        at = begin.end()
        for start, end in _elements(data, _SOURCES, begin.start()):
            at = end
            content = json.loads(data[start:end])
            name = names[count] if count < len(names) else None
            count += 1
            if content:
                yield Member(str(name or f"source {count}"), io.BytesIO(content.encode("utf-8", "surrogatepass")))
        left.append(b"\n" * data.count(b"\n", begin.end(), at))
    left.append(data[at:])
    yield Member("", io.BytesIO(b"".join(left)), left=True)


def _elements(data: bytes, array: re.Pattern[bytes], at: int) -> Iterator[tuple[int, int]]:
    """Yield the spans of the texts of the first *array* behind *at*."""
    begin = array.search(data, at)
    at = _BETWEEN.match(data, begin.end()).end() if begin else len(data)  # type: ignore[union-attr]
    while element := _TEXT.match(data, at):
        yield element.span()
        at = _BETWEEN.match(data, element.end()).end()  # type: ignore[union-attr]


def notebook_cells(file: Any) -> Iterator[Member]:
    """Read the cells of a notebook and what they printed; cells count from 1, as notebooks show them."""
    book = json.loads(file.read())
    cells = book.pop("cells")
    for number, cell in enumerate(cells, 1):
        yield Member(f"cell {number}", _text(cell.pop("source", "")))
        for index, output in enumerate(cell.pop("outputs", ()), 1):
            parts = [output.get("text", ""), "\n".join(output.get("traceback", ()))]
            for kind, shown in output.get("data", {}).items():
                if not kind.startswith("image/") or kind.startswith("image/svg"):
                    parts.append(shown if isinstance(shown, str | list) else json.dumps(shown))
            yield Member(f"cell {number} output {index}", _text(["\n".join(map(_flat, parts))]))
    yield Member("", _text(json.dumps([book, cells], indent=1)), left=True)


def _flat(text: Any) -> str:
    return "".join(map(str, text)) if isinstance(text, list) else str(text)


def _text(text: Any) -> Stream:
    return io.BytesIO(_flat(text).encode("utf-8", "surrogatepass"))
