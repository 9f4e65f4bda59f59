"""Step dependents: incomplete as long as a lock file cannot be read."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.detector.fleet.synthetic import ImportStream
from tests.detector.incident.fleet import make_leak_with_fleet, respond, status


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
