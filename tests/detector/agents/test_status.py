from pathlib import Path

import pytest

from detector.agents import install, status
from detector.registry import list_names


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch) -> Path:
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("LEAKFIRST_HOME", str(tmp_path / "state"))
    return tmp_path


@pytest.mark.parametrize("agent", list_names("detector.agents.dialects"))
def test_an_installed_hook_holds_a_made_up_credential_back(agent: str) -> None:
    (place,) = install.find_places([agent])
    assert status.read_status(place).state == "not installed"
    install.install(place)
    assert status.read_status(place).state == "works"


def test_a_hook_that_does_nothing_is_noticed(home: Path) -> None:
    (place,) = install.find_places(["claude-code"])
    install.install(place)
    (home / "state/agents/hook").write_text("#!/bin/sh\necho '{}'\n")
    assert "lets a credential pass" in status.read_status(place).state
    (home / "state/agents/hook").write_text("#!/bin/sh\ncat\n")
    assert "repeats the value" in status.read_status(place).state
    (home / "state/agents/hook").unlink()
    assert "lets a credential pass" in status.read_status(place).state


def test_no_command_but_ours_is_run(home: Path) -> None:
    (place,) = install.find_places(["claude-code"])
    Path(place.path).parent.mkdir()
    for command in (
        f"touch {home}/run",
        f"leakfirst agents hook claude-code; touch {home}/run",
        "leakfirst agents hook x",
    ):
        Path(place.path).write_text(f'{{"hooks": {{"PreToolUse": [{{"hooks": [{{"command": "{command}"}}]}}]}}}}')
        state = status.read_status(place)
        assert state.state == "not installed" and "1 other" in state.note
    assert not (home / "run").exists()
