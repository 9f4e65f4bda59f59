"""Read what is new in the index, or in a range of commits.

Each new or changed blob is returned whole, because parts of a credential may be
on old lines, with the byte spans of its new lines. In a merge, a line is new if
it is new against every parent.

Diffs are read as text whatever `.gitattributes` or the content say, so neither
``-diff`` nor a NUL byte hides a line. git quotes the names of files, so a name
cannot be mistaken for a line of the diff.

The pre-commit hook waits for this module: it runs git twice (three times during
a merge) and imports only what the hook needs.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Sequence
from typing import IO, NamedTuple

from detector.errors import SourceError, UsageError
from detector.git._files import open_regular
from detector.git.refs import read_head, read_refs
from detector.git.repository import Repository
from detector.git.safe_git import SafeGit, find_git_program
from detector.model import Skipped

MAX_OBJECT = 128 << 20
"""Objects over this size in bytes are reported as skipped."""

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
    """An object with new lines, or without content a name that is new.

    `new` are the byte spans of the new lines. For a blob, `path` is one path
    under which it is new; each further path is a change of its own. `commit` is
    the commit that introduced it, None if it is not committed yet.
    """

    kind: str
    path: str
    object_id: str
    data: bytes
    new: tuple[Span, ...]
    commit: str | None = None


class _Edit(NamedTuple):
    """One path of a diff: its new blob, and its new lines (first, count), None if all lines are new."""

    path: str
    object_id: str
    lines: list[Span] | None
    is_new_name: bool = False


def read_staged(repository: Repository, index: str | None = None) -> Iterator[Change | Skipped]:
    """Yield the blobs that the next commit would introduce.

    *index* is the index file to read instead of the usual one: git sets it in
    GIT_INDEX_FILE when it commits only some of the staged files.
    """
    with SafeGit(repository, index=index or True) as git:
        against = read_head(repository) or _EMPTY_TREE[repository.id_bytes]
        edits = _parse_diff(git.run("diff-index", "--cached", *_DIFF, against).split(b"\n"))
        for parent in _read_merge_heads(repository):
            other = {
                edit[:2]: edit for edit in _parse_diff(git.run("diff-index", "--cached", *_DIFF, parent).split(b"\n"))
            }
            edits = [_intersect_edits(edit, other[edit[:2]]) for edit in edits if edit[:2] in other]
        yield from _read_changes(repository, git, [(edit, None) for edit in edits])


def read_new_objects(repository: Repository, since: str = "", range: str = "") -> Iterator[Change | Skipped]:
    """Yield what the commits after *since* up to HEAD, or those in the range ``A..B`` or ``A..B ^C``, introduced.

    The commits themselves and annotated tags of them are included; all their
    lines are new. `UsageError` if the repository has no such revision.
    """
    with SafeGit(repository, refs=True) as git:
        tips, known = _resolve_range(git, since, range)
        if not tips:
            raise UsageError(describe_unknown_revision(since, range))
        yield from read_introduced(repository, tips, known, git)


def has_revision(repository: Repository, since: str = "", range: str = "") -> bool:
    """Return whether *since* or *range* resolves to commits of *repository*."""
    with SafeGit(repository, refs=True) as git:
        return bool(_resolve_range(git, since, range)[0])


def describe_unknown_revision(since: str, range: str) -> str:
    """Return the error message for a revision that does not exist.

    >>> describe_unknown_revision("nope", ""), describe_unknown_revision("", "a..b")
    ('--since nope: no such revision', '--range a..b: no such revision')
    """
    return f"--range {range}: no such revision" if range else f"--since {since}: no such revision"


def _resolve_range(git: SafeGit, since: str, range: str) -> tuple[list[str], list[str]]:
    """Return the included and the excluded ids of a range; no included ones if there is no such revision."""
    revisions = range or f"{since}..HEAD"
    if not (since or range) or revisions.startswith("-"):
        return [], []
    find_git_program()  # a missing git must not be reported as a missing revision
    try:
        first, *others = revisions.split(" ^")
        ids = git.run("rev-parse", "--revs-only", first, *(f"^{name}" for name in others), "--").decode().split()
    except SourceError:
        return [], []
    return [name for name in ids if not name.startswith("^")], [name[1:] for name in ids if name.startswith("^")]


def read_introduced(
    repository: Repository,
    tips: Sequence[str],
    known: Iterable[str] | None = None,
    git: SafeGit | None = None,
    *,
    all_tags: bool = True,
) -> Iterator[Change | Skipped]:
    """Yield what the ids *tips* reach and the ids *known* do not; *known* defaults to all refs.

    With *all_tags* also the annotated tags of this repository whose commits are among that.
    """
    if git is None:
        with SafeGit(repository) as own:
            yield from read_introduced(repository, tips, known, own, all_tags=all_tags)
        return
    if known is None:
        hidden = set(read_refs(repository).values()) - set(tips)
    else:
        hidden = set(known)
        tips = [tip for tip in tips if tip not in hidden]
    if not tips:
        return
    usable = [name for name, kind in git.read_types(hidden) if kind in ("commit", "tag")]
    revisions = "".join([*(f"{tip}\n" for tip in tips), *(f"^{name}\n" for name in usable)]).encode()
    commits = git.run("rev-list", "--reverse", "--stdin", data=revisions)
    names = commits.decode().split()
    yield from _read_whole(git, [(name, "commit") for name in names])
    refs = read_refs(repository).items() if all_tags else ()
    tags = {value for name, value in refs if name.startswith("refs/tags/")}
    yield from _read_new_tags(git, tips, tags, set(names))
    with git.open_input(commits) as stdin:
        diff = git.start("diff-tree", "--stdin", "-r", "--root", "-c", *_DIFF, stdin=stdin)
        assert diff.stdout is not None
        yield from _read_changes(repository, git, _split_by_commit(diff.stdout, set(names)))
        if diff.wait():
            yield Skipped(repository.git_dir, "objects are missing: not all commits could be compared")


def _read_changes(
    repository: Repository, git: SafeGit, edits: Iterable[tuple[_Edit, str | None]]
) -> Iterator[Change | Skipped]:
    """Read the blobs of *edits*, each with the commit of its first edit and the new lines of all its edits."""
    merged: dict[tuple[str, str], tuple[list[Span] | None, str | None]] = {}
    for (path, name, lines, is_new_name), commit in edits:
        if is_new_name:
            yield Change("blob", path, name, b"", (), commit)
        if (path, name) in merged:
            before, first = merged[path, name]
            merged[path, name] = (None if lines is None or before is None else sorted({*before, *lines})), first
        else:
            merged[path, name] = lines, commit
    paths: dict[str, list[str]] = {}
    for path, name in merged:
        paths.setdefault(name, []).append(path)
    for name, _, data in _read_objects(git, list(paths)):
        for path in paths[name]:
            if not isinstance(data, bytes):
                yield Skipped(path, data)
                continue
            lines, commit = merged[path, name]
            spans = ((0, len(data)),) if lines is None else compute_line_spans(data, lines)
            if spans and data:
                yield Change("blob", path, name, data, spans, commit)
            if data.startswith(_LFS):
                yield _read_lfs_object(repository, path, name, data, commit)


def _read_lfs_object(
    repository: Repository, path: str, name: str, pointer: bytes, commit: str | None
) -> Change | Skipped:
    """Read the file that a Git LFS pointer refers to, if the local LFS store contains it."""
    digest = pointer.partition(b"oid sha256:")[2][:64].decode("ascii", "replace")
    if len(digest) == 64 and digest.isalnum():
        stored = os.path.join(repository.common_dir, "lfs", "objects", digest[:2], digest[2:4], digest)
        try:
            if os.path.getsize(stored) <= MAX_OBJECT and os.path.isfile(stored):
                with open_regular(stored) as stream:
                    data = stream.read(MAX_OBJECT)
                return Change("blob", path, name, data, ((0, len(data)),), commit)
        except OSError:
            pass
    return Skipped(path, "its content is stored in Git LFS and was not downloaded")


def _read_whole(git: SafeGit, wanted: Sequence[tuple[str, str]]) -> Iterator[Change | Skipped]:
    """Yield each *wanted* object as a change in which all lines are new."""
    for name, kind, data in _read_objects(git, [name for name, _ in wanted]):
        if isinstance(data, bytes):
            yield Change(kind, "", name, data, ((0, len(data)),), name if kind == "commit" else None)
        else:
            yield Skipped(name, data)


def _read_new_tags(
    git: SafeGit, tips: Sequence[str], others: set[str], commits: set[str]
) -> Iterator[Change | Skipped]:
    """Yield the annotated tags that *tips* are, or are tags of, and those of *others* whose target is in *commits*."""
    published, seen = set(tips), set(commits)
    wanted = {*tips, *others} - seen
    while wanted:
        seen |= wanted
        inner: set[str] = set()
        for change in _read_whole(git, [(name, "tag") for name in sorted(wanted)]):
            if isinstance(change, Skipped):
                yield change
            elif change.kind == "tag":
                target, _, rest = change.data[7:].decode("ascii", "replace").partition("\n")
                if change.object_id in published and rest.startswith("type tag\n"):
                    inner.add(target)  # no ref need name it
                if change.object_id in published or target in commits:
                    yield change
        published |= inner
        wanted = inner - seen


def _read_objects(git: SafeGit, names: list[str]) -> Iterator[tuple[str, str, bytes | str]]:
    """Read objects with one call of git: (id, type, content or the reason why it is not available)."""
    if not names:
        return
    with git.open_input("".join(f"{name}\n" for name in names).encode()) as stdin:
        stream = git.start("cat-file", "--batch", "--buffer", stdin=stdin).stdout
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


def _split_by_commit(output: IO[bytes], commits: set[str]) -> Iterator[tuple[_Edit, str | None]]:
    """Yield the edits in the output of ``diff-tree --stdin``, each with its commit."""
    commit_lines = {name.encode() + b"\n" for name in commits}
    commit: str | None = None
    diff: list[bytes] = []
    for line in output:
        if line in commit_lines:  # no other line of a diff consists of an object id only
            for edit in _parse_diff(diff):
                yield edit, commit
            commit, diff = line[:-1].decode(), []
        elif line[:1] not in b"-\\":
            diff.append(line[:-1])
    for edit in _parse_diff(diff):
        yield edit, commit


def _parse_diff(diff: Iterable[bytes]) -> list[_Edit]:
    """Parse the raw lines and the patches of a diff into edits."""
    found: list[_Edit] = []
    lines: dict[str, list[Span]] = {}
    hunks: list[Span] = []
    parents = at = 0
    for line in diff:
        start = line[:1]
        if start == b":":
            edit = _parse_raw_line(line)
            if edit:
                found.append(edit)
        elif line.startswith(b"diff --"):
            parents = 0
            hunks = []
        elif line.startswith(b"+++ ") and not parents:
            name = _unquote(line[4:].rstrip(b"\t"))
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


def _parse_raw_line(line: bytes) -> _Edit | None:
    """Parse ``:old new oldid newid S<tab>path``, with one more colon, mode and id per further parent."""
    fields, _, names = line.partition(b"\t")
    parents = len(fields) - len(fields.lstrip(b":"))
    words = fields.lstrip(b":").split(b" ")
    mode, name, status = words[parents], words[2 * parents + 1], words[-1]
    if status[:1] == b"D" or mode in (_GITLINK, b"000000") or not name.strip(b"0"):
        return None
    path = _unquote(names.rpartition(b"\t")[2])
    lines: list[Span] | None = None if status[:1] in b"AT" and parents == 1 else []
    return _Edit(path, name.decode(), lines, not status.rstrip(b"0123456789").strip(b"ACR"))


def _unquote(name: bytes) -> str:
    r"""Decode a name that git quoted.

    >>> _unquote(b'"tab\\t\\303\\274.txt"')
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


def compute_line_spans(data: bytes, lines: Sequence[Span]) -> tuple[Span, ...]:
    r"""Return the byte spans of lines (first, count), which are 1-based and sorted; adjacent spans are joined.

    >>> compute_line_spans(b"a\nbb\nc\n", [(2, 1), (3, 1)])
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


def _intersect_edits(one: _Edit, other: _Edit) -> _Edit:
    """Return the edit with only the lines that are new in both."""
    if one.lines is None:
        return other
    if other.lines is None:
        return one
    fresh = {line for first, count in one.lines for line in range(first, first + count)}
    fresh &= {line for first, count in other.lines for line in range(first, first + count)}
    return one._replace(lines=[(line, 1) for line in sorted(fresh)])


def _read_merge_heads(repository: Repository) -> list[str]:
    """Return the further parents of the commit that is being created during a merge."""
    try:
        with open_regular(os.path.join(repository.git_dir, "MERGE_HEAD")) as stream:
            return [
                line for line in stream.read(1 << 16).decode("ascii").split() if len(line) == 2 * repository.id_bytes
            ]
    except (OSError, ValueError):
        return []
