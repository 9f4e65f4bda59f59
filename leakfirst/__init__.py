"""Find hard-coded credentials in files and git history: the public interface for other programs.

>>> from leakfirst import Engine, scan
>>> [hit.rule.id for hit in Engine().scan(b"nothing to see")]
[]

What `__all__` lists is public and versioned. Every other module, here and in
`detector`, `rotators` and `hooks`, is private. Public names are loaded on first
use, so that ``import leakfirst`` alone loads nothing else.
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from detector import __version__
    from detector.errors import LeakfirstError
    from detector.model import Finding, Scan
    from detector.secret import Secret
    from leakfirst._api import Engine, ScanOptions, scan

__all__ = [
    "Engine",
    "Finding",
    "LeakfirstError",
    "Scan",
    "ScanOptions",
    "Secret",
    "__version__",
    "scan",
]

_MODULES = {
    "Engine": "leakfirst._api",
    "Finding": "detector.model",
    "LeakfirstError": "detector.errors",
    "Scan": "detector.model",
    "ScanOptions": "leakfirst._api",
    "Secret": "detector.secret",
    "__version__": "detector",
    "scan": "leakfirst._api",
}


if not TYPE_CHECKING:  # a type checker would take any name for known

    def __getattr__(name: str) -> object:
        if name not in _MODULES:
            raise AttributeError(f"module 'leakfirst' has no attribute {name!r}")
        from importlib import import_module

        from leakfirst._start import check_packages

        check_packages()
        value = globals()[name] = getattr(import_module(_MODULES[name]), name)
        return value

    def __dir__() -> list[str]:
        return sorted({*globals(), *__all__})
