"""json: the overview for other programs."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from detector.fleet.overview import Overview

SCHEMA = "leakfirst/sweep/1"


def render(overview: Overview, include_open: bool) -> Iterator[str]:
    """Yield one JSON document."""
    document = {"schema": SCHEMA, **_make_plain(overview)}
    if not include_open:
        del document["findings"]
    yield json.dumps(document, indent=1) + "\n"


def _make_plain(value: Any) -> Any:
    """Turn named tuples into objects, at any depth."""
    if hasattr(value, "_asdict"):
        return {name: _make_plain(part) for name, part in value._asdict().items()}
    if isinstance(value, list | tuple):
        return [_make_plain(part) for part in value]
    return dict(value) if hasattr(value, "items") else value
