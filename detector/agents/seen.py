"""What the guard did on this machine: JSON lines in the state folder, one for each credential.

A line holds a keyed fingerprint, a rule, the agent, the session, the time, what was done, and whether
the value reached the model; never a value, a text or a command.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from detector.agents.event import Event
    from detector.agents.redact import Found

NAME = "seen.jsonl"
MAX_BYTES = 16 << 20
"""Size above which the record begins anew; the one before is kept beside it."""


def find_folder() -> str:
    """Return the folder for what the guard keeps, "" for a user without a home."""
    from detector.fingerprint import find_state_folder

    base = find_state_folder()
    return os.path.join(base, "agents") if base else ""


def record(event: Event, agent: str, found: Iterable[Found], done: str, *, reached: bool) -> None:
    """Append what was found in *event*. That it cannot be written stops nothing."""
    rows = [
        {"fingerprint": one.fingerprint, "rule": one.rule.id, "event": event.name, "tool": event.tool[:80],
         "done": done, "reached_model": reached}
        for one in found
    ]  # fmt: skip
    append(agent, event.session, rows)


def record_problem(agent: str, problem: str) -> None:
    """Append that an event was not looked at, and why."""
    append(agent, "", [{"done": "not looked at", "problem": problem[:200]}])


def append(agent: str, session: str, rows: Iterable[dict[str, Any]]) -> None:
    """Append *rows*, each in one write."""
    import json
    import time

    folder = find_folder()
    if not folder:
        return
    path = os.path.join(folder, NAME)
    flags = os.O_WRONLY | os.O_CREAT | os.O_APPEND | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0)
    head = {"at": time.strftime("%Y-%m-%dT%H:%M:%S%z"), "agent": agent, "session": session[:80]}
    try:
        os.makedirs(folder, mode=0o700, exist_ok=True)
        descriptor = os.open(path, flags, 0o600)
        try:
            found = os.fstat(descriptor)
            if stat.S_ISREG(found.st_mode):
                for row in rows:
                    os.write(descriptor, (json.dumps({**head, **row}) + "\n").encode())
        finally:
            os.close(descriptor)
        if found.st_size > MAX_BYTES:
            os.replace(path, f"{path}.1")
    except OSError:
        return


def read() -> Iterator[dict[str, Any]]:
    """Yield the lines, the oldest first; what is no line of ours is left out."""
    import json

    folder = find_folder()
    for name in (f"{NAME}.1", NAME):
        try:
            with open(os.path.join(folder, name), encoding="utf-8", errors="replace") as file:
                lines = file.read().splitlines() if folder else []
        except OSError:
            continue
        for line in lines:
            try:
                row = json.loads(line)
            except (ValueError, RecursionError):
                continue
            if isinstance(row, dict):
                yield row
