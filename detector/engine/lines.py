r"""Convert byte offsets to lines and columns.

The engine uses offsets. Lines are computed only for the hits that are reported,
and in one pass: on a minified file of one 100 MB line, counting characters from the
start of the line for every hit would take minutes.
"""

from __future__ import annotations


class LineMap:
    r"""Line and column lookup for one blob.

    Lines end with ``\n``; columns count characters (UTF-8, an undecodable byte is
    one), both 1-based. Lookups in rising order take one pass in total.

    >>> lines = LineMap("one\ntwö x\n".encode())
    >>> lines.locate(4), lines.locate(8)
    ((2, 1), (2, 4))
    """

    def __init__(self, data: bytes, base_line: int = 0, base_column: int = 0) -> None:
        """*base_line* lines and *base_column* characters of a line that is cut precede *data*."""
        self._data = data
        self._base = base_line, base_column
        self._rewind()

    def _rewind(self) -> None:
        self._at = 0  # everything below describes this offset
        self._line = 1 + self._base[0]
        self._column = 1 + self._base[1]

    def locate(self, offset: int) -> tuple[int, int]:
        """Return the 1-based line and character column of *offset*."""
        if offset < self._at:
            self._rewind()
        newlines = self._data.count(b"\n", self._at, offset)
        start = self._at
        if newlines:
            self._line += newlines
            start = self._data.rfind(b"\n", self._at, offset) + 1
            self._column = 1
        self._column += _characters(self._data[start:offset])
        self._at = offset
        return self._line, self._column


def _characters(text: bytes) -> int:
    return len(text) if text.isascii() else len(text.decode("utf-8", "replace"))
