"""The automata of a pack, each made from what is at hand: prepared, stored, or the anchors alone."""

from __future__ import annotations

import marshal
import os
import sys
import zlib
from array import array
from collections.abc import Iterator, Sequence
from functools import cache
from typing import Any, NamedTuple

from detector.engine.anchors import AnchorHit, Automaton, build_automaton
from detector.engine.automata import DeferredAutomaton, RenumberedAutomaton, is_worth_compiling
from detector.model import Anchor
from detector.rules.checked_file import read_checked, remove_old, write_checked


class PackedAnchors(Sequence[Anchor]):
    """Anchors that are unpacked on first use: nobody needs them beside a stored database."""

    def __init__(self, packed: bytes, count: int) -> None:
        self._packed = packed
        self._count = count
        self._anchors: tuple[Anchor, ...] = ()

    def __len__(self) -> int:
        return self._count

    def __getitem__(self, index: Any) -> Any:
        return self._unpack()[index]

    def __iter__(self) -> Iterator[Anchor]:
        return iter(self._unpack())

    def __reduce__(self) -> tuple[type[PackedAnchors], tuple[bytes, int]]:
        return PackedAnchors, (self._packed, self._count)

    def _unpack(self) -> tuple[Anchor, ...]:
        if not self._anchors:
            rows = marshal.loads(zlib.decompress(self._packed))  # noqa: S302 - our own file, checked as a whole
            self._anchors = tuple(Anchor(*row) for row in rows)
        return self._anchors


def pack_anchors(anchors: Sequence[Anchor]) -> bytes:
    """Return *anchors* as bytes for `PackedAnchors`."""
    return zlib.compress(marshal.dumps(tuple(tuple(anchor) for anchor in anchors)))


class PreparedAutomaton:
    """The automaton that checking a stored database created, returned once; it is not shared and not pickled."""

    def __init__(self, automaton: Automaton | None = None) -> None:
        self._automaton = automaton

    def take(self) -> Automaton | None:
        """Return the automaton the first time, then None."""
        taken, self._automaton = self._automaton, None
        return taken

    def __reduce__(self) -> tuple[type[PreparedAutomaton], tuple[()]]:
        return PreparedAutomaton, ()


class AutomatonPart(NamedTuple):
    """One automaton of a pack, for the backend *engine*.

    `anchors` are what it searches for, in the order of its numbers; `numbers` holds the number of each in
    the pack, negative where the pack has no use for it, and is None where they are the same. The
    database of Hyperscan is `dumped`, or else it is kept in the cache under the name `stored` and `label` when it is
    compiled.
    """

    engine: str
    anchors: Sequence[Anchor]
    dumped: bytes = b""
    prepared: PreparedAutomaton | None = None
    numbers: array[int] | None = None
    stored: str = ""
    label: str = ""


class EmptyAutomaton:
    """The automaton of no anchors."""

    def scan(self, data: bytes) -> list[AnchorHit]:
        """Find nothing."""
        del data
        return []

    def dump(self) -> bytes:
        """Return nothing."""
        return b""


def join_automata(parts: Sequence[AutomatonPart]) -> Automaton:
    """Return one automaton that reports what those of *parts* find."""
    if not parts:
        return EmptyAutomaton()
    if len(parts) == 1 and parts[0].numbers is None:
        return _make_automaton(parts[0])
    return RenumberedAutomaton(
        [(_make_automaton(part), range(len(part.anchors)) if part.numbers is None else part.numbers) for part in parts]
    )


def compile_for(part: AutomatonPart, size: int) -> AutomatonPart:
    """Return *part* with a database if it has none and scanning *size* bytes is worth compiling one."""
    if part.engine == "ahocorasick" or part.dumped or not is_worth_compiling(size, len(part.anchors)):
        return part
    try:
        return part._replace(dumped=_compile(part).dump())
    except Exception:  # the automaton without a database finds the same
        return part


def prepare(part: AutomatonPart) -> AutomatonPart | None:
    """Load the database of *part*, ready to use; None if Hyperscan refuses it: it was made for another processor."""
    try:
        return part._replace(prepared=PreparedAutomaton(build_automaton((), part.engine, part.dumped)))
    except Exception:  # whatever is wrong with a stored database, the anchors are at hand
        return None


def _make_automaton(part: AutomatonPart) -> Automaton:
    prepared = part.prepared.take() if part.prepared else None
    if prepared is not None:
        return prepared
    if part.dumped or part.engine == "ahocorasick":
        return build_automaton(part.anchors, part.engine, part.dumped)
    return DeferredAutomaton(part.anchors, lambda: _compile(part))


def _compile(part: AutomatonPart) -> Automaton:
    """Return the automaton of *part* with Hyperscan: from the cache, or compiled and put there."""
    known = read_database(part.stored, part.label, part.engine) if part.stored else None
    if known and (prepared := prepare(part._replace(dumped=known))):
        return _make_automaton(prepared)
    automaton = build_automaton(part.anchors, part.engine)
    if part.stored and write_database(part.stored, part.label, part.engine, automaton.dump()):
        remove_old(os.path.dirname(part.stored))
    return automaton


def read_database(place: str, label: str, engine: str) -> bytes | None:
    """Return the database in the file whose name begins with *place*, if it was made for *label* and this machine."""
    suffix = _database_suffix(engine)
    return read_checked(place + suffix, label + suffix)


def write_database(place: str, label: str, engine: str, dumped: bytes) -> bool:
    """Store a database for `read_database`; return whether that succeeded."""
    suffix = _database_suffix(engine)
    return write_checked(place + suffix, label + suffix, dumped)


def _database_suffix(engine: str) -> str:
    """Return the end of the name of a dumped automaton: everything that it depends on."""
    node = os.uname().machine if hasattr(os, "uname") else os.environ.get("PROCESSOR_ARCHITECTURE", "")
    library = _describe_hyperscan() if engine == "hyperscan" else ""
    return f"-{engine}{library}-{sys.platform}-{node}.database"


@cache
def _describe_hyperscan() -> str:
    """Return version and features of the library, as it writes them into the header of each database.

    The version of the Python package says less: many of its releases have the same library.
    """
    import hyperscan

    database = hyperscan.Database(mode=hyperscan.HS_MODE_BLOCK)
    database.compile(expressions=[b"x"], ids=[0], elements=1, flags=[0])
    header = bytes(hyperscan.dumpb(database))[:20]
    return f"{header[4:8].hex()}-{header[12:20].hex()}"
