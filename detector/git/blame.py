"""Find the commits that introduced given objects, with path, author and date.

A scan reads objects without knowing how they are reached; only those with
findings need their history. So this is one pass over the commits, newest first
because git is faster that way, and it can run in parallel with the scan. Each
commit is compared with all its parents at once: an object that a merge itself
introduced is attributed to the merge, one that it only merged is not.

Objects that ordinary refs do not reach are searched in notes, in the stash, in
reflogs and finally in unreachable commits, and are labelled so. Author and date
come from the commit object; mailmap and configuration are not used.
"""

from __future__ import annotations

import os
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta, timezone
from tempfile import TemporaryFile
from typing import IO, NamedTuple

import numpy as np  # noqa: TID253  (this module is itself imported late)
from numpy.typing import NDArray  # noqa: TID253

from detector.git.objects import cat_file
from detector.git.refs import read_reflogs, read_refs
from detector.git.repository import Repository
from detector.git.safe_git import SafeGit

_BLOCK_BYTES = 8 << 20
"""How many bytes of the output of `git log` are parsed at a time."""

NEWLINE, BLANK, COLON = 10, 32, 58


class Introduction(NamedTuple):
    """One commit that introduced an object, and the path of the object in it.

    For an annotated tag the path is its ref and the commit is the tagged one.
    `when` is in ISO 8601.
    """

    commit: str
    path: str
    author: str
    when: str


class Attribution(NamedTuple):
    """The commits that introduced an object, oldest first.

    `kind` is blob, commit or tag if ordinary refs reach the object, else note,
    stash or unreachable. `held_by` is then the ref or reflog that still reaches
    it, if there is one. If it is not known what reaches it, because a part of the
    history is missing, the kind is its type, and there are no introductions.
    """

    kind: str
    introductions: tuple[Introduction, ...] = ()
    held_by: str = ""


class Blame:
    """Attributes objects of one repository to commits. A context manager.

    `start` begins the pass over the commits in the background; otherwise it
    begins with the first query.
    """

    def __init__(self, repository: Repository, everywhere: bool = False, known: Sequence[str] = ()) -> None:
        """Find all commits and paths that introduced an object if *everywhere*, else only the oldest.

        Commits that the ids *known* reach are left out.
        """
        self.repository = repository
        self._known = known
        self._everywhere = everywhere
        self._git = SafeGit(repository)
        self._pool = ThreadPoolExecutor(1)
        self._first: _LogPass | None = None
        self.is_complete = not repository.shallow
        """Whether every commit that refs reach was compared; else what was not met there may be reached after all."""

    def __enter__(self) -> Blame:
        self._git.__enter__()
        return self

    def __exit__(self, *_: object) -> None:
        self._pool.shutdown(wait=False, cancel_futures=True)
        self._git.stop()
        self._pool.shutdown()
        self._git.__exit__()

    def start(self) -> None:
        """Begin the pass over the commits that ordinary refs reach."""
        if self._first is None:
            tips = [tip for name, tip in read_refs(self.repository).items() if not _is_special_ref(name)]
            self._first = self._start_pass(self._resolve_commits(tips), self._resolve_commits(self._known))

    def find_introduced(self, blobs: Collection[str]) -> set[str]:
        """Return those of *blobs* that a commit introduced which ordinary refs reach."""
        self.start()
        assert self._first is not None
        return {name for _, _, name in self._first.find_introductions(set(blobs))}

    def reaches_all(self, wanted: Mapping[str, str]) -> bool:
        """Return whether ordinary refs reach all of the *wanted* blobs and commits, given as ``{id: type}``."""
        self.start()
        assert self._first is not None
        blobs = {name for name, kind in wanted.items() if kind == "blob"}
        commits = {name for name, kind in wanted.items() if kind == "commit"}
        return self.find_introduced(blobs) == blobs and commits <= (self._first.list_commits() if commits else set())

    def attribute(self, wanted: Mapping[str, str]) -> dict[str, Attribution]:
        """Return the attribution of each *wanted* object, given as ``{id: type}``.

        Reads commits and trees only, so it works in partial clones.
        """
        blobs = {name for name, kind in wanted.items() if kind == "blob"}
        commits = {name for name, kind in wanted.items() if kind == "commit"}
        found: dict[str, tuple[str, str, list[tuple[str, str]]]] = {}
        for kind, held_by, log in self._iterate_passes():
            if kind == "unreachable" and not self.is_complete:
                kind = held_by = ""
            for name in commits & log.list_commits() if commits else ():
                found[name] = kind or "commit", held_by, [(name, "")]
                commits.discard(name)
            introduced: dict[str, list[tuple[str, str]]] = {}
            for commit, path, name in log.find_introductions(blobs):
                introduced.setdefault(name, []).append((commit, path))
            for name, pairs in introduced.items():
                found[name] = kind or "blob", held_by, pairs
            blobs.difference_update(introduced)
            self.is_complete = self.is_complete and not (log is self._first and log.failed)
            if not blobs and not commits:
                break
        details = read_authors(self.repository, {commit for _, _, pairs in found.values() for commit, _ in pairs})
        attributions = {
            name: Attribution(kind, tuple(_make_introduction(details, *pair) for pair in pairs), held_by)
            for name, (kind, held_by, pairs) in found.items()
        }
        attributions.update(self._attribute_tags([name for name, kind in wanted.items() if kind == "tag"]))
        for name, kind in wanted.items():
            attributions.setdefault(name, Attribution("unreachable" if self.is_complete else kind))
        return attributions

    def _iterate_passes(self) -> Iterator[tuple[str, str, _LogPass]]:
        """Yield (kind, held by, pass): ordinary refs first, then whatever else reaches commits, each commit once."""
        self.start()
        assert self._first is not None
        yield "", "", self._first
        hidden = list(self._first.tips)
        known = self._first.list_commits()
        for kind, held_by, starts in self._list_holders():
            tips = [tip for tip in self._resolve_commits(starts) if tip not in known]
            if tips:
                log = self._start_pass(tips, hidden)
                yield kind, held_by, log
                hidden += tips
                known |= log.list_commits()
        from detector.git.shares import plan_shares

        stored = (row.tobytes().hex() for row in plan_shares(self.repository, ("commit",)).ids)
        unreachable = self._resolve_commits([name for name in stored if name not in known])
        if unreachable:
            yield "unreachable", "", self._start_pass(unreachable, hidden)

    def _start_pass(self, tips: Sequence[str], hidden: Sequence[str]) -> _LogPass:
        return _LogPass(self._git, self._pool, tips, hidden, self._everywhere)

    def _list_holders(self) -> Iterator[tuple[str, str, list[str]]]:
        """Yield (kind, name, ids) for each special ref and each reflog."""
        stash: list[str] = []
        logged: dict[str, list[str]] = {}
        for name, tip in read_refs(self.repository).items():
            if name == "refs/stash":
                stash.append(tip)
            elif _is_special_ref(name):
                yield "note", name, [tip]
        for entry in read_reflogs(self.repository):
            if entry.ref == "refs/stash":
                stash.append(entry.new)
            else:
                logged.setdefault(entry.ref, []).extend((entry.old, entry.new))
        yield "stash", "refs/stash", stash
        for name, ids in logged.items():
            yield "note" if _is_special_ref(name) else "unreachable", f"reflog of {name}", ids

    def _resolve_commits(self, tips: Sequence[str]) -> list[str]:
        """Return the commits among *tips* and those that tags among them point to."""
        # peeling every name costs git several times as much as reading its type, so only tags are peeled
        types = self._git.read_types(dict.fromkeys(tips))
        peeled = self._git.read_types(f"{name}^{{commit}}" for name, kind in types if kind == "tag")
        return list(dict.fromkeys(name for name, kind in (*types, *peeled) if kind == "commit"))

    def _attribute_tags(self, names: list[str]) -> dict[str, Attribution]:
        if not names:
            return {}
        holders = {tip: name for name, tip in read_refs(self.repository).items()}
        found = {}
        for name, _, data in cat_file(self.repository, names):
            if data is None:
                continue
            lines = data.partition(b"\n\n")[0].decode("utf-8", "replace").splitlines()
            header = dict(line.partition(" ")[::2] for line in reversed(lines))
            path = holders.get(name) or f"refs/tags/{header.get('tag', '')}"
            introduction = Introduction(header.get("object", ""), path, *parse_signature(data, b"tagger "))
            found[name] = Attribution("tag" if name in holders else "unreachable", (introduction,))
        return found


class _LogPass:
    """The output of one `git log` over the commits that *tips* reach and *hidden* do not, written to a file."""

    def __init__(
        self, git: SafeGit, pool: ThreadPoolExecutor, tips: Sequence[str], hidden: Sequence[str], everywhere: bool
    ) -> None:
        self.tips = tips
        self._git = git
        self._width = 2 * git.repository.id_bytes
        self._everywhere = everywhere
        self.failed = False
        """Whether git ended early, because of an object that is missing; known once the output was read."""
        revisions = "".join([*(f"{tip}\n" for tip in tips), *(f"^{tip}\n" for tip in hidden)])
        self._output = pool.submit(self._run_log, revisions.encode())

    def list_commits(self) -> set[str]:
        """Return the ids of all commits of this pass."""
        blocks = _read_blocks(self._output.result(), self._width)
        return {block.read_token(at).decode() for block in blocks for at in block.commits.tolist()}

    def find_introductions(self, wanted: set[str]) -> Iterator[tuple[str, str, str]]:
        """Yield (commit, path, id) for the wanted blobs, oldest first; only the oldest of each unless everywhere."""
        if not wanted:
            return
        names = {name.encode() for name in wanted}
        parsed = _find_changes(_read_blocks(self._output.result(), self._width), names)
        if self._everywhere:
            found = [(commit, *at) for commit, changes in parsed for at in reversed(changes)]
        else:
            found = [(commit, path, name) for name, (commit, path) in _find_oldest(parsed).items()]
        for commit, path, name in reversed(found):
            yield commit.decode(), os.fsdecode(path), name.decode()

    def _run_log(self, revisions: bytes) -> IO[bytes]:
        output = TemporaryFile()  # noqa: SIM115  (closed with its last reference)
        if self.tips:
            with self._git.open_input(revisions) as stdin:
                self.failed = not self._git.run_into(
                    output, "log", "--stdin", "--diff-merges=combined", "--raw", "-z", "--no-renames", "--no-abbrev",
                    "--format=%H", stdin=stdin,
                )  # fmt: skip
        return output


Changes = list[tuple[bytes, bytes]]
"""Paths and the ids of the blobs that a commit introduced there."""


def _find_oldest(parsed: Iterable[tuple[bytes, Changes]]) -> dict[bytes, tuple[bytes, bytes]]:
    """Return for each id the last of the commits, which is the oldest, and its first path there."""
    found: dict[bytes, tuple[bytes, bytes]] = {}
    for commit, changes in parsed:
        found.update((name, (commit, path)) for path, name in reversed(changes))
    return found


class _LogBlock:
    """Some commits from the output of ``log --raw -z --format=%H``, with all their changes.

    The output consists of tokens that end with a zero byte: the id of a commit,
    the header of a change (modes, ids and status), or the path of a change.
    """

    def __init__(self, data: bytes, width: int) -> None:
        self.data = data
        self._width = width
        flat = self._flat = np.frombuffer(data, np.uint8)
        self._ends = ends = np.flatnonzero(flat == 0)
        self._starts = starts = np.append(0, ends + 1)[: len(ends)]
        first, second = flat[starts], flat[np.minimum(starts + 1, len(flat) - 1)]
        colon = (first == COLON) | ((first == NEWLINE) & (second == COLON))
        for at in np.flatnonzero((first == NEWLINE) & (second == NEWLINE)).tolist():
            colon[at] = self.read_token(at).lstrip(b"\n")[:1] == b":"
        # a path can look like the header of a change: in a row of such tokens every second one is a path
        numbers = np.arange(len(ends))
        self._headers = colon & ((numbers - np.maximum.accumulate(np.where(colon, -1, numbers))) % 2 == 1)
        follows_header = np.append(False, self._headers)[: len(ends)]
        self.commits = np.flatnonzero((ends - starts == width) & ~follows_header)
        """The numbers of the tokens that are ids of commits."""

    def read_token(self, at: int) -> bytes:
        """Return the token with number *at*."""
        return self.data[self._starts[at] : self._ends[at]]

    def remove_last_commit(self) -> bytes:
        """Remove the last commit, which may continue in the next block, and return its bytes."""
        last = int(self.commits[-1])
        self.commits = self.commits[:-1]
        self._headers[last:] = False
        return self.data[self._starts[last] :]

    def find_changes(self, wanted: Collection[bytes], prefixes: NDArray[np.uint64]) -> Iterator[tuple[bytes, Changes]]:
        """Yield the commits that introduce a *wanted* id; *prefixes* are the first eight bytes of those ids, sorted."""
        width = self._width
        headers = np.flatnonzero(self._headers)
        ends = self._ends[headers]
        long = ends - self._starts[headers] > width + 2
        headers, ends = headers[long], ends[long]
        # one status letter for each parent: nearly always one or two
        letters = np.where(self._flat[ends - 2] == BLANK, 1, 2)
        starts = ends - letters - 1 - width
        ids = np.ascontiguousarray(self._flat[starts[:, None] + np.arange(8)]).view(np.uint64).ravel()
        known = prefixes[np.minimum(np.searchsorted(prefixes, ids), len(prefixes) - 1)] == ids
        many = (letters == 2) & (self._flat[ends - 3] != BLANK)
        found: dict[int, Changes] = {}
        candidates = headers[known | many]
        numbers = np.searchsorted(self.commits, candidates) - 1
        for at, number in zip(candidates.tolist(), numbers.tolist(), strict=True):
            name = self.read_token(at).rpartition(b" ")[0][-width:]
            if name in wanted:
                found.setdefault(number, []).append((self.read_token(at + 1), name))
        for number, changes in found.items():
            yield self.read_token(int(self.commits[number])), changes


def _read_blocks(stream: IO[bytes], width: int) -> Iterator[_LogBlock]:
    """Split the output of `git log` into blocks of complete commits."""
    stream.seek(0)
    pending = b""
    while more := stream.read(_BLOCK_BYTES):
        block = _LogBlock(pending + more, width)
        pending = block.remove_last_commit() if len(block.commits) else block.data
        yield block
    if pending:
        yield _LogBlock(pending, width)


def _find_changes(blocks: Iterable[_LogBlock], wanted: Collection[bytes]) -> Iterator[tuple[bytes, Changes]]:
    """Yield each commit that introduces a wanted id, with those changes, newest first."""
    prefixes = np.sort(np.frombuffer(b"".join(name[:8] for name in wanted), np.uint64))
    for block in blocks:
        yield from block.find_changes(wanted, prefixes)


def _is_special_ref(ref: str) -> bool:
    return ref == "refs/stash" or ref.startswith("refs/notes/")


def _make_introduction(details: Mapping[str, tuple[str, str]], commit: str, path: str) -> Introduction:
    return Introduction(commit, path, *details.get(commit, ("", "")))


def parse_signature(data: bytes, field: bytes) -> tuple[str, str]:
    """Return name and date (ISO 8601) in the author, committer or tagger line of a commit or tag.

    >>> parse_signature(b"tree 1\\nauthor Ada <a@b.c> 0 +0130\\n\\nhello", b"author ")
    ('Ada <a@b.c>', '1970-01-01T01:30:00+01:30')
    """
    for line in data.partition(b"\n\n")[0].split(b"\n"):
        if line.startswith(field):
            name, separator, time = line[len(field) :].rpartition(b"> ")
            text = (name + b">" if separator else time).decode("utf-8", "replace")
            return text, _format_time(time) if separator else ""
    return "", ""


def _format_time(text: bytes) -> str:
    try:
        seconds, _, zone = text.decode("ascii").partition(" ")
        minutes = int(zone[1:3]) * 60 + int(zone[3:5]) if len(zone) == 5 else 0
        there = timezone(timedelta(minutes=-minutes if zone[:1] == "-" else minutes))
        return (datetime.fromtimestamp(0, UTC) + timedelta(seconds=int(seconds))).astimezone(there).isoformat()
    except (ValueError, OverflowError):
        return ""


def read_authors(repository: Repository, commits: Iterable[str]) -> dict[str, tuple[str, str]]:
    """Return author and date (ISO 8601) of each of *commits* that exists."""
    return {
        name: parse_signature(data, b"author ")
        for name, _, data in cat_file(repository, sorted(commits))
        if data is not None
    }


def attribute(repository: Repository, wanted: Mapping[str, str], everywhere: bool = False) -> dict[str, Attribution]:
    """Attribute objects to commits; see `Blame.attribute`."""
    if not wanted:
        return {}
    with Blame(repository, everywhere) as blame:
        return blame.attribute(wanted)
