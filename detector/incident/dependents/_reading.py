"""Read one tree, or everything that its files ever were, and weigh what they say.

A lock file decides over the manifest that it was made from: what a manifest
merely allows is not told where a lock file beside it names the package, or one
above it that covers its folder (a workspace).
"""

from __future__ import annotations

import posixpath
import re
from collections.abc import Callable, Iterable, Iterator
from types import ModuleType
from typing import NamedTuple

from detector.git.refs import read_head, read_refs
from detector.git.repository import Repository
from detector.git.safe_git import SafeGit
from detector.incident.dependents._entry import Entry, File, Unreadable
from detector.incident.dependents._names import normal
from detector.incident.dependents._query import Packages
from detector.incident.dependents._trees import Commit, Objects, Tree, beside, changed, skipped_folder
from detector.model import Skipped

PACKAGE = "detector.incident.dependents"

LOCKED = "locked"
ALLOWED = "allowed"
UNKNOWN = "unknown"

ELSEWHERE = "elsewhere"


class Dependent(NamedTuple):
    """One file of a repository that depends on the package.

    `match` is ``locked`` where the file names a version that was asked for,
    ``allowed`` where its range lets one in, ``unknown`` where it names something
    that cannot be compared. `direct` is None where the file cannot tell; `via`
    leads from a direct dependency to the one that brings the package in.
    `commit` is the tip that was read; with history, `since` is the commit that
    brought this in, `until` the one that took it away, empty while HEAD has it, and
    ``elsewhere`` if HEAD never had it and another branch may have it still.
    """

    repository: str
    path: str
    commit: str
    ecosystem: str
    name: str
    version: str = ""
    constraint: str = ""
    direct: bool | None = None
    via: tuple[str, ...] = ()
    match: str = LOCKED
    note: str = ""
    since: str = ""
    until: str = ""

    @property
    def locked(self) -> bool:
        """Whether the file names a version that was asked for, and leaves no choice."""
        return self.match == LOCKED


class _Row(NamedTuple):
    """One entry, where it stands, and the lock file that has it, with its reader."""

    path: str
    entry: Entry
    lock: tuple[File, ModuleType] | None = None


def at_tip(name: str, tree: Tree, wanted: Packages, all_readers: bool = False) -> Iterator[Dependent | Skipped]:
    """Yield what the files of *tree* say; *name* is what its repository is called."""
    rows: list[_Row] = []
    needle = wanted.needle()
    for path in tree.paths():
        if isinstance(path, Skipped):
            yield path._replace(where=_joined(name, path.where))
            continue
        try:
            data = tree.read(path)
        except Unreadable as error:
            yield Skipped(_joined(name, path), str(error))
            continue
        if not data or (len(data) > _SLOW and not path.endswith(_QUICK) and not _may_name(data, needle)):
            continue
        file = File(path, data, beside(tree, path))
        yield from _read(name, file, wanted, rows, all_readers)
    yield from _weighed(name, tree.commit, rows, wanted)


_SLOW = 256 << 10
_QUICK = (".json", ".jsonc")


def _read(name: str, file: File, wanted: Packages, rows: list[_Row], all_readers: bool = False) -> Iterator[Skipped]:
    """Append what *file* says to *rows*; yield why it cannot be read."""
    reasons = []
    for pattern, reader in readers():
        if pattern.fullmatch(file.path) or (all_readers and getattr(reader, "SNIFFS", False)):
            try:
                entries = reader.read(file, wanted.wanted)
                lock = (file, reader) if reader.LOCKS else None
                rows.extend(_Row(entry.path or file.path, entry, lock) for entry in entries)
            except Unreadable as error:
                reasons.append(str(error))
            except RecursionError:
                reasons.append("is nested too deeply")
    yield from (Skipped(_joined(name, file.path), reason) for reason in dict.fromkeys(reasons))


def _weighed(name: str, commit: str, rows: Iterable[_Row], wanted: Packages) -> Iterator[Dependent]:
    deciding = _Deciding(rows)
    told: dict[Dependent, Dependent] = {}
    for row in rows:
        if not row.lock and not row.entry.version and deciding.over(row):
            continue
        found = _judged(name, commit, row, wanted)
        if found:
            told[_what(found)] = _clearer(found, told.get(_what(found)))
    yield from told.values()


def _what(found: Dependent) -> Dependent:
    """Return *found* without the ways to it: a package may be installed many times in one version."""
    return found._replace(direct=None, via=(), note="")


def _clearer(found: Dependent, other: Dependent | None) -> Dependent:
    """Return the one that says more: direct rather than indirect, the shorter way rather than the longer."""
    if other is None:
        return found
    return min(other, found, key=lambda one: (one.direct is not True, not one.via, len(one.via)))


def _known_as(row: _Row) -> tuple[str, str]:
    return row.entry.ecosystem, normal(row.entry.ecosystem, row.entry.name)


class _Deciding:
    """The lock files that name a package, and what they say it all for."""

    def __init__(self, rows: Iterable[_Row]) -> None:
        self._locks: dict[tuple[str, str, str], list[tuple[File, ModuleType]]] = {}
        self._covers: dict[int, Callable[[str], bool]] = {}
        for row in rows:
            if row.lock:
                self._locks.setdefault((*_known_as(row), posixpath.dirname(row.path)), []).append(row.lock)

    def over(self, row: _Row) -> bool:
        """Tell whether one of them says what is installed for the manifest that has *row*."""
        known, here = _known_as(row), posixpath.dirname(row.path)
        if (*known, here) in self._locks:
            return True
        place = here
        while place:
            place = posixpath.dirname(place)
            for file, reader in self._locks.get((*known, place), ()):
                if id(file) not in self._covers:
                    self._covers[id(file)] = reader.covers(file) if hasattr(reader, "covers") else lambda _: False
                if self._covers[id(file)](posixpath.relpath(here, place or ".")):
                    return True
        return False


def _judged(name: str, commit: str, row: _Row, wanted: Packages) -> Dependent | None:
    """Compare an entry with the range that was asked for; None if it is out of it."""
    from detector.incident.dependents._version_ranges import inside, touch
    from detector.text.untrusted import strip_url_credentials

    entry = row.entry
    ranges = [one.range for one in wanted.fitting(entry.ecosystem, entry.name)]
    if entry.version:
        weighed, match = [inside(entry.ecosystem, text, entry.version) for text in ranges], LOCKED
    else:
        weighed, match = [touch(entry.ecosystem, text, entry.constraint) for text in ranges], ALLOWED
    within = True if True in weighed else None if None in weighed else False
    if within is False:
        return None
    return Dependent(
        repository=name,
        path=row.path,
        commit=commit,
        ecosystem=entry.ecosystem,
        name=entry.name,
        version=strip_url_credentials(entry.version),  # it may be a URL, and that may hold a token
        constraint=strip_url_credentials(entry.constraint),
        direct=entry.direct,
        via=entry.via,
        match=match if within else UNKNOWN,
        note=entry.note,
    )


def in_repository(name: str, repository: Repository, wanted: Packages, history: bool) -> Iterator[Dependent | Skipped]:
    """Yield what the commit that HEAD names says, or what all commits ever said."""
    if history and repository.shallow:
        yield Skipped(name, "is a shallow clone: older history is not here (git fetch --unshallow brings it)")
    tip = read_head(repository)
    if not tip and not read_refs(repository):
        return  # nothing was ever committed
    if not tip and not history:
        yield Skipped(name, "HEAD names no commit, so there is no tip to read; its history has branches")
        return
    with SafeGit(repository) as git:
        if not history:
            assert tip
            yield from at_tip(name, Commit(tip, interesting, git), wanted)
            return
        yield from _in_history(name, repository, git, tip, wanted)


class _Span(NamedTuple):
    """When something was so: places in the order of commits. `until` is None while nothing took it away."""

    since: int
    until: int | None
    now: bool

    def with_(self, other: _Span) -> _Span:
        ends = [end for end in (self.until, other.until) if end is not None]
        return _Span(min(self.since, other.since), max(ends, default=None), self.now or other.now)


def _in_history(
    name: str, repository: Repository, git: SafeGit, tip: str | None, wanted: Packages
) -> Iterator[Dependent | Skipped]:
    commits, contents = changed(git, sorted({*read_refs(repository).values(), *([tip] if tip else [])}), interesting)
    now = set(Commit(tip, interesting, git).all().items()) if tip else set()
    objects = Objects(git)
    needle = wanted.needle()
    spans: dict[Dependent, _Span] = {}
    told: dict[Dependent, Dependent] = {}
    trees: dict[int, Commit] = {}
    for (path, blob), seen in contents.items():
        try:
            data = objects.read(blob)
        except Unreadable as error:
            yield Skipped(_joined(name, f"{path} in {commits[seen.first][:12]}"), str(error))
            continue
        if data is None:
            yield Skipped(
                _joined(name, f"{path} in {commits[seen.first][:12]}"), "its content is missing from this clone"
            )
            continue
        if not data or (len(data) > _SMALL and not _may_name(data, needle)):
            continue
        tree = trees.get(seen.first)
        if tree is None:
            trees.clear()
            tree = trees[seen.first] = Commit(commits[seen.first], interesting, git, objects)
        rows: list[_Row] = []
        for skipped in _read(name, File(path, data, beside(tree, path)), wanted, rows):
            yield skipped._replace(where=f"{skipped.where} in {commits[seen.first][:12]}")
        span = _Span(seen.first, seen.gone, (path, blob) in now)
        for row in rows:
            found = _judged(name, "", row, wanted)
            if found:
                key = _what(found)
                spans[key] = spans[key].with_(span) if key in spans else span
                told[key] = _clearer(found, told.get(key))
    for key, span in sorted(spans.items(), key=lambda pair: (pair[0].path, pair[1].since)):
        yield _dated(told[key], span, commits, tip or "")


def _dated(found: Dependent, span: _Span, commits: list[str], tip: str) -> Dependent:
    since = commits[span.since]
    if span.now:
        return found._replace(commit=tip, since=since)
    if span.until is None:
        return found._replace(commit=since, since=since, until=ELSEWHERE)
    return found._replace(commit=since, since=since, until=commits[span.until])


_SMALL = 16 << 10


def _may_name(data: bytes, needle: re.Pattern[bytes]) -> bool:
    return bool(needle.search(data)) or any(escape in data for escape in (b"\\u", b"\\x", b"&#", b"\0"))


def _joined(repository: str, path: str) -> str:
    return f"{repository}:{path}" if repository else path


# -- readers -----------------------------------------------------------------

_readers: list[tuple[re.Pattern[str], ModuleType]] = []


def readers() -> list[tuple[re.Pattern[str], ModuleType]]:
    """Return all readers, each with an expression for the paths that it reads."""
    if not _readers:
        from detector.registry import load, names

        for name in names(PACKAGE):
            module = load(PACKAGE, name, what="reader")
            globs = "|".join(re.escape(glob).replace(r"\*", "[^/]*") for glob in module.FILES)
            _readers.append((re.compile(f"(?:.*/)?(?:{globs})", re.DOTALL | re.IGNORECASE), module))
    return _readers


def interesting(path: str) -> bool:
    """Tell whether a reader reads files of this name."""
    return any(pattern.fullmatch(path) for pattern, _ in readers()) and not skipped_folder(path)
