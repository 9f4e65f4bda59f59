"""Finding repositories and running git without obeying them."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from detector.errors import SourceError
from detector.git import repository
from tests.detector.git.building import Built


def test_it_finds_work_trees_bare_repositories_and_folders_inside(build: Callable[..., Built], tmp_path: Path) -> None:
    built = build()
    built.commit("a/b.txt", b"x")
    found = repository.discover(str(built.path / "a"))
    assert found.work_tree == str(built.path) and found.git_dir == str(built.path / ".git")
    assert found.id_bytes == 20 and not found.shallow and not found.promisor and found.known_layout
    built.git("clone", "-q", "--bare", ".", str(tmp_path / "bare.git"))
    bare = repository.discover(str(tmp_path / "bare.git"))
    assert bare.work_tree is None and bare.git_dir == bare.common_dir == str(tmp_path / "bare.git")


def test_what_is_no_repository_is_an_error(tmp_path: Path) -> None:
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
    assert repository.head(linked) == head
    assert repository.refs(linked)["worktrees/linked/HEAD"] == head
    built.git("submodule", "add", "-q", str(inner.path), "sub")
    sub = repository.discover(str(built.path / "sub"))
    assert sub.git_dir == str(built.path / ".git/modules/sub")
    assert repository.head(sub) == inner.git("rev-parse", "HEAD")


def test_a_pointer_to_a_repository_that_does_not_point_back_is_refused(
    build: Callable[..., Built], tmp_path: Path
) -> None:
    private = build("private")
    private.commit("key", b"x")
    hostile = tmp_path / "hostile"
    hostile.mkdir()
    (hostile / ".git").write_text(f"gitdir: {private.path}/.git\n")
    with pytest.raises(SourceError, match="does not point back"):
        repository.discover(str(hostile))
    assert repository.discover(str(hostile), allow=[str(private.path)]).git_dir == str(private.path / ".git")


def test_a_commondir_elsewhere_is_refused(build: Callable[..., Built]) -> None:
    private, hostile = build("private"), build("hostile")
    (hostile.path / ".git/commondir").write_text(f"{private.path}/.git\n")
    with pytest.raises(SourceError, match="commondir"):
        repository.discover(str(hostile.path))


def test_alternates_outside_are_reported_unless_allowed(build: Callable[..., Built], tmp_path: Path) -> None:
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


def test_git_does_not_follow_alternates_that_are_not_allowed(build: Callable[..., Built], tmp_path: Path) -> None:
    lender = build("lender")
    commit = lender.commit("a.txt", b"x")
    lender.git("clone", "-q", "--shared", ".", str(tmp_path / "borrower"))
    borrower = Built(tmp_path / "borrower", "exists")
    own, loose = borrower.commit("b.txt", b"y"), borrower.blob(b"z")
    borrower.git("repack", "-dlq")
    ask = "".join(f"{name}\n" for name in (commit, own, loose)).encode()
    for allow, expected in (([], b"missing commit blob"), ([str(lender.path)], b"commit commit blob")):
        found = repository.discover(str(borrower.path), allow=allow)
        told = repository.safe_git(found, "cat-file", "--batch-check", given=ask)
        assert b" ".join(line.split()[1] for line in told.splitlines()) == expected


def test_alternates_that_name_each_other_end(build: Callable[..., Built]) -> None:
    built = build()
    other = built.path / "more"
    (other / "info").mkdir(parents=True)
    (built.path / ".git/objects/info/alternates").write_text(f"{other}\n# remark\n../gone\n")
    (other / "info/alternates").write_text(f"{built.path}/.git/objects\n{other}\n")
    found = repository.discover(str(built.path))
    assert found.object_dirs == (str(built.path / ".git/objects"), str(other))
    assert [skip.reason for skip in found.skipped] == ["alternate object store does not exist"]


def test_it_reads_the_format_from_the_configuration(build: Callable[..., Built], tmp_path: Path) -> None:
    built = build("new", "--object-format=sha256")
    assert repository.discover(str(built.path)).id_bytes == 32
    origin = build("origin")
    origin.history(3)
    origin.git("config", "uploadpack.allowFilter", "true")
    origin.git("clone", "-q", "--bare", "--filter=blob:none", f"file://{origin.path}", str(tmp_path / "partial"))
    origin.git("clone", "-q", "--depth=1", f"file://{origin.path}", str(tmp_path / "shallow"))
    assert repository.discover(str(tmp_path / "partial")).promisor
    shallow = repository.discover(str(tmp_path / "shallow"))
    assert shallow.shallow and repository.shallow_commits(shallow) == (origin.git("rev-parse", "HEAD"),)
    origin.git("config", "core.repositoryFormatVersion", "7")
    assert not repository.discover(str(origin.path)).known_layout


def test_refs_are_those_that_git_lists(build: Callable[..., Built]) -> None:
    built = build()
    first = built.commit("a.txt", b"1")
    built.git("tag", "-a", "-m", "text", "v1")
    built.git("pack-refs", "--all")
    second = built.commit("a.txt", b"2")  # loose main over packed main
    built.git("branch", "topic/ü", first)
    built.git("symbolic-ref", "refs/heads/alias", "refs/heads/main")
    found = repository.refs(repository.discover(str(built.path)))
    told = dict(line.split()[::-1] for line in built.git("show-ref").splitlines())
    assert {name: value for name, value in found.items() if name.startswith("refs/")} == told
    assert found["HEAD"] == second
    assert repository.head(repository.discover(str(built.path))) == second


def test_head_is_found_in_packed_refs_and_missing_before_the_first_commit(build: Callable[..., Built]) -> None:
    built = build()
    assert repository.head(repository.discover(str(built.path))) is None
    commit = built.commit("a.txt", b"1")
    built.git("pack-refs", "--all")
    assert repository.head(repository.discover(str(built.path))) == commit


def test_reflogs_tell_what_refs_held(build: Callable[..., Built]) -> None:
    built = build()
    first = built.commit("a.txt", b"1")
    built.write("a.txt", b"2")
    built.git("commit", "-q", "-a", "--amend", "-m", "other")
    entries = [entry for entry in repository.reflogs(repository.discover(str(built.path))) if entry.ref == "HEAD"]
    assert [entry.new for entry in entries] == [first, built.git("rev-parse", "HEAD")]
    assert entries[1].message == "commit (amend): other"


def test_git_runs_nothing_that_a_repository_names(build: Callable[..., Built], tmp_path: Path) -> None:
    built = build()
    commit = built.commit("a.txt", b"1\n")
    mark = tmp_path / "executed"
    program = tmp_path / "evil"
    program.write_text(f"#!/bin/sh\necho ran >> {mark}\ncat\n")
    program.chmod(0o755)
    for key in ("core.fsmonitor", "core.pager", "pager.log", "gpg.program", "diff.external", "diff.x.textconv",
                "diff.x.command", "filter.x.clean", "filter.x.smudge", "core.sshCommand", "credential.helper",
                "core.editor", "core.alternateRefsCommand", "core.askPass"):  # fmt: skip
        built.git("config", key, str(program))
    for key, value in (("log.showSignature", "true"), ("extensions.partialClone", "origin"),
                       ("remote.origin.url", f"ext::{program}"), ("remote.origin.promisor", "true"),
                       ("protocol.ext.allow", "always"), ("protocol.allow", "always"),
                       ("core.hooksPath", str(tmp_path)), ("include.path", str(tmp_path / "more"))):  # fmt: skip
        built.git("config", key, value)
    built.write(".gitattributes", b"* diff=x filter=x\n")
    (built.path / ".git/info/attributes").write_text("* diff=x filter=x\n")
    (tmp_path / "git").write_text(program.read_text())
    (tmp_path / "git").chmod(0o755)
    found = repository.discover(str(built.path))
    with repository.SafeGit(found, index=True) as git:
        assert commit in git.run("log", "--raw", "-p", commit).decode()
        assert b"+1" in git.run("diff-index", "--cached", "-p", "4b825dc642cb6eb9a060e54bf8d69288fbee4904")
        assert b"missing" in git.run("cat-file", "--batch", given=b"1" * 40 + b"\n")
        assert git.run("config", "--list", "--name-only").split() == [b"core.repositoryformatversion", b"core.bare"]
        assert git.run("for-each-ref") == b""
        home = git.environment()["GIT_DIR"]
    assert not os.path.exists(home)
    assert not mark.exists()


def test_relative_entries_of_path_do_not_find_git(monkeypatch: pytest.MonkeyPatch, build: Callable[..., Built]) -> None:
    built = build()
    mark = built.path / "executed"
    (built.path / "git").write_text(f"#!/bin/sh\ntouch {mark}\n")
    (built.path / "git").chmod(0o755)
    monkeypatch.chdir(built.path)
    monkeypatch.setenv("PATH", os.pathsep.join([".", "", os.environ["PATH"]]))
    assert repository.safe_git(repository.discover("."), "--version").startswith(b"git version")
    assert not mark.exists()


def test_a_failing_git_is_an_error_with_its_reason(build: Callable[..., Built]) -> None:
    built = build()
    with pytest.raises(SourceError, match="git log failed: fatal:"):
        repository.safe_git(repository.discover(str(built.path)), "log", "1" * 40)


def test_the_configuration_reader_understands_the_usual_forms(tmp_path: Path) -> None:
    path = tmp_path / "config"
    path.write_text('[core]\n\tbare # yes\n; remark\n\tworktree = "a # b" \n[remote "O.x"] promisor = true\n[a]b=c;d\n')
    found = repository._read_config(str(path))
    assert found["core.worktree"] == "a # b"
    assert found["remote.O.x.promisor"] == "true"
    assert found["a.b"] == "c"


def test_a_git_that_starts_after_the_end_was_called_is_ended_at_once(build: Callable[..., Built]) -> None:
    with repository.SafeGit(repository.discover(str(build().path))) as git:
        git.stop()
        asked, asking = os.pipe()  # that nothing ever comes through, so that git would wait
        try:
            with os.fdopen(asked, "rb") as questions:
                late = git.start("cat-file", "--batch", stdin=questions)
            assert late.wait(20) == -9
        finally:
            os.close(asking)
