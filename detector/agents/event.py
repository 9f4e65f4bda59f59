"""What an agent tells a hook and what it is answered, without the words of any one agent.

A dialect (`detector/agents/dialects/<name>.py`) turns the JSON of its agent into an `Event`, and
a `Verdict` into what that agent understands.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import Enum
from typing import Any, NamedTuple, Protocol


class EventKind(Enum):
    """What happens in the agent."""

    PROMPT = "prompt"
    BEFORE_TOOL = "before a tool"
    AFTER_TOOL = "after a tool"
    FAILED_TOOL = "after a tool that failed"
    SESSION_START = "start of a session"
    SESSION_END = "end of a session"
    OTHER = "other"


class ToolKind(Enum):
    """What a tool does, as far as that decides what is looked at."""

    SHELL = "shell"
    WRITE = "write"
    READ = "read"
    OTHER = "other"


class Event(NamedTuple):
    """One event of an agent.

    `command` is that of a shell, `path` the file that is read or written, `written` the new texts for
    it and `replaced` those that they replace. `files` are named by a prompt or attached to it.
    `result` is what a tool gave. `can_replace`, `can_rewrite` and `can_change_prompt` say what this
    agent lets a hook change at this event: the result of the tool, its arguments, the prompt; if it
    `keeps_original`, what was replaced still gets into its transcript.
    """

    kind: EventKind
    name: str = ""
    session: str = ""
    cwd: str = ""
    transcript: str = ""
    tool: str = ""
    tool_kind: ToolKind = ToolKind.OTHER
    prompt: str = ""
    files: tuple[str, ...] = ()
    arguments: Any = None
    command: str = ""
    path: str = ""
    written: tuple[str, ...] = ()
    replaced: tuple[str, ...] = ()
    result: Any = None
    is_background: bool = False
    can_replace: bool = False
    can_rewrite: bool = False
    can_change_prompt: bool = False
    keeps_original: bool = False


class Action(Enum):
    """What a hook answers."""

    PASS = "pass"  # noqa: S105 - no credential
    REFUSE = "refuse"
    REPLACE = "replace"
    REWRITE = "rewrite"
    CONTEXT = "context"


class Verdict(NamedTuple):
    """The answer to one event.

    `reason` goes to the model or the person (`REFUSE`, `CONTEXT`); `value` is the new result, prompt
    (`REPLACE`) or the new command (`REWRITE`); `warning` is for the person, with any action.
    """

    action: Action = Action.PASS
    reason: str = ""
    value: Any = None
    warning: str = ""


class Answer(NamedTuple):
    """What the process prints and returns; nothing is printed on standard output if `output` is None."""

    output: Mapping[str, Any] | None = None
    error: str = ""
    code: int = 0


class Dialect(Protocol):
    """The words of one agent.

    `EVENTS` are the names of the events that are registered. `SHAPE` says how its settings
    list hooks (see entries.py); `USER_FILE` and `PROJECT_FILE` name the file or folder, relative to the home
    folder and to a project. `SAMPLE` is an event with the text ``@TEXT@``, in JSON, for `status`.
    """

    EVENTS: tuple[str, ...]
    SHAPE: str
    USER_FILE: str
    PROJECT_FILE: str
    SAMPLE: str

    def read(self, payload: Mapping[str, Any]) -> Event:
        """Return the event in *payload*, which may hold anything under any name."""

    def answer(self, event: Event, verdict: Verdict) -> Answer:
        """Return what the agent is answered."""


# -- reading what may be anything ----------------------------------------------


def get_text(payload: Any, *names: str) -> str:
    """Return the first text under one of *names*, "" if there is none."""
    if isinstance(payload, Mapping):
        for name in names:
            if isinstance(value := payload.get(name), str):
                return value
    return ""


def get_table(payload: Any, *names: str) -> Mapping[str, Any]:
    """Return the first object under one of *names*, also if it is written as JSON in a text; else an empty one."""
    for name in names:
        value = payload.get(name) if isinstance(payload, Mapping) else None
        if isinstance(value, str) and value.lstrip().startswith("{"):
            import json

            try:
                value = json.loads(value)
            except (ValueError, RecursionError):
                continue
        if isinstance(value, Mapping):
            return value
    return {}


def collect_texts(payload: Any, *names: str) -> tuple[str, ...]:
    """Return every text under one of *names*, at any depth of lists and objects."""
    found: list[str] = []
    waiting = [payload]
    while waiting:
        item = waiting.pop()
        if isinstance(item, Mapping):
            found += [value for name in names if isinstance(value := item.get(name), str)]
            waiting += [value for value in item.values() if isinstance(value, Mapping | list)]
        elif isinstance(item, list):
            waiting += [value for value in item if isinstance(value, Mapping | list)]
    return tuple(found)
