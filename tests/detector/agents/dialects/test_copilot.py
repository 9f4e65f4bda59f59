"""Payloads as GitHub Copilot CLI 1.0.102 sends them."""

from detector.agents.dialects import copilot
from tests.detector.agents.dialects.playing import DOTENV, PLACEHOLDER, TOKEN, play

BASE = {"sessionId": "", "timestamp": 1, "cwd": "/"}


def ask(monkeypatch, agent: str = "copilot", **more):
    return play(monkeypatch, agent, {**BASE, **more}).output


def test_the_text_for_the_model_is_changed(monkeypatch) -> None:
    changed = ask(monkeypatch, prompt=TOKEN, transformedPrompt=f"<now>\n{TOKEN}")["modifiedTransformedPrompt"]
    assert changed.startswith("<now>") and PLACEHOLDER in changed


def test_calls_are_denied_with_a_reason(monkeypatch) -> None:
    for arguments in ({"path": "/a.py", "file_text": TOKEN}, f'{{"path": "/a.py", "file_text": "{TOKEN.strip()}"}}'):
        assert ask(monkeypatch, toolName="create", toolArgs=arguments)["permissionDecision"] == "deny"
    assert ask(monkeypatch, toolName="bash", toolArgs={"command": "ls"}) == {}


def test_a_result_is_replaced(monkeypatch) -> None:
    result = {"resultType": "success", "textResultForLlm": DOTENV}
    changed = ask(monkeypatch, toolName="bash", toolArgs={"command": "env"}, toolResult=result)["modifiedResult"]
    assert changed["resultType"] == "success" and PLACEHOLDER in changed["textResultForLlm"]
    assert ask(monkeypatch, "claude-code", toolName="bash", toolArgs={}, toolResult=result)["modifiedResult"] == changed


def test_a_failure_and_the_start_of_a_session(monkeypatch) -> None:
    answer = play(monkeypatch, "copilot", {**BASE, "toolName": "bash", "toolArgs": {}, "error": DOTENV})
    assert answer.output == {} and "agents seen" in answer.error
    assert "additionalContext" in ask(monkeypatch, source="new", initialPrompt="x")


def test_the_id_of_a_session_names_no_other_folder() -> None:
    for session in ("../../x", "a/b", "", "."):
        assert copilot.read({"sessionId": session, "toolName": "x", "toolResult": {}}).transcript == ""
    assert copilot.read({"sessionId": "4c0d728c-2f54", "toolName": "x"}).transcript.endswith("4c0d728c-2f54")
