"""The public interface: what it offers, what it costs, and how it answers a misspelt option."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

import leakfirst
from tests.program import CHECKOUT, HOME

CORRECT = """
from pathlib import Path
import leakfirst
from leakfirst import Engine, Finding, LeakfirstError, Scan, ScanOptions, Secret, __version__

def look(folder: Path) -> list[Finding]:
    options: ScanOptions = {"history": False, "only": ["aws.*"]}
    result: Scan = leakfirst.scan(folder, "more", **options)
    result = leakfirst.scan(min_confidence="high", jobs=1, verify_hosts=("example.test",), operator={})
    secrets: list[Secret] = [finding.secret for finding in result.findings]
    version: str = __version__
    engine = Engine(only=["aws.*"])
    print(secrets, version, engine.scan(b"").__class__, LeakfirstError)
    return list(result.findings)
"""

WRONG = {
    'leakfirst.scan(".", histroy=False)': 'Unexpected keyword argument "histroy"',
    'leakfirst.scan(".", min_confidence="hihg")': 'Argument "min_confidence"',
    'leakfirst.scan(".", only="aws.*")': 'Argument "only"',
    "leakfirst.scan(7)": 'Argument 1 to "scan"',
    "leakfirst.scam": 'Module has no attribute "scam"',
}


def test_import_loads_nothing_else() -> None:
    code = "import sys; before = set(sys.modules); import leakfirst; print(*sorted(set(sys.modules) - before))"
    done = subprocess.run([sys.executable, "-S", "-c", code], capture_output=True, text=True, cwd=HOME)
    assert set(done.stdout.split()) <= {"leakfirst", "__future__"}, done.stderr
    assert "leakfirst" in done.stdout


@pytest.mark.parametrize("name", leakfirst.__all__)
def test_every_public_name_is_there(name: str) -> None:
    assert getattr(leakfirst, name) is not None
    assert name in dir(leakfirst)


def test_other_names_are_not() -> None:
    with pytest.raises(AttributeError, match="no attribute 'scam'"):
        leakfirst.scam  # noqa: B018


def test_the_version_is_that_of_the_distribution() -> None:
    from importlib.metadata import PackageNotFoundError, version

    try:
        installed = version("leakfirst")
    except PackageNotFoundError:
        pytest.skip("run from a checkout")
    assert leakfirst.__version__.count(".") == 2
    assert installed == leakfirst.__version__ or "site-packages" not in leakfirst.__file__


@pytest.fixture(scope="module")
def checked(tmp_path_factory: pytest.TempPathFactory) -> str:
    """What mypy says about a program that uses the interface rightly, and then wrongly line by line."""
    folder = tmp_path_factory.mktemp("typing")
    lines = "\n".join(WRONG)
    (folder / "right.py").write_text(CORRECT)
    (folder / "wrong.py").write_text(f"import leakfirst\n{lines}\n")
    modules = ("leakfirst/__init__", "leakfirst/_api", "detector/__init__", "detector/model", "detector/secret")
    files = [str(CHECKOUT / f"{module}.py") for module in (*modules, "detector/errors")]
    options = ("--strict", "--follow-imports=skip", "--allow-subclassing-any", "--config-file=")
    done = subprocess.run(
        [sys.executable, "-m", "mypy", *options, f"--cache-dir={folder / 'cache'}", *files, "right.py", "wrong.py"],
        cwd=folder,
        env={**os.environ, "MYPYPATH": str(CHECKOUT)},
        capture_output=True,
        text=True,
    )
    return done.stdout + done.stderr


@pytest.mark.slow
def test_mypy_accepts_correct_use(checked: str) -> None:
    assert "right.py" not in checked


@pytest.mark.slow
def test_mypy_refuses_each_mistake(checked: str) -> None:
    found = [line for line in checked.splitlines() if line.startswith("wrong.py:") and ": error:" in line]
    for number, said in enumerate(WRONG.values(), 2):
        assert any(line.startswith(f"wrong.py:{number}:") and said in line for line in found), (said, checked)
