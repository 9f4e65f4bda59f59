"""The examples in docstrings are true."""

import doctest
import importlib
from pathlib import Path

import pytest

from tests.program import HOME

PACKAGES = ("detector", "hooks", "leakfirst", "rotators")
MODULES = sorted(
    path.relative_to(HOME).with_suffix("").as_posix().replace("/", ".").removesuffix(".__init__")
    for package in PACKAGES
    for path in Path(HOME, package).rglob("*.py")
    if "\n    >>> " in path.read_text(encoding="utf-8")
)


@pytest.mark.parametrize("name", MODULES)
def test_examples_hold(name: str) -> None:
    failed, tried = doctest.testmod(importlib.import_module(name))
    assert tried and not failed
