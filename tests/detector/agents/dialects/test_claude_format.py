from detector.agents.dialects import _claude_format as shared
from detector.agents.event import EventKind, ToolKind


def test_any_payload_gives_an_event() -> None:
    for payload in (
        {},
        {"tool_input": 3},
        {"hook_event_name": []},
        {"tool_input": {"command": ["ls", 1]}, "tool_name": "shell"},
    ):
        assert shared.read_event(payload, can_replace=True, can_rewrite=True).kind is EventKind.OTHER
    event = shared.read_event(
        {"tool_input": {"command": ["ls", 1]}, "tool_name": "shell"}, can_replace=True, can_rewrite=True
    )
    assert event.command == "ls 1"


def test_tools_have_a_kind_whatever_their_case() -> None:
    assert shared.classify("Bash") is ToolKind.SHELL
    assert shared.classify("apply_patch") is ToolKind.WRITE
    assert shared.classify("mcp__x__read") is ToolKind.OTHER


def test_a_result_becomes_one_text() -> None:
    assert shared.to_text("a") == "a"
    assert shared.to_text([{"type": "text", "text": "a"}, {"type": "text", "text": "b"}]) == "a\nb"
    assert shared.to_text({"é": 1}) == '{"é": 1}'
