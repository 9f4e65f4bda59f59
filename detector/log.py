"""Named events for those who want to watch: `-v` says the steps.

structlog is imported with the first event that is wanted, so a quiet run does
not pay for it. Facts are chosen one by one; a `Secret` among them prints itself
redacted, bytes are never printed, and tracebacks carry no locals.
"""

from __future__ import annotations

import sys
from typing import Any

from detector.secret import Secret

_level = 0


def set_level(verbose: int) -> None:
    """Set how much is said: 0 nothing, 1 the steps."""
    global _level
    _level = verbose


def step(event: str, **facts: Any) -> None:
    """Say what is being done now (`-v`)."""
    if _level >= 1:
        _logger().info(event, **facts)


def _logger() -> Any:
    import structlog

    if not structlog.is_configured():
        structlog.configure(
            processors=[
                redact_facts,
                structlog.processors.TimeStamper(fmt="%H:%M:%S.%f", utc=False),
                structlog.processors.KeyValueRenderer(key_order=["timestamp", "event"], drop_missing=True),
            ],
            logger_factory=lambda *_: structlog.PrintLogger(sys.stderr),  # whatever it is by then
            cache_logger_on_first_use=False,
        )
    return structlog.get_logger()


def redact_facts(_logger: Any, _method: str, facts: Any) -> Any:
    """Replace what may hold a credential by what may be shown of it."""
    for name, value in facts.items():
        if isinstance(value, Secret):
            facts[name] = value.redacted
        elif isinstance(value, bytes | bytearray | memoryview):
            facts[name] = f"<{len(value)} bytes>"
    return facts
