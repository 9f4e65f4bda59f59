"""What a person allowed: the operator's file, the ignore files and baseline of HEAD, passes from a terminal.

The working tree is no source: the agent writes there. Marks in a text count for nothing, because the
model may have put them there.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from detector.engine.engine import Engine
    from detector.model import Hit, Rule, Sighting

PASSES = "passes.json"
PASS_SECONDS = 3600


class Allowances:
    """Tells of a hit whether a person allowed its value. Files are read at the first hit."""

    def __init__(self, cwd: str, engine: Engine, load_key: Callable[[], bytes]) -> None:
        self._cwd = cwd
        self._engine = engine
        self._load_key = load_key
        self._find_reason: Callable[[Sighting, Rule], str] | None = None
        self._root = ""
        self._passes: frozenset[str] = frozenset()

    def __call__(self, hit: Hit, data: bytes, path: str) -> bool:
        """Return whether the value of *hit*, in the text *data* of the file *path*, is allowed."""
        from detector.fingerprint import compute_fingerprint
        from detector.model import Location, Origin, Sighting

        if self._find_reason is None:
            self._find_reason = self._load()
        if self._passes and compute_fingerprint(hit.secret, self._load_key()) in self._passes:
            return True
        name = os.path.join(self._cwd, path) if path else ""
        if name and self._root:
            name = os.path.relpath(os.path.realpath(name), self._root).replace(os.sep, "/")
        line = data.count(b"\n", 0, hit.start) + 1
        location = Location(Origin("worktree", name), hit.start, hit.end, line, 1, line, 1)
        parts = tuple((part.name, part.secret) for part in hit.parts)
        sighting = Sighting(self._engine.index_of(hit.rule), location, hit.secret, parts, hit.confidence)
        return bool(self._find_reason(sighting, hit.rule))

    def _load(self) -> Callable[[Sighting, Rule], str]:
        import time

        from detector.config import load_operator_file
        from detector.errors import LeakfirstError
        from detector.git.layout import find_root
        from detector.git.repository import discover
        from detector.ignores.loader import HeadReader, load_policy

        self._passes = read_passes()
        reader = None
        try:
            self._root = os.path.realpath(root) if (root := find_root(self._cwd)) else ""
            reader = HeadReader(discover(self._root)) if self._root else None
            operator = load_operator_file("")
            policy = load_policy(reader, operator=operator, today=time.strftime("%Y-%m-%d"), marks=False)
        except (LeakfirstError, OSError):  # what cannot be read allows nothing
            return _find_no_reason
        return policy.find_reason


def _find_no_reason(_sighting: Sighting, _rule: Rule) -> str:
    return ""


def read_passes() -> frozenset[str]:
    """Return the fingerprints that may pass now."""
    return frozenset(_read_table())


def _read_table() -> dict[str, float]:
    import json
    import time

    from detector.agents.seen import find_folder
    from detector.errors import UsageError
    from detector.files.trusted import read_operator_file

    folder = find_folder()
    path = os.path.join(folder, PASSES)
    if not folder or not os.path.lexists(path):
        return {}
    try:
        table = json.loads(read_operator_file(path))
    except (UsageError, ValueError, RecursionError):
        return {}
    now = time.time()
    entries = table.items() if isinstance(table, dict) else ()
    return {name: until for name, until in entries if isinstance(until, int | float) and now < until}


def add_pass(fingerprint: str) -> None:
    """Let the value with this fingerprint pass for an hour. Raises `UsageError`."""
    import json
    import time

    from detector.agents.seen import find_folder
    from detector.errors import UsageError
    from detector.files.writing import write_file

    folder = find_folder()
    if not folder:
        raise UsageError("this user has no home folder to keep it in")
    os.makedirs(folder, mode=0o700, exist_ok=True)
    table = {**_read_table(), fingerprint: int(time.time()) + PASS_SECONDS}
    write_file(os.path.join(folder, PASSES), json.dumps(table).encode(), private=True)
