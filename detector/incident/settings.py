"""The ``[incident]`` table of the operator's configuration.

The inventory of repositories and the location of the state are in ``[sweep]``.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

from detector.errors import UsageError
from detector.incident.timeline import DEADLINE, WARNINGS

KEYS = {"deadline", "warnings", "owners", "runbook"}


class IncidentSettings(NamedTuple):
    """Times are in seconds. `owners` maps globs over rule ids to people; the last glob that matches decides."""

    deadline: float = DEADLINE
    warnings: tuple[float, ...] = WARNINGS
    owners: Mapping[str, str] = {}
    runbook: str = ""


def read_settings(operator: Mapping[str, Any]) -> IncidentSettings:
    """Read the table from the operator's configuration. Raises `UsageError`."""
    table = operator.get("incident", {})
    if not isinstance(table, Mapping):
        raise UsageError("incident in the operator's configuration must be a table: [incident]")
    for key in table:
        if key not in KEYS:
            raise UsageError(
                f"incident.{key} in the operator's configuration is unknown; known: {', '.join(sorted(KEYS))}"
            )
    owners = table.get("owners", {})
    if not isinstance(owners, Mapping) or not all(isinstance(person, str) for person in owners.values()):
        raise UsageError(
            'incident.owners in the operator\'s configuration must be a table such as { "aws.*" = "Ada Lovelace" }'
        )
    return IncidentSettings(
        deadline=parse_duration(table.get("deadline", DEADLINE), "deadline"),
        warnings=tuple(parse_duration(entry, "warnings") for entry in _read_list(table, "warnings", list(WARNINGS))),
        owners=dict(owners),
        runbook=str(table.get("runbook", "")),
    )


def parse_duration(value: Any, name: str) -> float:
    """Return a duration such as ``48h`` in seconds. Raises `UsageError`."""
    from rotators.core.policy import parse_duration

    try:
        parsed = parse_duration(value)
    except (ValueError, TypeError):
        parsed = 0
    if parsed <= 0:
        raise UsageError(f"{name}: {value!r} is not a duration; write 90s, 15m, 24h or 30d")
    return float(parsed)


def _read_list(table: Mapping[str, Any], name: str, default: list[Any]) -> list[Any]:
    value = table.get(name, default)
    if not isinstance(value, list):
        raise UsageError(f"incident.{name} in the operator's configuration must be a list")
    return value
