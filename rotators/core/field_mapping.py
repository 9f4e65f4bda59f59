"""How our field names map to a destination's: settings `fields` and `plain`.

`fields = { secret_access_key = "AWS_SECRET_ACCESS_KEY" }` renames, and limits
what is written to the fields it names; by default all fields keep their
names. A JSON document keeps all its other fields. `plain = true` says that
the destination holds one value and nothing else.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from detector.errors import UsageError
from detector.secret import Secret
from rotators.core.contracts import Values
from rotators.core.model import UnexpectedState


def complete_fields(settings: Mapping[str, Any], ours: tuple[str, ...]) -> dict[str, Any]:
    """Return *settings* with a `fields` table that covers what the rotator makes."""
    fields = settings.get("fields") or {name: name for name in ours}
    if unknown := set(fields) - set(ours):
        raise UsageError(f"fields: this credential has {', '.join(ours)}, not {', '.join(sorted(unknown))}")
    if settings.get("plain") and len(fields) != 1:
        raise UsageError(f"plain = true: name one of {', '.join(ours)} in fields")
    return {**settings, "fields": dict(fields)}


def merge_values(document: str, settings: Mapping[str, Any], values: Values) -> str:
    """Return *document* with *values* in their places."""
    if settings.get("plain"):
        (ours,) = settings["fields"]
        return values[ours].reveal().decode()
    data = _parse_object(document)
    for ours, theirs in settings["fields"].items():
        data[theirs] = values[ours].reveal().decode()
    return json.dumps(data)


def read_values(document: str, settings: Mapping[str, Any]) -> Values:
    """Return our fields of *document*, under our names."""
    if settings.get("plain"):
        (ours,) = settings["fields"]
        return {ours: Secret(document.encode())}
    data = _parse_object(document)
    wanted = settings["fields"].items()
    return {ours: Secret(str(data[theirs]).encode()) for ours, theirs in wanted if theirs in data}


def read_other_fields(document: str, settings: Mapping[str, Any]) -> dict[str, Any]:
    """Return the fields of *document* that are not ours."""
    if settings.get("plain"):
        return {}
    ours = set(settings["fields"].values())
    return {name: value for name, value in _parse_object(document).items() if name not in ours}


def _parse_object(document: str) -> dict[str, Any]:
    try:
        data = json.loads(document or "{}")
    except ValueError:
        raise UnexpectedState("the destination holds no JSON document; set plain = true") from None
    if not isinstance(data, dict):
        raise UnexpectedState("the destination holds no JSON object; set plain = true")
    return data
