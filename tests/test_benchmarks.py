"""The benchmarks still start, and the scripts inside them use functions that exist."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from benchmarks import noise

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


def test_findings_are_counted_by_their_most_exposed_place() -> None:
    def place(path: str) -> dict[str, object]:
        return {"path": path, "line": 3}

    def finding(*paths: str) -> dict[str, object]:
        row = {"rule": "generic.key", "severity": "medium", "confidence": "high"}
        return {**row, "locations": [place(path) for path in paths]}

    report = {"findings": [finding("docs/a.md", "src/a.py"), finding("tests/test_a.py"), finding("vendor/a.go")]}
    found = list(noise.read_leakfirst(report, "/x"))
    assert [one.place for one in found] == ["outside", "test", "vendored"]
    table = noise.format_summary("leakfirst", found, 2000)
    rows = {line.split()[0]: line.split()[1:] for line in table.splitlines() if line.split()[1:]}
    assert rows["all"] == ["3", "1.50"] and rows["outside"] == ["1", "0.50"] and rows["documentation"] == ["0", "0.00"]
    assert rows["generic.key"] == ["3", "1"]


def test_kingfishers_repeated_snippets_are_one_finding() -> None:
    def row(path: str, snippet: str) -> dict[str, object]:
        return {"rule": {"id": "kingfisher.pem.1"}, "finding": {"path": path, "line": 1, "snippet": snippet}}

    rows = [row("/x/tests/a.pem", "one"), row("/x/src/b.pem", "one"), row("/x/c.pem", "two")]
    found = list(noise.read_kingfisher({"findings": rows}, "/x"))
    assert [(one.place, one.where) for one in found] == [("outside", "tests/a.pem:1"), ("outside", "c.pem:1")]


def test_a_checkout_is_measured(repository: Path) -> None:
    (repository / "app.py").write_text('db_password = "' + "q7Zt" * 2 + 'vK93bQ"\n')
    text = run_python("-m", "benchmarks.noise", str(repository), "--list")
    assert "2 files     1 findings     1 outside" in text and "generic.password" in text and "app.py:1" in text
    assert "vK93bQ" not in text
