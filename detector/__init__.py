"""Find hard-coded credentials: bytes in, findings out.

The public names are loaded on first touch, so that `import detector` costs
nothing in a git hook.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from detector.api import Engine, scan
    from detector.model import Finding, Scan
    from detector.secret import Secret

__all__ = ["Engine", "Finding", "Scan", "Secret", "scan"]


def __getattr__(name: str) -> Any:
    homes = {
        "Engine": "detector.api",
        "scan": "detector.api",
        "Finding": "detector.model",
        "Scan": "detector.model",
        "Secret": "detector.secret",
    }
    if name not in homes:
        raise AttributeError(f"module 'detector' has no attribute {name!r}")
    from importlib import import_module

    return getattr(import_module(homes[name]), name)
