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
from bisect import bisect_right
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta, timezone
from tempfile import TemporaryFile
from typing import IO, NamedTuple

from detector.git.objects import cat_file
from detector.git.repository import Repository, SafeGit, reflogs, refs

_BLOCK = 8 << 20
"""Bytes of what git tells that are looked at together."""


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

    def __init__(self, repository: Repository, everywhere: bool = False) -> None:
        """With *everywhere* all commits and paths that brought an object in are of interest, else the oldest alone."""
        self.repository = repository
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
            self._first = self._pass(self._commits_among(tips), ())

    def attribute(self, wanted: Mapping[str, str]) -> dict[str, Attribution]:
        """Return the attribution of each *wanted* object, given as ``{id: type}``.

        Needs no more than the commits and trees.
        """
        blobs = {name for name, kind in wanted.items() if kind == "blob"}
        commits = {name for name, kind in wanted.items() if kind == "commit"}
        found: dict[str, tuple[str, str, list[tuple[str, str]]]] = {}
        for kind, held_by, this in self._passes():
            for name in commits & this.commits():
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
        return {commit.decode() for commit, _ in _parse(self._told.result(), self._width)}

    def introduced(self, wanted: set[str]) -> Iterator[tuple[str, str, str]]:
        """Yield (commit, path, id) for the wanted blobs; the oldest alone or all, oldest first."""
        if not wanted:
            return
        names = {name.encode() for name in wanted}
        parsed = _parse(self._told.result(), self._width, names)
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


def _parse(stream: IO[bytes], width: int, wanted: Collection[bytes] = ()) -> Iterator[tuple[bytes, Changes]]:
    """Read ``log --raw -z --format=%H``: each commit with its changes to what is wanted, newest first."""
    stream.seek(0)
    rest = b""
    while block := stream.read(_BLOCK):
        tokens = (rest + block).split(b"\0")
        complete = len(tokens) - 1
        commits = [
            i for i, token in enumerate(tokens) if len(token) == width and not _is_head(tokens, i - 1) and i < complete
        ]
        rest = b"\0".join(tokens[commits[-1] if commits else 0 :])
        yield from _changes(tokens, commits, width, wanted)
    tokens = rest.split(b"\0")
    if len(tokens[0]) == width:
        yield from _changes(tokens, [0, len(tokens)], width, wanted)


def _changes(
    tokens: list[bytes], commits: list[int], width: int, wanted: Collection[bytes]
) -> Iterator[tuple[bytes, Changes]]:
    """Yield what stands between the first and the last of *commits*, the places of their ids among *tokens*."""
    told: dict[int, Changes] = {}
    last = commits[-1] if commits else 0
    for i, token in enumerate(tokens[:last]) if wanted else ():
        # a letter of status for each parent: with one parent, which is the rule, the id is cut out without a search
        name = token[-width - 2 : -2] if token[:2] != b"::" else token.rpartition(b" ")[0][-width:]
        if name in wanted and _is_head(tokens, i):
            told.setdefault(bisect_right(commits, i) - 1, []).append((tokens[i + 1], name))
    for number, at in enumerate(commits[:-1]):
        yield tokens[at], told.get(number, [])


def _is_head(tokens: list[bytes], at: int) -> bool:
    """Tell whether a token is the head of a change, not a path that looks like one."""
    first = at
    while first >= 0 and tokens[first].lstrip(b"\n")[:1] == b":":
        first -= 1
    return (at - first) % 2 == 1


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
