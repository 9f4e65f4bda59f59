"""Attribution begins early where a repository is large, and says the same as when it begins late."""

from collections.abc import Callable
from pathlib import Path

import pytest

from detector import pipeline, placing
from detector.config import Config
from detector.errors import SourceError
from detector.git import blame
from detector.rules.shapes import expand
from tests.detector.git.building import Built


@pytest.fixture
def build(tmp_path: Path) -> Callable[..., Built]:
    return lambda: Built(tmp_path / "repo")


@pytest.fixture
def ended(monkeypatch: pytest.MonkeyPatch) -> list[blame.Blame]:
    """The attributions that were left, in order."""
    found: list[blame.Blame] = []
    leave = blame.Blame.__exit__
    monkeypatch.setattr(blame.Blame, "__exit__", lambda self, *why: found.append(self) or leave(self, *why))
    return found


@pytest.mark.parametrize("jobs", [1, 2])
def test_a_large_repository_is_begun_with_before_it_is_planned(
    build: Callable[..., Built], monkeypatch: pytest.MonkeyPatch, jobs: int
) -> None:
    built = build()
    built.commit("settings.py", f"TOKEN = '{expand('npm_{alnum:36}', 1)}'\n".encode())
    built.git("repack", "-adq")
    config = Config(targets=(str(built.path),), worktree=False, jobs=jobs)
    late = pipeline.scan(config)
    told: list[str] = []
    start, split = blame.Blame.start, pipeline.targets.split
    monkeypatch.setattr(placing, "LARGE", 1)
    monkeypatch.setattr(blame.Blame, "start", lambda self: told.append("begun") or start(self))
    monkeypatch.setattr(pipeline.targets, "split", lambda *args: told.append("planned") or split(*args))
    early = pipeline.scan(config)
    assert told[:2] == (["begun", "planned"] if jobs > 1 else ["planned", "begun"])
    assert early.findings == late.findings and len(early.findings) == 1
    assert early.findings[0].locations[0].origin.path == "settings.py"


def test_what_was_begun_is_ended_even_if_it_could_not_start(
    build: Callable[..., Built], monkeypatch: pytest.MonkeyPatch, ended: list[blame.Blame]
) -> None:
    built = build()
    built.commit("settings.py", b"nothing")

    def fail(self: blame.Blame) -> None:
        raise SourceError("git is gone")

    monkeypatch.setattr(placing, "LARGE", 0)
    monkeypatch.setattr(blame.Blame, "start", fail)
    pipeline.scan(Config(targets=(str(built.path),), worktree=False, jobs=2))
    assert len(ended) == 1


def test_a_target_named_twice_and_further_targets_are_not_begun_with_early(
    build: Callable[..., Built], monkeypatch: pytest.MonkeyPatch, ended: list[blame.Blame]
) -> None:
    built = build()
    built.commit("settings.py", b"nothing")
    started: list[blame.Blame] = []
    monkeypatch.setattr(placing, "LARGE", 0)
    monkeypatch.setattr(blame.Blame, "start", lambda self: started.append(self))
    pipeline.scan(Config(targets=(str(built.path), str(built.path), f"{built.path}/.git"), worktree=False, jobs=2))
    assert len(started) == 1 and ended == started
