"""Payloads as the documentation of Mistral Vibe has them; not run against the program."""

from tests.detector.agents.dialects.playing import DOTENV, PLACEHOLDER, TOKEN, play


def ask(monkeypatch, event: str, **more):
    return play(monkeypatch, "vibe", {"hook_event_name": event, "cwd": "/", "session_id": "s", **more}).output


def test_calls_are_denied_and_results_replaced_by_a_reason(monkeypatch) -> None:
    call = {"tool_name": "bash", "tool_input": {"command": f"echo {TOKEN}"}}
    assert ask(monkeypatch, "pre_tool", **call)["decision"] == "deny"
    written = {"path": "a.py", "content": TOKEN}
    assert ask(monkeypatch, "pre_tool", tool_name="write_file", tool_input=written)["decision"] == "deny"
    answer = ask(monkeypatch, "post_tool", tool_name="bash", tool_output={"stdout": DOTENV})
    assert answer["decision"] == "deny" and PLACEHOLDER in answer["reason"]


def test_what_passes_has_no_output(monkeypatch) -> None:
    assert ask(monkeypatch, "pre_tool", tool_name="bash", tool_input={"command": "ls"}) is None
    assert ask(monkeypatch, "post_agent") is None
