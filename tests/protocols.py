"""Check with mypy that every module of a plug-in folder fulfils its Protocol."""

from __future__ import annotations

import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from detector.registry import list_names

ROOT = Path(__file__).parent.parent


def check_with_mypy(package: str, protocol: type, only: Sequence[str] | None = None) -> None:
    """Raise `AssertionError` with mypy's output unless every plug-in of *package*, or each in *only*, fulfils *protocol*."""
    modules = [name.replace("-", "_") for name in (list_names(package) if only is None else only)]
    assert modules, f"no plug-in found in {package}"
    source = [f"from {protocol.__module__} import {protocol.__name__}"]
    source += [f"from {package} import {name} as plugin_{name}" for name in modules]
    source += [f"checked_{name}: {protocol.__name__} = plugin_{name}" for name in modules]
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "contract_check.py"
        file.write_text("\n".join(source) + "\n")
        command = [sys.executable, "-m", "mypy", "--no-error-summary", str(file)]
        done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
