"""The wheel holds what the build promises: compiled inner loops, rules and their ready pack, data files, and no tests."""

from __future__ import annotations

import shutil
import sysconfig
from importlib.metadata import files
from pathlib import Path

import pytest

from tests.compiled import compiled_modules, loaded_as_compiled
from tests.program import CHECKOUT, HOME, IS_INSTALLED

needs_installation = pytest.mark.skipif(not IS_INSTALLED, reason="run from a checkout")


def has_compiler() -> bool:
    """Tell whether the build found a C compiler."""
    words = (sysconfig.get_config_var("CC") or "cl").split()
    return shutil.which(words[0]) is not None or any(map(shutil.which, ("cc", "gcc", "clang", "cl")))


def test_the_modules_that_are_compiled_exist() -> None:
    for name in compiled_modules():
        assert (CHECKOUT / f"{name.replace('.', '/')}.py").is_file(), name


@needs_installation
def test_the_inner_loops_are_compiled_where_there_is_a_compiler() -> None:
    if not has_compiler():
        pytest.skip("this machine has no C compiler")
    assert loaded_as_compiled() == compiled_modules()
    from detector.git import deltas

    assert deltas.COMPILED


@needs_installation
def test_the_ready_pack_fits_the_installed_rules() -> None:
    from detector.rules import pack

    assert pack.has_ready_pack()


def test_a_checkout_holds_no_ready_pack() -> None:
    assert not (CHECKOUT / "detector" / "rules" / "ready").exists()


@needs_installation
@pytest.mark.parametrize("package", ["leakfirst", "detector", "hooks", "rotators", "patterns"])
def test_every_file_of_a_package_is_installed(package: str) -> None:
    ours = {path.relative_to(CHECKOUT) for path in (CHECKOUT / package).rglob("*") if path.is_file()}
    missing = [path for path in ours if "__pycache__" not in path.parts and not (HOME / path).exists()]
    assert not missing


@needs_installation
def test_nothing_else_is_installed() -> None:
    folders = {file.parts[0] for file in files("leakfirst") or () if len(file.parts) > 1 and file.parts[0] != ".."}
    assert {name for name in folders if not name.endswith(".dist-info")} == {
        "leakfirst", "detector", "hooks", "rotators", "patterns",
    }  # fmt: skip
    assert not (Path(HOME) / "tests" / "canary").exists()
