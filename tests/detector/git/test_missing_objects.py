"""A repository with missing objects is never reported as completely scanned."""

import os
import subprocess
from pathlib import Path

import pytest

from detector.git.missing_objects import find_missing_objects
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


def delete_object(folder: Path, revision: str) -> str:
    name = git(folder, "rev-parse", revision)
    os.unlink(folder / ".git" / "objects" / name[:2] / name[2:])
    return name


def test_a_complete_repository_has_no_missing_objects(repository: Path) -> None:
    assert list(find_missing_objects(discover(str(repository)))) == []


@pytest.mark.parametrize(("deleted", "needs"), [("HEAD:deep/a", "deep/a"), ("HEAD", "refs/heads/main")])
def test_a_missing_object_is_named_with_what_needs_it(repository: Path, deleted: str, needs: str) -> None:
    name = delete_object(repository, deleted)
    missing = list(find_missing_objects(discover(str(repository))))
    assert any(name in skip.where and needs in skip.reason for skip in missing)
    assert not any(skip.expected for skip in missing)


def test_a_missing_tree_is_reported(repository: Path) -> None:
    delete_object(repository, "HEAD:deep")
    assert [skip.reason for skip in find_missing_objects(discover(str(repository)))] == ["could not be read completely"]


def test_the_scan_is_incomplete_and_the_other_objects_are_scanned(repository: Path) -> None:
    delete_object(repository, "HEAD:deep/a")
    result = scan(repository, worktree=False, jobs=1)
    assert not result.complete
    assert result.stats.blobs == 2


def test_many_missing_objects_are_counted(repository: Path) -> None:
    for number in range(9):
        (repository / f"f{number}").write_text(str(number))
    git(repository, "add", ".")
    git(repository, "commit", "-qm", "More")
    for number in range(9):
        delete_object(repository, f"HEAD:f{number}")
    missing = list(find_missing_objects(discover(str(repository))))
    assert len(missing) == 4
    assert missing[-1].reason == "6 more objects are missing"


def test_an_empty_repository_has_no_missing_objects(tmp_path: Path) -> None:
    git(tmp_path, "init", "-q")
    assert list(find_missing_objects(discover(str(tmp_path)))) == []


def test_a_tree_of_ten_billion_files_is_reported_within_the_memory_limit(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from detector.git import safe_git
    from detector.git.branch_heads import find_in_branch_heads

    monkeypatch.setattr(safe_git, "MAX_OUTPUT", 1 << 20)
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
    assert [skip.reason for skip in find_missing_objects(bomb)] == ["could not be read completely"]
    (location,) = find_in_branch_heads(bomb, {blob})
    assert location.path.count("/") == 9
