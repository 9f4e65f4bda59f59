"""A forge on this machine, an empty environment, and waiting that takes no time."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from detector.fleet.inventory import InventoryOptions, RepositoryEntry, list_repositories
from detector.model import Skipped
from detector.net import polite_client
from tests.fakes.forges import Forge, forge

Listed = tuple[list[RepositoryEntry], list[Skipped]]


@pytest.fixture(autouse=True)
def waits(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """The seconds that would have been waited; no token of the person who runs the tests is there."""
    for name in [name for name in os.environ if "TOKEN" in name]:
        monkeypatch.delenv(name)
    waited: list[float] = []
    monkeypatch.setattr(polite_client, "sleep", waited.append)
    return waited


@pytest.fixture
def server() -> Iterator[Forge]:
    with forge() as served:
        yield served


@pytest.fixture
def options(tmp_path: Path) -> InventoryOptions:
    return InventoryOptions(cache=str(tmp_path / "cache"))


@pytest.fixture
def ls() -> Callable[..., Listed]:
    def listing(spec: str, options: InventoryOptions | None = None) -> Listed:
        found = list(list_repositories([spec], options))
        return [e for e in found if isinstance(e, RepositoryEntry)], [s for s in found if isinstance(s, Skipped)]

    return listing
