"""GitHub Copilot CLI and cloud agent: a file of its own in a folder of hooks, fields in camelCase.

A hook before a tool that fails refuses the call; one that takes too long lets it go on. What a hook says to
a prompt is dropped, but the text that goes to the model can be changed (`userPromptTransformed`).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from detector.agents.dialects import _claude_format as shared
from detector.agents.event import Action, Answer, Event, EventKind, Verdict, get_table, get_text

EVENTS = ("userPromptTransformed", "preToolUse", "postToolUse", "postToolUseFailure", "sessionStart")
SHAPE = "copilot"
USER_FILE = ".copilot/hooks/leakfirst.json"
PROJECT_FILE = ".github/hooks/leakfirst.json"
SAMPLE = '{"toolName": "bash", "toolArgs": {}, "toolResult": {"textResultForLlm": "@TEXT@"}}'


def read(payload: Mapping[str, Any]) -> Event:
    """See `event.Dialect`. The payload has no name of its event: its fields tell.

    The result of a command is replaced whatever its exit code was, so none is wrapped.
    """
    kind, name = _find_kind(payload)
    renamed = {
        "hook_event_name": name,
        "session_id": get_text(payload, "sessionId"),
        "cwd": get_text(payload, "cwd"),
        "prompt": get_text(payload, "transformedPrompt", "prompt"),
        "tool_name": get_text(payload, "toolName"),
        "tool_input": get_table(payload, "toolArgs") or payload.get("toolArgs"),
    }
    event = shared.read_event(renamed, can_replace=kind is EventKind.AFTER_TOOL, can_rewrite=False)
    result = payload.get("error") if kind is EventKind.FAILED_TOOL else payload.get("toolResult")
    return event._replace(
        kind=kind,
        result=result,
        can_replace=kind in (EventKind.AFTER_TOOL, EventKind.BEFORE_TOOL),
        can_change_prompt=name == "userPromptTransformed",
        keeps_original=True,
        transcript=_find_transcript(event.session),
    )


def _find_transcript(session: str) -> str:
    """Return the folder of a session, with its events and its name; its id must not lead to another folder."""
    import os

    if not session or not session.replace("-", "").isalnum():
        return ""
    home = os.environ.get("COPILOT_HOME") or os.path.join(os.path.expanduser("~"), ".copilot")
    return os.path.join(home, "session-state", session)


def _find_kind(payload: Mapping[str, Any]) -> tuple[EventKind, str]:
    if "toolResult" in payload:
        return EventKind.AFTER_TOOL, "postToolUse"
    if "toolName" in payload:
        if "error" in payload:
            return EventKind.FAILED_TOOL, "postToolUseFailure"
        return EventKind.BEFORE_TOOL, "preToolUse"
    if "transformedPrompt" in payload:
        return EventKind.PROMPT, "userPromptTransformed"
    if "source" in payload:
        return EventKind.SESSION_START, "sessionStart"
    return (EventKind.PROMPT, "userPromptSubmitted") if "prompt" in payload else (EventKind.OTHER, "")


def answer(event: Event, verdict: Verdict) -> Answer:
    """See `event.Dialect`. A prompt cannot be refused: its text for the model is replaced by what would be said."""
    output: dict[str, Any] = {}
    if verdict.action is Action.REFUSE and event.kind is EventKind.BEFORE_TOOL:
        output = {"permissionDecision": "deny", "permissionDecisionReason": verdict.reason}
    elif verdict.action is Action.REFUSE and event.kind is EventKind.PROMPT:
        output = {"modifiedTransformedPrompt": verdict.reason}
    elif verdict.action is Action.REPLACE and event.kind is EventKind.PROMPT:
        output = {"modifiedTransformedPrompt": verdict.value}
    elif verdict.action is Action.REPLACE:
        output = {"modifiedResult": verdict.value}
    elif verdict.action is Action.CONTEXT:
        output = {"additionalContext": verdict.reason}
    return Answer(output, verdict.warning)
