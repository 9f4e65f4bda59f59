"""A context for single steps, with the parts that `leakfirst respond` uses: a state on disk, rotations, an outbox."""

from __future__ import annotations

import argparse
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from detector.cli._respond_session import Session
from detector.fleet.state import open_state
from detector.incident.context import Context
from detector.incident.ledger import open_incident
from detector.incident.model import Exposure, ExposureKind
from detector.incident.settings import IncidentSettings
from detector.rules.shapes import expand

TOKEN = expand("ATBB{alnum:24}{check:atlassian-crc32}", 70)
"""Of a kind without a probe, so that no provider is asked."""

OPTIONS = {"policy": "", "rotations": "", "clones": "", "by": "ada", "jobs": 1}


@contextmanager
def opened(
    folder: Path, targets: list[Path], operator: Mapping[str, Any] | None = None, **exposure: Any
) -> Iterator[Context]:
    """Open an incident about *targets* with its state below *folder*, and yield its context."""
    with open_state(str(folder / "state.db")) as state:
        session = Session(state, operator or {}, IncidentSettings(), argparse.Namespace(**OPTIONS))
        leaked = Exposure(ExposureKind.ARTEFACT, tuple(map(str, targets)), **exposure)
        facts = {"exposure": leaked.to_json(), "due_at": "2999-01-01T00:00:00+00:00"}
        incident_id = open_incident(state, "a leak", facts, session.clock, session.by)
        with session.open_context(incident_id) as context:
            yield context


def get_step(context: Context, step: str) -> tuple[str, str]:
    """Return state and reason of a step."""
    found = context.incident.steps[step]
    return found["state"], found["why"]
