"""Claude Code: settings.json, hooks in its own format. Run against 2.1.197."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from detector.agents.dialects import _claude_format as shared
from detector.agents.event import Action, Answer, Event, EventKind, Verdict

EVENTS = ("UserPromptSubmit", "PreToolUse", "PostToolUse", "PostToolUseFailure", "SessionStart", "SessionEnd")
SHAPE = "matchers"
USER_FILE = ".claude/settings.json"
PROJECT_FILE = ".claude/settings.json"
SAMPLE = '{"hook_event_name": "UserPromptSubmit", "session_id": "status", "prompt": "@TEXT@"}'


def read(payload: Mapping[str, Any]) -> Event:
    """See `event.Dialect`. A command is not wrapped where our shell prefix already filters what it prints."""
    import os

    from detector.agents.wrap import SHELL_PREFIX

    is_filtered = "leakfirst" in os.environ.get(SHELL_PREFIX, "")
    return shared.read_event(payload, can_replace=True, can_rewrite=not is_filtered)


def answer(event: Event, verdict: Verdict) -> Answer:
    """See `event.Dialect`. `allow` is never said: it would approve a call that nobody was asked about."""
    output: dict[str, Any] = {}
    specific: dict[str, Any] = {"hookEventName": event.name}
    if verdict.action is Action.REFUSE and event.kind is EventKind.PROMPT:
        output |= {"decision": "block", "reason": verdict.reason}
        specific["suppressOriginalPrompt"] = True
    elif verdict.action is Action.REFUSE:
        specific |= {"permissionDecision": "deny", "permissionDecisionReason": verdict.reason}
    elif verdict.action is Action.REWRITE:
        arguments = event.arguments if isinstance(event.arguments, dict) else {}
        specific["updatedInput"] = {**arguments, "command": verdict.value}
    elif verdict.action is Action.REPLACE:
        specific["updatedToolOutput"] = verdict.value
    elif verdict.action is Action.CONTEXT:
        specific["additionalContext"] = verdict.reason
    return shared.make_answer(output, specific, verdict)
