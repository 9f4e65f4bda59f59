"""Say for a few objects which commit brought them in, where, by whom, and when.

A scan reads objects without asking how they are reached; only what was found
needs a history. So this is one pass over the commits, newest first because git
is quicker that way, and it may run beside the scan. Commits are compared with
all their parents at once: what a merge alone brought in is placed there, and
what it merely merged is not.

What the refs do not reach is looked for in notes, in the stash, in reflogs and
last in commits that nothing points to, and is labelled so. Author and date come
from the commit itself; neither mailmap nor configuration has a say.
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
from detector.git.repository import Repository, SafeGit, reflogs, refs

_BLOCK = 8 << 20
"""Bytes of what git tells that are looked at together."""

NEWLINE, BLANK, COLON = 10, 32, 58


class Place(NamedTuple):
    """One commit that brought an object in, and under which path.

    For an annotated tag the path is its ref and the commit what it tags.
    """

    commit: str
    path: str
    author: str
    when: str


class Attribution(NamedTuple):
    """Where an object comes from: the oldest place first.

    `kind` is blob, commit or tag for what ordinary refs reach, else note, stash
    or unreachable; `held_by` then names what still holds it, if anything does.
    """

    kind: str
    places: tuple[Place, ...] = ()
    held_by: str = ""


class Blame:
    """Attribution for one repository. A context manager.

    `start` begins the pass at once, beside the scan; without it the pass
    begins with the first question, and is spared if there is none.
    """

    def __init__(self, repository: Repository, everywhere: bool = False, known: Sequence[str] = ()) -> None:
        """With *everywhere* all commits and paths that brought an object in are of interest, else the oldest alone.

        What the *known* ids lead to is left out.
        """
        self.repository = repository
        self._known = known
        self._everywhere = everywhere
        self._git = SafeGit(repository)
        self._pool = ThreadPoolExecutor(1)
        self._first: _Pass | None = None

    def __enter__(self) -> Blame:
        self._git.__enter__()
        return self

    def __exit__(self, *_: object) -> None:
        self._pool.shutdown(wait=False, cancel_futures=True)
        self._git.stop()
        self._pool.shutdown()
        self._git.__exit__()

    def start(self) -> None:
        """Begin to compare the commits that ordinary refs reach."""
        if self._first is None:
            tips = [tip for name, tip in refs(self.repository).items() if not _special(name)]
            self._first = self._pass(self._commits_among(tips), self._commits_among(self._known))

    def brings(self, blobs: Collection[str]) -> set[str]:
        """Return those of *blobs* that commits which ordinary refs reach bring in."""
        self.start()
        assert self._first is not None
        return {name for _, _, name in self._first.introduced(set(blobs))}

    def brings_all(self, wanted: Mapping[str, str]) -> bool:
        """Tell whether ordinary refs explain all of the *wanted* blobs and commits, given as ``{id: type}``."""
        self.start()
        assert self._first is not None
        blobs = {name for name, kind in wanted.items() if kind == "blob"}
        commits = {name for name, kind in wanted.items() if kind == "commit"}
        return self.brings(blobs) == blobs and commits <= (self._first.commits() if commits else set())

    def attribute(self, wanted: Mapping[str, str]) -> dict[str, Attribution]:
        """Return the attribution of each *wanted* object, given as ``{id: type}``.

        Needs no more than the commits and trees.
        """
        blobs = {name for name, kind in wanted.items() if kind == "blob"}
        commits = {name for name, kind in wanted.items() if kind == "commit"}
        found: dict[str, tuple[str, str, list[tuple[str, str]]]] = {}
        for kind, held_by, this in self._passes():
            for name in commits & this.commits() if commits else ():
                found[name] = kind or "commit", held_by, [(name, "")]
                commits.discard(name)
            seen: dict[str, list[tuple[str, str]]] = {}
            for commit, path, name in this.introduced(blobs):
                seen.setdefault(name, []).append((commit, path))
            for name, places in seen.items():
                found[name] = kind or "blob", held_by, places
            blobs.difference_update(seen)
            if not blobs and not commits:
                break
        details = self._details({commit for _, _, places in found.values() for commit, _ in places})
        answer = {
            name: Attribution(kind, tuple(_place(details, *place) for place in places), held_by)
            for name, (kind, held_by, places) in found.items()
        }
        answer.update(self._tags([name for name, kind in wanted.items() if kind == "tag"]))
        for name in wanted:
            answer.setdefault(name, Attribution("unreachable"))
        return answer

    def _passes(self) -> Iterator[tuple[str, str, _Pass]]:
        """Walk what refs reach, then what else holds commits, each commit once."""
        self.start()
        assert self._first is not None
        yield "", "", self._first
        hidden = list(self._first.tips)
        known = self._first.commits()
        for kind, held_by, starts in self._holders():
            tips = [tip for tip in self._commits_among(starts) if tip not in known]
            if tips:
                this = self._pass(tips, hidden)
                yield kind, held_by, this
                hidden += tips
                known |= this.commits()
        from detector.git.shares import plan

        stored = (row.tobytes().hex() for row in plan(self.repository, ("commit",)).ids)
        loose_ends = self._commits_among([name for name in stored if name not in known])
        if loose_ends:
            yield "unreachable", "", self._pass(loose_ends, hidden)

    def _pass(self, tips: Sequence[str], hidden: Sequence[str]) -> _Pass:
        return _Pass(self._git, self._pool, tips, hidden, self._everywhere)

    def _holders(self) -> Iterator[tuple[str, str, list[str]]]:
        """List what holds commits besides ordinary refs: (kind, name, ids)."""
        stash: list[str] = []
        logged: dict[str, list[str]] = {}
        for name, tip in refs(self.repository).items():
            if name == "refs/stash":
                stash.append(tip)
            elif _special(name):
                yield "note", name, [tip]
        for entry in reflogs(self.repository):
            if entry.ref == "refs/stash":
                stash.append(entry.new)
            else:
                logged.setdefault(entry.ref, []).extend((entry.old, entry.new))
        yield "stash", "refs/stash", stash
        for name, ids in logged.items():
            yield "note" if _special(name) else "unreachable", f"reflog of {name}", ids

    def _commits_among(self, tips: Sequence[str]) -> list[str]:
        """Return the commits that *tips* lead to; what is missing or leads elsewhere is left out."""
        # git takes several times as long to lead a name on to its commit as to tell what it names
        told = self._git.types(dict.fromkeys(tips))
        led_on = self._git.types(f"{name}^{{commit}}" for name, kind in told if kind == "tag")
        return list(dict.fromkeys(name for name, kind in (*told, *led_on) if kind == "commit"))

    def _details(self, commits: Iterable[str]) -> dict[str, tuple[str, str]]:
        return authors(self.repository, commits)

    def _tags(self, names: list[str]) -> dict[str, Attribution]:
        if not names:
            return {}
        holders = {tip: name for name, tip in refs(self.repository).items()}
        found = {}
        for name, _, data in cat_file(self.repository, names):
            if data is None:
                continue
            lines = data.partition(b"\n\n")[0].decode("utf-8", "replace").splitlines()
            header = dict(line.partition(" ")[::2] for line in reversed(lines))
            path = holders.get(name) or f"refs/tags/{header.get('tag', '')}"
            place = Place(header.get("object", ""), path, *signature(data, b"tagger "))
            found[name] = Attribution("tag" if name in holders else "unreachable", (place,))
        return found


class _Pass:
    """One walk over the commits that some tips reach, told by git into a file."""

    def __init__(
        self, git: SafeGit, pool: ThreadPoolExecutor, tips: Sequence[str], hidden: Sequence[str], everywhere: bool
    ) -> None:
        self.tips = tips
        self._git = git
        self._width = 2 * git.repository.id_bytes
        self._everywhere = everywhere
        given = "".join([*(f"{tip}\n" for tip in tips), *(f"^{tip}\n" for tip in hidden)])
        self._told = pool.submit(self._tell, given.encode())

    def commits(self) -> set[str]:
        """Return the ids of all commits of this pass."""
        blocks = _blocks(self._told.result(), self._width)
        return {block.text(at).decode() for block in blocks for at in block.commits.tolist()}

    def introduced(self, wanted: set[str]) -> Iterator[tuple[str, str, str]]:
        """Yield (commit, path, id) for the wanted blobs; the oldest alone or all, oldest first."""
        if not wanted:
            return
        names = {name.encode() for name in wanted}
        parsed = _parse(_blocks(self._told.result(), self._width), names)
        if self._everywhere:
            found = [(commit, *at) for commit, changes in parsed for at in reversed(changes)]
        else:
            found = [(commit, path, name) for name, (commit, path) in _oldest(parsed).items()]
        for commit, path, name in reversed(found):
            yield commit.decode(), os.fsdecode(path), name.decode()

    def _tell(self, given: bytes) -> IO[bytes]:
        told = TemporaryFile()  # noqa: SIM115  (closed when nobody looks at it any more)
        if self.tips:
            with self._git.feed(given) as asked:
                self._git.pour(
                    told, "log", "--stdin", "--diff-merges=combined", "--raw", "-z", "--no-renames", "--no-abbrev",
                    "--format=%H", stdin=asked,
                )  # fmt: skip
        return told


Changes = list[tuple[bytes, bytes]]
"""Paths and the ids of what came to stand there."""


def _oldest(parsed: Iterable[tuple[bytes, Changes]]) -> dict[bytes, tuple[bytes, bytes]]:
    """Return for each id the last commit it comes with, and its first path there."""
    found: dict[bytes, tuple[bytes, bytes]] = {}
    for commit, changes in parsed:
        found.update((name, (commit, path)) for path, name in reversed(changes))
    return found


class _Block:
    """Some commits of ``log --raw -z --format=%H`` with all their changes.

    Its tokens end with a zero byte: the id of a commit, the head of a change, a path.
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
            colon[at] = self.text(at).lstrip(b"\n")[:1] == b":"
        # a path may look like the head of a change: of those that follow each other every second one is a path
        numbers = np.arange(len(ends))
        self._heads = colon & ((numbers - np.maximum.accumulate(np.where(colon, -1, numbers))) % 2 == 1)
        behind_head = np.append(False, self._heads)[: len(ends)]
        self.commits = np.flatnonzero((ends - starts == width) & ~behind_head)
        """The numbers of the tokens that are ids of commits."""

    def text(self, at: int) -> bytes:
        """Return the token with number *at*."""
        return self.data[self._starts[at] : self._ends[at]]

    def cut(self) -> bytes:
        """Give up the last commit, which may go on, and return what was told of it so far."""
        last = int(self.commits[-1])
        self.commits = self.commits[:-1]
        self._heads[last:] = False
        return self.data[self._starts[last] :]

    def changes(self, wanted: Collection[bytes], beginnings: NDArray[np.uint64]) -> Iterator[tuple[bytes, Changes]]:
        """Yield the commits that bring something *wanted* in; *beginnings* are the first bytes of its ids, sorted."""
        width = self._width
        heads = np.flatnonzero(self._heads)
        ends = self._ends[heads]
        long = ends - self._starts[heads] > width + 2
        heads, ends = heads[long], ends[long]
        # a letter of status for each parent: nearly always one or two
        letters = np.where(self._flat[ends - 2] == BLANK, 1, 2)
        starts = ends - letters - 1 - width
        ids = np.ascontiguousarray(self._flat[starts[:, None] + np.arange(8)]).view(np.uint64).ravel()
        known = beginnings[np.minimum(np.searchsorted(beginnings, ids), len(beginnings) - 1)] == ids
        many = (letters == 2) & (self._flat[ends - 3] != BLANK)
        told: dict[int, Changes] = {}
        some = heads[known | many]
        for at, number in zip(some.tolist(), (np.searchsorted(self.commits, some) - 1).tolist(), strict=True):
            name = self.text(at).rpartition(b" ")[0][-width:]
            if name in wanted:
                told.setdefault(number, []).append((self.text(at + 1), name))
        for number, changes in told.items():
            yield self.text(int(self.commits[number])), changes


def _blocks(stream: IO[bytes], width: int) -> Iterator[_Block]:
    """Cut what git has told in blocks of whole commits."""
    stream.seek(0)
    rest = b""
    while more := stream.read(_BLOCK):
        block = _Block(rest + more, width)
        rest = block.cut() if len(block.commits) else block.data
        yield block
    if rest:
        yield _Block(rest, width)


def _parse(blocks: Iterable[_Block], wanted: Collection[bytes]) -> Iterator[tuple[bytes, Changes]]:
    """Yield each commit that changes something to what is wanted, with these changes, newest first."""
    beginnings = np.sort(np.frombuffer(b"".join(name[:8] for name in wanted), np.uint64))
    for block in blocks:
        yield from block.changes(wanted, beginnings)


def _special(ref: str) -> bool:
    return ref == "refs/stash" or ref.startswith("refs/notes/")


def _place(details: Mapping[str, tuple[str, str]], commit: str, path: str) -> Place:
    return Place(commit, path, *details.get(commit, ("", "")))


def signature(data: bytes, field: bytes) -> tuple[str, str]:
    """Return who signed a commit or tag, and when (ISO 8601).

    >>> signature(b"tree 1\\nauthor Ada <a@b.c> 0 +0130\\n\\nhello", b"author ")
    ('Ada <a@b.c>', '1970-01-01T01:30:00+01:30')
    """
    for line in data.partition(b"\n\n")[0].split(b"\n"):
        if line.startswith(field):
            who, found, rest = line[len(field) :].rpartition(b"> ")
            text = (who + b">" if found else rest).decode("utf-8", "replace")
            return text, _when(rest) if found else ""
    return "", ""


def _when(text: bytes) -> str:
    try:
        seconds, _, zone = text.decode("ascii").partition(" ")
        minutes = int(zone[1:3]) * 60 + int(zone[3:5]) if len(zone) == 5 else 0
        there = timezone(timedelta(minutes=-minutes if zone[:1] == "-" else minutes))
        return (datetime.fromtimestamp(0, UTC) + timedelta(seconds=int(seconds))).astimezone(there).isoformat()
    except (ValueError, OverflowError):
        return ""


def authors(repository: Repository, commits: Iterable[str]) -> dict[str, tuple[str, str]]:
    """Return author and date (ISO 8601) of each commit that is there."""
    return {
        name: signature(data, b"author ") for name, _, data in cat_file(repository, sorted(commits)) if data is not None
    }


def attribute(repository: Repository, wanted: Mapping[str, str], everywhere: bool = False) -> dict[str, Attribution]:
    """Attribute a few objects; see `Blame.attribute`."""
    if not wanted:
        return {}
    with Blame(repository, everywhere) as blame:
        return blame.attribute(wanted)
