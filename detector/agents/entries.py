"""What has to stand in the settings of each agent so that it calls our hook.

Each shape is a way in which agents list hooks. A shape that merges gives the members that are missing;
the others are files of our own.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence

from detector.agents import json_edit
from detector.agents.json_edit import Insertion, Node
from detector.errors import UsageError

TIMEOUT = 30
"""Seconds after which an agent goes on without our answer."""

OWN_FILES = ("copilot", "flat", "executables", "vibe-toml", "opencode-plugin")
MERGED = ("matchers", "matchers-milliseconds", "cursor")
BEGIN, END = "# begin leakfirst", "# end leakfirst"


def build_entry(shape: str, command: str) -> dict[str, object]:
    """Return the entry of one event."""
    if shape == "cursor":
        return {"command": command}
    hook: dict[str, object] = {"type": "command", "command": command, "timeout": TIMEOUT}
    if shape == "matchers-milliseconds":
        hook = {"name": "leakfirst", "type": "command", "command": command, "timeout": 1000 * TIMEOUT}
    return {"matcher": "*", "hooks": [hook]}


def build_settings(shape: str, events: Sequence[str], command: str) -> dict[str, object]:
    """Return settings that hold nothing but our hooks, as a roll-out to many machines wants them."""
    if shape in ("copilot", "flat"):
        name = "bash" if shape == "copilot" else "command"
        entry = {"type": "command", name: command, "timeoutSec" if shape == "copilot" else "timeout": TIMEOUT}
        hooks: dict[str, object] = {event: [entry] for event in events}
        return {"version": 1, "hooks": hooks} if shape == "copilot" else {"hooks": hooks}
    hooks = {event: [build_entry(shape, command)] for event in events}
    return {"version": 1, "hooks": hooks} if shape == "cursor" else {"hooks": hooks}


def build_text(shape: str, events: Sequence[str], command: str) -> str:
    """Return the text of a file of our own, or of settings with nothing but our hooks."""
    if shape == "vibe-toml":
        return "\n".join([BEGIN, *_build_toml(events, command), END, ""])
    if shape == "executables":
        return f"#!/bin/sh\nexec {command}\n"
    if shape == "opencode-plugin":
        import os

        with open(os.path.join(os.path.dirname(os.path.abspath(__file__)), "opencode.js"), encoding="utf-8") as file:
            return file.read().replace('"@COMMAND@"', json.dumps(command))
    return json.dumps(build_settings(shape, events, command), indent=2) + "\n"


def _build_toml(events: Sequence[str], command: str) -> Iterator[str]:
    for event in events:
        yield "[[hooks]]"
        yield f'name = "leakfirst-{event.replace("_", "-")}"'
        yield f'type = "{event}"'
        yield 'match = "*"'
        yield f"command = {json.dumps(command)}"


def find_missing(text: str, shape: str, events: Sequence[str], command: str) -> list[Insertion]:
    """Return what to insert into the settings *text* so that every one of *events* calls *command*.

    Raises `UsageError` for settings that cannot be understood.
    """
    root = json_edit.parse(text)
    if root.kind != "object":
        raise UsageError("is no object")
    hooks = root.members.get("hooks")
    settings = build_settings(shape, events, command)
    if hooks is None:
        wanted = {name: value for name, value in settings.items() if name not in root.members}
        entry = ", ".join(f"{json.dumps(name)}: {json.dumps(value)}" for name, value in wanted.items())
        return [json_edit.insert(root, entry)]
    if hooks.kind != "object":
        raise UsageError("has hooks that are no object")
    entry = json.dumps(build_entry(shape, command))
    found: list[Insertion] = []
    absent = []
    for event in events:
        listed = hooks.members.get(event)
        if listed is None:
            absent.append(f"{json.dumps(event)}: [{entry}]")
        elif listed.kind != "list":
            raise UsageError(f"has a {event} that is no list")
        elif command not in list_commands(listed):
            found.append(json_edit.insert(listed, entry))
    if absent:
        found.append(json_edit.insert(hooks, ", ".join(absent)))
    return found


def list_commands(node: Node) -> list[str]:
    """Return every command within *node*."""
    found = [node.members[name].text for name in ("command", "bash") if name in node.members]
    for inner in (*node.members.values(), *node.items):
        found += list_commands(inner)
    return found
