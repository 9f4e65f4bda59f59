"""Payloads as Codex 0.171.0 sends them."""

from tests.detector.agents.dialects.playing import DOTENV, PLACEHOLDER, TOKEN, play

BASE = {"session_id": "s", "turn_id": "t", "cwd": "/", "transcript_path": ""}


def ask(monkeypatch, event: str, agent: str = "codex", **more):
    return play(monkeypatch, agent, {**BASE, "hook_event_name": event, **more}).output


def test_prompts_and_calls_are_refused(monkeypatch) -> None:
    assert ask(monkeypatch, "UserPromptSubmit", prompt=TOKEN)["decision"] == "block"
    patch = f"*** Begin Patch\n*** Add File: a.py\n+{TOKEN}*** End Patch"
    denied = ask(monkeypatch, "PreToolUse", tool_name="apply_patch", tool_input={"command": patch})
    assert denied["hookSpecificOutput"]["permissionDecision"] == "deny"
    assert ask(monkeypatch, "PreToolUse", tool_name="Bash", tool_input={"command": "ls"}) == {}


def test_the_reason_takes_the_place_of_a_result(monkeypatch) -> None:
    for result in (DOTENV, {"output": DOTENV}):
        answer = ask(monkeypatch, "PostToolUse", tool_name="Bash", tool_response=result)
        assert answer["decision"] == "block" and PLACEHOLDER in answer["reason"]


def test_codex_is_known_when_it_runs_the_hooks_of_claude_code(monkeypatch) -> None:
    assert ask(monkeypatch, "PostToolUse", "claude-code", tool_name="Bash", tool_response=DOTENV)["decision"] == "block"
