"""The walk-through does what it says: its own commands are run."""

from __future__ import annotations

import pathlib
import re
import shlex

import pytest

from leakfirst._program import main
from rotators.core import executor
from tests.rotators import world
from tests.rotators.walkthrough import COMMANDS, plant

pytestmark = pytest.mark.net


def test_its_commands_end_with_a_replaced_key(
    moto_url: str, tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(executor, "PAUSE", 0.05)
    world.moto_api(moto_url, "reset-auth", b"inf")
    account = plant(moto_url, tmp_path)
    policy = tmp_path / "rotation.toml"
    policy.write_text(policy.read_text().replace('"5s"', '"0s"'))
    plan = ""
    for line in COMMANDS.format(folder=tmp_path).splitlines():
        words = shlex.split(line.replace("PLAN", plan), comments=True)
        if words[:1] == ["export"]:
            for word in words[1:]:
                monkeypatch.setenv(*word.split("=", 1))
        elif words:
            code = main(words[1:])
            assert code == (1 if words[1] == "scan" else 0), line
            out = capsys.readouterr().out
            if approve := re.search(r"next: leakfirst (rotate approve (\w+) .*)", out):
                plan = approve[2]
                assert main([*shlex.split(approve[1]), "--policy", str(policy)]) == 0
                capsys.readouterr()
    left = account.keys()
    assert account.old[0] not in left
    assert [account.stored()["access_key_id"]] == list(left)
