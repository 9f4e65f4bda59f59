"""opencode: a plug-in in JavaScript (detector/agents/opencode.js) asks this command and applies its answer."""

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

EVENTS = ("chat.message", "tool.execute.before", "tool.execute.after")
SHAPE = "opencode-plugin"
USER_FILE = ".config/opencode/plugins/leakfirst.js"
PROJECT_FILE = ".opencode/plugins/leakfirst.js"
SAMPLE = '{"event": "chat.message", "prompt": "@TEXT@"}'

_EVENTS = {
    "chat.message": EventKind.PROMPT,
    "tool.execute.before": EventKind.BEFORE_TOOL,
    "tool.execute.after": EventKind.AFTER_TOOL,
}
_TOOLS = {
    "bash": ToolKind.SHELL,
    "write": ToolKind.WRITE,
    "edit": ToolKind.WRITE,
    "patch": ToolKind.WRITE,
    "multiedit": ToolKind.WRITE,
    "read": ToolKind.READ,
}


def read(payload: Mapping[str, Any]) -> Event:
    """See `event.Dialect`. The plug-in asks about each part of a prompt."""
    name = get_text(payload, "event")
    tool = get_text(payload, "tool")
    tool_kind = _TOOLS.get(tool, ToolKind.OTHER)
    table = get_table(payload, "args")
    return Event(
        kind=_EVENTS.get(name, EventKind.OTHER),
        name=name,
        session=get_text(payload, "session"),
        cwd=get_text(payload, "cwd"),
        tool=tool,
        tool_kind=tool_kind,
        prompt=get_text(payload, "prompt"),
        arguments=dict(table),
        command=get_text(table, "command"),
        path=get_text(table, "filePath", "file_path", "path"),
        written=collect_texts(table, "content", "newString", "patchText") if tool_kind is ToolKind.WRITE else (),
        replaced=collect_texts(table, "oldString") if tool_kind is ToolKind.WRITE else (),
        result=payload.get("output"),
        can_replace=True,
        can_change_prompt=True,
    )


def answer(event: Event, verdict: Verdict) -> Answer:
    """See `event.Dialect`."""
    output: dict[str, Any] = {}
    if verdict.action is Action.REFUSE:
        output = {"refuse": verdict.reason}
    elif verdict.action is Action.REPLACE:
        output = {"prompt" if event.kind is EventKind.PROMPT else "output": verdict.value}
    return Answer({**output, "warning": verdict.warning} if verdict.warning else output)
