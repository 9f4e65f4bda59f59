"""A file is a registration.

A report, command, source, probe, rotator or store is a module in its folder;
the file name is the option value. Nothing else has to be edited. Installed
entry points are asked only for a name that we do not have, so a third party
cannot replace one of ours.
"""

from __future__ import annotations

import os
from functools import cache
from importlib import import_module
from importlib.util import find_spec
from types import ModuleType

from detector.errors import UsageError


@cache
def names(package: str) -> tuple[str, ...]:
    """List the modules in *package* by their public names (``my_name`` → ``my-name``)."""
    spec = find_spec(package)
    if spec is None or not spec.submodule_search_locations:
        raise ModuleNotFoundError(package)
    found = set()
    for folder in spec.submodule_search_locations:
        for entry in os.listdir(folder):
            stem, suffix = os.path.splitext(entry)
            if stem.startswith("_") or stem.endswith("_"):
                continue
            if suffix == ".py" or suffix == ".so" or suffix == ".pyd":
                found.add(stem.partition(".")[0].replace("_", "-"))
            elif os.path.exists(os.path.join(folder, entry, "__init__.py")):
                found.add(entry.replace("_", "-"))
    return tuple(sorted(found))


def load(package: str, name: str, *, what: str, entry_points: str = "") -> ModuleType:
    """Import the module that serves *name*; an unknown name is a usage error.

    *what* is the noun for the message; *entry_points* the group that installed
    distributions may add to.
    """
    if name in names(package):
        return import_module(f"{package}.{name.replace('-', '_')}")
    others: dict[str, object] = {}
    if entry_points:
        from importlib.metadata import entry_points as installed

        for entry in installed(group=entry_points):
            others[entry.name] = entry
        if name in others:
            module = others[name].load()  # type: ignore[attr-defined]
            assert isinstance(module, ModuleType)
            return module
    known = ", ".join(sorted({*names(package), *others}))
    raise UsageError(f"unknown {what} {name!r}; known: {known}")
