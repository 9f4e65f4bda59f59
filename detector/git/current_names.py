"""List the names that a repository shows now: its refs, and the files at HEAD and at the heads of all branches.

A token that somebody pasted into the name of a file, a branch or a tag is read by
everybody who lists them, and a scan of objects does not see it: names of refs are in no
object, those of files in trees. Names that only older commits have are not listed.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from detector.git.branch_heads import list_files_at_heads
from detector.git.refs import read_refs
from detector.git.repository import Repository
from detector.model import Blob, Origin, Skipped


class NameShare(NamedTuple):
    """The names of one repository, each as a blob without content; `label` is its name in reports.

    With `head_only` those of the files at HEAD alone.
    """

    repository: Repository
    label: str
    head_only: bool = False
    weight: int = 1 << 16
    published: bool = False
    read_before: bool = False

    @property
    def name(self) -> str:
        """Name the share."""
        return f"names of branches, tags and files of {self.label or '.'}"

    def read(self) -> Iterator[Blob | Skipped]:
        """Yield the names."""
        for name, tip in () if self.head_only else read_refs(self.repository).items():
            if name.startswith("refs/"):
                yield make_ref_name(name, self.label, tip)
        for location in list_files_at_heads(self.repository, head_only=self.head_only):
            origin = Origin("blob", location.path, self.label, location.object_id, location.commit)
            yield Blob(b"", origin)


def make_ref_name(name: str, label: str, tip: str) -> Blob:
    """Return the name of a ref as a blob without content."""
    return Blob(b"", Origin("ref", name, label, tip))
