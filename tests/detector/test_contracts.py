"""Every plug-in on disk fulfils the Protocol of its kind; one that does not is a usage error in one line."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from detector.contracts import Command, Hook, IgnoreFormat, Report, Source
from detector.fleet.executors import ExecutorModule
from detector.fleet.inventory import InventoryModule
from detector.fleet.reports import SweepReport
from detector.registry import check_contract, list_names, load_plugin
from leakfirst._program import main
from tests.protocols import check_with_mypy

KINDS = [
    ("detector.reports", Report, ["scan", "--format", "broken", "."]),
    ("detector.cli", Command, ["broken"]),
    ("detector.sources", Source, ["scan", "."]),
    ("hooks", Hook, ["hook", "run", "broken"]),
    ("detector.ignores.formats", IgnoreFormat, ["scan", "--baseline", "broken:known.txt", "."]),
    ("detector.fleet.inventory", InventoryModule, ["sweep", "broken:here", "--state", "state.db"]),
    ("detector.fleet.reports", SweepReport, ["sweep", "report", "--format", "broken", "--state", "state.db"]),
    ("detector.fleet.executors", ExecutorModule, ["sweep", ".", "--executor", "broken", "--state", "state.db"]),
]


@pytest.mark.parametrize(("package", "protocol", "_words"), KINDS)
def test_mypy_accepts_every_plugin(package: str, protocol: type, _words: list[str]) -> None:
    check_with_mypy(package, protocol)


@pytest.mark.parametrize(("package", "protocol", "_words"), KINDS)
def test_every_plugin_fulfils_its_contract(package: str, protocol: type, _words: list[str]) -> None:
    found = list_names(package)
    assert len(found) >= 2
    for name in found:
        check_contract(load_plugin(package, name, what="plug-in"), protocol, "plug-in")


@pytest.fixture
def broken(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Path]:
    """A folder with an empty plug-in called "broken" in the package of the parameter."""
    folders = importlib.import_module(request.param).__path__
    (tmp_path / "broken.py").write_text('"""Fulfils nothing."""\n')
    (tmp_path / "known.txt").write_text("a\n")
    folders.append(str(tmp_path))
    list_names.cache_clear()
    yield tmp_path
    sys.modules.pop(f"{request.param}.broken", None)
    folders.remove(str(tmp_path))
    list_names.cache_clear()


@pytest.mark.parametrize(("broken", "protocol", "words"), KINDS, indirect=["broken"])
def test_a_plugin_that_does_not_is_one_line_and_exit_code_2(
    broken: Path, protocol: type, words: list[str], capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(broken)
    assert main(words) == 2
    said = capsys.readouterr()
    assert said.out == "" and said.err.count("\n") == 1
    assert f"'broken' does not fulfil {protocol.__name__} ({protocol.__module__}): " in said.err
