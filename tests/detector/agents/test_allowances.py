import subprocess
from pathlib import Path

import pytest

from detector.agents import allowances
from detector.agents.allowances import Allowances
from detector.agents.redact import Redactor
from tests.detector.agents.making import GITHUB, KEY, engine


def make(folder: Path) -> Redactor:
    return Redactor(engine(), KEY, Allowances(str(folder), engine(), lambda: KEY))


def git(folder: Path, *words: str) -> None:
    subprocess.run(["git", *words], cwd=folder, check=True, capture_output=True)


@pytest.fixture
def project(tmp_path: Path, monkeypatch) -> Path:
    monkeypatch.setenv("LEAKFIRST_HOME", str(tmp_path / "state"))
    folder = tmp_path / "project"
    folder.mkdir()
    git(folder, "init", "-q")
    (folder / "fixture.py").write_text("x\n")
    git(folder, "add", ".")
    git(folder, "commit", "-qm", "Begin")
    return folder


TEXT = f"token = '{GITHUB}'\n"


def test_an_ignore_file_counts_once_it_is_committed(project: Path) -> None:
    (project / ".leakfirstignore").write_text("fixture.py\n")
    assert GITHUB not in make(project).redact_text(TEXT, "fixture.py").value
    git(project, "add", ".")
    git(project, "commit", "-qm", "Ignore it")
    assert GITHUB in make(project).redact_text(TEXT, "fixture.py").value
    assert GITHUB in make(project).redact_text(TEXT, str(project / "fixture.py")).value
    assert GITHUB not in make(project).redact_text(TEXT, "other.py").value
    assert GITHUB not in make(project).redact_text(TEXT).value


def test_a_mark_in_the_text_counts_for_nothing(project: Path) -> None:
    assert GITHUB not in make(project).redact_text(f"token = '{GITHUB}'  # leakfirst:allow\n", "a.py").value


def test_a_pass_lets_one_value_through_for_an_hour(project: Path, monkeypatch) -> None:
    (found,) = make(project).redact_text(TEXT).found
    allowances.add_pass(found.fingerprint)
    assert GITHUB in make(project).redact_text(TEXT).value
    monkeypatch.setattr("time.time", lambda: 9e9)
    assert allowances.read_passes() == frozenset()


def test_a_file_of_passes_that_others_can_write_is_not_believed(project: Path) -> None:
    (found,) = make(project).redact_text(TEXT).found
    allowances.add_pass(found.fingerprint)
    (Path(project.parent) / "state/agents" / allowances.PASSES).chmod(0o666)
    assert allowances.read_passes() == frozenset()
