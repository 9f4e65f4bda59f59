"""Examine what a container holds, and remember the members in which nothing is found."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

from detector.containers.kinds import is_package
from detector.engine.decode.text import decode_blob
from detector.model import CURRENT_KINDS, Blob, Sighting, Skipped
from detector.scan.messages import Message, ShareProgress
from detector.scan.publishing import PublishingCheck

if TYPE_CHECKING:
    from detector.containers.unpack import CleanMembers, MemberEnd
    from detector.scan.examine import Examiner
    from detector.secret import Secret

BATCH_BYTES = 4 << 20
"""Bytes of small blobs that are examined in one pass."""


def examine_container(
    examiner: Examiner, blob: Blob, kind: str, published: bool = False, clean: CleanMembers | None = None
) -> Iterator[Message]:
    """Yield what is found in the members of a container, then what its own bytes hold beyond that.

    *published* says that the container as a whole is published. *clean* knows members in which nothing was found.
    """
    from detector.containers.unpack import CleanMembers, unpack, unpack_changed

    items: Iterator[Blob | Skipped | Sighting | MemberEnd]
    if published or kind == "image" or is_package(blob.origin.path):
        prefix = "" if published and blob.origin.kind in CURRENT_KINDS else f"{blob.origin.path}!"
        items = _check_members(PublishingCheck(examiner.engine.rules), unpack(blob.data, kind, blob.origin), prefix)
    elif clean is not None:
        items = unpack_changed(blob.data, kind, blob.origin, clean)
    else:
        items = unpack(blob.data, kind, blob.origin)
    known: set[Secret] = set()
    for messages in _examine_members(examiner, items, CleanMembers() if clean is None else clean):
        for message in messages:
            if isinstance(message, Sighting):
                known.add(message.secret)
            yield message
    if kind != "source map":  # that is no more than its members and their remainder
        for message in examiner.examine(blob):
            if not (isinstance(message, Sighting) and message.secret in known):
                yield message


def _check_members(
    check: PublishingCheck, items: Iterable[Blob | Skipped], prefix: str
) -> Iterator[Blob | Skipped | Sighting]:
    """Pass members on, and report those that should not be published at all."""
    for item in items:
        yield item
        if isinstance(item, Blob):
            yield from check.check(item, item.origin.path.removeprefix(prefix))


def _examine_members(
    examiner: Examiner, items: Iterable[Blob | Skipped | Sighting | MemberEnd], clean: CleanMembers
) -> Iterator[Iterable[Message]]:
    """Examine members in batches; add those in which nothing is found to *clean*."""
    batch: list[Blob] = []
    owners: list[int] = []  # for each blob of the batch, how many members had ended before it
    ended: list[MemberEnd] = []
    with_messages: set[int] = set()
    size = 0

    def examine_batch() -> Iterator[Message]:
        for index, message in examiner.examine_batch(batch):
            with_messages.add(owners[index])
            yield message
        yield ShareProgress(size, len(batch))

    for item in items:
        if isinstance(item, Blob):
            batch.append(decode_blob(item))
            owners.append(len(ended))
            size += len(item.data)
        elif isinstance(item, Skipped | Sighting):
            with_messages.add(len(ended))
            yield [item]
        else:
            ended.append(item)
        if size >= BATCH_BYTES:
            yield examine_batch()
            batch, owners, size = [], [], 0
    yield examine_batch()
    for number, member in enumerate(ended):
        if number not in with_messages:
            clean.add(member)
