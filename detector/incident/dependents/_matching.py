"""Read one version of a repository, or its whole history, and match the entries with the wanted packages.

A lock file takes precedence over its manifest: what a manifest merely allows is not
reported if a lock file beside it names the package, or a lock file above it whose
workspace contains the folder of the manifest.
"""

from __future__ import annotations

import posixpath
import re
from collections.abc import Callable, Iterable, Iterator
from enum import StrEnum
from typing import NamedTuple

from detector.git.refs import read_head, read_refs
from detector.git.repository import Repository
from detector.git.safe_git import SafeGit
from detector.incident.dependents._contract import (
    DependencyEntry,
    DependencyFile,
    DependencyReader,
    UnreadableFile,
    WorkspaceReader,
)
from detector.incident.dependents._names import Ecosystem, normalize_name
from detector.incident.dependents._query import Packages
from detector.incident.dependents._readers import is_dependency_file, load_readers
from detector.incident.dependents._trees import BlobReader, CommitTree, FileTree, list_contents, make_sibling_reader
from detector.model import Skipped

ELSEWHERE = "elsewhere"

_TREE_PREFILTER_SIZE = 256 << 10
"""Larger files of a tree are searched for the name before they are parsed."""
_HISTORY_PREFILTER_SIZE = 16 << 10
"""The same for files of the history."""
_FAST_FORMATS = (".json", ".jsonc")
"""Formats that are parsed faster than they are searched."""


class DependencyMatch(StrEnum):
    """How a file depends on the package.

    `LOCKED`: it names a version in the range. `ALLOWED`: its constraint allows one.
    `UNKNOWN`: it names something that cannot be compared with the range.
    """

    LOCKED = "locked"
    ALLOWED = "allowed"
    UNKNOWN = "unknown"


class Dependent(NamedTuple):
    """One file of a repository that depends on the package.

    `direct` is None if the file does not say; `via` is the dependency path from a direct
    dependency to the one that requires the package. `commit` is the commit that was read.
    With history, `since` is the commit that added the dependency and `until` the commit
    that removed it: empty while HEAD has it, ``elsewhere`` if HEAD never had it and another
    branch may still have it.
    """

    repository: str
    path: str
    commit: str
    ecosystem: Ecosystem
    name: str
    version: str = ""
    constraint: str = ""
    direct: bool | None = None
    via: tuple[str, ...] = ()
    match: DependencyMatch = DependencyMatch.LOCKED
    note: str = ""
    since: str = ""
    until: str = ""

    @property
    def is_locked(self) -> bool:
        """Whether the file names exactly one version, which is in the range."""
        return self.match == DependencyMatch.LOCKED


class _LocatedEntry(NamedTuple):
    """An entry with its path, and the lock file that contains it, with its reader."""

    path: str
    entry: DependencyEntry
    lock: tuple[DependencyFile, DependencyReader] | None = None


# -- one version -------------------------------------------------------------------


def match_tree(name: str, tree: FileTree, wanted: Packages, all_readers: bool = False) -> Iterator[Dependent | Skipped]:
    """Yield the dependents among the files of *tree*; *name* is the name of its repository.

    With *all_readers*, readers that recognize their format by content are tried on every file.
    """
    entries: list[_LocatedEntry] = []
    prefilter = wanted.build_prefilter()
    for path in tree.paths():
        if isinstance(path, Skipped):
            yield path._replace(where=_join_location(name, path.where))
            continue
        try:
            data = tree.read(path)
        except UnreadableFile as error:
            yield Skipped(_join_location(name, path), str(error))
            continue
        is_slow = data is not None and len(data) > _TREE_PREFILTER_SIZE and not path.endswith(_FAST_FORMATS)
        if not data or (is_slow and not _may_contain(data, prefilter)):
            continue
        file = DependencyFile(path, data, make_sibling_reader(tree, path))
        yield from _apply_readers(name, file, wanted, entries, all_readers)
    yield from _match_entries(name, tree.commit, entries, wanted)


def _apply_readers(
    name: str, file: DependencyFile, wanted: Packages, entries: list[_LocatedEntry], all_readers: bool = False
) -> Iterator[Skipped]:
    """Append the entries of *file* to *entries*; yield the reasons why it cannot be read."""
    reasons = []
    for pattern, reader in load_readers():
        if pattern.fullmatch(file.path) or (all_readers and getattr(reader, "READS_ANY_NAME", False)):
            try:
                lock = (file, reader) if reader.LOCKS else None
                entries.extend(
                    _LocatedEntry(entry.path or file.path, entry, lock) for entry in reader.read(file, wanted.matches)
                )
            except UnreadableFile as error:
                reasons.append(str(error))
            except RecursionError:
                reasons.append("is nested too deeply")
    yield from (Skipped(_join_location(name, file.path), reason) for reason in dict.fromkeys(reasons))


def _match_entries(name: str, commit: str, entries: Iterable[_LocatedEntry], wanted: Packages) -> Iterator[Dependent]:
    """Yield the dependents among *entries*, each once, without manifests that a lock file overrides."""
    locks = _LockIndex(entries)
    by_key: dict[Dependent, Dependent] = {}
    for entry in entries:
        if not entry.lock and not entry.entry.version and locks.overrides(entry):
            continue
        found = _match_entry(name, commit, entry, wanted)
        if found:
            key = _remove_path(found)
            by_key[key] = _choose_clearer(found, by_key.get(key))
    yield from by_key.values()


def _remove_path(found: Dependent) -> Dependent:
    """Return *found* without its dependency path: one version may be installed in many places."""
    return found._replace(direct=None, via=(), note="")


def _choose_clearer(found: Dependent, other: Dependent | None) -> Dependent:
    """Return the one with more information: direct before indirect, a short dependency path before a long one."""
    if other is None:
        return found
    return min(other, found, key=lambda one: (one.direct is not True, not one.via, len(one.via)))


def _make_package_key(entry: _LocatedEntry) -> tuple[str, str]:
    return entry.entry.ecosystem, normalize_name(entry.entry.ecosystem, entry.entry.name)


class _LockIndex:
    """The lock files by the packages that they name."""

    def __init__(self, entries: Iterable[_LocatedEntry]) -> None:
        self._locks: dict[tuple[str, str, str], list[tuple[DependencyFile, DependencyReader]]] = {}
        self._filters: dict[int, Callable[[str], bool]] = {}
        for entry in entries:
            if entry.lock:
                key = (*_make_package_key(entry), posixpath.dirname(entry.path))
                self._locks.setdefault(key, []).append(entry.lock)

    def overrides(self, entry: _LocatedEntry) -> bool:
        """Return whether a lock file decides what is installed for the manifest that contains *entry*."""
        package, folder = _make_package_key(entry), posixpath.dirname(entry.path)
        if (*package, folder) in self._locks:
            return True
        above = folder
        while above:
            above = posixpath.dirname(above)
            for file, reader in self._locks.get((*package, above), ()):
                if self._get_filter(file, reader)(posixpath.relpath(folder, above or ".")):
                    return True
        return False

    def _get_filter(self, file: DependencyFile, reader: DependencyReader) -> Callable[[str], bool]:
        if id(file) not in self._filters:
            if isinstance(reader, WorkspaceReader):
                self._filters[id(file)] = reader.make_workspace_filter(file)
            else:
                self._filters[id(file)] = lambda _: False
        return self._filters[id(file)]


def _match_entry(name: str, commit: str, located: _LocatedEntry, wanted: Packages) -> Dependent | None:
    """Compare an entry with the wanted ranges; return None if it is outside of all of them."""
    from detector.text.untrusted import strip_url_credentials
    from detector.text.version_ranges import is_in_range, overlaps

    entry = located.entry
    ranges = [one.range for one in wanted.find_matches(entry.ecosystem, entry.name)]
    if entry.version:
        results, match = [is_in_range(entry.ecosystem, text, entry.version) for text in ranges], DependencyMatch.LOCKED
    else:
        results, match = [overlaps(entry.ecosystem, text, entry.constraint) for text in ranges], DependencyMatch.ALLOWED
    if True not in results and None not in results:
        return None
    return Dependent(
        repository=name,
        path=located.path,
        commit=commit,
        ecosystem=entry.ecosystem,
        name=entry.name,
        version=strip_url_credentials(entry.version),  # it may be a URL with a token
        constraint=strip_url_credentials(entry.constraint),
        direct=entry.direct,
        via=entry.via,
        match=match if True in results else DependencyMatch.UNKNOWN,
        note=entry.note,
    )


# -- repositories and their history --------------------------------------------------


def match_repository(
    name: str, repository: Repository, wanted: Packages, history: bool
) -> Iterator[Dependent | Skipped]:
    """Yield the dependents in the commit of HEAD, or with *history* in all commits."""
    if history and repository.shallow:
        yield Skipped(name, "is a shallow clone without the older history (git fetch --unshallow adds it)")
    tip = read_head(repository)
    if not tip and not read_refs(repository):
        return  # no commits
    if not tip and not history:
        yield Skipped(name, "HEAD names no commit, so there is nothing to read without --history")
        return
    with SafeGit(repository) as git:
        if not history:
            assert tip
            yield from match_tree(name, CommitTree(tip, is_dependency_file, git), wanted)
            return
        yield from _match_history(name, repository, git, tip, wanted)


class _Period(NamedTuple):
    """When a dependency existed, as positions in the order of commits. `until` is None if no commit removed it."""

    since: int
    until: int | None
    now: bool

    def merge(self, other: _Period) -> _Period:
        """Return the period from the earlier beginning to the later end."""
        ends = [end for end in (self.until, other.until) if end is not None]
        return _Period(min(self.since, other.since), max(ends, default=None), self.now or other.now)


def _match_history(
    name: str, repository: Repository, git: SafeGit, tip: str | None, wanted: Packages
) -> Iterator[Dependent | Skipped]:
    tips = sorted({*read_refs(repository).values(), *([tip] if tip else [])})
    commits, contents = list_contents(git, tips, is_dependency_file)
    current = set(CommitTree(tip, is_dependency_file, git).list_files().items()) if tip else set()
    blobs = BlobReader(git)
    prefilter = wanted.build_prefilter()
    periods: dict[Dependent, _Period] = {}
    by_key: dict[Dependent, Dependent] = {}
    tree: CommitTree | None = None
    for (path, blob), span in contents.items():
        commit = commits[span.first]
        try:
            data = blobs.read(blob)
        except UnreadableFile as error:
            yield Skipped(_join_location(name, f"{path} in {commit[:12]}"), str(error))
            continue
        if data is None:
            yield Skipped(_join_location(name, f"{path} in {commit[:12]}"), "its content is missing from this clone")
            continue
        if not data or (len(data) > _HISTORY_PREFILTER_SIZE and not _may_contain(data, prefilter)):
            continue
        if tree is None or tree.commit != commit:
            tree = CommitTree(commit, is_dependency_file, git, blobs)
        file = DependencyFile(path, data, make_sibling_reader(tree, path))
        entries: list[_LocatedEntry] = []
        for skipped in _apply_readers(name, file, wanted, entries):
            yield skipped._replace(where=f"{skipped.where} in {commit[:12]}")
        period = _Period(span.first, span.gone, (path, blob) in current)
        for entry in entries:
            found = _match_entry(name, "", entry, wanted)
            if found:
                key = _remove_path(found)
                periods[key] = periods[key].merge(period) if key in periods else period
                by_key[key] = _choose_clearer(found, by_key.get(key))
    for key, period in sorted(periods.items(), key=lambda pair: (pair[0].path, pair[1].since)):
        yield _add_commits(by_key[key], period, commits, tip or "")


def _add_commits(found: Dependent, period: _Period, commits: list[str], tip: str) -> Dependent:
    since = commits[period.since]
    if period.now:
        return found._replace(commit=tip, since=since)
    if period.until is None:
        return found._replace(commit=since, since=since, until=ELSEWHERE)
    return found._replace(commit=since, since=since, until=commits[period.until])


def _may_contain(data: bytes, prefilter: re.Pattern[bytes]) -> bool:
    """Return whether *data* may contain the name, perhaps in an escaped form."""
    return bool(prefilter.search(data)) or any(escape in data for escape in (b"\\u", b"\\x", b"&#", b"\0"))


def _join_location(repository: str, path: str) -> str:
    return f"{repository}:{path}" if repository else path
