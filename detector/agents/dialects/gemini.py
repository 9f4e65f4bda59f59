"""Gemini CLI: settings.json, hooks with matchers, timeouts in milliseconds. The reason replaces a denied result."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from detector.agents.dialects import _claude_format as shared
from detector.agents.event import Action, Answer, Event, EventKind, ToolKind, Verdict, get_table

EVENTS = ("BeforeAgent", "BeforeTool", "AfterTool", "SessionStart")
SHAPE = "matchers-milliseconds"
USER_FILE = ".gemini/settings.json"
PROJECT_FILE = ".gemini/settings.json"
SAMPLE = '{"hook_event_name": "BeforeAgent", "prompt": "@TEXT@"}'

_EVENTS = {
    "BeforeAgent": EventKind.PROMPT,
    "BeforeTool": EventKind.BEFORE_TOOL,
    "AfterTool": EventKind.AFTER_TOOL,
    "SessionStart": EventKind.SESSION_START,
    "SessionEnd": EventKind.SESSION_END,
}
_TOOLS = {
    "run_shell_command": ToolKind.SHELL,
    "write_file": ToolKind.WRITE,
    "replace": ToolKind.WRITE,
    "read_file": ToolKind.READ,
}


def read(payload: Mapping[str, Any]) -> Event:
    """See `event.Dialect`. The result of a command is replaced whatever its exit code was, so none is wrapped."""
    event = shared.read_event(payload, can_replace=True, can_rewrite=False)
    kind = _EVENTS.get(event.name, EventKind.OTHER)
    tool_kind = _TOOLS.get(event.tool, ToolKind.OTHER)
    table = get_table(payload, "tool_input")
    return event._replace(
        kind=kind,
        tool_kind=tool_kind,
        command=str(table.get("command", "")) if tool_kind is ToolKind.SHELL else "",
        written=tuple(str(table[name]) for name in ("content", "new_string") if name in table)
        if tool_kind is ToolKind.WRITE
        else (),
        replaced=(str(table["old_string"]),) if tool_kind is ToolKind.WRITE and "old_string" in table else (),
        result=payload.get("tool_response"),
    )


def answer(event: Event, verdict: Verdict) -> Answer:
    """See `event.Dialect`."""
    output: dict[str, Any] = {}
    if verdict.action is Action.REFUSE:
        output = {"decision": "deny", "reason": verdict.reason}
    elif verdict.action is Action.REPLACE:
        value = verdict.value.get("llmContent", verdict.value) if isinstance(verdict.value, dict) else verdict.value
        output = {"decision": "deny", "reason": shared.to_text(value)}
    elif verdict.action is Action.CONTEXT:
        output["hookSpecificOutput"] = {"hookEventName": event.name, "additionalContext": verdict.reason}
    if verdict.warning:
        output["systemMessage"] = verdict.warning
    return Answer(output)
