"""Take credentials out of a text that is about to leave: the rules look at it once more.

A message is made of redacted values, but a path, a branch or an owner's name
may hold a credential of its own. So every text goes through the engine, and
what it finds is replaced by what may be shown of it.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import TYPE_CHECKING

from detector.secret import redact

if TYPE_CHECKING:
    from detector.engine.engine import Engine
    from detector.rules.pack import Pack


def cleaner(pack: Callable[[], Pack]) -> Callable[[str], str]:
    """Return a function that redacts a text by the rules of *pack*, which is asked for with the first text."""

    @cache
    def engine() -> Engine:
        from detector.rules.pack import engine_of

        return engine_of(pack())

    def clean(text: str) -> str:
        data = text.encode("utf-8", "surrogateescape")
        hits = engine().scan(data)
        spans = [(hit.start, hit.end) for hit in hits]
        spans += [(part.start, part.end) for hit in hits for part in hit.parts]
        out, at = [], 0
        for start, end in sorted(spans):
            if start >= at:
                out += [data[at:start], redact(data[start:end]).encode()]
            at = max(at, end)
        return b"".join([*out, data[at:]]).decode("utf-8", "surrogateescape")

    return clean
