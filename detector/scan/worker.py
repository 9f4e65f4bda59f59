"""What a worker does with a share: read, examine, say what was seen.

The same function runs in this process, in a pool of processes and on a
cluster. Small blobs are put together for one call of the first pass; lines,
columns and the redacted excerpt are made here, where the bytes still are.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Iterator
from itertools import accumulate
from typing import TYPE_CHECKING, NamedTuple

from detector.containers.kinds import UNPACKED, container, is_package
from detector.contracts import Share, StoredShare
from detector.engine.decode.text import readable
from detector.engine.delta_reuse import VersionCache
from detector.engine.engine import EMPTY_RESULT, Engine, EngineResult
from detector.engine.lines import LineMap
from detector.engine.stored import Stored
from detector.ignores import marks
from detector.model import Blob, Hit, Location, Origin, RejectedCandidate, Sighting, Skipped
from detector.scan.batching import Row, take
from detector.secret import Secret, redact

if TYPE_CHECKING:
    from detector.containers import Clean, Ended
    from detector.scan.publishing import Watch

BATCH_BYTES = 4 << 20
SMALL = 64 << 10
EXCERPT = 60
"""Characters of context shown on either side of a secret."""


class Progress(NamedTuple):
    """Work done since the last message."""

    bytes: int
    blobs: int

    def plus(self, other: Progress) -> Progress:
        """Add up."""
        return Progress(self.bytes + other.bytes, self.blobs + other.blobs)


class Seen(NamedTuple):
    """A sighting's dropped cousin, for ``--show-ignored``."""

    origin: Origin
    rejected: RejectedCandidate


class Options(NamedTuple):
    """What is asked of the workers besides hits.

    `patterns` are those of allow-lists that need the line of a hit
    (`Policy.line_patterns`), `changed` the rules that are other than last time.
    """

    keep_rejected: bool = False
    patterns: tuple[str, ...] = ()
    changed: frozenset[str] = frozenset()


DEFAULTS = Options()


class UnusedMark(NamedTuple):
    """An inline mark in a file of today that sets nothing aside."""

    origin: Origin
    line: int
    text: str


Message = Sighting | Skipped | Progress | Seen | UnusedMark

CURRENT = ("worktree", "index")
"""Kinds of origin where an unused mark is worth a word; in history nobody can remove it."""


def perform(share: Share, engine: Engine, options: Options = DEFAULTS, clean: Clean | None = None) -> Iterator[Message]:
    """Read *share* and yield what is in it; progress comes along at least every few megabytes.

    A share that was read before (`changed_rules`) is asked about `options.changed` alone.
    *clean* remembers from share to share of a scan in which members of containers nothing was found.
    """
    only = options.changed if getattr(share, "changed_rules", False) else None
    if isinstance(share, StoredShare):
        return _versions(share, engine, options, only, clean if only is None else None)
    return _contents(share.blobs(), engine, options, only, getattr(share, "published", False))


def _contents(
    blobs: Iterable[Blob | Skipped],
    engine: Engine,
    options: Options,
    only: frozenset[str] | None,
    published: bool,
    clean: Clean | None = None,
) -> Iterator[Message]:
    watched: dict[str, Watch] = {}
    batch: list[Blob] = []
    held = size = count = 0
    try:
        for blob in blobs:
            if isinstance(blob, Skipped):
                yield blob
                continue
            count += 1
            size += len(blob.data)
            blob = readable(blob)
            if published:
                yield from _exposed(engine, blob, "", blob.origin.path, watched)
            elif blob.origin.kind in UNPACKED:  # of a container too large to be handed over as one blob
                outer, _, inner = blob.origin.path.partition("!")
                if blob.origin.kind == "image" or is_package(outer):
                    yield from _exposed(engine, blob, outer, inner, watched)
            if kind := container(blob):
                yield from _inside(engine, blob, kind, options, only, published, clean)
            elif len(blob.data) <= SMALL:
                batch.append(blob)
                held += len(blob.data)
            else:
                examined = engine.examine(blob.data, blob.origin.path, keep_rejected=True)
                yield from _report(engine, blob, examined, options, only)
            if held >= BATCH_BYTES:
                yield from _all(engine, batch, options, only)
                batch, held = [], 0
            if size >= BATCH_BYTES:
                yield Progress(size, count)
                size = count = 0
    except Exception:
        # what was read before the trouble counts
        yield from _all(engine, batch, options, only)
        raise
    yield from _all(engine, batch, options, only)
    yield Progress(size, count)


def _exposed(engine: Engine, blob: Blob, outer: str, inner: str, watched: dict[str, Watch]) -> Iterator[Sighting]:
    """Say whether *blob*, *inner* within the package *outer*, should not be published at all."""
    from detector.scan.publishing import Watch

    if outer not in watched:
        watched[outer] = Watch(engine.rules)
    yield from watched[outer].look(blob, inner)


def _versions(
    share: StoredShare, engine: Engine, options: Options, only: frozenset[str] | None, clean: Clean | None
) -> Iterator[Message]:
    """Do the same for a history: half a million objects, of which a thousand have anything to say.

    Nothing is made of an object before pass 1 has stopped in it. Text that is not UTF-8
    and containers go the way of any file.
    """
    skipped: list[Skipped] = []
    objects = share.objects(skipped)
    seen = VersionCache()
    failure: Exception | None = None
    more = True
    while more:
        rows: list[Row] = []
        special: list[Stored] = []
        try:
            size = take(objects, rows, special, BATCH_BYTES)
            more = size >= BATCH_BYTES
        except Exception as problem:  # what was read before the trouble counts
            failure, more = problem, False
            size = sum(len(stored.data) for stored in special) + sum(len(data) for data, _, _ in rows)
        for index, examined in engine.examine_batch(rows, keep_rejected=True, versions=seen):
            stored = rows[index][2]
            assert stored is not None
            yield from _said(engine, share.blob(stored), examined, options, only, set())
        yield Progress(size - sum(len(stored.data) for stored in special), len(rows))
        yield from _contents(map(share.blob, special), engine, options, only, published=False, clean=clean)
    yield from skipped
    if failure:
        raise failure


def _inside(
    engine: Engine,
    blob: Blob,
    kind: str,
    options: Options,
    only: frozenset[str] | None,
    published: bool,
    clean: Clean | None,
) -> Iterator[Message]:
    """Yield what is seen within a container, then what its own bytes say that none of its members said."""
    from detector.containers import Clean, inside, inside_but

    items: Iterator[Blob | Skipped | Sighting | Ended]
    if published or kind == "image" or is_package(blob.origin.path):
        items = _watched(engine, inside(blob.data, kind, blob.origin), "" if published else f"{blob.origin.path}!")
    elif clean is not None:
        items = inside_but(blob.data, kind, blob.origin, clean)
    else:
        items = inside(blob.data, kind, blob.origin)
    known: set[Secret] = set()
    for messages in _grouped(engine, items, options, only, Clean() if clean is None else clean):
        for message in messages:
            if isinstance(message, Sighting):
                known.add(message.secret)
            yield message
    if kind != "source map":  # its members and the rest of it are all there is
        examined = engine.examine(blob.data, blob.origin.path, keep_rejected=True)
        for message in _report(engine, blob, examined, options, only):
            if not (isinstance(message, Sighting) and message.secret in known):
                yield message


def _watched(
    engine: Engine, items: Iterable[Blob | Skipped | Sighting], outer: str
) -> Iterator[Blob | Skipped | Sighting]:
    """Pass members on, and say which of them should not be published at all."""
    watched: dict[str, Watch] = {}
    for item in items:
        yield item
        if isinstance(item, Blob):
            yield from _exposed(engine, item, outer, item.origin.path.removeprefix(outer), watched)


def _grouped(
    engine: Engine,
    items: Iterable[Blob | Skipped | Sighting | Ended],
    options: Options,
    only: frozenset[str] | None,
    clean: Clean,
) -> Iterator[Iterable[Message]]:
    """Examine members of a container, many small ones at a time; note in *clean* those that say nothing."""
    group: list[Blob] = []
    owners: list[int] = []  # for each blob of the group, how many members had ended before it
    ended: list[Ended] = []
    telling: set[int] = set()
    held = 0

    def examined() -> Iterator[Message]:
        for index, message in _batch(engine, group, options, only):
            telling.add(owners[index])
            yield message
        yield Progress(held, len(group))

    for item in items:
        if isinstance(item, Blob):
            group.append(readable(item))
            owners.append(len(ended))
            held += len(item.data)
        elif isinstance(item, Skipped | Sighting):
            telling.add(len(ended))
            yield [item]
        else:
            ended.append(item)
        if held >= BATCH_BYTES:
            yield examined()
            group, owners, held = [], [], 0
    yield examined()
    for number, member in enumerate(ended):
        if number not in telling:
            clean.add(member)


def _all(engine: Engine, blobs: list[Blob], options: Options, only: frozenset[str] | None) -> Iterator[Message]:
    return (message for _, message in _batch(engine, blobs, options, only))


def _batch(
    engine: Engine, blobs: list[Blob], options: Options, only: frozenset[str] | None
) -> Iterator[tuple[int, Message]]:
    """Examine many blobs together; each message comes with the number of its blob."""
    rows = [(blob.data, blob.origin.path, None) for blob in blobs]
    examined = dict(engine.examine_batch(rows, keep_rejected=True))
    for index, blob in enumerate(blobs):
        if index in examined or (options.keep_rejected and blob.origin.kind in CURRENT):
            for message in _report(engine, blob, examined.get(index, EMPTY_RESULT), options, only):
                yield index, message


def seen_in(engine: Engine, blob: Blob) -> Iterator[Sighting]:
    """Yield what is seen in one blob, in whatever it is wrapped, as `perform` does."""
    for message in _contents([blob], engine, DEFAULTS, None, published=False):
        if isinstance(message, Sighting):
            yield message


def _report(
    engine: Engine, blob: Blob, examined: EngineResult, options: Options, only: frozenset[str] | None
) -> Iterator[Message]:
    used: set[int] = set()
    yield from _said(engine, blob, examined, options, only, used)
    if options.keep_rejected and blob.origin.kind in CURRENT and marks.may_contain_mark(blob.data):
        lines = LineMap(blob.data, blob.base_line, blob.base_column)
        for mark in marks.find_marks(blob.data):
            if mark.at not in used and (not blob.core or blob.core[0] <= mark.at < blob.core[1]):
                yield UnusedMark(blob.origin, lines.locate(mark.at)[0], mark.text)


def _said(
    engine: Engine, blob: Blob, examined: EngineResult, options: Options, only: frozenset[str] | None, used: set[int]
) -> Iterator[Message]:
    """Yield what the engine says of *blob*; *used* collects the marks that cover a hit."""
    if examined is EMPTY_RESULT:
        return
    for problem in examined.unfinished:
        yield Skipped(blob.origin.path or str(blob.origin.object_id), problem)
    if options.keep_rejected:
        for rejected in examined.rejected:
            yield Seen(blob.origin, rejected)
    lines = LineMap(blob.data, blob.base_line, blob.base_column)
    masked = _masked(examined)
    # what was unpacked has no places of its own: ten thousand hits may point at the same bytes
    spots: dict[tuple[object, ...], tuple[Location, tuple[str, ...], marks.Mark | None]] = {}
    for hit in sorted(examined.hits, key=lambda hit: hit.start):
        if only is not None and hit.rule.id not in only:
            continue
        if blob.core and not blob.core[0] <= hit.start < blob.core[1]:
            continue
        if blob.new is not None and not any(hit.start < end and hit.end > start for start, end in blob.new):
            continue
        spot = hit.start, hit.end, hit.rule.id, hit.decoded_via
        if spot not in spots:
            near = marks.find_matching(options.patterns, blob.data, hit.start, hit.end)
            mark = marks.find_mark_for(blob.data, hit.start, hit.end, blob.origin.path, hit.rule.id)
            spots[spot] = _locate(blob, hit, lines, masked), (mark.text, *near) if mark else near, mark
        location, near, mark = spots[spot]
        if mark:
            used.add(mark.at)
        yield Sighting(
            rule=engine.index_of(hit.rule),
            location=location,
            secret=hit.secret,
            parts=tuple((part.name, part.secret) for part in hit.parts),
            confidence=hit.confidence,
            verdict=hit.verdict,
            evidence=hit.evidence,
            nearby_ignores=near,
        )


def _locate(blob: Blob, hit: Hit, lines: LineMap, masked: Spans) -> Location:
    line, column = lines.locate(hit.start)
    end_line, end_column = lines.locate(hit.end)
    return Location(
        origin=blob.origin,
        start=blob.base + hit.start,
        end=blob.base + hit.end,
        line=line,
        column=column,
        end_line=end_line,
        end_column=end_column,
        decoded_via=(*blob.via, *hit.decoded_via),
        snippet=excerpt(blob.data, hit.start, hit.end, masked),
    )


class Spans:
    """Spans of a text, found by their place. There may be a hundred thousand, of which few stand on one line."""

    def __init__(self, spans: Iterable[tuple[int, int]]) -> None:
        self._spans = sorted(set(spans))
        self._reached = list(accumulate((end for _, end in self._spans), max))  # how far those up to each go

    def within(self, start: int, end: int) -> Iterator[tuple[int, int]]:
        """Yield those that share bytes with ``start:end``, in order."""
        for at in range(bisect_right(self._reached, start), len(self._spans)):
            first, last = self._spans[at]
            if first >= end:
                return
            if last > start:
                yield first, last


def _masked(examined: EngineResult) -> Spans:
    """Collect every span that must not be shown: hits, their parts, and what was let go."""
    spans = [(hit.start, hit.end) for hit in examined.hits]
    spans += [(part.start, part.end) for hit in examined.hits for part in hit.parts]
    spans += [(rejected.start, rejected.end) for rejected in examined.rejected]
    return Spans(spans)


def excerpt(data: bytes, start: int, end: int, masked: Spans) -> str:
    """Return the line around ``start:end`` with everything in *masked* redacted.

    One line, bounded, without control characters: it is printed to terminals
    and into web pages.
    """
    earliest, latest = max(0, start - EXCERPT), min(len(data), end + EXCERPT)
    line_start = max(data.rfind(b"\n", earliest, start) + 1, earliest)
    line_end = data.find(b"\n", end, latest)
    line_end = line_end if line_end >= 0 else latest
    out = []
    at = line_start
    for first, last in masked.within(line_start, line_end):
        if last <= at:
            continue
        if first > at:
            out.append(_printable(data[at:first]))
        out.append(redact(bytes(data[first:last])))
        at = max(at, last)
    if at < line_end:
        out.append(_printable(data[at:line_end]))
    return "".join(out).strip()


def _printable(text: bytes) -> str:
    characters = text.decode("utf-8", "replace")
    if characters.isprintable():
        return characters
    return "".join(c if c.isprintable() else " " for c in characters)
