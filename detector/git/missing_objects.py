"""Detect that objects of a repository are missing, by looking at its refs and the tree of HEAD only.

An object that nothing refers to can be missing without harm; one that a ref or
the tree of HEAD needs cannot. Reading every tree of the history to find all
missing objects would cost more than reading all content, so only the refs and
what HEAD's tree contains are checked. Objects missing further back are noticed
when a finding is attributed to a commit.
"""

from __future__ import annotations

from collections.abc import Iterator

from detector.errors import SourceError
from detector.git.refs import read_head, read_refs
from detector.git.repository import Repository
from detector.git.safe_git import SafeGit
from detector.model import Skipped

MAX_NAMED = 3
"""How many missing objects are named; the others are only counted."""


def find_missing_objects(repository: Repository) -> Iterator[Skipped]:
    """Yield the objects that the refs and the tree of HEAD need and the object store does not contain."""
    if repository.promisor or not repository.known_layout:
        return  # a partial clone reports this itself
    needed_by: dict[str, str] = {}
    for ref, name in read_refs(repository).items():
        if ref != "HEAD":
            needed_by.setdefault(name, ref)
    with SafeGit(repository) as git:
        head = read_head(repository)
        if head:
            needed_by.setdefault(head, "HEAD")
            try:
                listing = git.run("ls-tree", "-r", "-t", "-z", head)
            except SourceError:
                yield Skipped(f"{repository.common_dir}: the tree of HEAD", "could not be read completely")
                listing = b""
            for entry in listing.split(b"\0"):
                kind, _, id_and_path = entry.partition(b" ")[2].partition(b" ")
                name_bytes, _, path = id_and_path.partition(b"\t")
                if kind in (b"blob", b"tree"):
                    needed_by.setdefault(name_bytes.decode(), path.decode("utf-8", "surrogateescape"))
        if not needed_by:
            return
        missing = [name for name, kind in git.read_types(needed_by) if kind == "missing"]
    for name in missing[:MAX_NAMED]:
        yield Skipped(f"{repository.common_dir}: object {name}", f"is missing; {needed_by[name]} needs it")
    if len(missing) > MAX_NAMED:
        yield Skipped(repository.common_dir, f"{len(missing) - MAX_NAMED} more objects are missing")
