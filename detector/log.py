"""Structured log events on standard error, with `-v`.

structlog is imported with the first event that is printed, so other runs do not
load it. The facts of an event are chosen one by one; a `Secret` among them is
redacted, and bytes are never printed.
"""

from __future__ import annotations

import sys
from typing import Any

from detector.secret import Secret

_level = 0


def set_level(verbose: int) -> None:
    """Set which events are printed: 0 none, 1 or more the steps."""
    global _level
    _level = verbose


def log_step(event: str, **facts: Any) -> None:
    """Log what is done next, with *facts* about it."""
    if _level >= 1:
        _get_logger().info(event, **facts)


def _get_logger() -> Any:
    import structlog

    if not structlog.is_configured():
        structlog.configure(
            processors=[
                redact_facts,
                structlog.processors.TimeStamper(fmt="%H:%M:%S.%f", utc=False),
                structlog.processors.KeyValueRenderer(key_order=["timestamp", "event"], drop_missing=True),
            ],
            logger_factory=lambda *_: structlog.PrintLogger(sys.stderr),  # looked up for each logger: tests replace it
            cache_logger_on_first_use=False,
        )
    return structlog.get_logger()


def redact_facts(_logger: Any, _method: str, facts: Any) -> Any:
    """Replace values that may contain a credential: a `Secret` by its redacted form, bytes by their number."""
    for name, value in facts.items():
        if isinstance(value, Secret):
            facts[name] = value.redacted
        elif isinstance(value, bytes | bytearray | memoryview):
            facts[name] = f"<{len(value)} bytes>"
    return facts
