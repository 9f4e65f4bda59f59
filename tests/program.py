"""Where the program that is tested lies, installed or in this checkout, and how a test starts it."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import leakfirst

CHECKOUT = Path(__file__).resolve().parents[1]
"""The folder of the sources: documents, tests, build files."""

HOME = Path(leakfirst.__file__).resolve().parents[1]
"""The folder in which the packages lie that are tested."""

IS_INSTALLED = HOME != CHECKOUT

FIND_TESTS = f"import sys; sys.path.append({str(CHECKOUT)!r})"
"""For a program of a test that imports `tests`: at the end of the path it hides no installed package."""


def environment(**more: str) -> dict[str, str]:
    """Return the environment in which a new Python finds the program that is tested."""
    kept = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    return kept | ({} if IS_INSTALLED else {"PYTHONPATH": str(HOME)}) | more


def run(*words: str, cwd: Path, given: str | None = None, **more: str) -> subprocess.CompletedProcess[str]:
    """Run the program as a user would."""
    return subprocess.run(
        [sys.executable, "-m", "leakfirst", *words],
        cwd=cwd,
        env=environment(**more),
        input=given,
        capture_output=True,
        text=True,
        check=False,
    )
