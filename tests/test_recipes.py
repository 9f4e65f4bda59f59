"""The recipes of docs/adding.md work as they stand, and a forgotten part of one is noticed by the suite."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests import program
from tests.program import CHECKOUT

FOLDERS = ("leakfirst", "detector", "rotators", "hooks", "patterns", "tests", "docs", "training")
FILES = dict(
    re.findall(
        r"^`([\w./]+)`:\n\n```\w+\n(.*?)^```$", (CHECKOUT / "docs" / "adding.md").read_text(), re.DOTALL | re.MULTILINE
    )
)
LINES = re.findall(
    r"^In `([\w./]+)`, after `([^`\n]+)`:\n\n```python\n(.*?)^```$",
    (CHECKOUT / "docs" / "adding.md").read_text(),
    re.DOTALL | re.MULTILINE,
)
"""What is added to a file that is there: its path, the line before, and the new lines."""
MODULES = [path for path in FILES if path.endswith(".py") and not path.startswith("tests/")]
TESTS = [path for path in FILES if path.startswith("tests/")]

pytestmark = pytest.mark.slow


def copy_checkout(folder: Path) -> Path:
    """Copy what a contributor changes into *folder*."""
    for name in FOLDERS:
        shutil.copytree(CHECKOUT / name, folder / name, ignore=shutil.ignore_patterns("__pycache__", "*.so"))
    for name in ("pyproject.toml", "setup.py", "README.md", "CONTRIBUTING.md"):
        shutil.copy(CHECKOUT / name, folder)
    return folder


def write(folder: Path, files: dict[str, str]) -> None:
    for path, text in files.items():
        assert not (folder / path).exists(), f"{path} is there already"
        (folder / path).write_text(text)


def insert(folder: Path) -> None:
    """Add the lines to files that are there; each is added after the only line that is named."""
    for path, line, new in LINES:
        text = (folder / path).read_text()
        assert text.count(f"{line}\n") == 1, f"{path}: {line}"
        (folder / path).write_text(text.replace(f"{line}\n", f"{line}\n{new}"))


def run(folder: Path, *words: str) -> subprocess.CompletedProcess[str]:
    """Run a module of Python in the copy."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("PYTEST", "PYTHON"))}
    return subprocess.run(
        [sys.executable, "-m", *words], cwd=folder, env=environment, capture_output=True, text=True, check=False
    )


def run_tests(folder: Path, *words: str) -> subprocess.CompletedProcess[str]:
    return run(folder, "pytest", "-q", "-n", "0", "-p", "no:randomly", *words)


@pytest.fixture(scope="module")
def added(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the checkout to which one of each kind was added."""
    folder = copy_checkout(tmp_path_factory.mktemp("added"))
    write(folder, {path: text for path, text in FILES.items() if not path.startswith("patterns/")})
    insert(folder)
    return folder


def test_the_page_holds_recipes() -> None:
    assert len(MODULES) >= 5
    assert len(TESTS) >= len(MODULES)


def test_each_recipe_has_its_test_and_fulfils_its_contract(added: Path) -> None:
    done = run_tests(added, "--update-golden", "tests/golden/test_golden.py", "-k", "brief")
    assert done.returncode == 0, done.stdout
    done = run_tests(
        added,
        *TESTS,
        "tests/detector/test_contracts.py::test_every_plugin_fulfils_its_contract",
        "tests/detector/reports/test_every_report.py",
        "tests/rotators/test_every_rotator.py::test_every_rotator_has_a_world_here_or_a_reason",
        "tests/rotators/test_every_rotator.py::test_every_rotator_keeps_its_promises[acme]",
        "tests/rotators/stores/test_every_store.py::test_every_store_has_a_destination_here",
        "tests/rotators/stores/test_every_store.py::test_every_store_keeps_its_promises[key-folder]",
        "tests/detector/sources/test_every_source.py",
        "tests/detector/incident/notify/test_every_channel.py::test_every_channel_fulfils_the_contract",
        "tests/detector/incident/dependents/test_every_reader.py::test_every_reader_fulfils_the_contract_and_has_a_case",
        "tests/detector/probes/core/test_catalogue.py::test_every_probe_serves_rules_that_have_no_table_of_their_own",
        "tests/detector/containers/test_unpack.py::test_garbage_after_the_magic_bytes_raises_nothing",
    )
    assert done.returncode == 0, done.stdout[-4000:]
    done = run_tests(added, "tests/test_tree.py::test_every_module_has_a_test_file")
    assert not [path for path in MODULES if path in done.stdout]


def test_each_recipe_passes_ruff_and_mypy(added: Path) -> None:
    done = run(added, "ruff", "check", "--no-cache", *MODULES, *TESTS)
    assert done.returncode == 0, done.stdout
    done = run(added, "mypy", "--follow-imports=silent", "--cache-dir", str(added / "mypy"), *MODULES)
    assert done.returncode == 0, done.stdout


def test_the_rule_passes_its_check_and_a_wrong_example_does_not(tmp_path: Path) -> None:
    rule = FILES["patterns/acme.toml"]
    wrong = rule.replace('examples = ["acme_live_{alnum:32}"]', 'examples = ["acme_{alnum:32}"]')
    assert wrong != rule
    for text, code in ((rule, 0), (wrong, 1)):
        (tmp_path / "acme.toml").write_text(text)
        done = program.run("rules", "check", "acme.toml", cwd=tmp_path)
        assert done.returncode == code, done.stdout + done.stderr


def test_forgetting_the_test_or_a_function_is_noticed(tmp_path: Path) -> None:
    folder = copy_checkout(tmp_path / "copy")
    write(folder, {path: FILES[path] for path in MODULES})
    done = run_tests(folder, "tests/test_tree.py::test_every_module_has_a_test_file")
    assert done.returncode == 1
    assert not [path for path in MODULES if path not in done.stdout]
    functions = [path for path in MODULES if not path.startswith("rotators/")]  # for these: test_every_rotator, _store
    for path in functions:
        name = Path(path).stem
        without = re.sub(
            r"^def (write|main|claim|list_repositories|deliver|read|plan|open_executor|read_comments)\(",
            r"def forgotten(",
            FILES[path],
            flags=re.MULTILINE,
        )
        assert without != FILES[path], name
        (folder / path).write_text(without)
    insert(folder)
    done = run_tests(
        folder,
        "tests/detector/test_contracts.py::test_every_plugin_fulfils_its_contract",
        "tests/detector/incident/notify/test_every_channel.py::test_every_channel_fulfils_the_contract",
        "tests/detector/incident/dependents/test_every_reader.py::test_every_reader_fulfils_the_contract_and_has_a_case",
        "tests/detector/probes/core/test_catalogue.py::test_every_probe_serves_rules_that_have_no_table_of_their_own",
        "tests/detector/containers/test_unpack.py::test_garbage_after_the_magic_bytes_raises_nothing",
    )
    noticed = {line for line in done.stdout.splitlines() if "does not fulfil" in line}
    assert done.returncode == 1
    assert "has no attribute 'read_comments'" in done.stdout
    for path in (path for path in functions if "/containers/" not in path):
        name = Path(path).stem.replace("_", "-")
        assert any(f"'{name}' does not fulfil" in line for line in noticed), (name, done.stdout[-3000:])
