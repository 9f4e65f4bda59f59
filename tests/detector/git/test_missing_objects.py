"""A repository that is not whole is never called clean."""

import os
import subprocess
from pathlib import Path

import pytest

from detector.git.missing_objects import gaps
from detector.git.repository import discover
from leakfirst import scan


def git(folder: Path, *words: str) -> str:
    return subprocess.run(["git", *words], cwd=folder, check=True, capture_output=True, text=True).stdout.strip()


@pytest.fixture
def repository(tmp_path) -> Path:
    git(tmp_path, "init", "-q", "-b", "main")
    (tmp_path / "deep").mkdir()
    (tmp_path / "deep" / "a").write_text("one\n")
    (tmp_path / "b").write_text("two\n")
    git(tmp_path, "add", ".")
    git(tmp_path, "commit", "-qm", "Begin")
    return tmp_path


def lose(folder: Path, revision: str) -> str:
    name = git(folder, "rev-parse", revision)
    os.unlink(folder / ".git" / "objects" / name[:2] / name[2:])
    return name


def test_a_whole_repository_has_none(repository: Path) -> None:
    assert list(gaps(discover(str(repository)))) == []


@pytest.mark.parametrize(("lost", "needs"), [("HEAD:deep/a", "deep/a"), ("HEAD", "refs/heads/main")])
def test_a_missing_object_is_named_with_what_needs_it(repository: Path, lost: str, needs: str) -> None:
    name = lose(repository, lost)
    told = list(gaps(discover(str(repository))))
    assert any(name in skip.where and needs in skip.reason for skip in told)
    assert not any(skip.expected for skip in told)


def test_a_missing_tree_is_told(repository: Path) -> None:
    lose(repository, "HEAD:deep")
    assert [skip.reason for skip in gaps(discover(str(repository)))] == ["cannot be read to the end"]


def test_the_scan_is_incomplete_and_the_rest_is_scanned(repository: Path) -> None:
    lose(repository, "HEAD:deep/a")
    result = scan(repository, worktree=False, jobs=1)
    assert not result.complete
    assert result.stats.blobs == 2


def test_many_are_counted(repository: Path) -> None:
    for number in range(9):
        (repository / f"f{number}").write_text(str(number))
    git(repository, "add", ".")
    git(repository, "commit", "-qm", "More")
    for number in range(9):
        lose(repository, f"HEAD:f{number}")
    told = list(gaps(discover(str(repository))))
    assert len(told) == 4
    assert told[-1].reason == "6 more objects are missing"


def test_an_empty_repository_is_whole(tmp_path: Path) -> None:
    git(tmp_path, "init", "-q")
    assert list(gaps(discover(str(tmp_path)))) == []


def test_a_tree_that_names_ten_billion_files_is_told_and_does_not_take_the_memory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from detector.git import repository as reading
    from detector.git.branch_heads import tips

    monkeypatch.setattr(reading, "MAX_OUTPUT", 1 << 20)
    git(tmp_path, "init", "-q", "--bare", "-b", "main")
    (tmp_path / "a").write_text("one\n")
    blob = git(tmp_path, "hash-object", "-w", "a")
    kind, name = "100644 blob", blob
    for _ in range(10):
        rows = "".join(f"{kind} {name}\td{number}\n" for number in range(10))
        made = subprocess.run(["git", "mktree"], cwd=tmp_path, input=rows, capture_output=True, text=True, check=True)
        kind, name = "040000 tree", made.stdout.strip()
    git(tmp_path, "update-ref", "refs/heads/main", git(tmp_path, "commit-tree", name, "-m", "Begin"))
    bomb = discover(str(tmp_path))
    assert [skip.reason for skip in gaps(bomb)] == ["cannot be read to the end"]
    (tip,) = tips(bomb, {blob})
    assert tip.path.count("/") == 9
