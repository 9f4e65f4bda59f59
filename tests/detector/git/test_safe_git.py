"""Running git without the configuration of the repository."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryFile

import pytest

from detector.errors import SourceError
from detector.git import repository, safe_git
from tests.detector.git.building import Built
from tests.hooks.world import token
from tests.program import environment


def test_git_does_not_follow_alternates_that_are_not_allowed(build: Callable[..., Built], tmp_path: Path) -> None:
    lender = build("lender")
    commit = lender.commit("a.txt", b"x")
    lender.git("clone", "-q", "--shared", ".", str(tmp_path / "borrower"))
    borrower = Built(tmp_path / "borrower", "exists")
    own, loose = borrower.commit("b.txt", b"y"), borrower.blob(b"z")
    borrower.git("repack", "-dlq")
    data = "".join(f"{name}\n" for name in (commit, own, loose)).encode()
    for allow, expected in (([], b"missing commit blob"), ([str(lender.path)], b"commit commit blob")):
        found = repository.discover(str(borrower.path), allow=allow)
        listing = safe_git.run_safe_git(found, "cat-file", "--batch-check", data=data)
        assert b" ".join(line.split()[1] for line in listing.splitlines()) == expected


def test_git_runs_no_program_that_the_repository_configures(build: Callable[..., Built], tmp_path: Path) -> None:
    built = build()
    commit = built.commit("a.txt", b"1\n")
    trace = tmp_path / "executed"
    program = tmp_path / "evil"
    program.write_text(f"#!/bin/sh\necho ran >> {trace}\ncat\n")
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
    with safe_git.SafeGit(found, index=True) as git:
        assert commit in git.run("log", "--raw", "-p", commit).decode()
        assert b"+1" in git.run("diff-index", "--cached", "-p", "4b825dc642cb6eb9a060e54bf8d69288fbee4904")
        assert b"missing" in git.run("cat-file", "--batch", data=b"1" * 40 + b"\n")
        assert git.run("config", "--list", "--name-only").split() == [b"core.repositoryformatversion", b"core.bare"]
        assert git.run("for-each-ref") == b""
        home = git.build_environment()["GIT_DIR"]
    assert not os.path.exists(home)
    assert not trace.exists()


def test_relative_entries_of_path_are_ignored(monkeypatch: pytest.MonkeyPatch, build: Callable[..., Built]) -> None:
    built = build()
    trace = built.path / "executed"
    (built.path / "git").write_text(f"#!/bin/sh\ntouch {trace}\n")
    (built.path / "git").chmod(0o755)
    monkeypatch.chdir(built.path)
    monkeypatch.setenv("PATH", os.pathsep.join([".", "", os.environ["PATH"]]))
    assert safe_git.run_safe_git(repository.discover("."), "--version").startswith(b"git version")
    assert not trace.exists()


def test_a_failing_git_is_an_error_with_its_reason(build: Callable[..., Built]) -> None:
    built = build()
    with pytest.raises(SourceError, match="git log failed: fatal:"):
        safe_git.run_safe_git(repository.discover(str(built.path)), "log", "1" * 40)


def test_git_started_after_stop_is_ended_at_once(build: Callable[..., Built]) -> None:
    with safe_git.SafeGit(repository.discover(str(build().path))) as git:
        git.stop()
        read_end, write_end = os.pipe()  # nothing is written, so that git waits
        try:
            with os.fdopen(read_end, "rb") as stdin:
                late = git.start("cat-file", "--batch", stdin=stdin)
            assert late.wait(20) == -9
        finally:
            os.close(write_end)


PIPES = (
    "objects/info/alternates",
    "objects/pack/multi-pack-index",
    "objects/pack/pack-1.idx",
    "objects/ab/" + "c" * 38,
    "index",
    "shallow",
)


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no pipes in the file system")
@pytest.mark.parametrize("name", [*(f".git/{name}" for name in PIPES), ".gitignore", "sub/.gitignore", "sub/.git/HEAD"])
def test_a_pipe_in_the_place_of_a_file_does_not_hold_up_a_scan(build: Callable[..., Built], name: str) -> None:
    built = build()
    built.commit("settings.py", f"TOKEN = '{token()}'\n".encode())
    (built.path / "sub" / ".git" / "objects").mkdir(parents=True)
    (built.path / "sub" / ".git" / "refs").mkdir()
    path = built.path / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.unlink(missing_ok=True)
    os.mkfifo(path)
    words = [sys.executable, "-m", "leakfirst", "scan", "--format", "json", "."]
    done = subprocess.run(
        words,
        cwd=built.path,
        env=environment(),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        timeout=120,
        check=False,
    )
    assert done.returncode in (1, 2, 3), done.stderr
    if done.returncode == 1:
        assert token().encode() not in done.stdout and b"settings.py" in done.stdout


def test_a_command_that_takes_too_long_is_ended(build: Callable[..., Built], monkeypatch: pytest.MonkeyPatch) -> None:
    built = build()
    built.commit("a.txt", b"x")
    found = repository.discover(str(built.path))
    monkeypatch.setattr(safe_git, "RUN_SECONDS", 0.2)
    read, write = os.pipe()
    with (
        safe_git.SafeGit(found) as git,
        os.fdopen(read, "rb") as nothing,
        os.fdopen(write, "wb"),
        TemporaryFile() as errors,
    ):
        monkeypatch.setattr(git, "open_input", lambda data: nothing if data else errors)
        with pytest.raises(SourceError, match="too long"):
            git.run("cat-file", "--batch", data=b"waits")


def test_a_time_for_the_whole_run_ends_git_too(build: Callable[..., Built]) -> None:
    built = build()
    built.commit("a.txt", b"x")
    with safe_git.SafeGit(repository.discover(str(built.path))) as git:
        safe_git.set_deadline(0.0)
        try:
            waiting = git.start("cat-file", "--batch")
            assert waiting.wait(60) < 0
        finally:
            safe_git.set_deadline(None)


def test_a_command_that_is_stuck_is_ended(build: Callable[..., Built], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(safe_git, "WATCH_SECONDS", 0.0)
    built = build()
    built.commit("a.txt", b"x")
    with safe_git.SafeGit(repository.discover(str(built.path))) as git:
        assert git.run("version", is_stuck=lambda: False).startswith(b"git version")
