"""Find and load plug-ins: a file is a registration.

A report, command, source, probe, rotator or store is a module in its folder; the
file name is the option value. Nothing else has to be edited. Entry points of other
distributions are used only for a name that we do not have, so a third party cannot
replace one of our modules.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from functools import cache
from importlib import import_module
from importlib.util import find_spec
from types import FunctionType, ModuleType

from detector.errors import UsageError


@cache
def list_names(package: str) -> tuple[str, ...]:
    """Return the public names of the modules in *package* (``my_name`` → ``my-name``)."""
    spec = find_spec(package)
    if spec is None or not spec.submodule_search_locations:
        raise ModuleNotFoundError(package)
    found = set()
    for folder in spec.submodule_search_locations:
        for entry in os.listdir(folder):
            stem, suffix = os.path.splitext(entry)
            if stem.startswith("_"):
                continue
            if suffix == ".py" or suffix == ".so" or suffix == ".pyd":
                found.add(stem.partition(".")[0].replace("_", "-"))
            elif os.path.exists(os.path.join(folder, entry, "__init__.py")):
                found.add(entry.replace("_", "-"))
    return tuple(sorted(found))


def load_plugin(package: str, name: str, *, what: str, entry_points: str = "") -> ModuleType:
    """Import the module called *name* in *package*. Raises `UsageError` for an unknown name.

    *what* is the noun for the message; *entry_points* is the group of entry points
    that other distributions may add to.
    """
    if name in list_names(package):
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
    known = ", ".join(sorted({*list_names(package), *others}))
    raise UsageError(f"unknown {what} {name!r}; known: {known}")


def run_command(words: Sequence[str]) -> int:
    """Run the command named by the first of *words* with the rest as its arguments; return its exit code."""
    import argparse
    from typing import Any

    from detector.contracts import Command

    module: Any = load_plugin("detector.cli", words[0], what="command")
    check_contract(module, Command, "command")
    command: Command = module
    parser = argparse.ArgumentParser(prog=f"leakfirst {words[0]}", description=command.SUMMARY, allow_abbrev=False)
    command.add_arguments(parser)
    try:
        try:  # options may stand between arguments
            args = parser.parse_intermixed_args(words[1:])
        except TypeError:  # argparse does not support that for a command with subcommands
            args = parser.parse_args(words[1:])
    except SystemExit as done:
        return int(done.code or 0)
    return int(command.run(args))


_VARIABLE_ARGUMENTS, _VARIABLE_KEYWORDS = 0x04, 0x08  # CO_VARARGS and CO_VARKEYWORDS of the inspect module
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


def _compare_function(module: ModuleType, name: str, expected: FunctionType) -> Iterator[str]:
    found = getattr(module, name, None)
    if not callable(found):
        yield f"{name}() is missing"
        return
    arguments, keywords = _list_parameters(expected)
    arguments = arguments[1:]  # without self
    if not _accepts(found, len(arguments), keywords):
        yield f"{name}() does not take ({', '.join((*arguments, *keywords))})"


def _list_parameters(function: FunctionType) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Return the names of the positional and of the keyword-only parameters."""
    code = function.__code__
    names, count = code.co_varnames, code.co_argcount
    return names[:count], names[count : count + code.co_kwonlyargcount]


def _accepts(found: Callable[..., object], count: int, keywords: tuple[str, ...]) -> bool:
    """Tell whether *found* can be called with *count* arguments and these *keywords*."""
    if not isinstance(found, FunctionType):
        from inspect import signature  # takes milliseconds that a hook does not have

        try:
            signature(found).bind(*range(count), **dict.fromkeys(keywords))
        except TypeError:
            return False
        return True
    arguments, keyword_only = _list_parameters(found)
    required = len(arguments) - len(found.__defaults__ or ())
    has_room = count <= len(arguments) or bool(found.__code__.co_flags & _VARIABLE_ARGUMENTS)
    takes_any = bool(found.__code__.co_flags & _VARIABLE_KEYWORDS)
    unknown = set(keywords) - {*arguments[count:], *keyword_only}
    missing = {*arguments[count:required], *keyword_only} - {*keywords, *(found.__kwdefaults__ or ())}
    return has_room and not missing and (takes_any or not unknown)
