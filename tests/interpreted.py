"""Load the Python source of a compiled module, so that tests can compare both."""

from __future__ import annotations

import importlib
import importlib.util
from pathlib import Path
from types import ModuleType


def load_interpreted(name: str) -> ModuleType:
    """Load the Python source of the module *name*, even if its compiled form takes precedence."""
    package, _, own = name.rpartition(".")
    source = Path(importlib.import_module(package).__path__[0]) / f"{own}.py"
    spec = importlib.util.spec_from_file_location(f"interpreted_{own}", source)
    assert spec and spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module
