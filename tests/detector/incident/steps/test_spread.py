"""Step spread: copies in the inventory, and their removal."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.detector.fleet.synthetic import ImportStream
from tests.detector.incident.fleet import make_leak_with_fleet, respond, status


@pytest.fixture
def leaked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("LEAKFIRST_HOME", str(tmp_path / "home"))
    return make_leak_with_fleet(tmp_path)


def test_a_removed_copy_is_no_longer_current(place: str, leaked: Path, capsys: pytest.CaptureFixture[str]) -> None:
    respond(place, "open", leaked, "--inventory", f"folder:{leaked.parent / 'fleet'}")
    stream = ImportStream(2)
    stream.commit("main", {"copy.env": None}, "Without", onto="refs/heads/main^0")
    stream.write_to(leaked.parent / "fleet" / "app")
    respond(place, "next")
    (at,) = status(place, capsys)["locations"]
    assert at["at_head"] is False, "it stays in the history and in the report"
