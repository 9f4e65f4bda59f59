"""Which modules the build compiles, and in which form each of them is loaded."""

from __future__ import annotations

import ast
from importlib.util import find_spec

from tests.program import CHECKOUT


def compiled_modules() -> list[str]:
    """Return the names of the modules that setup.py compiles."""
    tree = ast.parse((CHECKOUT / "setup.py").read_text())
    (files,) = [
        ast.literal_eval(node.value)
        for node in tree.body
        if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "COMPILED"
    ]
    return [file.removesuffix(".py").replace("/", ".") for file in files]


def loaded_as_compiled() -> list[str]:
    """Return those of them that Python loads as extension modules."""
    return [name for name in compiled_modules() if (spec := find_spec(name)) and not str(spec.origin).endswith(".py")]
