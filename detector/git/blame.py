"""Say for a few objects which commit brought them in, where, by whom, and when.

A scan reads objects without asking how they are reached; only what was found
needs a history. So this is one pass over the commits, oldest first, that stops
as soon as everything is placed. Commits are compared with all their parents at
once: what a merge alone brought in is placed there, and what it merely merged
is not.

What the refs do not reach is looked for in notes, in the stash, in reflogs and
last in commits that nothing points to, and is labelled so. Author and date come
from the commit itself; neither mailmap nor configuration has a say.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from datetime import UTC, datetime, timedelta, timezone
from tempfile import TemporaryFile
from typing import IO, NamedTuple

from detector.git.objects import cat_file
from detector.git.repository import Repository, SafeGit, reflogs, refs

_CHUNK = 20_000
"""Commits that one git process compares; the pass can stop after each."""


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

    def __init__(self, repository: Repository, jobs: int = 2) -> None:
        self.repository = repository
        self._git = SafeGit(repository)
        self._pool = ThreadPoolExecutor(jobs)
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
            self._first = _Pass(self._git, self._pool, self._commits_among(tips), ())

    def attribute(self, wanted: Mapping[str, str], everywhere: bool = False) -> dict[str, Attribution]:
        """Return the attribution of each *wanted* object, given as ``{id: type}``.

        With *everywhere* all commits and paths are listed that brought it in
        (again), else the oldest alone. Needs no more than the commits and trees.
        """
        blobs = {name for name, kind in wanted.items() if kind == "blob"}
        commits = {name for name, kind in wanted.items() if kind == "commit"}
        found: dict[str, tuple[str, str, list[tuple[str, str]]]] = {}
        for kind, held_by, this in self._passes():
            for name in commits & this.commits():
                found[name] = kind or "commit", held_by, [(name, "")]
                commits.discard(name)
            seen: dict[str, list[tuple[str, str]]] = {}
            for commit, path, name in this.introduced(blobs, everywhere):
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
                this = _Pass(self._git, self._pool, tips, hidden)
                yield kind, held_by, this
                hidden += tips
                known |= this.commits()
        from detector.git.shares import plan

        stored = (row.tobytes().hex() for row in plan(self.repository, ("commit",)).ids)
        loose_ends = self._commits_among([name for name in stored if name not in known])
        if loose_ends:
            yield "unreachable", "", _Pass(self._git, self._pool, loose_ends, hidden)

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
        unique = list(dict.fromkeys(tips))
        if not unique:
            return []
        given = "".join(f"{tip}^{{commit}}\n" for tip in unique).encode()
        lines = self._git.run("cat-file", "--batch-check=%(objectname) %(objecttype)", "--buffer", given=given)
        found = (line.split(" ") for line in lines.decode().splitlines())
        return list(dict.fromkeys(words[0] for words in found if words[1:] == ["commit"]))

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
    """One walk over the commits that some tips reach, compared in chunks, oldest first."""

    def __init__(self, git: SafeGit, pool: ThreadPoolExecutor, tips: Sequence[str], hidden: Sequence[str]) -> None:
        self.tips = tips
        self._git = git
        self._list = pool.submit(self._revisions, tips, hidden)
        self._pool = pool
        self._chunks: list[Future[IO[bytes]]] | None = None

    def commits(self) -> set[str]:
        """Return the ids of all commits of this pass."""
        return set(self._list.result())

    def introduced(self, wanted: set[str], everywhere: bool) -> Iterator[tuple[str, str, str]]:
        """Yield (commit, path, id) for the wanted blobs; the oldest alone or all."""
        missing = set(wanted)
        if not missing:
            return
        ordered = self._list.result()
        if self._chunks is None:
            parts = [ordered[at : at + _CHUNK] for at in range(0, len(ordered), _CHUNK)]
            self._chunks = [self._pool.submit(self._compare, part) for part in parts]
        for number, chunk in enumerate(self._chunks):
            for commit, path, name in _parse(chunk.result(), 2 * self._git.repository.id_bytes):
                if name in missing or (everywhere and name in wanted):
                    missing.discard(name)
                    yield commit, path, name
            if not missing and not everywhere:
                for later in self._chunks[number + 1 :]:
                    later.cancel()
                self._chunks = None
                return

    def _revisions(self, tips: Sequence[str], hidden: Sequence[str]) -> list[str]:
        if not tips:
            return []
        given = "".join([*(f"{tip}\n" for tip in tips), *(f"^{tip}\n" for tip in hidden)]).encode()
        return self._git.run("rev-list", "--reverse", "--stdin", given=given).decode().split()

    def _compare(self, commits: Sequence[str]) -> IO[bytes]:
        told = TemporaryFile()  # noqa: SIM115  (whoever parses it closes it)
        with self._git.feed("\n".join([*commits, ""]).encode()) as asked:
            self._git.pour(
                told, "diff-tree", "--stdin", "-r", "--root", "-c", "--raw", "-z", "--no-renames", "--no-abbrev",
                stdin=asked,
            )  # fmt: skip
        told.seek(0)
        return told


def _parse(stream: IO[bytes], width: int) -> Iterator[tuple[str, str, str]]:
    """Read ``diff-tree --raw -z``: a commit, then for each change a head and a path."""
    with stream:
        commit = ""
        tokens = iter(stream.read().split(b"\0"))
        for token in tokens:
            if token[:1] == b":":
                path = next(tokens, b"")
                head = token.rpartition(b" ")[0]
                yield commit, os.fsdecode(path), head[-width:].decode()
            elif len(token) == width:
                commit = token.decode()


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


def attribute(
    repository: Repository, wanted: Mapping[str, str], everywhere: bool = False, jobs: int = 2
) -> dict[str, Attribution]:
    """Attribute a few objects; see `Blame.attribute`."""
    if not wanted:
        return {}
    with Blame(repository, jobs) as blame:
        return blame.attribute(wanted, everywhere)
