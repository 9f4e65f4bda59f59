"""Find credentials in the names of files: a token that somebody pasted into a name is shown wherever the name is."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from detector.engine.engine import Engine
from detector.model import Confidence, Evidence, Hit, Location, Origin, Sighting

MIN_NAME_BYTES = 20
MIN_DIGITS = 2
"""Names that are shorter, or hold fewer digits, are read as they are."""

MAX_CUTS = 8
"""A name is taken apart at so many of its separators."""

DIGITS = [b"%d" % digit for digit in range(10)]

IN_NAME = Evidence("it is part of the name of the file")


def examine_names(engine: Engine, origins: Sequence[Origin]) -> Iterator[Sighting]:
    """Yield what is found in the paths of *origins*, each for itself.

    Only formats that need nothing beside them count: words such as `password` in a
    path are the names of things.
    """
    if not origins:
        return
    if not any(_is_certain(hit) for hit in engine.scan(b"\n".join(_list_texts(origin.path) for origin in origins))):
        return
    for origin in dict.fromkeys(origins):
        found = {hit.secret: hit for hit in engine.scan(_list_texts(origin.path)) if _is_certain(hit)}
        for hit in found.values():
            yield Sighting(
                rule=engine.index_of(hit.rule),
                location=Location(origin, 0, 0, 1, 1, 1, 1),
                secret=hit.secret,
                confidence=hit.confidence,
                verdict=hit.verdict,
                evidence=(*hit.evidence, IN_NAME),
            )


def _is_certain(hit: Hit) -> bool:
    return not hit.rule.scored and hit.confidence == Confidence.HIGH and not hit.parts


def _list_texts(path: str) -> bytes:
    """Return *path*, and by themselves the parts of its names that could be a token: `dump_` may be in front of it."""
    text = path.encode("utf-8", "surrogateescape")
    lines = [text]
    for name in text.split(b"/"):
        if len(name) >= MIN_NAME_BYTES and sum(map(name.count, DIGITS)) >= MIN_DIGITS:
            cuts = [at for at, byte in enumerate(name) if byte in b"_-. "][:MAX_CUTS]
            starts, ends = [0, *(at + 1 for at in cuts)], [*cuts, len(name)]
            lines += [name[start:end] for start in starts for end in ends if end - start >= MIN_NAME_BYTES]
    return b"\n".join(lines)
