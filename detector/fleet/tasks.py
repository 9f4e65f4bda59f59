"""What a worker does for a sweep, whether it is a process here or a machine of a cluster.

A repository goes through up to four tasks. `Survey` brings the clone up to date
and tells which objects there are. The coordinator knows which of them need not
be read, and asks for `Examine`, or for a large repository for `Divide`, a `Look`
at each share, and `Tell` once all of them are done.

Looking says no more than which objects have something to say. What that is, is
found out in one place, `Tell`, which reads these few objects again. So no
credential ever leaves a worker: what it tells has keyed fingerprints, redacted
forms and places.
"""

from __future__ import annotations

import hashlib
import os
import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

from detector import __version__
from detector.config import Config
from detector.containers import Clean
from detector.errors import LeakfirstError, SourceError
from detector.fleet.clones import Clones
from detector.fleet.inventory import Entry
from detector.fleet.repository_findings import Told, line_patterns, tell
from detector.model import Sighting, Skipped
from detector.scan.masking import veil_of
from detector.scan.pool import guarded
from detector.scan.state import Reading, ScanMemory, refs_digest, rule_digest
from detector.scan.worker import Options, Progress

if TYPE_CHECKING:
    from detector.engine.engine import Engine
    from detector.engine.stored import Stored
    from detector.git.repository import Repository
    from detector.model import Blob
    from detector.rules.pack import Pack
    from detector.sources.history import HistoryShare

MARK = 8
"""Bytes of the size in the mark of a pack, behind its checksum."""


class Settings(NamedTuple):
    """What every task of a sweep needs to know; it is sent to each worker.

    The key of the fingerprints is not in it: a worker has it from its own
    environment or folder, and `key` is the id by which it makes sure. So does
    `rules` with the rules that it has installed.
    """

    config: Config
    clones: Clones
    rules: str
    key: str
    owners: tuple[tuple[str, str], ...] = ()
    shares: int = 8


# -- tasks and their answers -------------------------------------------------


class Survey(NamedTuple):
    """Bring a clone up to date and list its objects, but for those in `packs`; `mark` is that of the last result."""

    entry: Entry
    mark: str = ""
    packs: bytes = b""


class Surveyed(NamedTuple):
    """`ids` are the objects outside of the known packs, sorted, each `width` bytes; `size` is in bytes on the disk.

    `refs` names the refs of the clone that was surveyed.
    """

    mark: str
    width: int = 20
    ids: bytes = b""
    size: int = 0
    unchanged: bool = False
    refs: str = ""


class Examine(NamedTuple):
    """Read a repository but for the objects in `known`, and tell what is in it.

    Objects in `older` were read before some rules changed; `changed` are those
    rules. `flagged` are the objects that had something to say last time, and
    `packs` those that need not be opened; `told` is what was kept of the last
    telling. `refs` are those that were surveyed,
    perhaps in the clone of another worker.
    """

    entry: Entry
    known: bytes = b""
    older: bytes = b""
    changed: frozenset[str] = frozenset()
    flagged: bytes = b""
    packs: bytes = b""
    told: bytes = b""
    refs: str = ""


class Divide(NamedTuple):
    """Divide what `Examine` would read into shares."""

    work: Examine


class Divided(NamedTuple):
    """The shares of a repository; `skipped` could not be planned."""

    shares: tuple[HistoryShare, ...]
    skipped: tuple[Skipped, ...]
    packs: bytes


class Look(NamedTuple):
    """Read one share of the repository of *entry* and say which of its objects have something to say.

    `refs` are those with which it was divided, perhaps in the clone of another worker.
    """

    entry: Entry
    share: HistoryShare
    changed: frozenset[str] = frozenset()
    refs: str = ""


class Looked(NamedTuple):
    """`read` are the ids that were read and said nothing; `failed` says that some were not read at all."""

    width: int
    read: bytes = b""
    flagged: bytes = b""
    skipped: tuple[Skipped, ...] = ()
    failed: bool = False
    objects: int = 0


class Tell(NamedTuple):
    """Tell what is in the `flagged` objects of a repository; `fresh` were flagged just now, `told` was kept before."""

    entry: Entry
    flagged: bytes
    width: int
    fresh: bytes = b""
    told: bytes = b""
    refs: str = ""


class Examined(NamedTuple):
    """A repository from beginning to end: what was read, and what is in it."""

    looked: Looked
    told: Told
    packs: bytes = b""


class Failed(NamedTuple):
    """A task could not be done: `why`, in one line."""

    why: str


Task = Survey | Examine | Divide | Look | Tell
Answer = Surveyed | Examined | Divided | Looked | Told | Failed


# -- a worker ----------------------------------------------------------------


class Worker:
    """What a process keeps between tasks: the rules, the engine, the key."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.clean = Clean()
        self._rules: tuple[Pack, Engine, bytes] | None = None

    def perform(self, task: Task) -> Iterator[Progress | Answer]:
        """Do *task*: yield progress now and then, and last the answer. Nothing escapes but the end of the process."""
        try:
            yield from _DO[type(task)](self, task)
        except LeakfirstError as error:
            yield Failed(str(error))
        except MemoryError:
            yield Failed("not enough memory")
        except Exception as problem:  # a bug costs one repository, and says so; never its locals
            yield Failed(f"failed: {type(problem).__name__} in {place_of(problem)}")

    def rules(self) -> tuple[Pack, Engine, bytes]:
        """Return rules, engine and key, made once. Raises `SourceError` where they are other than the coordinator's."""
        if self._rules is None:
            from detector.fingerprint import project_key
            from detector.fleet.state.store import key_id, ruleset_digest
            from detector.rules.pack import engine_of
            from detector.scan.pipeline import rule_pack

            pack, key = rule_pack(self.settings.config), project_key()
            if ruleset_digest({rule.id: rule_digest(rule) for rule in pack.rules}) != self.settings.rules:
                raise SourceError("this worker has other rules than the coordinator: install the same version")
            if key_id(key) != self.settings.key:
                raise SourceError("this worker has another key than the coordinator: set LEAKFIRST_KEY for both")
            self._rules = pack, engine_of(pack), key
        return self._rules

    def open(self, entry: Entry, refs: str = "") -> Repository:
        """Return the repository of *entry* on this machine; a clone that is missing or has other *refs* is fetched."""
        from detector.git.repository import discover

        path, allow = self.settings.clones.place(entry), self.settings.config.allow
        if not entry.local and not os.path.isdir(path):
            return discover(self.settings.clones.refresh(entry).path, allow)
        repository = discover(path, allow)
        if not entry.local and refs and refs_digest(repository) != refs:
            self.settings.clones.refresh(entry)
            return discover(path, allow)
        return repository


def place_of(problem: BaseException) -> str:
    """Name file and line where *problem* was raised."""
    trace = problem.__traceback__
    while trace and trace.tb_next:
        trace = trace.tb_next
    if trace is None:
        return "unknown place"
    return f"{os.path.basename(trace.tb_frame.f_code.co_filename)}:{trace.tb_lineno}"


# -- survey ------------------------------------------------------------------


def _survey(worker: Worker, task: Survey) -> Iterator[Answer]:
    if not task.entry.local:
        worker.settings.clones.refresh(task.entry)
    repository = worker.open(task.entry)
    mark = mark_of(repository, worker.settings)
    if mark == task.mark:
        yield Surveyed(mark, repository.id_bytes, unchanged=True)
        return
    ids, size = _ids_outside(repository, frozenset(cut(task.packs, repository.id_bytes + MARK)))
    yield Surveyed(mark, repository.id_bytes, ids, size, refs=refs_digest(repository))


def mark_of(repository: Repository, settings: Settings) -> str:
    """Name everything that decides what is found: refs, stored objects, rules and policy.

    While it stays the same, so do the findings; it costs about a millisecond.
    """
    from detector.git.objects import loose_ids
    from detector.git.repository import shallow_commits

    told = hashlib.blake2b(digest_size=16)
    told.update(f"{refs_digest(repository)} {settings.rules} {__version__}".encode())
    config = settings.config
    policy = (config.min_confidence, config.operator.get("ignore"), config.operator.get("allow"), settings.owners)
    told.update(repr((policy, config.baseline, config.only, config.skip, shallow_commits(repository))).encode())
    for store in repository.object_dirs:
        for name, size in sorted(_packs_of(store)):
            told.update(f"{name} {size}\n".encode("utf-8", "surrogateescape"))
        told.update("".join(loose_ids(store, repository.id_bytes)).encode())
    return told.hexdigest()


def _packs_of(store: str) -> Iterator[tuple[str, int]]:
    try:
        entries = list(os.scandir(os.path.join(store, "pack")))
    except OSError:
        return
    for entry in entries:
        if entry.name.endswith((".pack", ".idx")):
            yield entry.name, entry.stat().st_size


def _ids_outside(repository: Repository, packs: frozenset[bytes]) -> tuple[bytes, int]:
    """List all objects, whatever their type, but for those in known *packs*; and the bytes that hold them."""
    import numpy as np

    from detector.git.objects import all_objects, loose_ids
    from detector.git.packs import PackError, read_index, sort_ids
    from detector.git.shares import pack_mark, pack_paths

    width = repository.id_bytes
    if not repository.known_layout:
        listed = [(bytes.fromhex(name), size) for name, _, size in all_objects(repository)]
        return b"".join(sorted(name for name, _ in listed)), sum(size for _, size in listed)
    parts, size = [np.empty((0, width), np.uint8)], 0
    for path in pack_paths(repository, []):
        try:
            if pack_mark(path + ".pack", width) not in packs:
                parts.append(read_index(path + ".idx", width).ids)
                size += os.path.getsize(path + ".pack")
        except (PackError, OSError, ValueError):
            continue  # whoever plans meets it again, and reports it
    loose = bytes.fromhex("".join(name for store in repository.object_dirs for name in loose_ids(store, width)))
    parts.append(np.frombuffer(loose, np.uint8).reshape(-1, width))
    return sort_ids(np.concatenate(parts)).tobytes(), size


class Kept(NamedTuple):
    """What was seen in a repository that is looked at and told in one task: it need not be read again."""

    patterns: tuple[str, ...]
    seen: list[Sighting]


# -- looking -----------------------------------------------------------------


class _Memory(ScanMemory):
    """What the coordinator knows of a repository, in the place of a scan's own memory."""

    def __init__(self, work: Examine | None = None) -> None:
        super().__init__()
        self._work = work
        self.packs: tuple[bytes, ...] = ()

    def plan(self, repository: Repository, workers: int) -> Reading:
        """Divide what has to be read of *repository*."""
        import numpy as np

        from detector.git.packs import sort_ids
        from detector.git.shares import plan

        assert self._work is not None
        width = repository.id_bytes
        packs = frozenset(cut(self._work.packs, width + MARK))
        known, older = rows(self._work.known, width), rows(self._work.older, width)
        both = sort_ids(np.concatenate([known, older])) if len(older) else known
        new = plan(repository, workers=workers, exclude=both, known_packs=packs)
        self.packs = new.packs
        if not len(older):
            return Reading(new)
        rest = sort_ids(np.concatenate([known, sort_ids(new.ids)]))
        return Reading(new, plan(repository, workers=workers, exclude=rest, known_packs=packs))


def _divide(worker: Worker, task: Divide) -> Iterator[Answer]:
    yield _divided(worker, task.work, worker.settings.shares)


def _divided(worker: Worker, work: Examine, parts: int) -> Divided:
    from detector.sources import history

    repository = worker.open(work.entry, work.refs)
    memory = _Memory(work)
    where = repository.work_tree or repository.git_dir
    config = worker.settings.config._replace(jobs=parts)
    shares: list[HistoryShare] = []
    skipped: list[Skipped] = []
    for entry in history.shares(where, config, memory):
        (skipped if isinstance(entry, Skipped) else shares).append(entry)  # type: ignore[arg-type]
    packs = b"".join(sorted({*memory.packs, *cut(work.packs, repository.id_bytes + MARK)}))
    return Divided(tuple(shares), tuple(skipped), packs)


def _look(worker: Worker, task: Look, keep: Kept | None = None) -> Iterator[Progress | Answer]:
    import numpy as np

    from detector.git.packs import find_rows, sort_ids

    _, engine, _ = worker.rules()
    if task.refs:
        worker.open(task.entry, task.refs)
    width = task.share.part.repository.id_bytes
    seen: list[Sighting] = []
    skipped: list[Skipped] = []
    objects = 0
    clean = None if task.changed else worker.clean
    share = task.share if _is_ours(task.share.part.repository.object_dirs) else _Checked(task.share)
    patterns = keep.patterns if keep else ()
    for message in guarded(share, engine, Options(patterns=patterns, changed=task.changed), clean):
        if isinstance(message, Progress):
            objects += message.blobs
            yield message
        elif isinstance(message, Sighting):
            seen.append(message)
        elif isinstance(message, Skipped):
            skipped.append(message)
    flagged = {str(sighting.location.origin.object_id) for sighting in seen}
    if keep:
        keep.seen.extend(seen)
    if any(skip.where == task.share.name for skip in skipped):
        yield Looked(width, skipped=tuple(skipped), failed=True)
        return
    troubled = {name for skip in skipped if not skip.expected for name in _named(skip.where, width)}
    ids = sort_ids(_ids_of(task.share, width))
    out = np.frombuffer(bytes.fromhex("".join(sorted(flagged | troubled))), np.uint8).reshape(-1, width)
    found = find_rows(ids, out)
    quiet = np.delete(ids, found[found >= 0], axis=0)
    skipped = veil_of(seen, engine.rules).skipped(skipped)
    yield Looked(width, quiet.tobytes(), _packed(flagged), tuple(skipped), objects=objects)


def _is_ours(stores: Iterable[str]) -> bool:
    """Tell whether object stores belong to us or to root, and not to somebody who may write into them what he likes."""
    return not hasattr(os, "geteuid") or {os.stat(store).st_uid for store in stores} <= {0, os.geteuid()}


class _Checked:
    """A share of somebody else's repository: its objects count as read only if they are what their ids say.

    What was read is not read again in other repositories, so an object under a
    false id would hide the true one there. Where git has stored them for us, it
    has made the ids. Looking costs up to half as much again.
    """

    def __init__(self, share: HistoryShare) -> None:
        self._share = share
        self.weight = share.weight
        self.name = share.name

    def blobs(self) -> Iterator[Blob | Skipped]:
        skipped: list[Skipped] = []
        for stored in self.objects(skipped):
            yield self.blob(stored)
        yield from skipped

    def objects(self, skipped: list[Skipped]) -> Iterator[Stored]:
        for stored in self._share.objects(skipped):
            made = hashlib.sha256 if len(stored.id) == 32 else hashlib.sha1
            said = made(f"{stored.kind} {len(stored.data)}\0".encode())
            said.update(stored.data)
            if said.digest() != stored.id:
                skipped.append(
                    Skipped(f"{self._share.repository}: object {stored.id.hex()}", "is not what its id says")
                )
            yield stored

    def blob(self, stored: Stored) -> Blob:
        return self._share.blob(stored)


def _ids_of(share: HistoryShare, width: int) -> Any:
    """List the objects that *share* yields."""
    import numpy as np

    from detector.git.pack_walker import YIELD

    part = share.part
    found = [rows(b"".join(bytes.fromhex(name) for name in (*part.asked, *(name for name, _ in part.loose))), width)]
    for steps in part.packs:
        wanted = np.frombuffer(steps.flags, np.uint8) & YIELD > 0
        found.append(rows(steps.ids, width)[wanted])
    return np.concatenate(found)


def _named(where: str, width: int) -> list[str]:
    """Find the object that a skip speaks of."""
    return re.findall(rf"(?<![0-9a-f])[0-9a-f]{{{2 * width}}}(?![0-9a-f])", where)


def _examine(worker: Worker, task: Examine) -> Iterator[Progress | Answer]:
    divided = _divided(worker, task, 1)
    looked: list[Looked] = []
    home = worker.open(task.entry, task.refs)
    keep = None if task.older else Kept(line_patterns(home, worker.settings.config), [])
    for share in divided.shares:
        for message in _look(worker, Look(task.entry, share, task.changed), keep):
            if isinstance(message, Looked):
                looked.append(message)
            else:
                yield message
    width = home.id_bytes
    whole = together(looked, width, divided.skipped)
    flagged = _packed({name.hex() for name in (*cut(whole.flagged, width), *cut(task.flagged, width))})
    for message in _tell(worker, Tell(task.entry, flagged, width, whole.flagged, task.told, task.refs), keep):
        if isinstance(message, Told):
            yield Examined(whole, message, divided.packs)
        else:
            yield message


def together(parts: Iterable[Looked], width: int, skipped: Sequence[Skipped] = ()) -> Looked:
    """Add up what was seen in the shares of one repository."""
    parts = list(parts)
    return Looked(
        width,
        b"".join(part.read for part in parts),
        b"".join(part.flagged for part in parts),
        (*skipped, *(skip for part in parts for skip in part.skipped)),
        any(part.failed for part in parts),
        sum(part.objects for part in parts),
    )


# -- telling -----------------------------------------------------------------


def _tell(worker: Worker, task: Tell, keep: Kept | None = None) -> Iterator[Progress | Answer]:
    names = [name.hex() for name in cut(task.flagged, task.width)]
    fresh = [name.hex() for name in cut(task.fresh, task.width)]
    if not names:
        yield Told(())
        return
    pack, engine, key = worker.rules()
    config, owners = worker.settings.config, dict(worker.settings.owners)
    home = worker.open(task.entry, task.refs)
    yield from tell(
        home, task.entry.name, names, fresh, task.told, pack, engine, key, config, owners, keep.seen if keep else ()
    )


_DO: dict[type, Callable[[Worker, Any], Iterator[Progress | Answer]]] = {
    Survey: _survey,
    Examine: _examine,
    Divide: _divide,
    Look: _look,
    Tell: _tell,
}


# -- rows of bytes -----------------------------------------------------------


def rows(content: bytes, width: int) -> Any:
    """Return ids behind each other as rows."""
    import numpy as np

    return np.frombuffer(content, np.uint8).reshape(-1, width)


def cut(content: bytes, width: int) -> list[bytes]:
    """Return values of equal length behind each other one by one."""
    return [content[at : at + width] for at in range(0, len(content), width)]


def _packed(names: Iterable[str]) -> bytes:
    return bytes.fromhex("".join(sorted(names)))
