"""What is new: in the index, about to be committed, or in a range of commits.

Each blob is given whole, because a credential may have parts on old lines, and
with the spans of its new lines, because only those are anyone's business now.
What is new in a merge is what is new against every parent.

Diffs are read as text whatever `.gitattributes` or the content say, so neither
``-diff`` nor a NUL byte hides a line. Names arrive quoted, so no name can
pretend to be a line of the diff.

The pre-commit hook waits for this module: two git calls at most (three in the
middle of a merge), and nothing is imported that the hook would not pay for.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Sequence
from typing import IO, NamedTuple

from detector.errors import SourceError, UsageError
from detector.git.repository import Repository, SafeGit, git_program, head, refs
from detector.model import Skipped

MAX_OBJECT = 128 << 20
"""Objects over this size are reported, not read."""

_EMPTY_TREE = {
    20: "4b825dc642cb6eb9a060e54bf8d69288fbee4904",
    32: "6ef19b41225c5369f1c104d45d8d85efa9b057b53b14b4b9b939dd74decc5321",
}
_DIFF = (
    "--raw", "-p", "-U0", "-M", "--text", "--full-index", "--no-abbrev", "--no-color", "--no-ext-diff", "--no-textconv",
)  # fmt: skip
_GITLINK = b"160000"
_LFS = b"version https://git-lfs.github.com/spec/v1\n"

Span = tuple[int, int]


class Change(NamedTuple):
    """An object with something new in it.

    `new` holds the byte spans of the new lines; for a blob, `path` is one under
    which it is new (others are given as changes of their own). `commit` brought
    it in, None for what is not committed yet.
    """

    kind: str
    path: str
    object_id: str
    data: bytes
    new: tuple[Span, ...]
    commit: str | None = None


class _Edit(NamedTuple):
    """One path of a diff: the blob it has now and its new lines (first, count), None for all."""

    path: str
    object_id: str
    lines: list[Span] | None


def staged(repository: Repository, index: str | None = None) -> Iterator[Change | Skipped]:
    """Yield the blobs that the next commit would bring in.

    *index* is the index to look at, if not the usual one: git names it in
    GIT_INDEX_FILE when it commits a part of what is staged.
    """
    with SafeGit(repository, index=index or True) as git:
        against = head(repository) or _EMPTY_TREE[repository.id_bytes]
        edits = _edits(git.run("diff-index", "--cached", *_DIFF, against).split(b"\n"))
        for parent in _merged(repository):
            other = {edit[:2]: edit for edit in _edits(git.run("diff-index", "--cached", *_DIFF, parent).split(b"\n"))}
            edits = [_both(edit, other[edit[:2]]) for edit in edits if edit[:2] in other]
        yield from _changes(repository, git, [(edit, None) for edit in edits])


def new_objects(repository: Repository, since: str = "", range: str = "") -> Iterator[Change | Skipped]:
    """Yield what the commits after *since* up to HEAD, or those of ``A..B``, brought in.

    Commits themselves and annotated tags of them are included, as new as a whole.
    Raises `UsageError` where the repository has no such revision.
    """
    with SafeGit(repository, refs=True) as git:
        tips, known = _ends(git, since, range)
        if not tips:
            raise UsageError(unknown(since, range))
        yield from introduced(repository, tips, known, git)


def knows(repository: Repository, since: str = "", range: str = "") -> bool:
    """Tell whether there is anything that *since* or *range* may mean in *repository*."""
    with SafeGit(repository, refs=True) as git:
        return bool(_ends(git, since, range)[0])


def unknown(since: str, range: str) -> str:
    """Say that what was asked for is not there.

    >>> unknown("nope", ""), unknown("", "a..b")
    ('--since nope: no such revision', '--range a..b: no such revision')
    """
    return f"--range {range}: no such revision" if range else f"--since {since}: no such revision"


def _ends(git: SafeGit, since: str, range: str) -> tuple[list[str], list[str]]:
    """Return the ids of the tips of a range and of what it leaves out; no tips if there is no such revision."""
    revisions = range or f"{since}..HEAD"
    if not (since or range) or revisions.startswith("-"):
        return [], []
    git_program()  # where there is none, no revision is to blame
    try:
        ids = git.run("rev-parse", "--revs-only", revisions, "--").decode().split()
    except SourceError:
        return [], []
    return [name for name in ids if not name.startswith("^")], [name[1:] for name in ids if name.startswith("^")]


def introduced(
    repository: Repository, tips: Sequence[str], known: Iterable[str] | None = None, git: SafeGit | None = None
) -> Iterator[Change | Skipped]:
    """Yield what *tips* reach and *known* do not, by ids; *known* are all refs if left out."""
    if git is None:
        with SafeGit(repository) as own:
            yield from introduced(repository, tips, known, own)
        return
    hidden = set(refs(repository).values()) if known is None else set(known)
    hidden -= set(tips)
    usable = [name for name, kind in git.types(hidden) if kind in ("commit", "tag")]
    given = "".join([*(f"{tip}\n" for tip in tips), *(f"^{name}\n" for name in usable)]).encode()
    commits = git.run("rev-list", "--reverse", "--stdin", given=given)
    names = commits.decode().split()
    yield from _whole(git, [(name, "commit") for name in names])
    yield from _tags(repository, git, tips, set(names))
    with git.feed(commits) as asked:
        listed = git.start("diff-tree", "--stdin", "-r", "--root", "-c", *_DIFF, stdin=asked)
        assert listed.stdout is not None
        yield from _changes(repository, git, _by_commit(listed.stdout, set(names)))
        if listed.wait():
            yield Skipped(repository.git_dir, "objects are missing: not all commits could be compared")


def _changes(
    repository: Repository, git: SafeGit, edits: Iterable[tuple[_Edit, str | None]]
) -> Iterator[Change | Skipped]:
    merged: dict[tuple[str, str], tuple[list[Span] | None, str | None]] = {}
    for (path, name, lines), commit in edits:
        if (path, name) in merged:
            before, first = merged[path, name]
            merged[path, name] = (None if lines is None or before is None else sorted({*before, *lines})), first
        else:
            merged[path, name] = lines, commit
    paths: dict[str, list[str]] = {}
    for path, name in merged:
        paths.setdefault(name, []).append(path)
    for name, _, data in _read(git, list(paths)):
        for path in paths[name]:
            if not isinstance(data, bytes):
                yield Skipped(path, data)
                continue
            lines, commit = merged[path, name]
            spans = ((0, len(data)),) if lines is None else line_spans(data, lines)
            if spans and data:
                yield Change("blob", path, name, data, spans, commit)
            if data.startswith(_LFS):
                yield _large_file(repository, path, name, data, commit)


def _large_file(repository: Repository, path: str, name: str, pointer: bytes, commit: str | None) -> Change | Skipped:
    """Read what a Git LFS pointer stands for, if it lies in the local store."""
    digest = pointer.partition(b"oid sha256:")[2][:64].decode("ascii", "replace")
    if len(digest) == 64 and digest.isalnum():
        at = os.path.join(repository.common_dir, "lfs", "objects", digest[:2], digest[2:4], digest)
        try:
            if os.path.getsize(at) <= MAX_OBJECT and os.path.isfile(at):
                with open(at, "rb") as stream:
                    data = stream.read(MAX_OBJECT)
                return Change("blob", path, name, data, ((0, len(data)),), commit)
        except OSError:
            pass
    return Skipped(path, "its content is kept by Git LFS and is not here")


def _whole(git: SafeGit, wanted: Sequence[tuple[str, str]]) -> Iterator[Change | Skipped]:
    for name, kind, data in _read(git, [name for name, _ in wanted]):
        if isinstance(data, bytes):
            yield Change(kind, "", name, data, ((0, len(data)),), name if kind == "commit" else None)
        else:
            yield Skipped(name, data)


def _tags(repository: Repository, git: SafeGit, tips: Sequence[str], commits: set[str]) -> Iterator[Change | Skipped]:
    """Yield annotated tags among *tips* and those that tag one of *commits*."""
    wanted = {*tips, *(value for name, value in refs(repository).items() if name.startswith("refs/tags/"))}
    for change in _whole(git, [(name, "tag") for name in sorted(wanted - commits)]):
        if isinstance(change, Skipped):
            yield change
        elif change.kind == "tag":
            target = change.data[7:].partition(b"\n")[0].decode("ascii", "replace")
            if target in commits or change.object_id in tips:
                yield change


def _read(git: SafeGit, names: list[str]) -> Iterator[tuple[str, str, bytes | str]]:
    """Read objects with one git call: (id, type, content or why there is none)."""
    if not names:
        return
    with git.feed("".join(f"{name}\n" for name in names).encode()) as given:
        stream = git.start("cat-file", "--batch", "--buffer", stdin=given).stdout
        assert stream is not None
        for name in names:
            words = stream.readline().split()
            if len(words) != 3 or not words[2].isdigit():
                yield name, "", "object is missing"
                continue
            kind, size = words[1].decode(), int(words[2])
            if size > MAX_OBJECT:
                left = size + 1
                while left > 0:
                    left -= len(stream.read(min(left, 1 << 20))) or left
                yield name, kind, f"{size} bytes are over the limit of {MAX_OBJECT}"
                continue
            yield name, kind, stream.read(size + 1)[:-1]


# -- reading diffs -----------------------------------------------------------


def _by_commit(listed: IO[bytes], commits: set[str]) -> Iterator[tuple[_Edit, str | None]]:
    """Split the output of ``diff-tree --stdin`` at the lines that name a commit."""
    heads = {name.encode() + b"\n" for name in commits}
    commit: str | None = None
    part: list[bytes] = []
    for line in listed:
        if line in heads:  # every other line of a diff has a sign or a word in front
            for edit in _edits(part):
                yield edit, commit
            commit, part = line[:-1].decode(), []
        elif line[:1] not in b"-\\":
            part.append(line[:-1])
    for edit in _edits(part):
        yield edit, commit


def _edits(diff: Iterable[bytes]) -> list[_Edit]:
    """Read raw lines and patches, which come in the same order."""
    found: list[_Edit] = []
    lines: dict[str, list[Span]] = {}
    hunks: list[Span] = []
    parents = at = 0
    for line in diff:
        start = line[:1]
        if start == b":":
            edit = _raw(line)
            if edit:
                found.append(edit)
        elif line.startswith(b"diff --"):
            parents = 0
            hunks = []
        elif line.startswith(b"+++ ") and not parents:
            name = _unquoted(line[4:].rstrip(b"\t"))
            if name.startswith("b/"):
                hunks = lines.setdefault(name[2:], hunks)
        elif line.startswith(b"@@"):
            parents = len(line) - len(line.lstrip(b"@")) - 1
            first, _, count = line.split(b" ")[parents + 1][1:].partition(b",")
            at = int(first)
            if parents == 1 and (not count or int(count)):
                hunks.append((at, int(count or b"1")))
        elif parents > 1 and start in (b"+", b" ") and b"-" not in line[:parents]:
            if line[:parents] == b"+" * parents:
                hunks.append((at, 1))
            at += 1
    return [edit if edit.lines is None else edit._replace(lines=lines.get(edit.path, [])) for edit in found]


def _raw(line: bytes) -> _Edit | None:
    """Read ``:old new oldid newid S<tab>path``, with one more colon, mode and id per further parent."""
    head, _, names = line.partition(b"\t")
    parents = len(head) - len(head.lstrip(b":"))
    words = head.lstrip(b":").split(b" ")
    mode, name, status = words[parents], words[2 * parents + 1], words[-1]
    if status[:1] == b"D" or mode in (_GITLINK, b"000000") or not name.strip(b"0"):
        return None
    path = _unquoted(names.rpartition(b"\t")[2])
    return _Edit(path, name.decode(), None if status[:1] in b"AT" and parents == 1 else [])


def _unquoted(name: bytes) -> str:
    r"""Undo git's quoting of names.

    >>> _unquoted(b'"tab\\t\\303\\274.txt"')
    'tab\tü.txt'
    """
    if not name.startswith(b'"'):
        return os.fsdecode(name)
    out = bytearray()
    at = 1
    while at < len(name) - 1:
        byte = name[at]
        at += 1
        if byte != 92:
            out.append(byte)
            continue
        letter = name[at : at + 1]
        if letter.isdigit():
            out.append(int(name[at : at + 3], 8) & 255)
            at += 3
        else:
            out += _ESCAPES.get(letter, letter)
            at += 1
    return os.fsdecode(bytes(out))


_ESCAPES = {b"a": b"\a", b"b": b"\b", b"t": b"\t", b"n": b"\n", b"v": b"\v", b"f": b"\f", b"r": b"\r"}


def line_spans(data: bytes, lines: Sequence[Span]) -> tuple[Span, ...]:
    r"""Turn lines (first, count), 1-based and in order, into byte spans; neighbours are joined.

    >>> line_spans(b"a\nbb\nc\n", [(2, 1), (3, 1)])
    ((2, 7),)
    """
    spans: list[Span] = []
    line, at = 1, 0
    for first, count in lines:
        while line < first and at < len(data):
            at = data.find(b"\n", at) + 1 or len(data)
            line += 1
        start = at
        while line < first + count and at < len(data):
            at = data.find(b"\n", at) + 1 or len(data)
            line += 1
        if spans and spans[-1][1] == start:
            start = spans.pop()[0]
        if at > start:
            spans.append((start, at))
    return tuple(spans)


def _both(one: _Edit, other: _Edit) -> _Edit:
    """Keep the lines that are new against both parents."""
    if one.lines is None:
        return other
    if other.lines is None:
        return one
    fresh = {line for first, count in one.lines for line in range(first, first + count)}
    fresh &= {line for first, count in other.lines for line in range(first, first + count)}
    return one._replace(lines=[(line, 1) for line in sorted(fresh)])


def _merged(repository: Repository) -> list[str]:
    """Return the further parents of the commit being made."""
    try:
        with open(os.path.join(repository.git_dir, "MERGE_HEAD")) as stream:
            return [line for line in stream.read(1 << 16).split() if len(line) == 2 * repository.id_bytes]
    except (OSError, ValueError):
        return []
