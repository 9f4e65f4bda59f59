"""What the dialects that follow Claude Code's have in common: the names of tools, events and fields."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from detector.agents.event import Answer, Event, EventKind, ToolKind, Verdict, collect_texts, get_table, get_text

KINDS = {
    "UserPromptSubmit": EventKind.PROMPT,
    "PreToolUse": EventKind.BEFORE_TOOL,
    "PostToolUse": EventKind.AFTER_TOOL,
    "PostToolUseFailure": EventKind.FAILED_TOOL,
    "SessionStart": EventKind.SESSION_START,
    "SessionEnd": EventKind.SESSION_END,
}
SHELLS = ("bash", "shell", "powershell", "local_shell", "exec_command", "unified_exec", "runterminalcommand")
WRITERS = ("write", "edit", "multiedit", "notebookedit", "apply_patch", "create", "str_replace_editor")
READERS = ("read", "view", "readfile")

WRITTEN = ("content", "new_string", "new_source", "file_text", "new_str", "newString", "input", "patch", "command")
REPLACED = ("old_string", "old_str", "oldString")
PATHS = ("file_path", "notebook_path", "path", "filePath")


def classify(tool: str) -> ToolKind:
    """Return the kind of the tool with this name."""
    name = tool.lower().replace("-", "_")
    if name in SHELLS:
        return ToolKind.SHELL
    if name in WRITERS:
        return ToolKind.WRITE
    return ToolKind.READ if name in READERS else ToolKind.OTHER


def read_event(payload: Mapping[str, Any], *, can_replace: bool, can_rewrite: bool) -> Event:
    """Return the event in a payload in the format of Claude Code."""
    name = get_text(payload, "hook_event_name")
    tool = get_text(payload, "tool_name")
    tool_kind = classify(tool)
    arguments = payload.get("tool_input")
    table = get_table(payload, "tool_input")
    command = get_text(table, "command", "cmd") if table else (arguments if isinstance(arguments, str) else "")
    if not command and isinstance(words := table.get("command"), list):
        command = " ".join(str(word) for word in words)
    kind = KINDS.get(name, EventKind.OTHER)
    result = (
        payload.get("error") if kind is EventKind.FAILED_TOOL else _get_first(payload, "tool_response", "tool_result")
    )
    return Event(
        kind=kind,
        name=name,
        session=get_text(payload, "session_id"),
        cwd=get_text(payload, "cwd"),
        transcript=get_text(payload, "transcript_path"),
        tool=tool,
        tool_kind=tool_kind,
        prompt=get_text(payload, "prompt"),
        arguments=arguments,
        command=command if tool_kind is ToolKind.SHELL else "",
        path=get_text(table, *PATHS),
        written=collect_texts(table, *WRITTEN) if tool_kind is ToolKind.WRITE else (),
        replaced=collect_texts(table, *REPLACED) if tool_kind is ToolKind.WRITE else (),
        result=result,
        is_background=bool(table.get("run_in_background") or table.get("isBackground")),
        can_replace=can_replace,
        can_rewrite=can_rewrite,
    )


def _get_first(payload: Mapping[str, Any], *names: str) -> Any:
    return next((payload[name] for name in names if payload.get(name) is not None), None)


def make_answer(output: dict[str, Any], specific: Mapping[str, Any], verdict: Verdict) -> Answer:
    """Return the answer of *output*, with what is *specific* to the event, if it says more than the event's name."""
    if len(specific) > 1:
        output["hookSpecificOutput"] = specific
    if verdict.warning:
        output["systemMessage"] = verdict.warning
    return Answer(output)


def to_text(value: Any) -> str:
    """Return a result as one text: itself, the texts of its parts, or JSON."""
    import json

    if isinstance(value, str):
        return value
    if isinstance(value, list) and all(isinstance(part, dict) and isinstance(part.get("text"), str) for part in value):
        return "\n".join(part["text"] for part in value)
    return json.dumps(value, ensure_ascii=False)
