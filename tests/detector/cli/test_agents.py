import json
from pathlib import Path

import pytest

from tests.detector.agents.making import DOTENV, GITHUB, VALUES
from tests.program import run


@pytest.fixture
def home(tmp_path: Path) -> Path:
    path = tmp_path / ".claude/projects/-p/s.jsonl"
    path.parent.mkdir(parents=True)
    path.write_text(json.dumps({"message": {"content": DOTENV}}) + "\n")
    return tmp_path


def ask(home: Path, *words: str, given: str | None = None):
    done = run("agents", *words, cwd=home, HOME=str(home), LEAKFIRST_HOME=str(home / "state"), given=given)
    assert not any(value in done.stdout + done.stderr for value in VALUES)
    assert "Traceback" not in done.stderr
    return done


def test_from_installation_to_removal(home: Path) -> None:
    assert "claude-code: installed" in ask(home, "install").stdout
    status = ask(home, "status")
    assert status.returncode == 0 and "claude-code: works" in status.stdout
    assert "claude-code: removed" in ask(home, "uninstall").stdout
    assert not (home / ".claude/settings.json").exists()
    assert ask(home, "status", "claude-code").returncode == 1


def test_settings_to_roll_out_are_printed(home: Path) -> None:
    printed = ask(home, "install", "--print", "--strict", "codex").stdout
    assert "leakfirst agents hook codex --strict" in printed and json.loads(printed)
    assert not (home / ".codex").exists()


def test_nothing_to_guard_and_unknown_agents_are_usage_errors(tmp_path: Path) -> None:
    assert ask(tmp_path, "install").returncode == 2
    assert "unknown agent" in ask(tmp_path, "install", "nobody").stderr
    assert ask(tmp_path, "status", "--project", "gone").returncode == 2


def test_what_agents_keep_is_found_and_overwritten(home: Path) -> None:
    found = ask(home, "scan", "--format", "json")
    assert found.returncode == 1 and len(json.loads(found.stdout)["findings"]) >= 3
    dry = ask(home, "scrub", "--dry-run")
    assert dry.returncode == 1 and "would be overwritten" in dry.stdout
    done = ask(home, "scrub")
    assert done.returncode == 0 and "delete them" in done.stdout
    assert not any(value in (home / ".claude/projects/-p/s.jsonl").read_text() for value in VALUES)
    (copy,) = (home / "state/agents/backup").rglob("*.jsonl")
    assert GITHUB not in copy.read_text() and VALUES[1] in copy.read_text() and copy.stat().st_mode & 0o077 == 0
    assert ask(home, "scan").returncode == 0
    assert ask(home, "scan", "--since", "soon").returncode == 2


def test_what_a_model_has_seen_is_listed(home: Path) -> None:
    assert ask(home, "seen").stdout.startswith("nothing")
    event = {"hook_event_name": "PostToolUseFailure", "tool_name": "Bash", "error": f"token = '{GITHUB}'", "cwd": "/"}
    ask(home, "hook", "claude-code", given=json.dumps(event))
    seen = ask(home, "seen")
    assert seen.returncode == 1 and "REACHED THE MODEL" in seen.stdout and "github" in seen.stdout


def test_a_pass_needs_a_person_at_a_terminal(home: Path) -> None:
    done = ask(home, "pass", "lf1:0123456789")
    assert done.returncode == 2 and "terminal" in done.stderr
