"""Where objects stand today: in the tree of HEAD and of every branch.

The history says where an object came from; whether it is still there decides
how urgent it is. Trees that two branches have in common are read once.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from typing import NamedTuple

from detector.errors import SourceError
from detector.git.objects import cat_file
from detector.git.repository import Repository, head, refs, safe_git

BRANCHES = ("refs/heads/", "refs/remotes/")
_TREE = b"40000"


class Tip(NamedTuple):
    """An object in a tree of today; `commit` is HEAD or the tip of a branch."""

    object_id: str
    path: str
    commit: str


def tips(repository: Repository, wanted: Collection[str]) -> list[Tip]:
    """Return where the *wanted* blobs stand at HEAD, and at other branches under one path each.

    What cannot be read is left out: `gaps` reports it.
    """
    found: list[Tip] = []
    trees: set[str] = set()
    first = head(repository)
    others = {tip for name, tip in refs(repository).items() if name.startswith(BRANCHES)} - {first}
    if first:
        try:
            listed = safe_git(repository, "ls-tree", "-r", "-t", "-z", first)
        except SourceError:  # a tree made to have no end; below, each tree is entered once
            listed = b""
            others.add(first)
        for kind, name, path in _entries(listed):
            if kind == "tree":
                trees.add(name)
            elif name in wanted:
                found.append(Tip(name, path, first))
    known = {tip.object_id for tip in found}
    roots: list[tuple[str, str, str]] = []
    for commit, kind, data in cat_file(repository, sorted(others)):
        if kind == "commit" and data and data.startswith(b"tree "):
            roots.append((data[5 : data.index(b"\n")].decode("ascii", "replace"), "", commit))
    for tip in _walk(repository, roots, trees):
        if tip.object_id in wanted and tip.object_id not in known:
            known.add(tip.object_id)
            found.append(tip)
    return found


def at_head(repository: Repository, names: Collection[str]) -> dict[str, bytes]:
    """Return the content of those files of the tree of HEAD that are there."""
    tip = head(repository)
    inside = sorted(name for name in names if name and not {"", ".."} & set(name.split("/")))
    if not tip or not inside:
        return {}
    try:
        listed = safe_git(repository, "ls-tree", "-z", tip, "--", *inside)
    except SourceError:
        return {}
    files = {path: name for kind, name, path in _entries(listed) if kind == "blob"}
    contents = {name: data for name, _, data in cat_file(repository, sorted(set(files.values())))}
    return {path: data for path, name in files.items() if (data := contents.get(name)) is not None}


def _entries(listed: bytes) -> Iterator[tuple[str, str, str]]:
    for entry in listed.split(b"\0"):
        about, tab, path = entry.partition(b"\t")
        words = about.split(b" ")
        if tab and len(words) == 3:
            yield words[1].decode(), words[2].decode(), path.decode("utf-8", "surrogateescape")


def _walk(repository: Repository, roots: list[tuple[str, str, str]], seen: set[str]) -> Iterator[Tip]:
    """Yield every blob below *roots* (tree, path, commit), level by level; trees in *seen* are not entered."""
    level = roots
    while level:
        asked: dict[str, tuple[str, str]] = {}
        for name, path, commit in level:
            if name not in seen:
                seen.add(name)
                asked[name] = path, commit
        level = []
        for name, kind, data in cat_file(repository, asked):
            if kind != "tree" or data is None:
                continue
            above, commit = asked[name]
            for mode, inner, part in _members(data, repository.id_bytes):
                path = f"{above}/{part}" if above else part
                if mode == _TREE:
                    level.append((inner, path, commit))
                elif mode.startswith(b"1"):  # a file or a link; not a submodule's commit
                    yield Tip(inner, path, commit)


def _members(data: bytes, width: int) -> Iterator[tuple[bytes, str, str]]:
    at = 0
    while at < len(data):
        space, end = data.find(b" ", at), data.find(b"\0", at)
        if space < 0 or end < space or end + width >= len(data) + 1:
            return
        yield (
            data[at:space],
            data[end + 1 : end + 1 + width].hex(),
            data[space + 1 : end].decode("utf-8", "surrogateescape"),
        )
        at = end + 1 + width
