"""json: the overview as it is, for other programs."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from detector.fleet.overview import Overview

SCHEMA = "leakfirst/sweep/1"


def write(overview: Overview, everything: bool) -> Iterator[str]:
    """Return one JSON document."""
    told = {"schema": SCHEMA, **_plain(overview)}
    if not everything:
        del told["findings"]
    yield json.dumps(told, indent=1) + "\n"


def _plain(value: Any) -> Any:
    """Turn named tuples into objects, at any depth."""
    if hasattr(value, "_asdict"):
        return {name: _plain(part) for name, part in value._asdict().items()}
    if isinstance(value, list | tuple):
        return [_plain(part) for part in value]
    return dict(value) if hasattr(value, "items") else value
