"""Payloads as the documentation of Visual Studio Code has them; not run against the program."""

from pathlib import Path

from tests.detector.agents.dialects.playing import DOTENV, TOKEN, play


def ask(monkeypatch, event: str, **more):
    payload = {
        "hook_event_name": event,
        "timestamp": "2026-12-01",
        "cwd": more.pop("cwd", "/"),
        "session_id": "s",
        **more,
    }
    return play(monkeypatch, "vscode", payload).output


def test_prompts_are_stopped_and_calls_denied_or_rewritten(monkeypatch) -> None:
    assert ask(monkeypatch, "UserPromptSubmit", prompt=TOKEN)["continue"] is False
    created = {"filePath": "/a.py", "content": TOKEN}
    denied = ask(monkeypatch, "PreToolUse", tool_name="create_file", tool_input=created)
    assert denied["hookSpecificOutput"]["permissionDecision"] == "deny"
    run = ask(
        monkeypatch, "PreToolUse", tool_name="run_in_terminal", tool_input={"command": "ls", "isBackground": False}
    )
    assert "{ ls\n}" in run["hookSpecificOutput"]["updatedInput"]["command"]


def test_a_file_is_not_read_and_other_output_is_reported(monkeypatch, tmp_path: Path) -> None:
    (tmp_path / ".env").write_text(DOTENV)
    call = {"tool_name": "read_file", "tool_input": {"filePath": str(tmp_path / ".env")}}
    assert ask(monkeypatch, "PreToolUse", **call)["hookSpecificOutput"]["permissionDecision"] == "deny"
    assert "agents seen" in ask(monkeypatch, "PostToolUse", tool_name="x", tool_response=DOTENV)["systemMessage"]
