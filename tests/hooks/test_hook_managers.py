"""Our hooks under the real husky and lefthook, called as docs/hooks.md says, and overcommit with our script in its chain.

The programs come from npm, at fixed versions, or from the PATH. What is not there is skipped.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from tests.hooks.world import ROOT, Repository, leakfirst, token
from tests.program import environment

PACKAGES = ("husky@9.1.7", "lefthook@1.13.6")


@pytest.fixture(scope="module")
def programs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of the programs of npm."""
    npm = shutil.which("npm")
    if npm is None:
        pytest.skip("npm is not installed")
    folder = tmp_path_factory.mktemp("npm")
    # Without their scripts: lefthook's would install its hooks into the repository around the current folder.
    words = (npm, "install", "--ignore-scripts", "--silent", "--no-audit", "--no-fund", "--prefix", str(folder))
    try:
        done = subprocess.run((*words, *PACKAGES), cwd=folder, capture_output=True, text=True, timeout=180, check=False)
    except subprocess.TimeoutExpired:
        pytest.skip("npm does not answer")
    if done.returncode:
        pytest.skip("npm cannot install husky and lefthook here")
    return folder / "node_modules" / ".bin"


@pytest.fixture
def repo(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Repository:
    """A repository with a remote; leakfirst is on the PATH."""
    folder = tmp_path / "bin"
    folder.mkdir()
    script = folder / "leakfirst"
    script.write_text(f'#!/bin/sh\nexec {sys.executable} -m leakfirst "$@"\n')
    script.chmod(0o755)
    monkeypatch.setenv("PATH", f"{folder}{os.pathsep}{os.environ['PATH']}")
    if "PYTHONPATH" in environment():
        monkeypatch.setenv("PYTHONPATH", environment()["PYTHONPATH"])
    server = Repository(tmp_path / "server.git", "--bare")
    made = Repository(tmp_path / "repo")
    made.git("remote", "add", "origin", str(server.path))
    return made


def check(repo: Repository) -> None:
    """Commit and push with a token, which must be refused, and without."""
    repo.add("clean.py", "x = 1\n")
    done = repo.commit()
    assert done.returncode == 0, done.stderr
    assert repo.try_git("push", "-q", "origin", "main").returncode == 0
    repo.add("a.py", f"t = '{token()}'\n")
    refused = repo.commit()
    assert refused.returncode and "a.py:1:6" in refused.stdout + refused.stderr
    assert repo.commit("anyway", "--no-verify").returncode == 0
    refused = repo.try_git("push", "-q", "origin", "main")
    assert refused.returncode and "push refused" in refused.stdout + refused.stderr
    assert "Nobody told which refs" not in refused.stdout + refused.stderr
    assert token() not in refused.stdout + refused.stderr


def find_documented(pattern: str) -> str:
    found = re.search(pattern, (ROOT / "docs" / "hooks.md").read_text(), re.S)
    assert found
    return found[1]


def test_husky(repo: Repository, programs: Path) -> None:
    repo.write("package.json", '{"name": "x", "private": true}\n')
    subprocess.run([str(programs / "husky")], cwd=repo.path, check=True, capture_output=True)
    repo.write(
        ".husky/pre-commit", find_documented(r"add `(leakfirst hook run pre-commit)` to `\.husky/pre-commit`") + "\n"
    )
    repo.write(
        ".husky/pre-push", find_documented(r"`(leakfirst hook run pre-push [^`]*)` to `\.husky/pre-push`") + "\n"
    )
    check(repo)
    told = leakfirst("hook", "install", cwd=repo.path)
    assert told.returncode == 2 and "husky manages the hooks" in told.stderr


def test_lefthook(repo: Repository, programs: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", f"{os.environ['PATH']}{os.pathsep}{programs}")
    text = find_documented(r"```yaml\n(  pre-commit:\n    commands:.*?)```")
    shown = "\n".join(line.removeprefix("  ") for line in text.splitlines())
    assert yaml.safe_load(shown)
    repo.write("lefthook.yml", shown)
    repo.git("add", "lefthook.yml")
    subprocess.run([str(programs / "lefthook"), "install"], cwd=repo.path, check=True, capture_output=True)
    check(repo)


def test_lefthook_that_takes_the_place_of_our_hook_is_told(repo: Repository, programs: Path) -> None:
    repo.install()
    repo.write("lefthook.yml", "pre-commit:\n  commands:\n    x:\n      run: 'true'\n")
    subprocess.run([str(programs / "lefthook"), "install", "-f"], cwd=repo.path, check=True, capture_output=True)
    told = leakfirst("hook", "status", cwd=repo.path)
    assert "pre-commit: not installed" in told.stdout and "does not call it" in told.stdout
    repo.install("pre-commit")
    assert "pre-commit: installed" in leakfirst("hook", "status", cwd=repo.path).stdout
    repo.add("a.py", f"t = '{token()}'\n")
    refused = repo.commit()
    assert refused.returncode and "a.py:1:6" in refused.stderr


def test_overcommit(repo: Repository) -> None:
    program = shutil.which("overcommit")
    if program is None:
        pytest.skip("overcommit is not installed (gem install overcommit)")
    repo.write(".overcommit.yml", "PreCommit:\n  ALL:\n    enabled: false\n")
    subprocess.run([program, "--install"], cwd=repo.path, check=True, capture_output=True)
    subprocess.run([program, "--sign"], cwd=repo.path, check=True, capture_output=True)
    repo.install()
    check(repo)
