"""Keep what one branch contains: of the history only objects that HEAD reaches.

A clone holds the objects of all branches that were fetched. The state of one branch, as code
scanning wants it, has nothing of the others.
"""

from __future__ import annotations

from collections.abc import Sequence

from detector.config import Config
from detector.git.refs import read_head
from detector.git.repository import discover
from detector.git.safe_git import SafeGit
from detector.model import HISTORY_KINDS, Sighting


def keep_reachable(sightings: Sequence[Sighting], config: Config) -> list[Sighting]:
    """Return *sightings* without those in objects of a history that its HEAD does not reach.

    Tags stay: no commit reaches them. Raises `SourceError` if git cannot list the objects.
    """
    wanted: dict[str, set[str]] = {}
    for sighting in sightings:
        origin = sighting.location.origin
        if origin.kind in HISTORY_KINDS and origin.kind != "tag" and origin.object_id:
            wanted.setdefault(origin.repository, set()).add(origin.object_id)
    lost = {name: ids - _list_reachable(name, ids, config) for name, ids in wanted.items()}
    return [
        sighting
        for sighting in sightings
        if sighting.location.origin.object_id not in lost.get(sighting.location.origin.repository, ())
    ]


def _list_reachable(name: str, wanted: set[str], config: Config) -> set[str]:
    repository = discover(name or ".", config.allow)
    head = read_head(repository)
    if not head:
        return set()
    with SafeGit(repository) as git:
        listing = git.start("rev-list", "--objects", head).stdout
        assert listing is not None
        size = 2 * repository.id_bytes
        return {name for line in listing if (name := line[:size].decode("ascii", "replace")) in wanted}
