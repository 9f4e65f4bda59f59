"""The first look at a repository: has it changed, and which objects does it hold?"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator
from typing import TYPE_CHECKING

from detector import __version__
from detector.fleet.object_ids import split_rows
from detector.fleet.tasks import Survey, SurveyResult
from detector.scan.state import digest_refs

if TYPE_CHECKING:
    from detector.fleet.tasks import WorkerSettings
    from detector.fleet.worker import Worker
    from detector.git.repository import Repository

PACK_SIZE_BYTES = 8
"""Length of the size that follows the checksum in the id of a pack (`pack_mark`)."""


def survey(worker: Worker, task: Survey) -> Iterator[SurveyResult]:
    """Update the clone and list its objects outside the known packs."""
    if not task.entry.local:
        worker.settings.clones.refresh(task.entry, task.verify)
    repository = worker.open_repository(task.entry)
    digest = compute_state_digest(repository, worker.settings)
    if digest == task.state_digest:
        yield SurveyResult(digest, repository.id_bytes, unchanged=True)
        return
    known_packs = frozenset(split_rows(task.packs, repository.id_bytes + PACK_SIZE_BYTES))
    ids, stored_bytes = list_objects(repository, known_packs)
    yield SurveyResult(digest, repository.id_bytes, ids, stored_bytes, refs_digest=digest_refs(repository))


def compute_state_digest(repository: Repository, settings: WorkerSettings) -> str:
    """Return a digest of everything that decides the findings: refs, stored objects, rules and policy.

    While it stays the same, so do the findings. It takes about a millisecond.
    """
    from detector.git.objects import list_loose_ids
    from detector.git.refs import read_shallow_commits

    digest = hashlib.blake2b(digest_size=16)
    digest.update(f"{digest_refs(repository)} {settings.rules_digest} {__version__}".encode())
    config = settings.config
    policy = (config.min_confidence, config.operator.get("ignore"), config.operator.get("allow"), settings.owners)
    digest.update(repr((policy, config.baseline, config.only, config.skip, read_shallow_commits(repository))).encode())
    for store in repository.object_dirs:
        for name, size in sorted(_list_pack_files(store)):
            digest.update(f"{name} {size}\n".encode("utf-8", "surrogateescape"))
        digest.update("".join(list_loose_ids(store, repository.id_bytes)).encode())
    return digest.hexdigest()


def _list_pack_files(store: str) -> Iterator[tuple[str, int]]:
    """Yield name and size of each pack and index file."""
    try:
        entries = list(os.scandir(os.path.join(store, "pack")))
    except OSError:
        return
    for entry in entries:
        if entry.name.endswith((".pack", ".idx")):
            yield entry.name, entry.stat().st_size


def list_objects(repository: Repository, known_packs: frozenset[bytes]) -> tuple[bytes, int]:
    """Return the ids of all objects of any type outside *known_packs*, and the size of the packs in bytes."""
    import numpy as np

    from detector.git.objects import list_all_objects, list_loose_ids
    from detector.git.packs import PackError, read_index, sort_ids
    from detector.git.shares import list_packs, read_pack_key

    id_bytes = repository.id_bytes
    if not repository.known_layout:
        listed = [(bytes.fromhex(name), size) for name, _, size in list_all_objects(repository)]
        return b"".join(sorted(name for name, _ in listed)), sum(size for _, size in listed)
    parts, stored_bytes = [np.empty((0, id_bytes), np.uint8)], 0
    for path in list_packs(repository, []):
        try:
            if read_pack_key(path + ".pack", id_bytes) not in known_packs:
                parts.append(read_index(path + ".idx", id_bytes).ids)
                stored_bytes += os.path.getsize(path + ".pack")
        except (PackError, OSError, ValueError):
            continue  # the scan meets it again and reports it
    loose = bytes.fromhex("".join(name for store in repository.object_dirs for name in list_loose_ids(store, id_bytes)))
    parts.append(np.frombuffer(loose, np.uint8).reshape(-1, id_bytes))
    return sort_ids(np.concatenate(parts)).tobytes(), stored_bytes
