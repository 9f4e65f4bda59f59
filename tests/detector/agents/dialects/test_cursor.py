"""Payloads as the documentation of Cursor has them; not run against the program."""

from pathlib import Path

from tests.detector.agents.dialects.playing import DOTENV, PLACEHOLDER, TOKEN, play

BASE = {"conversation_id": "c", "cursor_version": "3.1", "workspace_roots": ["/"]}


def ask(monkeypatch, event: str, agent: str = "cursor", **more):
    return play(monkeypatch, agent, {**BASE, "hook_event_name": event, **more}).output


def test_a_prompt_is_stopped(monkeypatch, tmp_path: Path) -> None:
    assert ask(monkeypatch, "beforeSubmitPrompt", prompt=TOKEN)["continue"] is False
    assert ask(monkeypatch, "beforeSubmitPrompt", prompt="hello") == {"continue": True}
    (tmp_path / ".env").write_text(DOTENV)
    attached = [{"type": "file", "file_path": str(tmp_path / ".env")}]
    assert ask(monkeypatch, "beforeSubmitPrompt", prompt="hello", attachments=attached)["continue"] is False


def test_calls_are_denied_and_never_allowed(monkeypatch, tmp_path: Path) -> None:
    (tmp_path / ".env").write_text(DOTENV)
    for event, more in [
        ("beforeShellExecution", {"command": f"cat {tmp_path}/.env"}),
        ("beforeShellExecution", {"command": f"echo {TOKEN}"}),
        ("beforeReadFile", {"file_path": str(tmp_path / ".env")}),
        ("beforeMCPExecution", {"tool_name": "x", "tool_input": f'{{"a": "{TOKEN.strip()}"}}'}),
        ("preToolUse", {"tool_name": "Write", "tool_input": {"file_path": "/a.py", "content": TOKEN}}),
    ]:
        assert ask(monkeypatch, event, **more)["permission"] == "deny", event
    assert ask(monkeypatch, "beforeShellExecution", command="ls") == {}


def test_the_output_of_mcp_tools_alone_is_replaced(monkeypatch) -> None:
    answer = ask(monkeypatch, "postToolUse", tool_name="MCP:x", tool_output=DOTENV)
    assert PLACEHOLDER in answer["updated_mcp_tool_output"]
    assert "agents seen" in ask(monkeypatch, "postToolUse", tool_name="Shell", tool_output=DOTENV)["user_message"]


def test_cursor_is_known_when_it_runs_the_hooks_of_claude_code(monkeypatch) -> None:
    assert ask(monkeypatch, "beforeSubmitPrompt", "claude-code", prompt=TOKEN)["continue"] is False
