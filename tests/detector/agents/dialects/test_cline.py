"""Payloads as the documentation of Cline has them; not run against the program."""

from pathlib import Path

from tests.detector.agents.dialects.playing import DOTENV, TOKEN, play


def ask(monkeypatch, name: str, field: str, **more):
    return play(monkeypatch, "cline", {"hookName": name, "taskId": "t", "workspaceRoots": ["/"], field: more}).output


def test_prompts_and_calls_are_cancelled(monkeypatch, tmp_path: Path) -> None:
    (tmp_path / ".env").write_text(DOTENV)
    assert ask(monkeypatch, "UserPromptSubmit", "userPromptSubmit", prompt=TOKEN)["cancel"] is True
    for tool, parameters in [
        ("write_to_file", {"path": "a.py", "content": TOKEN}),
        ("execute_command", {"command": f"cat {tmp_path}/.env"}),
        ("read_file", {"path": str(tmp_path / ".env")}),
        ("use_mcp_tool", {"arguments": TOKEN}),
    ]:
        assert ask(monkeypatch, "PreToolUse", "preToolUse", toolName=tool, parameters=parameters)["cancel"] is True
    clean = ask(monkeypatch, "PreToolUse", "preToolUse", toolName="execute_command", parameters={"command": "ls"})
    assert clean == {"cancel": False}


def test_output_that_was_shown_is_reported(monkeypatch) -> None:
    answer = ask(monkeypatch, "PostToolUse", "postToolUse", toolName="execute_command", parameters={}, result=DOTENV)
    assert answer["cancel"] is False and "agents seen" in answer["errorMessage"]
    assert play(monkeypatch, "cline", {"hookName": "TaskStart"}).output == {"cancel": False}
