"""Scan a repository for the objects that contain findings: plan shares, read them, merge the results."""

from __future__ import annotations

import hashlib
import os
import re
from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, NamedTuple

from detector.fleet.object_ids import as_rows, join_hex, split_rows
from detector.fleet.survey import PACK_SIZE_BYTES
from detector.fleet.tasks import PlanShares, ScanRepository, ScanShare, SharePlan, ShareResult
from detector.model import Sighting, Skipped
from detector.scan.masking import make_name_masker
from detector.scan.messages import ExamineOptions, ShareProgress
from detector.scan.state import ScanState
from detector.scan.worker import examine_safely

if TYPE_CHECKING:
    from detector.engine.stored import Stored
    from detector.fleet.worker import Worker
    from detector.git.history import HistoryPlan, HistoryShare
    from detector.git.packs import ByteArray
    from detector.git.repository import Repository
    from detector.model import Blob


class ScannedSightings(NamedTuple):
    """The sightings of a repository that is scanned and described in one task: its objects need not be read again.

    `patterns` are the line patterns with which the sightings were made.
    """

    patterns: tuple[str, ...]
    sightings: list[Sighting]


# -- planning ------------------------------------------------------------------


class _KnownToSweep(ScanState):
    """What the coordinator knows about a repository, in the place of a scan's own state."""

    def __init__(self, scan: ScanRepository) -> None:
        super().__init__()
        self._scan = scan
        self.packs: tuple[bytes, ...] = ()

    def plan(self, name: str, repository: Repository, workers: int) -> HistoryPlan:
        """Divide what has to be read of *repository*."""
        import numpy as np

        from detector.git.history import HistoryPlan
        from detector.git.packs import sort_ids
        from detector.git.shares import plan_shares

        del name
        id_bytes = repository.id_bytes
        packs = frozenset(split_rows(self._scan.packs, id_bytes + PACK_SIZE_BYTES))
        known, older = as_rows(self._scan.known, id_bytes), as_rows(self._scan.older, id_bytes)
        both = sort_ids(np.concatenate([known, older])) if len(older) else known
        new = plan_shares(repository, workers=workers, exclude=both, known_packs=packs)
        self.packs = new.pack_keys
        if not len(older):
            return HistoryPlan(new)
        rest = sort_ids(np.concatenate([known, sort_ids(new.ids)]))
        return HistoryPlan(new, plan_shares(repository, workers=workers, exclude=rest, known_packs=packs))


def plan_shares(worker: Worker, task: PlanShares) -> Iterator[SharePlan]:
    """Divide a repository among the workers."""
    yield make_share_plan(worker, task.scan, worker.settings.shares)


def make_share_plan(worker: Worker, scan: ScanRepository, count: int) -> SharePlan:
    """Divide what *scan* would read into about *count* shares."""
    from detector.git.history import split_history

    repository = worker.open_repository(scan.entry, scan.refs_digest)
    memory = _KnownToSweep(scan)
    folder = repository.work_tree or repository.git_dir
    config = worker.settings.config._replace(jobs=count)
    shares: list[HistoryShare] = []
    skipped: list[Skipped] = []
    for item in split_history(repository, folder, config, memory):
        (skipped if isinstance(item, Skipped) else shares).append(item)  # type: ignore[arg-type]
    packs = {*memory.packs, *split_rows(scan.packs, repository.id_bytes + PACK_SIZE_BYTES)}
    return SharePlan(tuple(shares), tuple(skipped), b"".join(sorted(packs)))


# -- reading -------------------------------------------------------------------


def scan_share(
    worker: Worker, task: ScanShare, keep: ScannedSightings | None = None
) -> Iterator[ShareProgress | ShareResult]:
    """Read a share and report the objects with findings. The sightings themselves are appended to *keep*."""
    if task.refs_digest:
        worker.open_repository(task.entry, task.refs_digest)
    store = task.share.part.repository
    sightings: list[Sighting] = []
    skipped: list[Skipped] = []
    objects = 0
    rules = worker.load_rules()
    share = task.share if has_trusted_owner(store.object_dirs) else _VerifiedShare(task.share)
    options = ExamineOptions(patterns=keep.patterns if keep else (), changed_rules=task.changed_rules)
    for message in examine_safely(share, rules.engine, options, None if task.changed_rules else worker.clean):
        if isinstance(message, ShareProgress):
            objects += message.blobs
            yield message
        elif isinstance(message, Sighting):
            sightings.append(message)
        elif isinstance(message, Skipped):
            skipped.append(message)
    if keep:
        keep.sightings.extend(sightings)
    if any(skip.where == task.share.name for skip in skipped):
        yield ShareResult(store.id_bytes, skipped=tuple(skipped), failed=True)
        return
    flagged = {str(sighting.location.origin.object_id) for sighting in sightings}
    unread = {name for skip in skipped if not skip.expected for name in _find_object_ids(skip.where, store.id_bytes)}
    clean = _list_share_ids(task.share, store.id_bytes, without=flagged | unread)
    masked = make_name_masker(sightings, rules.engine.rules).mask_skipped(skipped)
    yield ShareResult(store.id_bytes, clean, join_hex(flagged), tuple(masked), objects=objects)


def _list_share_ids(share: HistoryShare, id_bytes: int, without: set[str]) -> bytes:
    """Return the sorted ids of the objects that *share* reads, *without* the ones that are named."""
    import numpy as np

    from detector.git.pack_walker import WANTED
    from detector.git.packs import find_rows, sort_ids

    part = share.part
    names = (*part.git_ids, *(name for name, _ in part.loose))
    parts: list[ByteArray] = [as_rows(b"".join(bytes.fromhex(name) for name in names), id_bytes)]
    for steps in part.packs:
        is_read = np.frombuffer(steps.flags, np.uint8) & WANTED > 0
        parts.append(as_rows(steps.ids, id_bytes)[is_read])
    ids = sort_ids(np.concatenate(parts))
    excluded = find_rows(ids, as_rows(join_hex(without), id_bytes))
    return np.delete(ids, excluded[excluded >= 0], axis=0).tobytes()


def _find_object_ids(text: str, id_bytes: int) -> list[str]:
    """Return the object ids that a message contains."""
    return re.findall(rf"(?<![0-9a-f])[0-9a-f]{{{2 * id_bytes}}}(?![0-9a-f])", text)


def merge_share_results(results: Iterable[ShareResult], id_bytes: int, skipped: Sequence[Skipped] = ()) -> ShareResult:
    """Merge the results of all shares of one repository; *skipped* comes from planning them."""
    results = list(results)
    return ShareResult(
        id_bytes,
        b"".join(result.clean for result in results),
        b"".join(result.flagged for result in results),
        (*skipped, *(skip for result in results for skip in result.skipped)),
        any(result.failed for result in results),
        sum(result.objects for result in results),
    )


# -- repositories that others can write to -------------------------------------


def has_trusted_owner(object_stores: Iterable[str]) -> bool:
    """Return whether all object stores belong to this user or root. Another owner may write any content into them."""
    return not hasattr(os, "geteuid") or {os.stat(store).st_uid for store in object_stores} <= {0, os.geteuid()}


class _VerifiedShare:
    """A share of another user's repository: an object counts as read only if its id matches its content.

    What was read is not read again in other repositories, so an object under a
    false id would hide the real one there. git has computed the ids in our own
    clones. Verifying takes up to half as much time again.
    """

    def __init__(self, share: HistoryShare) -> None:
        self._share = share
        self.weight = share.weight
        self.name = share.name
        self.published = share.published
        self.read_before = share.read_before

    def read(self) -> Iterator[Blob | Skipped]:
        skipped: list[Skipped] = []
        for stored in self.read_objects(skipped):
            yield self.make_blob(stored)
        yield from skipped

    def read_objects(self, skipped: list[Skipped]) -> Iterator[Stored]:
        for stored in self._share.read_objects(skipped):
            algorithm = hashlib.sha256 if len(stored.id) == 32 else hashlib.sha1
            digest = algorithm(f"{stored.kind} {len(stored.data)}\0".encode())
            digest.update(stored.data)
            if digest.digest() != stored.id:
                where = f"{self._share.repository}: object {stored.id.hex()}"
                skipped.append(Skipped(where, "the content does not match the object id"))
            yield stored

    def make_blob(self, stored: Stored) -> Blob:
        return self._share.make_blob(stored)
