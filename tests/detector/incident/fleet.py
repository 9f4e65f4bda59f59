"""A leak whose credential has a copy in a repository of the inventory."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from leakfirst._program import main
from tests.detector.fleet.synthetic import ImportStream, run_git
from tests.detector.incident.running import TOKEN


def make_leak_with_fleet(tmp_path: Path) -> Path:
    """Write a leaked file, and a repository in the folder ``fleet`` with a copy of its credential."""
    file = tmp_path / "leaked.env"
    file.write_text(f"BITBUCKET={TOKEN}\n")
    repository = tmp_path / "fleet" / "app"
    repository.mkdir(parents=True)
    run_git(repository, "init", "-q", "--bare", "-b", "main", ".")
    stream = ImportStream(1)
    stream.commit("main", {"copy.env": f"BITBUCKET={TOKEN}\n"}, "Copy")
    stream.write_to(repository)
    return file


def respond(place: str, *words: object) -> int:
    return main(["respond", *map(str, words), "--state", place])


def status(place: str, capsys: pytest.CaptureFixture[str]) -> dict:
    capsys.readouterr()
    respond(place, "status", "--json")
    found: dict = json.loads(capsys.readouterr().out)
    return found
