"""What the operator says about incidents: the ``[incident]`` table of the operator's file.

Which repositories there are, and where the state is, stands in ``[sweep]``.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

from detector.errors import UsageError
from detector.incident.timeline import DEADLINE, WARNINGS

KEYS = {"deadline", "warnings", "owners", "runbook"}


class Settings(NamedTuple):
    """Times in seconds. `owners` maps globs, over rules or repositories, to people: the last that fits decides."""

    deadline: float = DEADLINE
    warnings: tuple[float, ...] = WARNINGS
    owners: Mapping[str, str] = {}
    runbook: str = ""


def settings_of(operator: Mapping[str, Any]) -> Settings:
    """Read the table. Raises `UsageError`."""
    table = operator.get("incident", {})
    if not isinstance(table, Mapping):
        raise UsageError("incident in the operator's file is a table: [incident]")
    for key in table:
        if key not in KEYS:
            raise UsageError(f"incident.{key} in the operator's file is unknown; known: {', '.join(sorted(KEYS))}")
    owners = table.get("owners", {})
    if not isinstance(owners, Mapping) or not all(isinstance(person, str) for person in owners.values()):
        raise UsageError('incident.owners in the operator\'s file is a table such as { "aws.*" = "Ada Lovelace" }')
    return Settings(
        deadline=seconds(table.get("deadline", DEADLINE), "deadline"),
        warnings=tuple(seconds(entry, "warnings") for entry in _list(table, "warnings", list(WARNINGS))),
        owners=dict(owners),
        runbook=str(table.get("runbook", "")),
    )


def seconds(value: Any, name: str) -> float:
    """Return a duration such as ``48h`` in seconds. Raises `UsageError`."""
    from rotators.core.policy import duration

    try:
        found = duration(value)
    except (ValueError, TypeError):
        found = 0
    if found <= 0:
        raise UsageError(f"{name}: {value!r} is no duration; write 90s, 15m, 24h or 30d")
    return float(found)


def _list(table: Mapping[str, Any], name: str, usual: list[Any]) -> list[Any]:
    value = table.get(name, usual)
    if not isinstance(value, list):
        raise UsageError(f"incident.{name} in the operator's file is a list")
    return value
