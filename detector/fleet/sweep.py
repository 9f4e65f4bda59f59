"""The sweep: every repository of a fleet, at the cost of what is new.

The coordinator decides and writes; workers read (tasks.py). It knows which
objects were read in whatever repository, so a fork costs its own commits. A
repository that has many objects in common with one that is being read waits
for it: reading them twice would cost more.

What a repository brought is written once, when it is complete. Whoever kills
the coordinator loses the repositories that were at work, and of a large one
only the shares that were.
"""

from __future__ import annotations

import heapq
import os
import time
from collections import Counter, deque
from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import date, timedelta
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

from detector.errors import LeakfirstError
from detector.fleet import lifecycle as lives
from detector.fleet.inventory import Entry
from detector.fleet.repository_findings import Told
from detector.fleet.state.known import KnownObjects
from detector.fleet.state.store import Remembered, Result
from detector.fleet.tasks import (
    Divide,
    Divided,
    Examine,
    Examined,
    Failed,
    Look,
    Looked,
    Settings,
    Survey,
    Surveyed,
    Task,
    Tell,
    cut,
    mark_of,
    rows,
    together,
)
from detector.git.packs import Bytes, find_rows, sort_ids
from detector.log import step
from detector.model import Skipped
from detector.scan.worker import Progress

if TYPE_CHECKING:
    from sqlalchemy import Row

    from detector.fleet.state.store import State

LARGE = 100_000
"""Objects not known from which on a repository is divided among workers."""

LARGE_SIZE = 64 << 20
"""Bytes of packs not known from which on it is."""

AGAIN = timedelta(days=7)
"""What could not be read is tried again after this time, and whenever anything in its repository changes."""

IN_COMMON = 32
"""Objects that two repositories may read both, rather than one waiting for the other."""


class Job(NamedTuple):
    """A task on its way to a worker."""

    number: int
    task: Task


class Done(NamedTuple):
    """The answer to a job and the seconds it took; `None` where no worker survived it, and `why`."""

    number: int
    answer: Any
    why: str = ""
    seconds: float = 0.0


class Crew(Protocol):
    """Who does the jobs: processes on this machine (local.py) or a cluster (cluster.py)."""

    @property
    def size(self) -> int:
        """How many jobs are worth being handed over at a time."""

    def __enter__(self) -> Crew: ...

    def __exit__(self, *_: object) -> None: ...

    def run(self, queue: deque[Job]) -> Iterator[Progress | Done]:
        """Do the jobs in *queue*, to which more are added meanwhile, until none is left."""


class Options(NamedTuple):
    """What one sweep is asked to do.

    *fetchers* is how many repositories are fetched at a time, *retry* how often
    what fails is tried again; with *again* repositories that could not be read
    to the end are read although nothing in them has changed.
    """

    settings: Settings
    days: Mapping[str, float] = lives.DEADLINES
    fetchers: int = 8
    retry: int = 1
    large: int = LARGE
    large_size: int = LARGE_SIZE
    again: bool = False


class Tally(NamedTuple):
    """How far a sweep is; `running` names the repositories at work."""

    total: int = 0
    done: int = 0
    unchanged: int = 0
    failed: int = 0
    waiting: int = 0
    running: tuple[str, ...] = ()
    bytes: int = 0
    objects: int = 0


class Summary(NamedTuple):
    """What a sweep came to. `objects` were read for the first time, `again` because they are known to say something."""

    run: int
    repositories: int
    swept: int
    unchanged: int
    failed: tuple[tuple[str, str], ...]
    incomplete: tuple[str, ...]
    skipped: tuple[Skipped, ...]
    events: tuple[tuple[str, str, str], ...]
    objects: int = 0
    again: int = 0
    bytes: int = 0
    seconds: float = 0.0
    elsewhere: int = 0
    interrupted: bool = False

    @property
    def whole(self) -> bool:
        """Whether every repository was looked at to the end."""
        missed = any(not skip.expected for skip in self.skipped)
        return not (self.failed or self.incomplete or missed or self.interrupted)


def sweep(
    entries: Iterable[Entry | Skipped],
    state: State,
    options: Options,
    crew: Crew,
    rules: Mapping[str, str],
    watch: Callable[[Tally], None] | None = None,
) -> Summary:
    """Sweep *entries* with *crew* and write what was found to *state*.

    *rules* maps each rule to its digest. Ctrl-C ends it; what was written by
    then counts. Raises `StateError` when the state cannot be written.
    """
    coordinator = _Coordinator(state, options, crew, rules, watch)
    return coordinator.run(entries)


class _Repository:
    """A repository at work."""

    def __init__(self, entry: Entry, row: Row[Any] | None) -> None:
        self.entry = entry
        self.row = row
        self.seconds = 0.0
        self.remembered = Remembered()
        self.surveyed = Surveyed("")
        self.packs = b""
        self.flagged: set[bytes] = set()
        self.looked: list[Looked] = []
        self.skipped: tuple[Skipped, ...] = ()
        self.left = 0
        self.again = 0


class _Coordinator:
    def __init__(
        self,
        state: State,
        options: Options,
        crew: Crew,
        rules: Mapping[str, str],
        watch: Callable[[Tally], None] | None,
    ) -> None:
        self.state = state
        self.options = options
        self.crew = crew
        self.watch = watch
        self.ruleset = state.ruleset(rules)
        self.known = KnownObjects(state, self.ruleset)
        self.older: KnownObjects | None = None
        self.changed: frozenset[str] = frozenset()
        previous = state.previous_ruleset(self.ruleset)
        if previous:
            self.older = KnownObjects(state, previous[0])
            self.changed = frozenset(name for name, digest in rules.items() if previous[1].get(name) != digest)
        state.keep_deadlines(options.days)
        self.run_number = state.begin_run(self.ruleset)
        self.rows = state.repositories()
        self.today = time.strftime("%Y-%m-%d")

        self.queue: deque[Job] = deque()
        self.heavy: list[tuple[int, int, Job]] = []
        self.light: deque[Job] = deque()
        self.given: dict[int, tuple[_Repository, bool]] = {}
        self.out = {False: 0, True: 0}
        self.numbers = iter(range(1 << 62))
        self.at_work: dict[str, _Repository] = {}
        self.claims: dict[str, Bytes] = {}
        self.waiting: list[_Repository] = []
        self.tries: Counter[str] = Counter()
        self.entries: deque[Entry] = deque()
        self.same: list[str] = []
        self.renewed: dict[str, dict[str, Any]] = {}

        self.tally = Tally()
        self.failed: dict[str, tuple[str, str]] = {}
        self.incomplete: list[str] = []
        self.events: list[tuple[str, str, str]] = []
        self.counts: Counter[str] = Counter()

    # -- the run ---------------------------------------------------------------

    def run(self, entries: Iterable[Entry | Skipped]) -> Summary:
        began = time.monotonic()
        skipped: list[Skipped] = []
        interrupted = False
        status = "failed"
        try:
            for entry in entries:
                if isinstance(entry, Skipped):
                    skipped.append(entry)
                else:
                    self.entries.append(entry)
                    self.tally = self.tally._replace(total=len(self.entries))
            while self.entries or self.at_work:
                self._feed()
                for message in self.crew.run(self.queue):
                    self._take(message)
                    self._feed()
            self._say_unchanged()
            status = "done"
        except KeyboardInterrupt:
            interrupted = True
            status = "interrupted"
            self._say_unchanged()
        finally:
            if status != "failed":
                self.state.end_run(self.run_number, status, self._counters(time.monotonic() - began))
        summary = Summary(
            run=self.run_number,
            repositories=self.tally.total,
            swept=self.counts["swept"],
            unchanged=self.tally.unchanged,
            failed=tuple(sorted(self.failed.values())),
            incomplete=tuple(sorted(self.incomplete)),
            skipped=tuple(skipped),
            events=tuple(self.events),
            objects=self.counts["objects"],
            again=self.counts["again"],
            bytes=self.tally.bytes,
            seconds=time.monotonic() - began,
            elsewhere=self.counts["elsewhere"],
            interrupted=interrupted,
        )
        if summary.whole and self.older:
            self.state.forget_rulesets(self.ruleset)
        return summary

    def _counters(self, seconds: float) -> dict[str, Any]:
        told = {name: self.counts[name] for name in ("swept", "objects", "again", "elsewhere")}
        events = Counter(what for what, _, _ in self.events)
        return {
            **told,
            "repositories": self.tally.total,
            "unchanged": self.tally.unchanged,
            "failed": len(self.failed),
            "incomplete": len(self.incomplete),
            "bytes": self.tally.bytes,
            "seconds": round(seconds, 3),
            "events": dict(events),
        }

    def _feed(self) -> None:
        """Hand over as much as the crew has hands for, and no more: what waits costs memory."""
        while self.entries and len(self.at_work) < 2 * (self.crew.size + self.options.fetchers):
            self._begin(self.entries.popleft())
        while self.light and self.out[True] < self.options.fetchers:
            self._hand_over(self.light.popleft())
        while self.heavy and self.out[False] < self.crew.size:
            self._hand_over(heapq.heappop(self.heavy)[2])
        running = tuple(self.at_work)
        self.tally = self.tally._replace(running=running, waiting=len(self.entries))
        if self.watch:
            self.watch(self.tally)

    def _hand_over(self, job: Job) -> None:
        repository, light = self.given[job.number]
        if self.at_work.get(repository.entry.key) is not repository:
            del self.given[job.number]  # another part of it has failed
            return
        self.out[light] += 1
        self.queue.append(job)

    def _take(self, message: Progress | Done) -> None:
        if isinstance(message, Progress):
            self.tally = self.tally._replace(
                bytes=self.tally.bytes + message.bytes, objects=self.tally.objects + message.blobs
            )
            return
        repository, light = self.given.pop(message.number)
        self.out[light] -= 1
        repository.seconds += message.seconds
        answer = message.answer if message.answer is not None else Failed(message.why)
        if self.at_work.get(repository.entry.key) is repository:
            self._NEXT[type(answer)](self, repository, answer)

    def _ask(self, repository: _Repository, task: Task, rank: int, light: bool = False) -> None:
        job = Job(next(self.numbers), task)
        self.given[job.number] = repository, light
        if light:
            self.light.append(job)
        else:
            heapq.heappush(self.heavy, (rank, job.number, job))

    # -- one repository, step by step --------------------------------------------

    def _begin(self, entry: Entry) -> None:
        row = self.rows.get(entry.key)
        mark = "" if row is None or self._due(row) else row.mark
        nothing_to_fetch = entry.local or (row is not None and entry.version and entry.version == row.version)
        if mark and nothing_to_fetch and self._mark_here(entry) == mark:
            self._unchanged(entry)
            return
        repository = self.at_work[entry.key] = _Repository(entry, row)
        if row is not None and row.ruleset_id == self.ruleset:
            repository.remembered = self.state.remembered(entry.key)
        self._ask(repository, Survey(entry, mark, repository.remembered.packs), 4, light=not entry.local)

    def _due(self, row: Row[Any]) -> bool:
        """Tell whether a repository has to be looked at although nothing in it may have changed."""
        partly = self.options.again and row.skipped != "[]"
        return bool(partly or (row.recheck and row.recheck <= self.today))

    def _mark_here(self, entry: Entry) -> str:
        from detector.git.repository import discover

        settings = self.options.settings
        path = settings.clones.place(entry)
        try:
            return mark_of(discover(path, settings.config.allow), settings) if os.path.isdir(path) else ""
        except (LeakfirstError, OSError):
            return ""  # whoever surveys it says what is wrong

    def _on_surveyed(self, repository: _Repository, surveyed: Surveyed) -> None:
        if surveyed.unchanged:
            del self.at_work[repository.entry.key]
            self._unchanged(repository.entry)
            return
        repository.surveyed = surveyed
        self._examine_or_wait(repository)

    def _examine_or_wait(self, repository: _Repository) -> None:
        """Ask for what is not known of *repository*, unless another one is about to make much of it known."""
        entry, surveyed = repository.entry, repository.surveyed
        packs, flagged, told = repository.remembered
        ids = rows(surveyed.ids, surveyed.width)
        known = self.known.among(ids) | (find_rows(rows(flagged, surveyed.width), ids) >= 0)
        fresh = ids[~known]
        claimed = (claim for claim in self.claims.values() if claim.shape[1] == surveyed.width)
        if any(int((find_rows(claim, fresh) >= 0).sum()) > IN_COMMON for claim in claimed):
            self.waiting.append(repository)
            return
        older = ids[:0] if self.older is None else fresh[self.older.among(fresh)]
        self.claims[entry.key] = fresh
        repository.flagged = set(cut(flagged, surveyed.width))
        work = Examine(entry, ids[known].tobytes(), older.tobytes(), self.changed, flagged, packs, told, surveyed.refs)
        large = len(fresh) > self.options.large or surveyed.size > self.options.large_size
        repository.surveyed = surveyed._replace(ids=b"")
        self._ask(repository, Divide(work) if large else work, 2 if large else 3)

    def _on_divided(self, repository: _Repository, divided: Divided) -> None:
        repository.packs = divided.packs
        repository.skipped = divided.skipped
        repository.left = len(divided.shares)
        for share in divided.shares:
            changed = self.changed if share.changed_rules else frozenset()
            self._ask(repository, Look(repository.entry, share, changed, repository.surveyed.refs), 1)
        if not divided.shares:
            self._ask_to_tell(repository)

    def _on_looked(self, repository: _Repository, looked: Looked) -> None:
        self._know(looked)
        repository.looked.append(looked._replace(read=b""))
        repository.left -= 1
        if not repository.left:
            self._release(repository)
            self._ask_to_tell(repository)

    def _ask_to_tell(self, repository: _Repository) -> None:
        width = repository.surveyed.width
        fresh = {name for looked in repository.looked for name in cut(looked.flagged, width)}
        repository.flagged |= fresh
        flagged = b"".join(sorted(repository.flagged))
        told, refs = repository.remembered.told, repository.surveyed.refs
        task = Tell(repository.entry, flagged, width, b"".join(sorted(fresh)), told, refs)
        self._ask(repository, task, 0)

    def _on_told(self, repository: _Repository, told: Told) -> None:
        looked = together(repository.looked, repository.surveyed.width, repository.skipped)
        self._finish(repository, looked, told)

    def _on_examined(self, repository: _Repository, examined: Examined) -> None:
        self._know(examined.looked)
        self._release(repository)
        repository.packs = examined.packs
        repository.flagged |= set(cut(examined.looked.flagged, examined.looked.width))
        self._finish(repository, examined.looked, examined.told)

    def _on_failed(self, repository: _Repository, failed: Failed) -> None:
        entry = repository.entry
        if repository.left:  # a share that cannot be read is no reason to give up the others
            why = Skipped(f"a part of {entry.name}", failed.why)
            self._on_looked(repository, Looked(repository.surveyed.width, skipped=(why,), failed=True))
            return
        self._release(repository)
        self.at_work.pop(entry.key)
        self.tries[entry.key] += 1
        if self.tries[entry.key] <= self.options.retry:
            self.entries.append(entry)
            return
        step("failed", repository=entry.name, why=failed.why)
        self.state.failed(entry.key, entry.name, failed.why, self.run_number)
        self.failed[entry.key] = entry.name, failed.why
        self.tally = self.tally._replace(failed=len(self.failed))

    _NEXT: Mapping[type, Callable[[_Coordinator, _Repository, Any], None]] = {
        Surveyed: _on_surveyed,
        Divided: _on_divided,
        Looked: _on_looked,
        Told: _on_told,
        Examined: _on_examined,
        Failed: _on_failed,
    }

    # -- what comes of it --------------------------------------------------------

    def _know(self, looked: Looked) -> None:
        self.known.add(sort_ids(rows(looked.read, looked.width)))
        self.counts["objects"] += looked.objects

    def _release(self, repository: _Repository) -> None:
        """Let those begin that waited for what *repository* has read."""
        if self.claims.pop(repository.entry.key, None) is None:
            return
        waiting, self.waiting = self.waiting, []
        for one in waiting:
            self._examine_or_wait(one)

    def _unchanged(self, entry: Entry) -> None:
        row = self.rows[entry.key]
        self.same.append(entry.key)
        if row.skipped != "[]":
            self.incomplete.append(entry.name)
        about = {"name": entry.name, **_about(entry)}
        if any(getattr(row, name) != value for name, value in about.items()):
            self.renewed[entry.key] = about
        self.tally = self.tally._replace(unchanged=self.tally.unchanged + 1, done=self.tally.done + 1)
        if len(self.same) >= 500:
            self._say_unchanged()

    def _say_unchanged(self) -> None:
        if self.same:
            self.state.unchanged(self.same, self.run_number, self.renewed)
            self.same, self.renewed = [], {}

    def _finish(self, repository: _Repository, looked: Looked, told: Told) -> None:
        entry, row = repository.entry, repository.row
        unexpected = tuple(sorted({skip for skip in (*looked.skipped, *told.skipped) if not skip.expected}))
        passing = looked.failed or any(not skip.expected for skip in told.skipped)  # it may work another time
        recheck = told.recheck
        if unexpected:
            recheck = min(filter(None, (recheck, (date.fromisoformat(self.today) + AGAIN).isoformat())))
        result = Result(
            key=entry.key,
            name=entry.name,
            read_after=row.revision if row is not None else 0,
            ruleset=self.ruleset,
            mark="" if passing else repository.surveyed.mark,
            complete=not looked.failed,
            sights=told.sights,
            packs=b"" if unexpected else repository.packs,
            flagged=b"".join(sorted(repository.flagged)),
            told=b"" if passing else told.kept,
            recheck=recheck,
            skipped=tuple((skip.where, skip.reason) for skip in unexpected),
            about=_about(entry),
            objects=looked.objects,
            seconds=repository.seconds,
        )
        written = self.state.record(result, self.run_number, self.options.days)
        del self.at_work[entry.key]
        self.counts["swept"] += 1
        self.counts["again"] += told.again
        self.counts["elsewhere"] += not written.counted
        self.events += [(what, name, entry.name) for what, name in written.events]
        if unexpected:
            self.incomplete.append(entry.name)
        self.tally = self.tally._replace(done=self.tally.done + 1)
        step("swept", repository=entry.name, objects=looked.objects, seconds=round(result.seconds, 3))


def _about(entry: Entry) -> dict[str, Any]:
    """Return what the inventory says of a repository besides its name."""
    return {
        "url": entry.url,
        "kind": entry.kind,
        "archived": entry.archived,
        "fork": entry.fork,
        "default_branch": entry.default_branch,
        "version": entry.version,
    }
