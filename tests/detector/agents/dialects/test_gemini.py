"""Payloads as Gemini CLI 0.61.0 sends them."""

from tests.detector.agents.dialects.playing import DOTENV, PLACEHOLDER, TOKEN, play

BASE = {"session_id": "s", "transcript_path": "", "cwd": "/", "timestamp": "2026-12-01T00:00:00Z"}


def ask(monkeypatch, event: str, **more):
    return play(monkeypatch, "gemini", {**BASE, "hook_event_name": event, **more}).output


def test_prompts_and_calls_are_denied(monkeypatch) -> None:
    assert ask(monkeypatch, "BeforeAgent", prompt=TOKEN)["decision"] == "deny"
    written = {"file_path": "/a.py", "content": TOKEN}
    assert ask(monkeypatch, "BeforeTool", tool_name="write_file", tool_input=written)["decision"] == "deny"
    edit = {"file_path": "/a.py", "old_string": "x", "new_string": TOKEN}
    assert ask(monkeypatch, "BeforeTool", tool_name="replace", tool_input=edit)["decision"] == "deny"
    assert ask(monkeypatch, "BeforeTool", tool_name="run_shell_command", tool_input={"command": "ls"}) == {}


def test_the_reason_takes_the_place_of_a_result(monkeypatch) -> None:
    for content in (DOTENV, [{"text": DOTENV}], {"output": DOTENV}):
        response = {"llmContent": content, "returnDisplay": DOTENV}
        answer = ask(monkeypatch, "AfterTool", tool_name="run_shell_command", tool_response=response)
        assert answer["decision"] == "deny" and PLACEHOLDER in answer["reason"]


def test_a_session_begins_with_context(monkeypatch) -> None:
    assert "additionalContext" in ask(monkeypatch, "SessionStart", source="startup")["hookSpecificOutput"]
