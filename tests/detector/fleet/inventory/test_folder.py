"""A folder of repositories."""

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from detector.fleet.inventory import RepositoryEntry, list_repositories
from detector.model import Skipped
from tests.fakes.git_server import git, repository


def test_a_folder_of_repositories_is_searched_at_any_depth(tmp_path: Path, ls: Callable) -> None:
    root = tmp_path / "srv"
    repository(root, "bare.git")
    repository(root, "team/deep/app.git")
    (root / "work" / "inner").mkdir(parents=True)
    git(root / "work", "init", "--quiet", "tree")
    git(root / "work" / "tree", "init", "--quiet", "vendored")
    (root / "link.git").symlink_to(repository(tmp_path, "elsewhere.git"))
    (root / "loop").symlink_to(root)
    found, skipped = ls(f"folder:{root}")
    assert not skipped
    assert {e.name for e in found} == {"bare", "team/deep/app", "work/tree", "../elsewhere"} and len(found) == 4
    assert all(e.local and e.key == e.url == os.path.realpath(e.url) for e in found)


def test_a_folder_that_cannot_be_read_is_reported(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "closed").mkdir()
    true = os.scandir

    def refusing(path: str) -> object:
        if path.endswith("closed"):
            raise PermissionError(13, "Permission denied")
        return true(path)

    monkeypatch.setattr(os, "scandir", refusing)
    assert list(list_repositories([str(tmp_path)])) == [
        Skipped(f"{tmp_path}/closed", "cannot be read (Permission denied)")
    ]


@pytest.mark.parametrize("kind", ["", "folder:"])
def test_a_folder_that_is_not_mounted_does_not_stop_the_others(tmp_path: Path, kind: str) -> None:
    bare = repository(tmp_path, "a.git")
    missing, found = list_repositories([f"{kind}{tmp_path}/gone", str(bare)])
    assert missing == Skipped(f"{tmp_path}/gone", "no such folder")
    assert isinstance(found, RepositoryEntry)
