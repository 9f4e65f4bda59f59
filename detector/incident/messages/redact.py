"""Redact credentials in text that is about to be sent or written.

Messages are built from redacted values, but a path, a branch or an owner's name may
contain a credential too. Every text is scanned with the rules, and each match is
replaced by its redacted form.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import TYPE_CHECKING

from detector.secret import redact

if TYPE_CHECKING:
    from detector.engine.engine import Engine
    from detector.rules.pack import Pack


def make_redactor(load_pack: Callable[[], Pack]) -> Callable[[str], str]:
    """Return a function that redacts a text; it calls *load_pack* for the rules with the first text."""

    @cache
    def engine() -> Engine:
        from detector.rules.pack import build_engine

        return build_engine(load_pack())

    def redact_text(text: str) -> str:
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

    return redact_text
