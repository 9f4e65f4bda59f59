"""Finding a repository and the folders that belong to it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from detector.errors import SourceError
from detector.git import refs, repository
from tests.detector.git.building import Built


def test_working_trees_bare_repositories_and_subfolders_are_found(build: Callable[..., Built], tmp_path: Path) -> None:
    built = build()
    built.commit("a/b.txt", b"x")
    found = repository.discover(str(built.path / "a"))
    assert found.work_tree == str(built.path) and found.git_dir == str(built.path / ".git")
    assert found.id_bytes == 20 and not found.shallow and not found.promisor and found.known_layout
    built.git("clone", "-q", "--bare", ".", str(tmp_path / "bare.git"))
    bare = repository.discover(str(tmp_path / "bare.git"))
    assert bare.work_tree is None and bare.git_dir == bare.common_dir == str(tmp_path / "bare.git")


def test_a_folder_without_a_repository_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match="not a git repository"):
        repository.discover(str(tmp_path))


def test_linked_worktrees_and_submodules_are_followed(build: Callable[..., Built], tmp_path: Path) -> None:
    inner, built = build("inner"), build()
    inner.commit("s.txt", b"s")
    head = built.commit("a.txt", b"x")
    built.git("worktree", "add", "-q", "--detach", str(tmp_path / "linked"))
    linked = repository.discover(str(tmp_path / "linked"))
    assert linked.common_dir == str(built.path / ".git")
    assert linked.git_dir == str(built.path / ".git/worktrees/linked")
    assert refs.read_head(linked) == head
    assert refs.read_refs(linked)["worktrees/linked/HEAD"] == head
    built.git("submodule", "add", "-q", str(inner.path), "sub")
    sub = repository.discover(str(built.path / "sub"))
    assert sub.git_dir == str(built.path / ".git/modules/sub")
    assert refs.read_head(sub) == inner.git("rev-parse", "HEAD")


def test_a_git_file_whose_target_does_not_point_back_is_an_error(build: Callable[..., Built], tmp_path: Path) -> None:
    private = build("private")
    private.commit("key", b"x")
    hostile = tmp_path / "hostile"
    hostile.mkdir()
    (hostile / ".git").write_text(f"gitdir: {private.path}/.git\n")
    with pytest.raises(SourceError, match="does not point back"):
        repository.discover(str(hostile))
    assert repository.discover(str(hostile), allow=[str(private.path)]).git_dir == str(private.path / ".git")


def test_a_commondir_of_another_repository_is_an_error(build: Callable[..., Built]) -> None:
    private, hostile = build("private"), build("hostile")
    (hostile.path / ".git/commondir").write_text(f"{private.path}/.git\n")
    with pytest.raises(SourceError, match="commondir"):
        repository.discover(str(hostile.path))


def test_alternates_outside_the_repository_are_reported_unless_allowed(
    build: Callable[..., Built], tmp_path: Path
) -> None:
    lender = build("lender")
    lender.commit("a.txt", b"x")
    lender.git("clone", "-q", "--shared", ".", str(tmp_path / "borrower"))
    path = str(tmp_path / "borrower")
    found = repository.discover(path)
    assert len(found.object_dirs) == 1
    assert found.skipped[0].where == str(lender.path / ".git/objects") and not found.skipped[0].expected
    allowed = repository.discover(path, allow=[str(lender.path)])
    assert allowed.object_dirs[1] == str(lender.path / ".git/objects") and not allowed.skipped
    assert len(repository.discover(path, allow=[repository.ANYWHERE]).object_dirs) == 2


def test_cyclic_alternates_are_read_once(build: Callable[..., Built]) -> None:
    built = build()
    other = built.path / "more"
    (other / "info").mkdir(parents=True)
    (built.path / ".git/objects/info/alternates").write_text(f"{other}\n# remark\n../gone\n")
    (other / "info/alternates").write_text(f"{built.path}/.git/objects\n{other}\n")
    found = repository.discover(str(built.path))
    assert found.object_dirs == (str(built.path / ".git/objects"), str(other))
    assert [skip.reason for skip in found.skipped] == ["alternate object store does not exist"]


def test_the_format_is_read_from_the_configuration(build: Callable[..., Built], tmp_path: Path) -> None:
    built = build("new", "--object-format=sha256")
    assert repository.discover(str(built.path)).id_bytes == 32
    origin = build("origin")
    origin.history(3)
    origin.git("config", "uploadpack.allowFilter", "true")
    origin.git("clone", "-q", "--bare", "--filter=blob:none", f"file://{origin.path}", str(tmp_path / "partial"))
    origin.git("clone", "-q", "--depth=1", f"file://{origin.path}", str(tmp_path / "shallow"))
    assert repository.discover(str(tmp_path / "partial")).promisor
    shallow = repository.discover(str(tmp_path / "shallow"))
    assert shallow.shallow and refs.read_shallow_commits(shallow) == (origin.git("rev-parse", "HEAD"),)
    origin.git("config", "core.repositoryFormatVersion", "7")
    assert not repository.discover(str(origin.path)).known_layout


def test_the_usual_forms_of_configuration_are_parsed(tmp_path: Path) -> None:
    path = tmp_path / "config"
    path.write_text('[core]\n\tbare # yes\n; remark\n\tworktree = "a # b" \n[remote "O.x"] promisor = true\n[a]b=c;d\n')
    found = repository._read_config(str(path))
    assert found["core.worktree"] == "a # b"
    assert found["remote.O.x.promisor"] == "true"
    assert found["a.b"] == "c"
