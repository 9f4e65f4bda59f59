"""Visual Studio Code's agent: a file in a folder of hooks, in the format of Claude Code. No result can be replaced."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from detector.agents.dialects import _claude_format as shared
from detector.agents.event import Action, Answer, Event, EventKind, ToolKind, Verdict, get_table

EVENTS = ("UserPromptSubmit", "PreToolUse", "PostToolUse", "SessionStart")
SHAPE = "flat"
USER_FILE = ".copilot/hooks/leakfirst-vscode.json"
PROJECT_FILE = ".github/hooks/leakfirst-vscode.json"
SAMPLE = '{"hook_event_name": "UserPromptSubmit", "timestamp": "", "prompt": "@TEXT@"}'

_TOOLS = {
    "run_in_terminal": ToolKind.SHELL,
    "runInTerminal": ToolKind.SHELL,
    "create_file": ToolKind.WRITE,
    "replace_string_in_file": ToolKind.WRITE,
    "multi_replace_string_in_file": ToolKind.WRITE,
    "insert_edit_into_file": ToolKind.WRITE,
    "editFiles": ToolKind.WRITE,
    "read_file": ToolKind.READ,
}


def read(payload: Mapping[str, Any]) -> Event:
    """See `event.Dialect`."""
    tool = payload.get("tool_name")
    kind = _TOOLS.get(tool if isinstance(tool, str) else "")
    known = {ToolKind.SHELL: "Bash", ToolKind.WRITE: "Edit", ToolKind.READ: "Read"}
    named = {**payload, "tool_name": known[kind]} if kind else payload
    event = shared.read_event(named, can_replace=False, can_rewrite=True)
    table = get_table(payload, "tool_input")
    code = (str(table["code"]),) if event.tool_kind is ToolKind.WRITE and "code" in table else ()
    return event._replace(tool=str(tool or ""), written=event.written + code)


def answer(event: Event, verdict: Verdict) -> Answer:
    """See `event.Dialect`."""
    output: dict[str, Any] = {}
    specific: dict[str, Any] = {"hookEventName": event.name}
    if verdict.action is Action.REFUSE and event.kind is EventKind.BEFORE_TOOL:
        specific |= {"permissionDecision": "deny", "permissionDecisionReason": verdict.reason}
    elif verdict.action is Action.REFUSE:
        output |= {"continue": False, "stopReason": verdict.reason}
    elif verdict.action is Action.REWRITE:
        arguments = event.arguments if isinstance(event.arguments, dict) else {}
        specific["updatedInput"] = {**arguments, "command": verdict.value}
    elif verdict.action is Action.CONTEXT:
        specific["additionalContext"] = verdict.reason
    return shared.make_answer(output, specific, verdict)
