"""Step dependents: incomplete as long as a lock file cannot be read."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from detector.incident.context import Context
from detector.incident.model import Note
from detector.incident.spread import ClonedRepository, EmptyFleet, SweptRepository
from detector.incident.steps import dependents
from detector.incident.steps.dependents import find_dependents
from detector.model import Skipped
from tests.detector.fleet.synthetic import ImportStream
from tests.detector.incident.fleet import make_leak_with_fleet, respond, status
from tests.detector.incident.running import get_step, opened


@pytest.fixture
def leaked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("LEAKFIRST_HOME", str(tmp_path / "home"))
    return make_leak_with_fleet(tmp_path)


def test_a_lock_file_that_cannot_be_read_makes_the_step_incomplete(
    place: str, leaked: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    stream = ImportStream(3)
    lock = json.dumps({"lockfileVersion": 3, "packages": {"node_modules/acme": {"version": "1.2.3"}}})
    stream.commit("main", {"package-lock.json": lock[:-2], "README": "r\n"}, "Cut", onto="refs/heads/main^0")
    app = leaked.parent / "fleet" / "app"
    stream.write_to(app)
    specs = ["--inventory", f"folder:{leaked.parent / 'fleet'}"]
    respond(place, "open", leaked, "--package", "npm:acme@1.2.3", *specs)
    found = status(place, capsys)
    assert found["steps"]["dependents"]["state"] == "incomplete", "the lock file is truncated"
    stream.commit("main", {"package-lock.json": lock}, "Whole")
    stream.write_to(app)
    respond(place, "next")
    found = status(place, capsys)
    assert [row["repository"] for row in found["dependents"]] == ["app"] and list(found["scanned"]) == ["app"]
    assert found["steps"]["dependents"]["state"] == "done"


class ListedFleet(EmptyFleet):
    """Repositories with the refs that they are said to have; the third one has none."""

    def __init__(self, folder: Path) -> None:
        self.listed = [ClonedRepository(name, name, str(folder / name), f"refs {name}") for name in ("a", "b")]
        self.listed.append(ClonedRepository("c", "c", str(folder / "c")))

    def list_repositories(self) -> Iterator[ClonedRepository | Skipped]:
        return iter(self.listed)

    def sweep(
        self, keys: Collection[str] = (), known: Mapping[str, str] | None = None
    ) -> Iterator[SweptRepository | Skipped]:
        return iter(())


def test_a_search_goes_on_after_the_repositories_that_it_has_searched(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LEAKFIRST_HOME", str(tmp_path / "home"))
    for name in ("a", "b", "c"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "requirements.txt").write_text("acme==1.0\n")
    (tmp_path / "leaked.env").write_text("nothing\n")
    searched: list[str] = []
    real = dependents._search

    def search(context: Context, repository: ClonedRepository, *rest: Any) -> list[Note]:
        searched.append(repository.name)
        return real(context, repository, *rest)

    monkeypatch.setattr(dependents, "_search", search)
    with opened(tmp_path, [tmp_path / "leaked.env"], package="pypi:acme@1.0") as context:
        fleet = ListedFleet(tmp_path)
        context.tools = context.tools._replace(fleet=fleet)
        find_dependents(context)
        assert searched == ["a", "b", "c"]
        assert [one["repository"] for one in context.incident.dependents] == ["a", "b", "c"]
        find_dependents(context)
        assert searched[3:] == ["c"], "what has no refs is searched again"
        fleet.listed[0] = fleet.listed[0]._replace(refs="pushed")
        find_dependents(context)
        assert searched[4:] == ["a", "c"]
        assert get_step(context, "dependents")[0] == "done"
