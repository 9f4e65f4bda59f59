"""Windsurf Cascade: hooks.json; a hook refuses by exit code 2 and standard error. Nothing can be replaced."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from detector.agents.event import (
    Action,
    Answer,
    Event,
    EventKind,
    ToolKind,
    Verdict,
    collect_texts,
    get_table,
    get_text,
)

EVENTS = ("pre_user_prompt", "pre_read_code", "pre_write_code", "pre_run_command", "pre_mcp_tool_use")
SHAPE = "cursor"
USER_FILE = ".codeium/windsurf/hooks.json"
PROJECT_FILE = ".windsurf/hooks.json"
SAMPLE = '{"agent_action_name": "pre_user_prompt", "tool_info": {"user_prompt": "@TEXT@"}}'

REFUSED = 2

_TOOLS = {
    "pre_read_code": ToolKind.READ,
    "pre_write_code": ToolKind.WRITE,
    "pre_run_command": ToolKind.SHELL,
    "pre_mcp_tool_use": ToolKind.OTHER,
}


def read(payload: Mapping[str, Any]) -> Event:
    """See `event.Dialect`."""
    name = get_text(payload, "agent_action_name", "hook_event_name")
    table = get_table(payload, "tool_info")
    base = Event(EventKind.OTHER, name=name, session=get_text(payload, "trajectory_id"), cwd=get_text(table, "cwd"))
    if name == "pre_user_prompt":
        return base._replace(kind=EventKind.PROMPT, prompt=get_text(table, "user_prompt"))
    if name not in _TOOLS:
        return base
    return base._replace(
        kind=EventKind.BEFORE_TOOL,
        tool=name,
        tool_kind=_TOOLS[name],
        arguments=dict(table),
        command=get_text(table, "command_line", "command"),
        path=get_text(table, "file_path"),
        written=collect_texts(table, "new_string", "content") if name == "pre_write_code" else (),
        replaced=collect_texts(table, "old_string") if name == "pre_write_code" else (),
    )


def answer(event: Event, verdict: Verdict) -> Answer:
    """See `event.Dialect`."""
    del event
    if verdict.action is Action.REFUSE:
        return Answer(None, verdict.reason, REFUSED)
    return Answer(None, verdict.warning)
