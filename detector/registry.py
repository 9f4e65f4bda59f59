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
from typing import TYPE_CHECKING

from detector.errors import UsageError

if TYPE_CHECKING:
    from importlib.metadata import EntryPoint


SHARED = "core"
"""The package beside plug-ins that holds what they share."""


@cache
def list_names(package: str) -> tuple[str, ...]:
    """List the modules in *package* by their public names (``my_name`` → ``my-name``).

    Raises `UsageError` if two of them have one name.
    """
    spec = find_spec(package)
    if spec is None or not spec.submodule_search_locations:
        raise ModuleNotFoundError(package)
    found: dict[str, str] = {}
    for folder in spec.submodule_search_locations:
        for entry in os.listdir(folder):
            stem, suffix = os.path.splitext(entry)
            path = os.path.join(folder, entry)
            if stem.startswith("_") or stem == SHARED:
                continue
            if suffix in (".py", ".so", ".pyd"):
                path = os.path.join(folder, f"{stem.partition('.')[0]}.py")  # compiled modules lie beside their source
            elif not os.path.exists(os.path.join(path, "__init__.py")):
                continue
            name = os.path.basename(path).removesuffix(".py").replace("_", "-")
            if found.setdefault(name, path) != path:
                raise UsageError(f"two plug-ins are called {name!r}: {found[name]} and {path}; remove one")
    return tuple(sorted(found))


def load_plugin(package: str, name: str, *, what: str, entry_points: str = "") -> ModuleType:
    """Import the module called *name* in *package*. Raises `UsageError` for an unknown name.

    *what* is the noun for the message; *entry_points* is the group of entry points
    that other distributions may add to.
    """
    if name in list_names(package):
        return import_module(f"{package}.{name.replace('-', '_')}")
    others = find_installed(package, entry_points) if entry_points else {}
    if name in others:
        return import_installed(others[name], what)
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


def find_installed(package: str, group: str) -> dict[str, EntryPoint]:
    """Return the entry points of *group* by name; nothing is imported.

    Raises `UsageError` if two of them have one name, or one has the name of a
    module of *package*: it would depend on the order of installation which one runs.
    """
    from importlib.metadata import entry_points as installed

    found: dict[str, EntryPoint] = {}
    for entry in installed(group=group):
        owner = entry.dist.name if entry.dist else "an unknown distribution"
        other = found.get(entry.name)
        if entry.name in list_names(package):
            raise UsageError(f"{owner} installs {entry.name!r} ({group}), which is the name of a built-in one")
        if other is not None and other.value != entry.value:
            owners = sorted({owner, other.dist.name if other.dist else "an unknown distribution"})
            raise UsageError(f"{entry.name!r} ({group}) is installed twice, by {' and '.join(owners)}: remove one")
        found[entry.name] = entry
    return found


def import_installed(entry: EntryPoint, what: str) -> ModuleType:
    """Import the module that *entry* names. Raises `UsageError` if that fails or it is no module."""
    failure = "it is not a module"
    try:
        module = entry.load()
        if isinstance(module, ModuleType):
            return module
    except Exception as error:  # its code may do anything while it is imported
        failure = f"it cannot be imported ({type(error).__name__})"
    raise UsageError(f"{what} {entry.name!r} ({entry.value}): {failure}")


_VARIABLE_ARGUMENTS, _VARIABLE_KEYWORDS = 0x04, 0x08  # CO_VARARGS and CO_VARKEYWORDS of the inspect module
_TYPES = {"str": str, "bool": bool, "int": int, "tuple": tuple, "frozenset": frozenset}


def check_contract(plug_in: ModuleType | type, protocol: type, what: str) -> None:
    """Raise `UsageError` in one line if a module, or a class in it, does not fulfil *protocol*.

    mypy checks our own modules; this check is for a module that somebody added. It
    compares attributes by their outer type and functions by their parameters.
    Of a class only `ClassVar` attributes are expected: the others belong to its objects.
    """
    problem = next(_find_problems(plug_in, protocol), "")
    if problem:
        module = plug_in.__module__ if isinstance(plug_in, type) else plug_in.__name__
        name = module.rpartition(".")[2].replace("_", "-")
        raise UsageError(f"{what} {name!r} does not fulfil {protocol.__name__} ({protocol.__module__}): {problem}")


def _find_problems(plug_in: ModuleType | type, protocol: type) -> Iterator[str]:
    for base in protocol.__mro__:
        for name, kind in getattr(base, "__annotations__", {}).items():
            of_class, outer = _outer_type(kind)
            if of_class or not isinstance(plug_in, type):
                yield from _compare_attribute(plug_in, name, outer)
        for name, member in vars(base).items():
            if isinstance(member, property) and member.fget and not name.startswith("_"):
                kind = member.fget.__annotations__.get("return", "")
                yield from _compare_attribute(plug_in, name, _outer_type(kind)[1])
            elif isinstance(member, FunctionType) and not name.startswith("_"):
                yield from _compare_function(plug_in, name, member)


def _outer_type(kind: object) -> tuple[bool, str]:
    """Return whether an annotation is a `ClassVar`, and the name of its outer type."""
    text = kind.__name__ if isinstance(kind, type) else str(kind).removeprefix("typing.")
    inner = text.removeprefix("ClassVar[")
    return inner != text, inner.partition("[")[0].removesuffix("]")


def _compare_attribute(plug_in: ModuleType | type, name: str, outer: str) -> Iterator[str]:
    if not hasattr(plug_in, name):
        yield f"{name} is missing"
        return
    found = getattr(plug_in, name)
    if outer in _TYPES and not isinstance(found, _TYPES[outer]):
        yield f"{name} is a {type(found).__name__}, not a {outer}"


def _compare_function(plug_in: ModuleType | type, name: str, expected: FunctionType) -> Iterator[str]:
    found = getattr(plug_in, name, None)
    if not callable(found):
        yield f"{name}() is missing"
        return
    arguments, keywords = _list_parameters(expected)
    arguments = arguments[1:]  # without self
    classes = plug_in.__mro__ if isinstance(plug_in, type) else ()
    has_self = isinstance(next((vars(base)[name] for base in classes if name in vars(base)), None), FunctionType)
    if not _accepts(found, len(arguments) + has_self, keywords):
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
