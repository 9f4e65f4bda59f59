"""Read all objects of a repository through its shares: a helper of the tests of this folder."""

from __future__ import annotations

import pickle

from detector.git import shares
from detector.git.repository import Repository
from detector.model import Skipped

EVERY = ("commit", "tree", "blob", "tag")


def read_all(
    found: Repository, workers: int = 2, kinds: tuple[str, ...] = EVERY, **options: object
) -> tuple[dict[str, tuple[str, bytes]], list[Skipped]]:
    """Read the shares as a worker receives them; fail if an object is yielded twice."""
    plan = shares.plan_shares(found, kinds, workers, **options)  # type: ignore[arg-type]
    skipped = list(plan.skipped)
    read: dict[str, tuple[str, bytes]] = {}
    for share in pickle.loads(pickle.dumps(plan.shares)):
        for entry in shares.read_share(share, skipped):
            assert entry.id.hex() not in read
            read[entry.id.hex()] = (entry.kind, entry.data)
    return read, skipped
