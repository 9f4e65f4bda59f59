"""Cursor: hooks.json with one list for each event. Only the output of MCP tools can be replaced."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from detector.agents.dialects import _claude_format as shared
from detector.agents.event import Action, Answer, Event, EventKind, ToolKind, Verdict, get_table, get_text

EVENTS = (
    "beforeSubmitPrompt",
    "preToolUse",
    "beforeReadFile",
    "beforeShellExecution",
    "beforeMCPExecution",
    "postToolUse",
)
SHAPE = "cursor"
USER_FILE = ".cursor/hooks.json"
PROJECT_FILE = ".cursor/hooks.json"
SAMPLE = '{"hook_event_name": "beforeSubmitPrompt", "cursor_version": "status", "prompt": "@TEXT@"}'

_EVENTS = {
    "beforeSubmitPrompt": EventKind.PROMPT,
    "preToolUse": EventKind.BEFORE_TOOL,
    "beforeReadFile": EventKind.BEFORE_TOOL,
    "beforeShellExecution": EventKind.BEFORE_TOOL,
    "beforeMCPExecution": EventKind.BEFORE_TOOL,
    "postToolUse": EventKind.AFTER_TOOL,
    "postToolUseFailure": EventKind.FAILED_TOOL,
    "sessionStart": EventKind.SESSION_START,
    "sessionEnd": EventKind.SESSION_END,
}


def read(payload: Mapping[str, Any]) -> Event:
    """See `event.Dialect`."""
    event = shared.read_event(payload, can_replace=False, can_rewrite=False)
    kind = _EVENTS.get(event.name, EventKind.OTHER)
    roots = payload.get("workspace_roots")
    root = next((entry for entry in roots if isinstance(entry, str)), "") if isinstance(roots, list) else ""
    event = event._replace(
        kind=kind,
        session=get_text(payload, "conversation_id", "session_id"),
        cwd=event.cwd or root,
        files=_list_attachments(payload),
        result=payload.get("tool_output", payload.get("tool_response"))
        if kind is EventKind.AFTER_TOOL
        else event.result,
    )
    if event.name == "beforeShellExecution":
        command = get_text(payload, "command")
        return event._replace(tool="Shell", tool_kind=ToolKind.SHELL, command=command, arguments={"command": command})
    if event.name == "beforeReadFile":
        path = get_text(payload, "file_path")
        return event._replace(tool="Read", tool_kind=ToolKind.READ, path=path, arguments={"file_path": path})
    if event.name == "beforeMCPExecution":
        return event._replace(arguments=get_table(payload, "tool_input") or payload.get("tool_input"))
    is_tool = event.tool.startswith("MCP:") or event.tool.startswith("mcp__")
    return event._replace(can_replace=kind is EventKind.AFTER_TOOL and is_tool)


def _list_attachments(payload: Mapping[str, Any]) -> tuple[str, ...]:
    found = payload.get("attachments")
    entries = found if isinstance(found, list) else []
    return tuple(path for entry in entries if (path := get_text(entry, "file_path", "filePath", "path")))


def answer(event: Event, verdict: Verdict) -> Answer:
    """See `event.Dialect`. A permission hook without an answer would refuse; `allow` here means no objection."""
    message = verdict.reason or verdict.warning
    if event.kind is EventKind.PROMPT:
        output: dict[str, Any] = {"continue": verdict.action is not Action.REFUSE}
        return Answer({**output, "user_message": message} if message else output)
    if event.kind is EventKind.BEFORE_TOOL and verdict.action is Action.REFUSE:
        return Answer({"permission": "deny", "user_message": message, "agent_message": message})
    if event.kind is EventKind.AFTER_TOOL and verdict.action is Action.REPLACE:
        return Answer({"updated_mcp_tool_output": verdict.value})
    if verdict.action is Action.CONTEXT:
        return Answer({"additional_context": verdict.reason})
    return Answer({"user_message": verdict.warning} if verdict.warning else {})
