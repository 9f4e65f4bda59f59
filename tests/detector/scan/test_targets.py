"""What a target is, and which sources read it."""

import os
import shutil
import subprocess
from pathlib import Path

import pytest

from detector.config import Config
from detector.contracts import Claim
from detector.errors import SourceError, UsageError
from detector.registry import list_names
from detector.rules.shapes import expand
from detector.scan import targets
from leakfirst import scan

RULE = """
[[rule]]
id = "acme.key"
finds = "Acme key"
confidence = "high"
anchors = ["acmekey_[0-9a-z]{6}"]
pattern = '(acmekey_[0-9a-z]{24})'
"""


def token(seed: int = 0) -> str:
    return expand("acmekey_{base36:24}", seed)


def git(folder: Path, *words: str) -> str:
    allow = ["-c", "protocol.file.allow=always"]
    return subprocess.run(
        ["git", *allow, *words], cwd=folder, check=True, capture_output=True, text=True
    ).stdout.strip()


@pytest.fixture
def rules(tmp_path_factory) -> dict:
    path = tmp_path_factory.mktemp("rules") / "acme.toml"
    path.write_text(RULE)
    return {"patterns": (str(path),), "only": ("acme.key",), "jobs": 1}


@pytest.fixture
def repository(tmp_path) -> Path:
    folder = tmp_path / "repo"
    folder.mkdir()
    git(folder, "init", "-q")
    (folder / "a.py").write_text(f"x = 1\nkey = '{token(1)}'\n")
    git(folder, "add", ".")
    git(folder, "commit", "-qm", f"Begin with {token(2)}")
    (folder / "a.py").write_text("x = 1\n")
    (folder / ".gitignore").write_text("build/\n")
    git(folder, "add", ".")
    git(folder, "commit", "-qm", "Forget it")
    (folder / "build").mkdir()
    (folder / "build" / "out").write_text(token(3))
    (folder / "new.txt").write_text(token(4))
    return folder


def found(result) -> set[tuple[bytes, str, str]]:
    return {
        (finding.secret.reveal(), at.origin.kind, at.origin.path)
        for finding in result.findings
        for at in finding.locations
    }


def secrets(result) -> set[str]:
    return {finding.secret.reveal().decode() for finding in result.findings}


def test_a_repository_is_its_working_tree_and_its_history(repository, rules) -> None:
    result = scan(repository, **rules)
    assert secrets(result) == {token(1), token(2), token(4)}
    assert result.complete


def test_each_half_alone(repository, rules) -> None:
    assert secrets(scan(repository, history=False, **rules)) == {token(4)}
    assert secrets(scan(repository, worktree=False, **rules)) == {token(1), token(2)}


def test_ignored_files_on_request(repository, rules) -> None:
    assert token(3) in secrets(scan(repository, include_ignored=True, **rules))


def test_a_tracked_file_cannot_be_hidden_by_gitignore(repository, rules) -> None:
    (repository / "a.py").write_text(token(5))
    (repository / ".gitignore").write_text("*\n")
    assert token(5) in secrets(scan(repository, history=False, **rules))


def test_a_folder_inside_is_only_that_folder(repository, rules) -> None:
    (repository / "sub").mkdir()
    (repository / "sub" / "b").write_text(token(6))
    assert secrets(scan(repository / "sub", **rules)) == {token(6)}


def test_a_folder_inside_says_that_the_history_was_not_read(repository, rules, monkeypatch) -> None:
    (repository / "sub" / "deep").mkdir(parents=True)
    (repository / "sub" / "deep" / "a.txt").write_text("a")
    (note,) = scan(repository / "sub", **rules).notes
    assert note == (
        f"{repository}/sub is part of the repository at {repository}: "
        f"its history was not read; scan {repository} for that"
    )
    monkeypatch.chdir(repository / "sub")
    (note,) = scan("deep", **rules).notes
    assert note == "deep is part of the repository at ..: its history was not read; scan .. for that"
    assert not scan("deep", history=False, **rules).notes
    assert not scan("..", **rules).notes


def test_a_folder_on_its_own_says_nothing_of_a_repository(tmp_path, rules) -> None:
    (tmp_path / "a.txt").write_text("a")
    assert not scan(tmp_path, **rules).notes


@pytest.mark.parametrize("target", ["sub", "a.py"])
def test_only_a_repository_can_be_read_without_its_working_tree(repository, rules, monkeypatch, target) -> None:
    (repository / "sub").mkdir()
    monkeypatch.chdir(repository)
    with pytest.raises(UsageError, match=f"{target}: --no-worktree is for the top of a git repository"):
        scan(target, worktree=False, **rules)


def test_neither_half_is_nothing_to_look_at(repository, rules) -> None:
    with pytest.raises(UsageError, match="leave nothing to look at"):
        scan(repository, history=False, worktree=False, **rules)


def test_a_bare_repository_has_history_alone(repository, tmp_path, rules) -> None:
    git(tmp_path, "clone", "-q", "--bare", str(repository), "bare.git")
    assert secrets(scan(tmp_path / "bare.git", **rules)) == {token(1), token(2)}


def test_submodules_are_read_with_their_history(repository, tmp_path, rules) -> None:
    outer = tmp_path / "outer"
    outer.mkdir()
    git(outer, "init", "-q")
    git(outer, "submodule", "--quiet", "add", str(repository), "inner")
    result = scan(outer, **rules)
    assert secrets(result) == {token(1), token(2)}
    assert result.complete


def test_repositories_below_a_folder_are_read_with_their_history_and_all_their_files(
    repository, tmp_path, rules, monkeypatch
) -> None:
    git(tmp_path, "clone", "-q", "--bare", str(repository), "bare.git")
    (tmp_path / "plain").write_text(token(5))
    monkeypatch.chdir(tmp_path)
    result = scan(".", **rules)
    assert result.complete
    places = sorted(
        (at.origin.repository, at.origin.path, finding.secret.reveal().decode())
        for finding in result.findings
        for at in finding.locations
    )
    assert places == sorted(
        [
            ("", "plain", token(5)),
            ("bare.git", "", token(2)),
            ("bare.git", "a.py", token(1)),
            ("repo", "", token(2)),
            ("repo", "a.py", token(1)),
            ("", "repo/new.txt", token(4)),
            ("", "repo/build/out", token(3)),  # ignored there, but what was asked for is the folder
        ]
    )
    assert secrets(scan(".", history=False, **rules)) == {token(3), token(4), token(5)}


def test_a_folder_that_poses_as_a_repository_hides_nothing(tmp_path, rules) -> None:
    (tmp_path / "one" / ".git" / "objects").mkdir(parents=True)
    (tmp_path / "one" / ".git" / "refs").mkdir()
    (tmp_path / "one" / ".git" / "HEAD").write_text("ref: refs/heads/main\n")
    (tmp_path / "one" / ".gitignore").write_text("*\n")
    (tmp_path / "one" / "secret").write_text(token(1))
    (tmp_path / "two" / "objects").mkdir(parents=True)
    (tmp_path / "two" / "refs").mkdir()
    (tmp_path / "two" / "HEAD").write_text("ref: refs/heads/main\n")
    (tmp_path / "two" / "objects" / "secret").write_text(token(2))
    assert secrets(scan(tmp_path, **rules)) == {token(1), token(2)}


@pytest.mark.parametrize("part", ["", "objects"])
def test_nobody_leads_us_to_a_repository_outside_of_the_folder(repository, tmp_path, rules, part) -> None:
    inner = tmp_path / "folder" / "inner"
    inner.mkdir(parents=True)
    git(inner, "init", "-q")
    linked = inner / ".git" / part if part else inner / ".git"
    shutil.rmtree(linked)
    linked.symlink_to(repository / ".git" / part if part else repository / ".git")
    result = scan(tmp_path / "folder", **rules)
    assert not result.findings
    assert [skip.where for skip in result.skipped if not skip.expected] == [str(inner)]


@pytest.mark.parametrize("posing", [False, True])
def test_a_submodule_that_is_none_hides_nothing(repository, tmp_path, rules, posing) -> None:
    outer = tmp_path / "outer"
    (outer / "hidden").mkdir(parents=True)
    git(outer, "init", "-q")
    git(outer, "update-index", "--add", "--cacheinfo", f"160000,{'a' * 40},hidden")
    (outer / "hidden" / "secret").write_text(token(7))
    if posing:
        (outer / "hidden" / ".git").mkdir()
    found = scan(outer, **rules).findings
    assert [(at.origin.path, one.secret.reveal().decode()) for one in found for at in one.locations] == [
        ("hidden/secret", token(7))
    ]


def test_files_beside_a_git_folder_that_is_none_are_read(tmp_path, rules) -> None:
    for number, name in enumerate(("empty", "dangling", "bare")):
        (tmp_path / name).mkdir()
        (tmp_path / name / "a").write_text(token(number))
    (tmp_path / "empty" / ".git").mkdir()
    git(tmp_path / "bare", "init", "-q", "--bare")
    assert scan(tmp_path, **rules).complete
    (tmp_path / "dangling" / ".git").write_text("gitdir: ../nowhere\n")
    result = scan(tmp_path, **rules)
    assert secrets(result) == {token(0), token(1), token(2)}
    (lost,) = result.skipped
    assert lost.where == str(tmp_path / "dangling") and "not a git directory" in lost.reason
    assert scan(tmp_path, history=False, **rules).complete


def test_what_a_folder_sets_aside_holds_for_repositories_below(repository, tmp_path, rules, monkeypatch) -> None:
    (tmp_path / ".leakfirstignore").write_text("repo/a.py\n")
    monkeypatch.chdir(tmp_path)
    assert secrets(scan(".", **rules)) == {token(2), token(3), token(4)}


def test_the_configuration_of_the_repository_runs_nothing(repository, tmp_path, rules) -> None:
    trap = tmp_path / "trap"
    trap.write_text(f"#!/bin/sh\ntouch {tmp_path}/sprung\n")
    trap.chmod(0o755)
    for key in (
        "core.fsmonitor",
        "core.pager",
        "core.sshCommand",
        "diff.external",
        "filter.x.smudge",
        "core.hooksPath",
        "gpg.program",
    ):
        git(repository, "config", key, str(trap))
    (repository / ".gitattributes").write_text("* filter=x diff=x\n")
    assert secrets(scan(repository, **rules)) == {token(1), token(2), token(4)}
    assert not (tmp_path / "sprung").exists()


def test_several_targets_are_one_scan(repository, tmp_path, rules) -> None:
    (tmp_path / "file").write_text(token(4))
    result = scan(tmp_path / "file", repository, **rules)
    (both,) = (finding for finding in result.findings if finding.secret.reveal().decode() == token(4))
    assert len(both.locations) == 2


def test_a_url_is_cloned_scanned_and_forgotten(repository, tmp_path, rules, monkeypatch) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    result = scan(repository.as_uri(), **rules)
    assert secrets(result) == {token(1), token(2)}
    origins = [at.origin for finding in result.findings for at in finding.locations]
    assert {(origin.path, origin.repository) for origin in origins} == {
        ("a.py", repository.as_uri()),
        ("", repository.as_uri()),
    }


def test_a_url_that_cannot_be_cloned_is_one_line_without_its_password(tmp_path, rules) -> None:
    with pytest.raises(SourceError) as caught:
        scan(f"file://user:{token(9)}@{tmp_path}/nothing", **rules)
    assert "cannot be cloned" in str(caught.value)
    assert token(9) not in str(caught.value)
    assert "\n" not in str(caught.value)


def test_what_does_not_exist_is_an_error(rules) -> None:
    with pytest.raises(SourceError, match="no such file or folder"):
        scan("nowhere", **rules)


def test_standard_input(tmp_path, rules, monkeypatch) -> None:
    (tmp_path / "in").write_text("a\nb " + token(7))
    with open(tmp_path / "in") as stream:
        saved = os.dup(0)
        os.dup2(stream.fileno(), 0)
        try:
            result = scan("-", **rules)
        finally:
            os.dup2(saved, 0)
            os.close(saved)
    (finding,) = result.findings
    assert (finding.locations[0].origin.kind, finding.locations[0].line, finding.locations[0].column) == ("stdin", 2, 3)


def test_staged_changes_are_what_would_be_committed(repository, rules) -> None:
    (repository / "a.py").write_text(f"y = '{token(5)}'\n")
    git(repository, "add", "a.py")
    (repository / "a.py").write_text(f"y = '{token(6)}'\n")
    result = scan(repository, staged=True, **rules)
    assert found(result) == {(token(5).encode(), "index", "a.py")}


def test_a_range_shows_what_its_commits_brought_on_new_lines_alone(repository, rules) -> None:
    first = git(repository, "rev-parse", "HEAD~1")
    (repository / "a.py").write_text("x = 1\n" + token(5))
    git(repository, "commit", "-qam", "More")
    (repository / "a.py").write_text("x = 2\n" + token(5) + "\n")
    git(repository, "commit", "-qam", "Less")
    result = scan(repository, since=first, **rules)
    assert found(result) == {(token(5).encode(), "blob", "a.py")}
    origin = result.findings[0].locations[0].origin
    assert origin.author == "Ada Example <ada@example.test>"
    assert origin.when
    assert secrets(scan(repository, range=f"{first}..HEAD~2", **rules)) == set()
    assert secrets(scan(repository, range="HEAD~1..HEAD", **rules)) == {token(5)}, (
        "its line got an ending, so git calls it new"
    )


def test_sources_that_are_not_asked_claim_their_own_name_alone() -> None:
    assert set(list_names(targets.PACKAGE)) >= targets.BY_NAME_ALONE
    for name in targets.BY_NAME_ALONE:
        source = targets.load_source(name)
        for target in (".", "-", "https://example.org/x", f"{name}.txt", f"./{name}:x", "other:x"):
            assert source.claim(target, Config()) is Claim.NONE
