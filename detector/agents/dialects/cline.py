"""Cline: an executable for each event, called after it. Nothing can be replaced."""

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

EVENTS = ("UserPromptSubmit", "PreToolUse", "PostToolUse")
SHAPE = "executables"
USER_FILE = "Documents/Cline/Hooks"
PROJECT_FILE = ".clinerules/hooks"
SAMPLE = '{"hookName": "UserPromptSubmit", "userPromptSubmit": {"prompt": "@TEXT@"}}'

_TOOLS = {
    "execute_command": ToolKind.SHELL,
    "write_to_file": ToolKind.WRITE,
    "replace_in_file": ToolKind.WRITE,
    "read_file": ToolKind.READ,
}


def read(payload: Mapping[str, Any]) -> Event:
    """See `event.Dialect`."""
    name = get_text(payload, "hookName")
    roots = payload.get("workspaceRoots")
    cwd = roots[0] if isinstance(roots, list) and roots and isinstance(roots[0], str) else ""
    base = Event(EventKind.OTHER, name=name, session=get_text(payload, "taskId"), cwd=cwd)
    prompt = get_table(payload, "userPromptSubmit")
    if prompt:
        files = prompt.get("attachments")
        names = tuple(one for one in files if isinstance(one, str)) if isinstance(files, list) else ()
        return base._replace(kind=EventKind.PROMPT, prompt=get_text(prompt, "prompt"), files=names)
    before, after = get_table(payload, "preToolUse"), get_table(payload, "postToolUse")
    table = before or after
    if not table:
        return base
    tool = get_text(table, "toolName", "tool")
    tool_kind = _TOOLS.get(tool, ToolKind.OTHER)
    arguments = get_table(table, "parameters")
    return base._replace(
        kind=EventKind.BEFORE_TOOL if before else EventKind.AFTER_TOOL,
        tool=tool,
        tool_kind=tool_kind,
        arguments=dict(arguments),
        command=get_text(arguments, "command"),
        path=get_text(arguments, "path"),
        written=collect_texts(arguments, "content", "diff") if tool_kind is ToolKind.WRITE else (),
        result=after.get("result") if after else None,
    )


def answer(event: Event, verdict: Verdict) -> Answer:
    """See `event.Dialect`."""
    del event
    if verdict.action is Action.REFUSE:
        return Answer({"cancel": True, "errorMessage": verdict.reason})
    return Answer({"cancel": False, "errorMessage": verdict.warning} if verdict.warning else {"cancel": False})
