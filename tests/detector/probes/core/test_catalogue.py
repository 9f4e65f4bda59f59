"""Every probe fulfils its Protocol and serves rules that exist; one that does not fulfil it is one line and exit code 2."""

from __future__ import annotations

import inspect
import io
from fnmatch import fnmatchcase
from types import ModuleType

import pytest

from detector.probes.core import catalogue
from detector.probes.core.catalogue import PACKAGE, find_probe, list_probes, load_probe
from detector.probes.core.contract import ProbeModule
from detector.rules.loader import load_files
from detector.rules.pack import list_rule_files, shipped_folder
from leakfirst._program import main
from tests.protocols import check_with_mypy

PROBES = list_probes()


def test_there_are_probes_and_mypy_accepts_them() -> None:
    assert len(PROBES) >= 6
    check_with_mypy(PACKAGE, ProbeModule, PROBES)


@pytest.mark.parametrize("name", PROBES)
def test_every_probe_serves_rules_that_have_no_table_of_their_own(name: str) -> None:
    probe = load_probe(name)
    rules = load_files(list_rule_files(shipped_folder()))
    for glob in probe.SERVES:
        served = [rule for rule in rules if fnmatchcase(rule.id, glob)]
        assert served and all(find_probe(rule) is probe for rule in served)
    assert inspect.iscoroutinefunction(probe.check) and not inspect.iscoroutinefunction(probe.plan)
    assert isinstance(getattr(probe, "CONTROL", True), bool)
    assert list(inspect.signature(getattr(probe, "alter", lambda credential: None)).parameters) == ["credential"]


def test_a_probe_that_does_not_fulfil_its_protocol_is_one_line_and_exit_code_2(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    broken = ModuleType("detector.probes.broken")
    vars(broken).update(SERVES=("*",), check=lambda credential: pytest.fail("was executed"))
    monkeypatch.setattr(catalogue, "load_plugin", lambda *_, **__: broken)
    monkeypatch.setattr(catalogue, "load_probe", catalogue.load_probe.__wrapped__)
    monkeypatch.setattr(catalogue, "_list_globs", catalogue._list_globs.__wrapped__)
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(b"AKIA" + b"B" * 16)))
    assert main(["verify", "--dry-run", "--rule", "aws.access-key"]) == 2
    said = capsys.readouterr()
    assert "probe 'broken' does not fulfil ProbeModule" in said.err
    assert said.err.rstrip().endswith("check() does not take (credential, client)")
    assert said.err.count("\n") == 1 and not said.out
