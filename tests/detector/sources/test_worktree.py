"""What git lists in a working tree, and what it could not list."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from detector.config import Config
from detector.git.repository import discover
from detector.model import Skipped
from detector.sources import worktree
from tests.detector.sources.sample import Sample, make_repository
from tests.program import environment


def make_sample(folder: Path) -> Sample:
    return Sample(str(make_repository(folder / "repository")), Config(history=False))


CAPABILITIES = "-dac_override,-dac_read_search"


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    folder = tmp_path / "repo"
    for name in ("known", "other", "inner", "open"):
        (folder / name).mkdir(parents=True)
        (folder / name / "a").write_text("x\n")
    git(folder, "init", "-q")
    git(folder / "inner", "init", "-q")
    git(folder, "add", "known", "open")
    return folder


def git(folder: Path, *words: str) -> None:
    subprocess.run(["git", *words], cwd=folder, check=True, capture_output=True)


def as_anybody(*words: str, cwd: Path) -> subprocess.CompletedProcess[str]:
    """Run leakfirst as one who may not read everything; root may, unless it gives that up."""
    before: list[str] = []
    if os.geteuid() == 0:
        if not (setpriv := shutil.which("setpriv")):
            pytest.skip("root reads everything here")
        before = [setpriv, f"--bounding-set={CAPABILITIES}", f"--inh-caps={CAPABILITIES}"]
    return subprocess.run(
        [*before, sys.executable, "-m", "detector", *words],
        cwd=cwd,
        capture_output=True,
        text=True,
        env=environment(),
    )


def test_a_folder_that_cannot_be_read_is_said_and_makes_the_scan_incomplete(repository: Path) -> None:
    locked = [repository / name for name in ("known", "other", "inner")]
    for folder in locked:
        folder.chmod(0)
    try:
        done = as_anybody("scan", "--no-history", "-j", "1", ".", cwd=repository)
    finally:
        for folder in locked:
            folder.chmod(0o755)
    assert done.returncode == 3, done.stdout + done.stderr
    for name in ("known", "other", "inner"):
        assert f"  {name}: cannot be listed: Permission denied\n" in done.stdout
    assert "Could not be scanned: 3" in done.stdout


def test_only_what_is_not_there_is_missing(repository: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (repository / "open" / "a").unlink()
    looked = os.lstat

    def refuse(path, *rest, **more):
        if str(path).endswith("known/a"):
            raise OSError(5, "Input/output error")
        return looked(path, *rest, **more)

    monkeypatch.setattr(os, "lstat", refuse)
    skipped = [entry for entry in worktree.list_files(discover(str(repository)), False) if isinstance(entry, Skipped)]
    assert skipped == [
        Skipped("known/a", "cannot be examined: Input/output error"),
        Skipped(str(repository), "1 tracked files are not in the working tree", expected=True),
    ]
