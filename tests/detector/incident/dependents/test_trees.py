"""Which files of a folder, a commit or a history are read."""

import os
import subprocess
from pathlib import Path

import pytest

from detector.git.safe_git import SafeGit
from detector.incident.dependents import search
from detector.incident.dependents._contract import UnreadableFile
from detector.incident.dependents._trees import ContentSpan, find_repository, list_contents, resolve_relative
from detector.model import Skipped
from tests.detector.incident.dependents.making import commit, found, git, write


def test_installed_and_ignored_manifests_are_not_read(tmp_path: Path) -> None:
    other = {"dependencies": {"inner": "*"}}
    write(tmp_path, {"node_modules/x/package.json": other})
    commit(tmp_path / "repo", {".gitignore": "build/\n", "build/package.json": other})
    assert found(tmp_path, "inner") == []


def test_links_are_not_followed(tmp_path: Path) -> None:
    write(tmp_path / "outside", {"package.json": {"dependencies": {"inner": "1"}}})
    inside = tmp_path / "inside"
    commit(inside, {"a": ""})
    (inside / "package.json").symlink_to(tmp_path / "outside" / "package.json")
    (inside / "folder").symlink_to(tmp_path / "outside")
    os.mkfifo(inside / "pom.xml")
    git(inside, "add", "-A")
    git(inside, "commit", "-qm", "links")
    assert found(inside, "inner") == []
    git(tmp_path, "clone", "-q", "--bare", "inside", "bare.git")
    assert found(tmp_path / "bare.git", "inner") == []


def test_a_repository_without_commits_has_no_dependents(tmp_path: Path) -> None:
    subprocess.run(["git", "init", "-q", "--bare", str(tmp_path / "empty.git")], check=True)
    assert found(tmp_path, "x") == []
    assert found(tmp_path, "x", history=True) == []


def test_missing_content_is_reported(tmp_path: Path) -> None:
    repo = tmp_path / "repo"
    commit(repo, {"package-lock.json": {"packages": {}}, "sub/package.json": {"dependencies": {"inner": "1"}}})
    git(tmp_path, "clone", "-q", "--bare", "repo", "bare.git")
    gone = git(repo, "rev-parse", "HEAD:package-lock.json")
    os.unlink(tmp_path / "bare.git" / "objects" / gone[:2] / gone[2:])
    for history in (False, True):
        entries = list(search([str(tmp_path / "bare.git")], "inner", history=history))
        assert [type(entry).__name__ for entry in entries] == ["Skipped", "Dependent"]
        assert isinstance(entries[0], Skipped) and "missing from this clone" in entries[0].reason


def test_a_path_outside_of_the_tree_cannot_be_read() -> None:
    assert resolve_relative("a/b/requirements.txt", "../base.txt") == "a/base.txt"
    for name in ("../../../x", "/etc/passwd", "~/x", "a\0b", "../.."):
        with pytest.raises(UnreadableFile, match="outside of the repository"):
            resolve_relative("a/b/requirements.txt", name)


def test_history_records_when_a_content_was_added_and_removed(tmp_path: Path) -> None:
    first = commit(tmp_path, {"package.json": {"a": 1}, "other": "x"})
    second = commit(tmp_path, {"package.json": {"b": 1}})
    repository = find_repository(str(tmp_path))
    assert repository is not None
    with SafeGit(repository) as git_:
        commits, contents = list_contents(git_, [second], lambda path: path == "package.json")
    assert commits == [first, second]
    assert sorted(contents.values()) == [ContentSpan(0, 1), ContentSpan(1, None)]


def test_the_root_of_a_repository_is_found_and_a_folder_below_is_not(tmp_path: Path) -> None:
    commit(tmp_path, {"sub/x": ""})
    assert find_repository(str(tmp_path)) is not None
    assert find_repository(str(tmp_path / "sub")) is None
