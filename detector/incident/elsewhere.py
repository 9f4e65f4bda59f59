"""The other repositories: where the same credentials stand, who imports the package, and looking at them again.

The fleet's state answers by keyed digest, without reading anything; what was
never swept, or has changed since, is read now.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from typing import NamedTuple, Protocol

from detector.model import Skipped


class Repository(NamedTuple):
    """One repository of the inventory, with the clone in which it can be read."""

    key: str
    name: str
    path: str


class Swept(NamedTuple):
    """A repository that was looked at just now: the digest of its refs, and how many findings it has."""

    key: str
    name: str
    refs: str
    findings: int
    complete: bool


class Standing(NamedTuple):
    """A place outside of the exposed material; `tip` says that it stands at the tip of a branch today."""

    fingerprint: str
    repository: str
    path: str
    line: int
    commit: str
    tip: bool
    owner: str


class Fleet(Protocol):
    """What an incident asks of the fleet."""

    def repositories(self) -> Iterator[Repository | Skipped]:
        """Bring the clones of the whole inventory up to date and yield them."""

    def sweep(self, keys: Collection[str] = ()) -> Iterator[Swept | Skipped]:
        """Look at what has changed in the inventory; of *keys*, look at everything again."""

    def standing(self, fingerprints: Sequence[str]) -> Iterator[Standing]:
        """Yield every known place of these credentials."""


class Nowhere:
    """A fleet of no repositories: an incident without an inventory."""

    def repositories(self) -> Iterator[Repository | Skipped]:
        """See `Fleet`."""
        return iter(())

    def sweep(self, keys: Collection[str] = ()) -> Iterator[Swept | Skipped]:
        """See `Fleet`."""
        assert not keys
        return iter(())

    def standing(self, fingerprints: Sequence[str]) -> Iterator[Standing]:
        """See `Fleet`."""
        assert fingerprints is not None
        return iter(())
