"""Payloads as Claude Code 2.1.197 sends them."""

from tests.detector.agents.dialects.playing import DOTENV, PLACEHOLDER, TOKEN, play

BASE = {"session_id": "s", "transcript_path": "", "cwd": "/", "permission_mode": "default"}


def ask(monkeypatch, event: str, **more):
    return play(monkeypatch, "claude-code", {**BASE, "hook_event_name": event, **more})


def test_a_prompt_is_blocked_and_left_out_of_the_context(monkeypatch) -> None:
    answer = ask(monkeypatch, "UserPromptSubmit", prompt=TOKEN)
    assert answer.output["decision"] == "block" and PLACEHOLDER in answer.output["reason"]
    assert answer.output["hookSpecificOutput"]["suppressOriginalPrompt"] is True
    assert answer.code == 0
    assert ask(monkeypatch, "UserPromptSubmit", prompt="hello").output == {}


def test_a_call_is_denied_or_rewritten_and_never_allowed(monkeypatch) -> None:
    monkeypatch.delenv("CLAUDE_CODE_SHELL_PREFIX", raising=False)
    denied = ask(monkeypatch, "PreToolUse", tool_name="Write", tool_input={"file_path": "/x.py", "content": TOKEN})
    assert denied.output["hookSpecificOutput"]["permissionDecision"] == "deny"
    call = {"tool_name": "Bash", "tool_input": {"command": "ls", "timeout": 5}}
    changed = ask(monkeypatch, "PreToolUse", **call).output["hookSpecificOutput"]
    assert changed["updatedInput"]["timeout"] == 5 and "{ ls\n}" in changed["updatedInput"]["command"]
    assert "permissionDecision" not in changed
    monkeypatch.setenv("CLAUDE_CODE_SHELL_PREFIX", "/home/u/.local/state/leakfirst/agents/shell")
    assert ask(monkeypatch, "PreToolUse", **call).output == {}, "the prefix filters what it prints"


def test_output_keeps_its_shape(monkeypatch) -> None:
    result = {"stdout": DOTENV, "stderr": "", "interrupted": False, "isImage": False}
    answer = ask(monkeypatch, "PostToolUse", tool_name="Bash", tool_input={"command": "cat .env"}, tool_response=result)
    changed = answer.output["hookSpecificOutput"]["updatedToolOutput"]
    assert changed.keys() == result.keys() and PLACEHOLDER in changed["stdout"] and changed["interrupted"] is False


def test_a_failure_that_showed_a_value_is_reported_to_the_person(monkeypatch) -> None:
    answer = ask(monkeypatch, "PostToolUseFailure", tool_name="Bash", error=DOTENV)
    assert "agents seen" in answer.output["systemMessage"]


def test_a_session_begins_with_context(monkeypatch) -> None:
    assert "additionalContext" in ask(monkeypatch, "SessionStart", source="startup").output["hookSpecificOutput"]
    assert ask(monkeypatch, "SomethingNew").output == {}
