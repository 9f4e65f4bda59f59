"""Notice that a repository is not whole, at the cost of one look at its tips.

An object that nothing refers to can be missing without harm; one that a ref or
the checked-out tree needs cannot. Walking every tree of the history to find
all gaps would cost more than reading all content, so the refs, the reach of HEAD
and nothing else are looked at. A gap further back shows when a finding is
attributed.
"""

from __future__ import annotations

from collections.abc import Iterator

from detector.errors import SourceError
from detector.git.repository import Repository, SafeGit, head, refs
from detector.model import Skipped

NAMED = 3
"""How many missing objects are named; the rest are counted."""


def gaps(repository: Repository) -> Iterator[Skipped]:
    """Yield what the refs and the tree of HEAD need and the object store does not have."""
    if repository.promisor or not repository.known_layout:
        return  # a partial clone says so itself
    wanted: dict[str, str] = {}
    for ref, name in refs(repository).items():
        if ref != "HEAD":
            wanted.setdefault(name, ref)
    with SafeGit(repository) as git:
        tip = head(repository)
        if tip:
            wanted.setdefault(tip, "HEAD")
            try:
                listed = git.run("ls-tree", "-r", "-t", "-z", tip)
            except SourceError:
                yield Skipped(f"{repository.common_dir}: the tree of HEAD", "cannot be read to the end")
                listed = b""
            for entry in listed.split(b"\0"):
                kind, _, rest = entry.partition(b" ")[2].partition(b" ")
                listed_id, _, path = rest.partition(b"\t")
                if kind in (b"blob", b"tree"):
                    wanted.setdefault(listed_id.decode(), path.decode("utf-8", "surrogateescape"))
        if not wanted:
            return
        missing = [name for name, kind in git.types(wanted) if kind == "missing"]
    for gone in missing[:NAMED]:
        yield Skipped(f"{repository.common_dir}: object {gone}", f"is missing; {wanted[gone]} needs it")
    if len(missing) > NAMED:
        yield Skipped(repository.common_dir, f"{len(missing) - NAMED} more objects are missing")
