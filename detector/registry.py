"""A file is a registration.

A report, command, source, probe, rotator or store is a module in its folder;
the file name is the option value. Nothing else has to be edited. Installed
entry points are asked only for a name that we do not have, so a third party
cannot replace one of ours.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from functools import cache
from importlib import import_module
from importlib.util import find_spec
from types import FunctionType, ModuleType

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


_TYPES = {"str": str, "bool": bool, "int": int, "tuple": tuple, "frozenset": frozenset}


def check_contract(module: ModuleType, protocol: type, what: str) -> None:
    """Raise `UsageError` in one line if *module* does not fulfil *protocol*.

    mypy checks our own modules; this check is for a module that somebody added. It
    compares attributes by their outer type and functions by their parameters.
    """
    problem = next(_find_problems(module, protocol), "")
    if problem:
        name = module.__name__.rpartition(".")[2].replace("_", "-")
        raise UsageError(f"{what} {name!r} does not fulfil {protocol.__name__} ({protocol.__module__}): {problem}")


def _find_problems(module: ModuleType, protocol: type) -> Iterator[str]:
    for base in protocol.__mro__:
        for name, kind in getattr(base, "__annotations__", {}).items():
            yield from _compare_attribute(module, name, kind)
        for name, member in vars(base).items():
            if isinstance(member, property) and member.fget and not name.startswith("_"):
                yield from _compare_attribute(module, name, member.fget.__annotations__.get("return", ""))
            elif isinstance(member, FunctionType) and not name.startswith("_"):
                yield from _compare_function(module, name, member)


def _compare_attribute(module: ModuleType, name: str, kind: object) -> Iterator[str]:
    if not hasattr(module, name):
        yield f"{name} is missing"
        return
    outer = str(getattr(kind, "__name__", kind)).partition("[")[0]
    found = getattr(module, name)
    if outer in _TYPES and not isinstance(found, _TYPES[outer]):
        yield f"{name} is a {type(found).__name__}, not a {outer}"


def _compare_function(module: ModuleType, name: str, expected: Callable[..., object]) -> Iterator[str]:
    from inspect import Parameter, signature  # takes milliseconds that a hook does not have

    found = getattr(module, name, None)
    if not callable(found):
        yield f"{name}() is missing"
        return
    wanted = [parameter for parameter in signature(expected).parameters.values() if parameter.name != "self"]
    arguments = [parameter for parameter in wanted if parameter.kind is not Parameter.KEYWORD_ONLY]
    keywords = {parameter.name for parameter in wanted if parameter.kind is Parameter.KEYWORD_ONLY}
    try:
        signature(found).bind(*arguments, **dict.fromkeys(keywords))
    except TypeError:
        yield f"{name}() does not take ({', '.join(parameter.name for parameter in wanted)})"
