"""The benchmarks still start, and the scripts inside them use functions that exist."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
SCRIPTS = sorted([*(ROOT / "benchmarks").glob("*.py"), ROOT / "training/fit.py"])


def run_python(*arguments: str, folder: Path | None = None) -> str:
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    done = subprocess.run(
        [sys.executable, *arguments], cwd=folder or ROOT, env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda path: path.stem)
def test_every_benchmark_prints_its_help(script: Path) -> None:
    text = run_python(str(script), "--help")
    assert "usage:" in text and "python " in text


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    folder = tmp_path / "repository"
    folder.mkdir()
    (folder / "a.txt").write_text("hello\n")
    git = ["git", "-c", "user.name=Ada", "-c", "user.email=ada@example.test"]
    for command in (["init", "-q"], ["add", "-A"], ["commit", "-qm", "one"]):
        subprocess.run([*git, *command], cwd=folder, check=True)
    return folder


def test_a_history_is_read_and_the_phases_of_the_hook_are_measured(repository: Path) -> None:
    code = (
        "import sys; sys.path.insert(0, sys.argv[2]); sys.argv[0] = ''\n"
        "import hook, history, subprocess\n"
        "subprocess.run([sys.executable, '-c', history.READ_SCRIPT, sys.argv[1]], check=True)\n"
        "with open('a.txt', 'a') as file: file.write('more\\n')\n"
        "hook.run_git('.', 'add', '-u')\n"
        "print(hook.measure_phases(hook.install_hook('.')[0], '.'))"
    )
    text = run_python("-c", code, str(repository), str(ROOT / "benchmarks"), folder=repository)
    assert "1 files, 0 sightings" in text
