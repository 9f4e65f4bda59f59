"""All readers of this folder, with the paths that each reads."""

from __future__ import annotations

import re
from functools import cache
from typing import cast

from detector.incident.dependents._contract import DependencyReader
from detector.incident.dependents._trees import is_in_installed_packages

PACKAGE = "detector.incident.dependents"


@cache
def load_readers() -> tuple[tuple[re.Pattern[str], DependencyReader], ...]:
    """Return all readers, each with a pattern for the paths that it reads.

    Raises `UsageError` if a reader does not fulfil its contract.
    """
    from detector.registry import check_contract, list_names, load_plugin

    readers = []
    for name in list_names(PACKAGE):
        module = load_plugin(PACKAGE, name, what="reader")
        check_contract(module, DependencyReader, "reader")
        globs = "|".join(re.escape(glob).replace(r"\*", "[^/]*") for glob in module.FILES)
        pattern = re.compile(f"(?:.*/)?(?:{globs})", re.DOTALL | re.IGNORECASE)
        readers.append((pattern, cast("DependencyReader", module)))
    return tuple(readers)


def is_dependency_file(path: str) -> bool:
    """Return whether a reader reads the file at *path*, which is not among installed packages."""
    return any(pattern.fullmatch(path) for pattern, _ in load_readers()) and not is_in_installed_packages(path)
