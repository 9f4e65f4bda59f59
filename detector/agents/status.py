"""Say of each agent whether it calls us, and whether that works: a made-up event goes through the command in its file.

Only a command that is one of ours, word for word, is run: settings may come with a repository.
"""

from __future__ import annotations

import json
import os
import subprocess

from detector.agents import entries, json_edit
from detector.agents.install import PORTABLE, Place, State
from detector.agents.redact import PLACEHOLDER
from detector.agents.seen import find_folder
from detector.errors import UsageError

SECONDS = 30


def read_status(place: Place) -> State:
    """Return whether the agent of *place* calls us. Raises nothing for settings that cannot be read."""
    texts = [_read(path) for path in place.files]
    if not any(texts):
        return State(place.agent, place.path, "not installed")
    commands = [command for text in texts if text for command in _list_commands(place, text)]
    ours = sorted({command for command in commands if is_ours(place.agent, command)})
    others = len([command for command in commands if not is_ours(place.agent, command)])
    note = f"{others} other hooks in the file" if others else ""
    if not ours:
        return State(place.agent, place.path, "not installed", note)
    if not all(texts):
        return State(place.agent, place.path, "installed in part", note)
    problem = try_command(place, ours[0])
    return State(place.agent, place.path, f"does NOT work: {problem}" if problem else "works", note)


def is_ours(agent: str, command: str) -> bool:
    """Return whether *command* is one that `install` writes for *agent*."""
    import shlex

    starts = {PORTABLE, shlex.quote(os.path.join(find_folder(), "hook"))}
    return command in {f"{start} {agent}{option}" for start in starts for option in ("", " --strict")}


def try_command(place: Place, command: str) -> str:
    """Send a made-up event through *command*; return what is wrong, "" if its credential is held back."""
    from detector.rules.shapes import expand

    value = expand("ghp_{alnum:30}{check:github-crc32}", 7)
    event = place.dialect.SAMPLE.replace("@TEXT@", f"token = '{value}'")
    try:
        done = subprocess.run(
            ["/bin/sh", "-c", command], input=event.encode(), capture_output=True, check=False, timeout=SECONDS
        )
    except (OSError, subprocess.SubprocessError) as problem:
        return f"it cannot be run ({type(problem).__name__})"
    said = (done.stdout + done.stderr).decode("utf-8", "replace")
    if value in said:
        return "it repeats the value"
    if PLACEHOLDER.search(said.replace("\\u003c", "<")):
        return ""
    return f"it lets a credential pass (exit code {done.returncode})"


def _list_commands(place: Place, text: str) -> list[str]:
    shape = place.dialect.SHAPE
    if shape == "executables":
        return [line.removeprefix("exec ") for line in text.splitlines() if line.startswith("exec ")]
    if shape == "opencode-plugin":
        lines = [line for line in text.splitlines() if line.startswith("const COMMAND = ")]
        return [_parse(line.removeprefix("const COMMAND = ")) for line in lines]
    if shape == "vibe-toml":
        lines = [line for line in text.splitlines() if line.startswith("command = ")]
        return [_parse(line.removeprefix("command = ")) for line in lines]
    try:
        return entries.list_commands(json_edit.parse(text))
    except UsageError:
        return []


def _parse(text: str) -> str:
    try:
        return str(json.loads(text))
    except ValueError:
        return ""


def _read(path: str) -> str:
    try:
        with open(path, encoding="utf-8", errors="replace", newline="") as file:
            return file.read()
    except OSError:
        return ""
