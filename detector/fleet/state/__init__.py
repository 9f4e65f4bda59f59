"""What a fleet of repositories is known to hold, kept between runs and shared between machines.

SQLite in the user's folder, or PostgreSQL by URL. No plain secret is in it:
fingerprints (keyed digests), redacted forms and places. The key itself stays
where it is; the state knows an id of it and refuses another one, under which
every finding would look new.

    with open_state() as state, state.write() as db:
        db.execute(...)

SQLAlchemy is imported with the first state that is opened.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from detector.fleet.state.store import State


def open_state(url: str = "", key: bytes | None = None, create: bool = True) -> State:
    """Open the state at *url* (a file, ``sqlite:///…`` or ``postgresql://…``; default: `default_place`).

    It is made or brought up to date as needed; without *create* one that is not
    there is a `StateError`, as is everything that keeps it from being used.
    *key* is that of fingerprints, by default the project's.
    """
    from detector.fingerprint import project_key
    from detector.fleet.state.store import State

    return State(url or default_place(), project_key() if key is None else key, create)


def default_place() -> str:
    """Return the file of the state in the user's folder."""
    from detector.fingerprint import state_folder

    return os.path.join(state_folder(), "sweep.db")
