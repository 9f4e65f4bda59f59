"""A column that holds credentials: CSV, Markdown tables, INSERT statements.

The name stands in a header, the values in the rows below it, in the same column.
"""

from __future__ import annotations

from collections.abc import Iterator

from detector.engine.declarations.candidate import Candidate
from detector.engine.lazy_regex import compile_lazily

MAX_ROWS = 20
"""Rows below a header that are read."""

_HEADER = compile_lazily(
    rb"^[ \t|]*\"?(?:[\w .\-/]{1,40}\"?[ \t]*[,;\t|][ \t]*\"?){0,20}"
    rb"(?:\w[\w .\-]{0,30}[_ .\-])?(?:pass(?:w(?:or)?d|phrase|code)?|pwd|secret|token|api[_ \-]?key"
    rb"|private[_ \-]?key)[\w .\-]{0,20}\"?"
    rb"(?:[ \t]*[,;\t|][ \t]*\"?[\w .\-/]{0,40}\"?){0,20}[ \t]*\r?$",
)
_WORD = compile_lazily(rb"pass(?:w(?:or)?d|phrase|code)?|pwd|secret|token|api[_ \-]?key|private[_ \-]?key")
_INSERT = compile_lazily(rb"insert[ \t]+into[ \t]+[\w.\"`\[\]]{1,80}[ \t]*\(([^()]{1,400})\)\s*values?\s*(?=\()")
_OF_HEADERS = b'abcdefghijklmnopqrstuvwxyz0123456789_ .-/",;|\t\r'
"""What a line that matches `_HEADER` consists of."""
_RULE = compile_lazily(rb"[ \t|:+=\-]+\Z")


def find_columns(text: bytes, low: bytes) -> Iterator[Candidate]:
    """Yield the cells below each header of *low* that names a credential."""
    following = 0
    for word in _WORD.finditer(low):
        if word.start() < following:
            continue
        at = low.rfind(b"\n", 0, word.start()) + 1
        following = low.find(b"\n", word.start()) + 1
        if not following:
            break
        row = low[at : following - 1]
        separator = next((sign for sign in (b"|", b"\t", b";", b",") if sign in row), b"")
        if separator and len(row) < 600 and not row.translate(None, _OF_HEADERS) and _HEADER.match(row):
            yield from _read_rows(text, at, row, separator, following)
    if b"insert" in low and b"values" in low:
        yield from _find_inserted(text, low)


def _cells(row: bytes, separator: bytes) -> list[tuple[int, int]]:
    found: list[tuple[int, int]] = []
    at, quoted = 0, False
    for index in range(len(row) + 1):
        sign = row[index : index + 1]
        if sign == b'"':
            quoted = not quoted
        if not sign or (sign == separator and not quoted):
            found.append((at, index))
            at = index + 1
    return found


def _read_rows(text: bytes, at: int, row: bytes, separator: bytes, below: int) -> Iterator[Candidate]:
    heads = _cells(row, separator)
    columns = [number for number, (first, last) in enumerate(heads) if _WORD.search(row[first:last])]
    if len(heads) < 2:
        return
    rows = 0
    while below < len(text) and rows < MAX_ROWS:
        stop = text.find(b"\n", below)
        stop = stop if stop >= 0 else len(text)
        line = text[below:stop].rstrip(b"\r")
        cells = _cells(line, separator)
        if len(cells) != len(heads):
            return
        if not _RULE.match(line):
            for number in columns:
                first, last = heads[number]
                name = text[at + first : at + last].strip(b' \t"')
                start, end = (below + offset for offset in cells[number])
                start += len(text[start:end]) - len(text[start:end].lstrip(b' \t"`*'))
                end = start + len(text[start:end].rstrip(b' \t"`*'))
                if end > start:
                    place = at + first + row[first:last].find(name.lower())
                    yield Candidate("pair", name, place, start, end, b":", b'"')
            rows += 1
        below = stop + 1


def _find_inserted(text: bytes, low: bytes) -> Iterator[Candidate]:
    for found in _INSERT.finditer(low):
        heads = [head.strip(b' \t\r\n"`[]') for head in found[1].split(b",")]
        columns = [number for number, head in enumerate(heads) if _WORD.search(head)]
        if not columns:
            continue
        at = found.end()
        for _ in range(MAX_ROWS):
            if low[at : at + 1] != b"(":
                break
            spans, at = _read_tuple(text, at + 1)
            for number in columns:
                if number < len(spans) and (span := spans[number]):
                    place = low.find(heads[number], found.start(1))
                    yield Candidate("sql", heads[number], place, span[0], span[1], b",", b"'")
            while low[at : at + 1] in (b",", b" ", b"\n", b"\r", b"\t") and at < len(low):
                at += 1


def _read_tuple(text: bytes, at: int) -> tuple[list[tuple[int, int] | None], int]:
    """Return the span of each quoted value of a tuple, None for others, and where it ends."""
    spans: list[tuple[int, int] | None] = []
    span: tuple[int, int] | None = None
    depth = 0
    while at < len(text):
        sign = text[at : at + 1]
        if sign in (b"'", b'"'):
            end = at + 1
            while True:
                end = text.find(sign, end, at + 4096)
                if end < 0:
                    return spans, len(text)
                if text[end - 1 : end] == b"\\":
                    end += 1
                elif text[end + 1 : end + 2] == sign:
                    end += 2
                else:
                    break
            if not depth:
                span = (at + 1, end)
            at = end
        elif sign == b"(":
            depth += 1
            span = None
        elif sign == b")":
            if not depth:
                spans.append(span)
                return spans, at + 1
            depth -= 1
        elif sign == b"," and not depth:
            spans.append(span)
            span = None
        at += 1
    return spans, at
