"""Derive anchors from an expression: literals of which every match contains one.

Rules of other tools have no anchors. An expression shows what a match must
contain: its literals, the alternatives of an alternation, the few characters of a
small class. The greatest width of a match shows how far around an anchor to search.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from itertools import product
from typing import Any, NamedTuple

from detector.model import Anchor

MIN_LITERAL = 3
"""Bytes of the shortest usable literal; shorter ones occur everywhere."""

MAX_TEXTS = 64
"""Alternatives above which there is no anchor."""


class RequiredText(NamedTuple):
    """A literal, whether its case is ignored, and the tail that follows it (as in `Anchor`)."""

    text: bytes
    folded: bool = False
    tail: str = ""


class RequiredTexts(NamedTuple):
    """Every match contains one of `texts`: it equals one (`exact`), begins with one (`head`) or contains one."""

    texts: tuple[RequiredText, ...]
    exact: bool = False
    head: bool = False

    @property
    def worth(self) -> int:
        """Rate how selective they are: the length of the shortest, minus a little for many."""
        if not self.texts:
            return 0
        shortest = min(len(text.text) + (2 if text.tail else 0) for text in self.texts)
        if min(len(text.text) for text in self.texts) < 2:
            return 0
        return shortest * 8 - len(self.texts).bit_length()


_EMPTY = RequiredTexts((RequiredText(b""),), exact=True, head=True)
_NOTHING = RequiredTexts(())


def derive_anchors(pattern: str) -> tuple[Anchor, ...]:
    """Return the anchors that *pattern* implies, none if it has no usable literal."""
    found = _choose_best(_list_required(_parse(pattern), False))
    if not found.texts or min(len(text.text) + bool(text.tail) for text in found.texts) < MIN_LITERAL:
        return ()
    return tuple(sorted({Anchor(text.lower() if fold else text, fold, tail) for text, fold, tail in found.texts}))


def max_width(pattern: str, limit: int) -> int:
    """Return the greatest number of bytes of a match of *pattern*, at most *limit*."""
    return int(min(_parse(pattern).getwidth()[1], limit))


def _parse(pattern: str) -> Any:
    from re import _parser  # type: ignore[attr-defined]

    return _parser.parse(pattern.encode())


def _choose_best(pieces: Iterable[RequiredTexts]) -> RequiredTexts:
    return max(pieces, key=lambda piece: piece.worth, default=_NOTHING)


def _list_required(tokens: Iterable[tuple[Any, Any]], folded: bool) -> list[RequiredTexts]:
    """List what each part of a sequence requires; adjacent exact parts are joined."""
    done: list[RequiredTexts] = []
    run = _EMPTY
    for operation, argument in tokens:
        piece = _read_piece(str(operation), argument, folded)
        if piece is None:  # matches no byte
            continue
        joined = _join(run, piece)
        if piece.exact and joined.texts:
            run = joined
            continue
        if run != _EMPTY and (tail := _read_tail(str(operation), argument)):
            run = run._replace(texts=tuple(text._replace(tail=tail) for text in run.texts), exact=False)
        done += [run, joined, piece._replace(head=False)]
        run = piece._replace(head=False) if piece.exact else _EMPTY._replace(head=False)
    return [*done, run]


def _join(left: RequiredTexts, right: RequiredTexts) -> RequiredTexts:
    if not left.exact or not right.head or len(left.texts) * len(right.texts) > MAX_TEXTS:
        return _NOTHING
    texts = (RequiredText(a.text + b.text, a.folded or b.folded, b.tail) for a, b in product(left.texts, right.texts))
    return RequiredTexts(tuple(texts), right.exact, left.head)


def _read_tail(operation: str, argument: Any) -> str:
    """Return an expression for a repeated class as the tail of a literal, "" if it is too short."""
    if operation not in ("MAX_REPEAT", "MIN_REPEAT") or argument[0] < 6 or len(argument[2]) != 1:
        return ""
    operation, items = str(argument[2][0][0]), argument[2][0][1]
    if operation != "IN":
        return ""
    out = ""
    for kind, value in items:
        if str(kind) == "LITERAL":
            out += f"\\x{value:02x}"
        elif str(kind) == "RANGE":
            out += f"\\x{value[0]:02x}-\\x{value[1]:02x}"
        else:
            return ""
    return f"[{out}]{{{min(argument[0], 12)}}}"


def _read_piece(operation: str, argument: Any, folded: bool) -> RequiredTexts | None:
    if operation in ("AT", "ASSERT", "ASSERT_NOT"):
        return None
    if operation == "LITERAL":
        return RequiredTexts((RequiredText(bytes([argument]), folded),), exact=True, head=True)
    if operation == "IN":
        return _read_class(argument, folded)
    if operation == "SUBPATTERN":
        _, on, off, inner = argument
        return _read_sequence(inner, (folded or bool(on & re.IGNORECASE)) and not off & re.IGNORECASE)
    if operation in ("MAX_REPEAT", "MIN_REPEAT", "POSSESSIVE_REPEAT"):
        return _read_repeat(argument, folded)
    if operation == "BRANCH":
        return _read_branch(argument[1], folded)
    return _NOTHING


def _read_class(items: Sequence[tuple[Any, Any]], folded: bool) -> RequiredTexts:
    letters: list[int] = []
    for operation, argument in items:
        if str(operation) == "LITERAL":
            letters.append(argument)
        elif str(operation) == "RANGE" and argument[1] - argument[0] < 4:
            letters += range(argument[0], argument[1] + 1)
        else:
            return _NOTHING
    if len(letters) > 4:
        return _NOTHING
    return RequiredTexts(tuple(RequiredText(bytes([letter]), folded) for letter in letters), exact=True, head=True)


def _read_sequence(tokens: Any, folded: bool) -> RequiredTexts:
    pieces = [piece for piece in _list_required(tokens, folded) if piece.texts != _EMPTY.texts]
    if not pieces:
        return _EMPTY
    return pieces[0] if len(pieces) == 1 else _choose_best(pieces)._replace(exact=False)


def _read_repeat(argument: Any, folded: bool) -> RequiredTexts:
    low, high, inner = argument
    piece = _read_sequence(inner, folded)
    if low == high and 0 < low <= 4 and piece.exact:
        whole = piece
        for _ in range(low - 1):
            whole = _join(whole, piece)
        return whole
    if low == 0 and high == 1 and piece.exact and piece != _EMPTY:
        return RequiredTexts((*piece.texts, RequiredText(b"")), exact=True, head=True)
    return piece._replace(exact=False, head=False) if low else _NOTHING


def _read_branch(branches: Iterable[Any], folded: bool) -> RequiredTexts:
    texts: list[RequiredText] = []
    exact = head = True
    for branch in branches:
        piece = _read_sequence(branch, folded)
        texts += piece.texts
        exact, head = exact and piece.exact, head and piece.head
        if not piece.texts or len(texts) > MAX_TEXTS:
            return _NOTHING
    return RequiredTexts(tuple(dict.fromkeys(texts)), exact, head)
