"""Find where objects are in the current trees: at HEAD and at every branch.

The history shows which commit introduced an object; whether a branch still
contains it decides how urgent it is. A tree that several branches share is
read once.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from typing import NamedTuple

from detector.errors import SourceError
from detector.git.objects import cat_file
from detector.git.refs import read_head, read_refs
from detector.git.repository import Repository
from detector.git.safe_git import run_safe_git

BRANCHES = ("refs/heads/", "refs/remotes/")
_TREE_MODE = b"40000"


class CurrentLocation(NamedTuple):
    """The path of an object in a current tree; `commit` is HEAD or the head of a branch."""

    object_id: str
    path: str
    commit: str


def find_in_branch_heads(repository: Repository, wanted: Collection[str]) -> list[CurrentLocation]:
    """Return all paths of the *wanted* blobs at HEAD, and one path of each that only other branches contain.

    Trees that cannot be read are skipped: `find_missing_objects` reports them.
    """
    found: list[CurrentLocation] = []
    trees: set[str] = set()
    head = read_head(repository)
    others = {tip for name, tip in read_refs(repository).items() if name.startswith(BRANCHES)} - {head}
    if head:
        try:
            listing = run_safe_git(repository, "ls-tree", "-r", "-t", "-z", head)
        except SourceError:  # the tree may be recursive without end; below, each tree is read only once
            listing = b""
            others.add(head)
        for kind, name, path in _parse_ls_tree(listing):
            if kind == "tree":
                trees.add(name)
            elif name in wanted:
                found.append(CurrentLocation(name, path, head))
    known = {location.object_id for location in found}
    for location in _walk_trees(repository, _read_roots(repository, sorted(others)), trees):
        if location.object_id in wanted and location.object_id not in known:
            known.add(location.object_id)
            found.append(location)
    return found


def list_files_at_heads(repository: Repository, *, head_only: bool = False) -> Iterator[CurrentLocation]:
    """Yield the files at HEAD and at the heads of all branches; a tree that several of them share is read once.

    Trees that cannot be read are skipped: `find_missing_objects` reports them.
    """
    head = read_head(repository)
    refs = {} if head_only else read_refs(repository)
    tips = {tip for name, tip in refs.items() if name.startswith(BRANCHES)}
    wanted = list(dict.fromkeys([*([head] if head else []), *sorted(tips)]))
    yield from _walk_trees(repository, _read_roots(repository, wanted), set())


def _read_roots(repository: Repository, commits: list[str]) -> list[tuple[str, str, str]]:
    """Return the tree, an empty path and the id of each of *commits*."""
    roots = []
    for commit, kind, data in cat_file(repository, commits):
        if kind == "commit" and data and data.startswith(b"tree "):
            roots.append((data[5 : data.index(b"\n")].decode("ascii", "replace"), "", commit))
    return roots


def read_files_at_head(repository: Repository, names: Collection[str], commit: str = "") -> dict[str, bytes]:
    """Return the content of those of the files *names* that the tree of HEAD, or of *commit*, contains."""
    head = commit or read_head(repository)
    inside = sorted(name for name in names if name and not {"", ".."} & set(name.split("/")))
    if not head or not inside:
        return {}
    try:
        listing = run_safe_git(repository, "ls-tree", "-z", head, "--", *inside)
    except SourceError:
        return {}
    files = {path: name for kind, name, path in _parse_ls_tree(listing) if kind == "blob"}
    contents = {name: data for name, _, data in cat_file(repository, sorted(set(files.values())))}
    return {path: data for path, name in files.items() if (data := contents.get(name)) is not None}


def _parse_ls_tree(listing: bytes) -> Iterator[tuple[str, str, str]]:
    """Yield (type, id, path) for each entry in the output of ``git ls-tree -z``."""
    for entry in listing.split(b"\0"):
        attributes, tab, path = entry.partition(b"\t")
        words = attributes.split(b" ")
        if tab and len(words) == 3:
            yield words[1].decode(), words[2].decode(), path.decode("utf-8", "surrogateescape")


def _walk_trees(repository: Repository, roots: list[tuple[str, str, str]], seen: set[str]) -> Iterator[CurrentLocation]:
    """Yield every blob below *roots* (tree, path, commit), level by level; trees in *seen* are not read."""
    level = roots
    while level:
        to_read: dict[str, tuple[str, str]] = {}
        for name, path, commit in level:
            if name not in seen:
                seen.add(name)
                to_read[name] = path, commit
        level = []
        for name, kind, data in cat_file(repository, to_read):
            if kind != "tree" or data is None:
                continue
            parent, commit = to_read[name]
            for mode, child, part in _parse_tree(data, repository.id_bytes):
                path = f"{parent}/{part}" if parent else part
                if mode == _TREE_MODE:
                    level.append((child, path, commit))
                elif mode.startswith(b"1"):  # a file or a symbolic link; not the commit of a submodule
                    yield CurrentLocation(child, path, commit)


def _parse_tree(data: bytes, width: int) -> Iterator[tuple[bytes, str, str]]:
    """Yield (mode, id, name) for each entry of a tree object; stop where the tree is malformed."""
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
