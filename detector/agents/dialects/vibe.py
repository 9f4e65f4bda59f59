"""Mistral Vibe: hooks.toml. There is no event for prompts; a denied result is not shown to the model."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from detector.agents.dialects import _claude_format as shared
from detector.agents.event import Action, Answer, Event, EventKind, ToolKind, Verdict, collect_texts, get_table

EVENTS = ("pre_tool", "post_tool")
SHAPE = "vibe-toml"
USER_FILE = ".vibe/hooks.toml"
PROJECT_FILE = ".vibe/hooks.toml"
SAMPLE = '{"hook_event_name": "pre_tool", "tool_name": "bash", "tool_input": {"command": "@TEXT@"}}'

_EVENTS = {"pre_tool": EventKind.BEFORE_TOOL, "post_tool": EventKind.AFTER_TOOL}
_TOOLS = {
    "bash": ToolKind.SHELL,
    "write_file": ToolKind.WRITE,
    "search_replace": ToolKind.WRITE,
    "read_file": ToolKind.READ,
}


def read(payload: Mapping[str, Any]) -> Event:
    """See `event.Dialect`."""
    event = shared.read_event(payload, can_replace=True, can_rewrite=False)
    kind = _TOOLS.get(event.tool, ToolKind.OTHER)
    table = get_table(payload, "tool_input")
    return event._replace(
        kind=_EVENTS.get(event.name, EventKind.OTHER),
        tool_kind=kind,
        command=str(table.get("command", "")) if kind is ToolKind.SHELL else "",
        written=collect_texts(table, "content", "new_string") if kind is ToolKind.WRITE else (),
        result=payload.get("tool_output", payload.get("tool_response", payload.get("tool_result"))),
    )


def answer(event: Event, verdict: Verdict) -> Answer:
    """See `event.Dialect`. No output at all lets the call pass."""
    del event
    if verdict.action is Action.REFUSE:
        return Answer({"decision": "deny", "reason": verdict.reason})
    if verdict.action is Action.REPLACE:
        return Answer({"decision": "deny", "reason": shared.to_text(verdict.value)})
    return Answer({"system_message": verdict.warning} if verdict.warning else None)
