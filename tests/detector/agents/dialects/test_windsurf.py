"""Payloads as the documentation of Windsurf has them; not run against the program."""

from pathlib import Path

import pytest

from tests.detector.agents.dialects.playing import DOTENV, TOKEN, play


def ask(monkeypatch, event: str, **info):
    return play(monkeypatch, "windsurf", {"agent_action_name": event, "trajectory_id": "t", "tool_info": info})


@pytest.mark.parametrize(
    ("event", "info"),
    [
        ("pre_user_prompt", {"user_prompt": TOKEN}),
        ("pre_write_code", {"file_path": "/a.py", "edits": [{"old_string": "x", "new_string": TOKEN}]}),
        ("pre_run_command", {"command_line": f"echo {TOKEN}", "cwd": "/"}),
        ("pre_mcp_tool_use", {"mcp_tool_arguments": {"a": TOKEN}}),
    ],
)
def test_what_holds_a_credential_is_refused_by_exit_code(monkeypatch, event: str, info: dict) -> None:
    answer = ask(monkeypatch, event, **info)
    assert answer.code == 2 and answer.output is None and "leakfirst" in answer.error


def test_a_file_is_not_read_and_the_rest_passes_silently(monkeypatch, tmp_path: Path) -> None:
    (tmp_path / ".env").write_text(DOTENV)
    assert ask(monkeypatch, "pre_read_code", file_path=str(tmp_path / ".env")).code == 2
    for event in ("pre_user_prompt", "pre_run_command", "post_anything"):
        assert ask(monkeypatch, event, user_prompt="hello", command_line="ls") == (None, "", 0)
