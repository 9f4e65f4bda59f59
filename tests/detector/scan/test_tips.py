from __future__ import annotations

from pathlib import Path

from detector.config import Config
from detector.model import PlaceClass
from detector.rules.shapes import expand
from detector.scan import pipeline
from tests.detector.git.building import Built

TOKEN = expand("ghp_{alnum:30}{check:github-crc32}", 1818)


def scan_history(target: Path, **options: object) -> list[tuple[str, PlaceClass]]:
    config = Config(targets=(str(target),), jobs=1, **options)  # type: ignore[arg-type]
    return [(str(one.severity), one.place) for one in pipeline.scan(config).findings]


def test_a_value_that_was_removed_is_not_critical(tmp_path: Path) -> None:
    built = Built(tmp_path)
    built.commit("a.py", f"t = '{TOKEN}'\n".encode())
    built.commit("a.py", b"t = ''\n")
    assert scan_history(tmp_path, worktree=False) == [("high", PlaceClass.SOURCE)]


def test_a_value_at_the_head_of_any_branch_is_critical(tmp_path: Path) -> None:
    built = Built(tmp_path)
    built.commit("a.py", f"t = '{TOKEN}'\n".encode())
    built.git("branch", "other")
    built.commit("a.py", b"t = ''\n")
    assert scan_history(tmp_path, worktree=False) == [("critical", PlaceClass.SOURCE)]


def test_a_value_that_moved_into_tests_is_high(tmp_path: Path) -> None:
    built = Built(tmp_path)
    built.commit("a.py", f"t = '{TOKEN}'\n".encode())
    (tmp_path / "a.py").unlink()
    built.commit("tests/a.py", f"t = '{TOKEN}'\n".encode())
    assert scan_history(tmp_path, worktree=False) == [("high", PlaceClass.SOURCE)]


def test_new_commits_count_as_current(tmp_path: Path) -> None:
    built = Built(tmp_path)
    built.commit("b.py", b"\n")
    built.commit("a.py", f"t = '{TOKEN}'\n".encode())
    assert scan_history(tmp_path, range="HEAD~1..HEAD") == [("critical", PlaceClass.SOURCE)]
