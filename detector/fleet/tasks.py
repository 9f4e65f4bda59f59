"""The tasks of a sweep and their results, as they travel between coordinator and workers.

A repository takes up to four tasks. `Survey` updates the clone and lists the
objects. The coordinator knows which of them need not be read, and asks for
`ScanRepository`; for a large repository it asks for `PlanShares`, one
`ScanShare` for each share, and `CollectFindings` after the last share.

A scan returns only the ids of the objects that contain findings.
`CollectFindings` reads these few objects again and describes the findings. No
credential leaves a worker: results contain keyed fingerprints, redacted forms
and locations.

Sets of object ids are sorted bytes (object_ids.py); `id_bytes` is the length of
one id, 20 or 32.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from detector.config import Config
from detector.fleet.clones import Clones
from detector.fleet.inventory import RepositoryEntry
from detector.fleet.lifecycle import ObservedFinding
from detector.model import Skipped

if TYPE_CHECKING:
    from detector.git.history import HistoryShare


class WorkerSettings(NamedTuple):
    """What a worker needs for all tasks of a sweep.

    The key of the fingerprints is not part of it: a worker takes the key from
    its own environment or folder and compares its id with `key_id`. In the same
    way it compares its installed rules with `rules_digest`. `owners` is the
    operator's map of owners, and `shares` the number of shares into which a large
    repository is divided.
    """

    config: Config
    clones: Clones
    rules_digest: str
    key_id: str
    owners: tuple[tuple[str, str], ...] = ()
    shares: int = 8


# -- tasks and their results -------------------------------------------------


class Survey(NamedTuple):
    """Update the clone and list its objects, except those in the known `packs`.

    `state_digest` is that of the last result: a repository that still has it is unchanged. With `verify`, a clone
    of which an object cannot be read is cloned again.
    """

    entry: RepositoryEntry
    state_digest: str = ""
    packs: bytes = b""
    verify: bool = False


class SurveyResult(NamedTuple):
    """`ids` are the objects outside the known packs, `stored_bytes` the size of their packs on disk.

    `refs_digest` identifies the refs of the clone that was surveyed.
    """

    state_digest: str
    id_bytes: int = 20
    ids: bytes = b""
    stored_bytes: int = 0
    unchanged: bool = False
    refs_digest: str = ""


class ScanRepository(NamedTuple):
    """Read a repository except for the objects in `known`, and describe its findings.

    Objects in `older` were read before the rules in `changed_rules` changed.
    `flagged` are the objects that contained findings last time, `packs` the packs
    that need not be opened, `attributions` the snapshot of the last result
    (incremental.py). `refs_digest` is that of the survey, which another worker may
    have made in its own clone.
    """

    entry: RepositoryEntry
    known: bytes = b""
    older: bytes = b""
    changed_rules: frozenset[str] = frozenset()
    flagged: bytes = b""
    packs: bytes = b""
    attributions: bytes = b""
    refs_digest: str = ""


class PlanShares(NamedTuple):
    """Divide into shares what `ScanRepository` would read."""

    scan: ScanRepository


class SharePlan(NamedTuple):
    """The shares of a repository; `skipped` names what could not be planned."""

    shares: tuple[HistoryShare, ...]
    skipped: tuple[Skipped, ...]
    packs: bytes


class ScanShare(NamedTuple):
    """Read one share of a repository and find the objects that contain findings.

    `refs_digest` is that of the plan, which another worker may have made in its own clone.
    """

    entry: RepositoryEntry
    share: HistoryShare
    changed_rules: frozenset[str] = frozenset()
    refs_digest: str = ""


class ShareResult(NamedTuple):
    """`clean` are the objects that were read and contain no finding, `flagged` those that contain one.

    `failed` says that some objects of the share were not read at all.
    """

    id_bytes: int
    clean: bytes = b""
    flagged: bytes = b""
    skipped: tuple[Skipped, ...] = ()
    failed: bool = False
    objects: int = 0


class CollectFindings(NamedTuple):
    """Describe the findings in the `flagged` objects of a repository.

    `newly_flagged` are those that were flagged in this sweep; `attributions` is
    the snapshot of the last result (incremental.py).
    """

    entry: RepositoryEntry
    flagged: bytes
    id_bytes: int
    newly_flagged: bytes = b""
    attributions: bytes = b""
    refs_digest: str = ""


class RepositoryFindings(NamedTuple):
    """The findings in a repository.

    `recheck_on` is the day on which an ignore rule or a baseline entry expires,
    `attributions` the snapshot for the next sweep (incremental.py), and
    `reread_objects` the number of objects that were read again.
    """

    findings: tuple[ObservedFinding, ...]
    skipped: tuple[Skipped, ...] = ()
    recheck_on: str = ""
    attributions: bytes = b""
    reread_objects: int = 0


class RepositoryResult(NamedTuple):
    """The result of `ScanRepository`: the objects that were read, and the findings."""

    scan: ShareResult
    findings: RepositoryFindings
    packs: bytes = b""


class TaskFailure(NamedTuple):
    """A task that could not be done; `reason` is one line."""

    reason: str


Task = Survey | ScanRepository | PlanShares | ScanShare | CollectFindings
TaskResult = SurveyResult | RepositoryResult | SharePlan | ShareResult | RepositoryFindings | TaskFailure
