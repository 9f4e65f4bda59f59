"""What an incident knows of the fleet, with and without an inventory."""

from __future__ import annotations

from pathlib import Path

import pytest

from detector.fleet.coverage import acknowledge
from detector.fleet.state import open_state
from detector.incident.spread import ClonedRepository, EmptyFleet, Fleet, SweptRepository
from detector.incident.steps.detect import detect
from detector.model import Skipped
from tests.detector.incident.fleet import make_leak_with_fleet
from tests.detector.incident.running import opened
from tests.fakes.git_server import git_server, repository
from tests.fakes.registries import add_npm_package, make_tgz, server


@pytest.fixture
def leaked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("LEAKFIRST_HOME", str(tmp_path / "home"))
    return make_leak_with_fleet(tmp_path)


def test_an_empty_fleet_has_nothing() -> None:
    fleet: Fleet = EmptyFleet()
    assert [*fleet.list_repositories(), *fleet.sweep(), *fleet.find_locations(["lf1:a"])] == []
    fleet.mark_ended("lf1:a", True, "why", "ada")


def test_an_inventory_is_swept_once_and_again_when_it_is_asked_for(tmp_path: Path, leaked: Path) -> None:
    specs = (f"folder:{tmp_path / 'fleet'}", f"folder:{tmp_path / 'missing'}")
    # the missing folder is skipped each time
    with opened(tmp_path, [leaked], inventory=specs) as context:
        detect(context)
        fleet = context.tools.fleet
        swept = [entry for entry in fleet.sweep() if isinstance(entry, SweptRepository)]
        assert [(one.name, one.findings, one.complete) for one in swept] == [("app", 1, True)]
        assert [type(entry) for entry in fleet.list_repositories()].count(Skipped) == 1
        (location,) = fleet.find_locations([one.fingerprint for one in context.incident.credentials])
        assert (location.repository, location.path, location.line, location.at_head) == ("app", "copy.env", 1, True)
        (_, again) = fleet.sweep([swept[0].key], {"app": swept[0].refs})
        assert again == swept[0], "these refs were swept before"
        (_, anew) = fleet.sweep([swept[0].key], {"app": "other refs"})
        assert anew == swept[0], "the same result after a sweep that was forced"
        fleet.mark_ended(location.fingerprint, True, "rotated", "ada")
        fleet.mark_ended("lf1:unknown", False, "unknown to the fleet", "ada")


def test_published_packages_are_searched_too(tmp_path: Path, leaked: Path) -> None:
    with server() as registry, opened(tmp_path, [leaked], inventory=(f"npm:{registry.url}/acme",)) as context:
        add_npm_package(registry, "acme", {"1.0.0": make_tgz({"package/copy.txt": leaked.read_bytes()})})
        detect(context)
        fleet = context.tools.fleet
        (swept,) = fleet.sweep()
        assert isinstance(swept, SweptRepository) and swept.complete
        found = list(fleet.find_locations([one.fingerprint for one in context.incident.credentials]))
        assert {at.path for at in found} == {"npm:acme@1.0.0!package/copy.txt"}
        assert list(fleet.list_repositories()) == []


@pytest.mark.net
def test_a_clone_that_was_just_swept_costs_no_request(tmp_path: Path, leaked: Path) -> None:
    (tmp_path / "served").mkdir()
    repository(tmp_path / "served", "app.git", readme="text")
    with git_server(tmp_path / "served") as served:
        with opened(tmp_path, [leaked], inventory=(f"{served.url}/app.git",)) as context:
            assert list(context.tools.fleet.sweep())
            asked = len(served.asked)
            (found,) = context.tools.fleet.list_repositories()
            assert isinstance(found, ClonedRepository) and found.refs and Path(found.path).is_dir()
            assert len(served.asked) == asked
        with opened(tmp_path, [leaked], inventory=(f"{served.url}/app.git",)) as context:
            (found,) = context.tools.fleet.list_repositories()
            assert len(served.asked) > asked, "another process does not know whether something was pushed"


def test_an_acknowledged_gap_leaves_no_search_incomplete(tmp_path: Path, leaked: Path) -> None:
    shallow = tmp_path / "fleet" / "app" / "shallow"
    shallow.write_text("1" * 40 + "\n")
    with opened(tmp_path, [leaked], inventory=(f"folder:{tmp_path / 'fleet'}",)) as context:
        skipped = [one for one in context.tools.fleet.sweep() if isinstance(one, Skipped)]
        assert skipped and not any(one.expected for one in skipped)
        with open_state(str(tmp_path / "state.db")) as state:
            acknowledge(state, ["app"], "a mirror", "ada", 1)
        assert all(one.expected for one in context.tools.fleet.sweep() if isinstance(one, Skipped))
