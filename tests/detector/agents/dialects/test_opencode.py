"""What the plug-in for opencode asks."""

from tests.detector.agents.dialects.playing import DOTENV, PLACEHOLDER, TOKEN, play


def ask(monkeypatch, event: str, **more):
    return play(monkeypatch, "opencode", {"event": event, "cwd": "/", "session": "s", **more}).output


def test_a_prompt_is_changed_a_call_refused_and_output_replaced(monkeypatch) -> None:
    assert PLACEHOLDER in ask(monkeypatch, "chat.message", prompt=TOKEN)["prompt"]
    call = {"tool": "write", "args": {"filePath": "/a.py", "content": TOKEN}}
    assert "not written" in ask(monkeypatch, "tool.execute.before", **call)["refuse"]
    output = {"title": "x", "output": DOTENV, "metadata": {"exit": 1}}
    changed = ask(monkeypatch, "tool.execute.after", tool="bash", output=output)["output"]
    assert PLACEHOLDER in changed["output"] and changed["metadata"] == {"exit": 1}
    assert ask(monkeypatch, "tool.execute.before", tool="bash", args={"command": "ls"}) == {}
    assert ask(monkeypatch, "anything") == {}
