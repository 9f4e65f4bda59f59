"""Which files publishing a project would upload: those of `npm pack`, or of the sdist and wheel.

Nothing of the project is run to find out, neither its build nor its scripts.
For npm the documented rules are followed: `files`, `.npmignore` or else
`.gitignore` in every folder, what is always in and what never is. For Python
the archives in `dist/` are what gets uploaded, so they are read if there are
any; without them every file that git would not ignore counts, without what
`MANIFEST.in` or the build tool's own table excludes, and the report says that
this is an estimate.
"""

from __future__ import annotations

import json
import os
import tomllib
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from detector.errors import SourceError
from detector.ignores.gitignore import compile_gitignore, replace_invalid_bytes

if TYPE_CHECKING:
    from pathspec import GitIgnoreSpec

_NEVER = (
    ".git", "CVS", ".svn", ".hg", ".lock-wscript", ".wafpickle-*", ".*.swp", ".DS_Store", "._*", "npm-debug.log",
    "node_modules", "config.gypi", "*.orig", ".npmrc", ".npmignore", ".gitignore", "/package-lock.json", "/yarn.lock",
    "/pnpm-lock.yaml", "/bun.lock", "/bun.lockb", "/archived-packages/**",
)  # fmt: skip
_ALWAYS = (
    "/package.json", "/[Rr][Ee][Aa][Dd][Mm][Ee]", "/[Rr][Ee][Aa][Dd][Mm][Ee].*",
    "/[Ll][Ii][Cc][Ee][NnSs][CcSs][Ee]", "/[Ll][Ii][Cc][Ee][NnSs][CcSs][Ee].*",
)  # fmt: skip
_NPM_IGNORES = (".npmignore", ".gitignore")
_NOT_BUILT = (
    ".git", ".hg", ".svn", "__pycache__", "*.pyc", ".venv", "venv", ".tox", ".nox", "*.egg-info", "node_modules",
)  # fmt: skip
_LARGEST = 4 << 20


# -- npm -----------------------------------------------------------------------


def list_npm_files(root: str) -> list[str]:
    """List what `npm pack` puts into the package, by the documented rules; links are never in it."""
    package = _json(os.path.join(root, "package.json"))
    listed = package.get("files")
    wanted = compile_gitignore([_anchored(entry) for entry in _texts(listed)]) if isinstance(listed, list) else None
    always = compile_gitignore([*_ALWAYS, *(f"/{os.path.normpath(entry)}" for entry in _entry_points(package))])
    never = compile_gitignore(_NEVER)
    found = []
    for path, ignored in _walk(root, ignores=_NPM_IGNORES, at_root=wanted is None):
        told = replace_invalid_bytes(path)
        chosen = not ignored and not never.match_file(told) and (wanted is None or wanted.match_file(told))
        if chosen or always.match_file(told):
            found.append(path)
    for name in _bundled(package):
        inside = os.path.join("node_modules", name)
        if _within(root, inside):
            found += [os.path.join(inside, path) for path, _ in _walk(os.path.join(root, inside))]
    return sorted(set(found))


def _bundled(package: dict[str, Any]) -> list[str]:
    """Name the packages that are packed along; `true` stands for all that this one depends on."""
    listed = package.get("bundleDependencies") or package.get("bundledDependencies")
    if listed is True:
        listed = list(_table(package, "dependencies"))
    return [name for name in _texts(listed) if not name.startswith("/") and ".." not in name.split("/")]


def _within(root: str, path: str) -> bool:
    """Tell whether *path* is below *root* when all links are followed: npm packs nothing from elsewhere."""
    home = os.path.realpath(root)
    return "\0" not in path and os.path.realpath(os.path.join(root, path)).startswith(os.path.join(home, ""))


def _anchored(entry: str) -> str:
    """Turn an entry of `files` into a pattern: all are meant from the root, a folder with all that is in it."""
    negated, entry = entry.startswith("!"), entry.removeprefix("!")
    entry = entry.removeprefix("./").strip("/")
    return ("!" if negated else "") + ("/**" if entry in ("", ".", "*", "**") else f"/{entry}")


def _entry_points(package: dict[str, Any]) -> list[str]:
    bins = package.get("bin")
    points = [package.get("main"), package.get("browser"), *(bins.values() if isinstance(bins, dict) else [bins])]
    return [point for point in points if isinstance(point, str)]


def _walk(root: str, ignores: tuple[str, ...] = (), at_root: bool = True) -> Iterator[tuple[str, bool]]:
    """Yield the regular files below *root* and whether an ignore file leaves them out.

    In each folder the first of *ignores* counts; in the root only with *at_root*.
    """
    pending: list[tuple[str, tuple[tuple[str, GitIgnoreSpec], ...]]] = [("", ())]
    while pending:
        folder, above = pending.pop()
        at = os.path.join(root, folder)
        try:
            entries = sorted(os.scandir(at), key=lambda entry: entry.name)
        except OSError:
            continue
        names = {entry.name for entry in entries}
        ignore = next((name for name in ignores if name in names), "")
        if ignore and (folder or at_root):
            above = (*above, (folder, compile_gitignore(_lines(os.path.join(at, ignore)))))
        for entry in entries:
            path = os.path.join(folder, entry.name)
            if entry.is_dir(follow_symlinks=False):
                if entry.name not in (".git", "node_modules", ".svn", ".hg", "CVS"):
                    pending.append((path, above))
            elif entry.is_file(follow_symlinks=False):
                yield path, _ignored(path, above)


def _ignored(path: str, above: tuple[tuple[str, GitIgnoreSpec], ...]) -> bool:
    for folder, spec in reversed(above):
        verdict = spec.check_file(replace_invalid_bytes(os.path.relpath(path, folder) if folder else path)).include
        if verdict is not None:
            return bool(verdict)
    return False


# -- Python --------------------------------------------------------------------


def list_python_files(root: str) -> list[str]:
    """Estimate what an sdist takes: what git would not ignore, without what is excluded by name."""
    project = _toml(os.path.join(root, "pyproject.toml"))
    tables = (
        _table(project, "tool", "hatch", "build"),
        _table(project, "tool", "hatch", "build", "targets", "sdist"),
        _table(project, "tool", "poetry"),
        _table(project, "tool", "flit", "sdist"),
    )
    excluded = [entry for table in tables for entry in _texts(table.get("exclude"))]
    spec = compile_gitignore([*_NOT_BUILT, *excluded, *_manifest(root)])
    listed = _walk(root, ignores=(".gitignore",))
    return sorted(path for path, ignored in listed if not ignored and not spec.match_file(replace_invalid_bytes(path)))


def _manifest(root: str) -> Iterator[str]:
    """Turn the lines of MANIFEST.in that leave something out into patterns."""
    for line in _lines(os.path.join(root, "MANIFEST.in")):
        command, *words = line.split()
        if command == "exclude":
            yield from (f"/{word}" for word in words)
        elif command == "prune":
            yield from (f"/{word.strip('/')}/" for word in words)
        elif command == "global-exclude":
            yield from words
        elif command == "recursive-exclude" and words:
            yield from (f"/{words[0].strip('/')}/**/{word}" for word in words[1:])


# -- reading ---------------------------------------------------------------------


def _texts(listed: object) -> list[str]:
    return [entry for entry in listed if isinstance(entry, str)] if isinstance(listed, list) else []


def _table(table: dict[str, Any], *names: str) -> dict[str, Any]:
    """Go down by *names*; whatever is no table is an empty one."""
    for name in names:
        found = table.get(name)
        table = found if isinstance(found, dict) else {}
    return table


def _read(path: str) -> str:
    try:
        with open(path, "rb") as file:
            return file.read(_LARGEST).decode("utf-8-sig", "replace")
    except OSError:
        return ""


def _lines(path: str) -> list[str]:
    return [line for line in _read(path).splitlines() if line.strip() and not line.startswith("#")]


def _json(path: str) -> dict[str, Any]:
    try:
        found = json.loads(_read(path))
    except (ValueError, RecursionError):
        raise SourceError(f"{path}: is not valid JSON, so npm would publish nothing") from None
    return found if isinstance(found, dict) else {}


def _toml(path: str) -> dict[str, Any]:
    try:
        return tomllib.loads(_read(path))
    except (tomllib.TOMLDecodeError, RecursionError):
        return {}
