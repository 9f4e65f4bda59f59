"""Codex: hooks.json in the format of Claude Code, with other answers.

A call is refused by `deny` alone: `ask` fails the hook and lets the call go on. The reason of a
blocked result takes the place of the result.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from detector.agents.dialects import _claude_format as shared
from detector.agents.event import Action, Answer, Event, EventKind, Verdict

EVENTS = ("UserPromptSubmit", "PreToolUse", "PostToolUse", "SessionStart")
SHAPE = "matchers"
USER_FILE = ".codex/hooks.json"
PROJECT_FILE = ".codex/hooks.json"
SAMPLE = '{"hook_event_name": "UserPromptSubmit", "turn_id": "status", "prompt": "@TEXT@"}'


def read(payload: Mapping[str, Any]) -> Event:
    """See `event.Dialect`. The result of a command is replaced whatever its exit code was, so none is wrapped."""
    return shared.read_event(payload, can_replace=True, can_rewrite=False)._replace(keeps_original=True)


def answer(event: Event, verdict: Verdict) -> Answer:
    """See `event.Dialect`."""
    output: dict[str, Any] = {}
    if verdict.action is Action.REFUSE and event.kind is EventKind.BEFORE_TOOL:
        output["hookSpecificOutput"] = {
            "hookEventName": event.name,
            "permissionDecision": "deny",
            "permissionDecisionReason": verdict.reason,
        }
    elif verdict.action is Action.REFUSE:
        output |= {"decision": "block", "reason": verdict.reason}
    elif verdict.action is Action.REPLACE:
        output |= {"decision": "block", "reason": shared.to_text(verdict.value)}
    elif verdict.action is Action.CONTEXT:
        output["hookSpecificOutput"] = {"hookEventName": event.name, "additionalContext": verdict.reason}
    if verdict.warning:
        output["systemMessage"] = verdict.warning
    return Answer(output)
