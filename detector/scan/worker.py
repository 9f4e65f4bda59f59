"""What a worker does with a share: read it, examine it, report what is found.

The same function runs in this process, in a pool of processes and on a cluster.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

from detector.containers.kinds import detect_container, is_package
from detector.contracts import GitShare, Share
from detector.engine.decode.text import decode_blob
from detector.engine.delta_reuse import VersionCache
from detector.engine.engine import Engine
from detector.engine.stored import Stored
from detector.errors import LeakfirstError, locate_error
from detector.model import CURRENT_KINDS, UNPACKED_KINDS, Blob, Origin, Sighting, Skipped
from detector.scan.batching import Row, fill_batch
from detector.scan.examine import DEFAULT_OPTIONS, Examiner
from detector.scan.messages import ExamineOptions, Message, ShareProgress
from detector.scan.publishing import PublishingCheck
from detector.scan.unpack import BATCH_BYTES, examine_container

if TYPE_CHECKING:
    from detector.containers.unpack import CleanMembers

SMALL = 64 << 10
"""Bytes up to which a blob is examined in a batch with others."""


def examine_share(
    share: Share, engine: Engine, options: ExamineOptions = DEFAULT_OPTIONS, clean: CleanMembers | None = None
) -> Iterator[Message]:
    """Read *share* and yield what is in it; progress comes at least every few megabytes.

    In a share that was read before, only `options.changed_rules` are looked for.
    *clean* remembers, from share to share of a scan, members of containers in which nothing was found.
    """
    only = options.changed_rules if share.read_before else None
    examiner = Examiner(engine, options, only)
    if isinstance(share, GitShare):
        return _examine_objects(share, examiner, clean if only is None else None)
    return examine_blobs(share.read(), examiner, published=share.published)


def examine_safely(
    share: Share, engine: Engine, options: ExamineOptions = DEFAULT_OPTIONS, clean: CleanMembers | None = None
) -> Iterator[Message]:
    """Do what `examine_share` does; a share that fails is a `Skipped` under its name."""
    try:
        yield from examine_share(share, engine, options, clean)
    except LeakfirstError as error:
        yield Skipped(share.name, str(error))
    except MemoryError:
        yield Skipped(share.name, "not enough memory")
    except Exception as problem:  # a bug costs one share and is reported, without the values of variables
        yield Skipped(share.name, f"failed: {type(problem).__name__} in {locate_error(problem)}")


def find_sightings(engine: Engine, blob: Blob) -> Iterator[Sighting]:
    """Yield what is found in one blob, in whatever it is wrapped, as `examine_share` does."""
    return (message for message in examine_blobs([blob], Examiner(engine)) if isinstance(message, Sighting))


def examine_blobs(
    blobs: Iterable[Blob | Skipped], examiner: Examiner, *, published: bool = False, clean: CleanMembers | None = None
) -> Iterator[Message]:
    """Examine *blobs*: containers by themselves, large blobs one by one, small ones in batches."""
    check = PublishingCheck(examiner.engine.rules)
    named: list[Origin] = []
    batch: list[Blob] = []
    held = size = count = 0
    try:
        for blob in blobs:
            if isinstance(blob, Skipped):
                yield blob
                continue
            count += bool(blob.data)
            size += len(blob.data)
            blob = decode_blob(blob)
            # Content of a history has no path yet. A blob without content stands for its name.
            if blob.origin.path and not blob.base and (blob.origin.kind in CURRENT_KINDS or not blob.data):
                named.append(blob.origin)
            if published or blob.origin.kind in UNPACKED_KINDS:
                yield from _check_published(check, blob, published)
            if kind := detect_container(blob):
                yield from examine_container(examiner, blob, kind, published, clean)
            elif len(blob.data) <= SMALL:
                batch.append(blob)
                held += len(blob.data)
            else:
                yield from examiner.examine(blob)
            if held >= BATCH_BYTES:
                yield from _examine_batch(examiner, batch)
                batch, held = [], 0
            if size >= BATCH_BYTES:
                yield from examiner.examine_names(named)
                yield ShareProgress(size, count)
                named, size, count = [], 0, 0
    except Exception:
        yield from _examine_batch(examiner, batch)  # what was read before the failure counts
        raise
    yield from _examine_batch(examiner, batch)
    yield from examiner.examine_names(named)
    yield ShareProgress(size, count)


def _examine_batch(examiner: Examiner, batch: list[Blob]) -> Iterator[Message]:
    return (message for _, message in examiner.examine_batch(batch))


def _check_published(check: PublishingCheck, blob: Blob, published: bool) -> Iterator[Sighting]:
    """Report *blob* if it should not be published: a published file, or a member of a package that was streamed."""
    if published and blob.origin.kind in CURRENT_KINDS:
        yield from check.check(blob, blob.origin.path)
        return
    package, _, name = blob.origin.path.partition("!")
    if published or blob.origin.kind == "image" or is_package(package):
        yield from check.check(blob, name, package)


def _examine_objects(share: GitShare, examiner: Examiner, clean: CleanMembers | None) -> Iterator[Message]:
    """Examine a history: half a million objects, of which a thousand hold anything.

    No blob is made of an object before pass 1 has hit in it. Text that is not UTF-8
    and containers are examined as any file is.
    """
    skipped: list[Skipped] = []
    objects = share.read_objects(skipped)
    versions = VersionCache()
    failure: Exception | None = None
    more = True
    while more:
        rows: list[Row] = []
        special: list[Stored] = []
        try:
            size = fill_batch(objects, rows, special, BATCH_BYTES)
            more = size >= BATCH_BYTES
        except Exception as problem:  # what was read before the failure counts
            failure, more = problem, False
            size = sum(len(stored.data) for stored in special) + sum(len(data) for data, _, _ in rows)
        for index, examined in examiner.engine.examine_batch(rows, keep_rejected=True, versions=versions):
            stored = rows[index][2]
            assert stored is not None
            yield from examiner.report_hits(share.make_blob(stored), examined)
        yield ShareProgress(size - sum(len(stored.data) for stored in special), len(rows))
        yield from examine_blobs(map(share.make_blob, special), examiner, clean=clean)
    yield from skipped
    if failure:
        raise failure
