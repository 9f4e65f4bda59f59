"""lint-imports notices each kind of import that docs/architecture.md rules out."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.program import CHECKOUT

BROKEN = {
    "layers": ("detector/text/numbers.py", "import detector.cli.scan", "detector.text.numbers -> detector.cli.scan"),
    "layers-of-rotators": (
        "rotators/core/locks.py",
        "import rotators.stores.env_file",
        "rotators.core.locks -> rotators.stores.env_file",
    ),
    "no-circles": ("detector/git/deltas.py", "import detector.git.shares", ".deltas -> .shares"),
    "plugins": ("detector/reports/csv.py", "import detector.reports.json", "csv must not import detector.reports.json"),
    "private-modules": (
        "detector/cli/scan.py",
        "import detector.reports._show",
        "detector.cli.scan -> detector.reports._show",
    ),
    "standard-library": ("detector/errors.py", "import pathspec", "detector.errors must not import pathspec"),
    "engine-is-pure": ("detector/engine/lines.py", "import socket", "detector.engine.lines -> socket"),
}
"""For each contract: a file, the line that is added to it, and what the report of lint-imports then says."""


def configured() -> dict[str, str]:
    """Return the contracts of pyproject.toml: id and name."""
    import tomllib

    contracts = tomllib.loads((CHECKOUT / "pyproject.toml").read_text())["tool"]["importlinter"]["contracts"]
    return {contract["id"]: contract["name"] for contract in contracts}


@pytest.fixture(scope="module")
def report(tmp_path_factory: pytest.TempPathFactory) -> str:
    """What lint-imports says about a copy of the sources in which every contract is broken once."""
    folder = tmp_path_factory.mktemp("broken")
    for name in ("leakfirst", "detector", "rotators", "hooks"):
        shutil.copytree(CHECKOUT / name, folder / name, ignore=shutil.ignore_patterns("__pycache__", "*.so"))
    (folder / "tests").mkdir()
    shutil.copy(CHECKOUT / "tests" / "import_contracts.py", folder / "tests")
    shutil.copy(CHECKOUT / "pyproject.toml", folder)
    for file, line, _ in BROKEN.values():
        path = folder / file
        path.write_text(f"{path.read_text()}\n\ndef _wrong() -> None:\n    {line}\n")
    done = subprocess.run(
        [str(Path(sys.executable).parent / "lint-imports"), "--no-cache"], cwd=folder, capture_output=True, text=True
    )
    assert done.returncode == 1, done.stdout + done.stderr
    return re.sub(r"\s+", " ", done.stdout)


@pytest.mark.slow
@pytest.mark.parametrize("contract", configured())
def test_a_broken_contract_is_noticed(report: str, contract: str) -> None:
    _, _, said = BROKEN[contract]
    assert f"{configured()[contract]} BROKEN" in report
    assert said in report


def test_the_picture_in_the_documentation_shows_every_layer() -> None:
    import tomllib

    contracts = tomllib.loads((CHECKOUT / "pyproject.toml").read_text())["tool"]["importlinter"]["contracts"]
    (layers,) = [contract["layers"] for contract in contracts if contract["id"] == "layers"]
    picture = (CHECKOUT / "docs" / "architecture.md").read_text().partition("## Who may import whom")[2]
    drawn = re.findall(r"^ *(?:│ )?(\S.*)$", picture.partition("```")[2].partition("```")[0], re.MULTILINE)
    assert [line.split("  ")[0].strip() for line in drawn] == layers
