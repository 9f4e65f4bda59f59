"""What is known about a fleet, kept between sweeps and shared between machines.

SQLite in the user's folder, or PostgreSQL by URL. It contains no plain secret:
only fingerprints (keyed digests), redacted forms and locations. It stores an id
of the fingerprint key, not the key itself, and refuses another key, under which
every finding would look new.

    with open_state() as state, state.write() as db:
        db.execute(...)

SQLAlchemy is imported when the first state is opened.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from detector.errors import StateError

if TYPE_CHECKING:
    from detector.fleet.state.store import State


def open_state(url: str = "", key: bytes | None = None, create: bool = True) -> State:
    """Open the state at *url* (a file, ``sqlite:///…`` or ``postgresql://…``; default: `default_place`).

    Creates or upgrades it as needed. *key* is the fingerprint key, by default the
    project's. Raises `StateError` if the state cannot be used, or if it does not
    exist and *create* is false.
    """
    from detector.fingerprint import load_project_key
    from detector.fleet.state.store import State

    return State(url or default_place(), load_project_key() if key is None else key, create)


def default_place() -> str:
    """Return the path of the state in the user's folder."""
    from detector.fingerprint import find_state_folder

    folder = find_state_folder()
    if not folder:
        raise StateError("this user has no home folder to keep the state in; name a file with --state")
    return os.path.join(folder, "sweep.db")
