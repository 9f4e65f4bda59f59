"""`leakfirst dependents`: which repositories depend on a package."""

from __future__ import annotations

import argparse
import json
import os
import sys
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

from detector.errors import ExitCode, UsageError

if TYPE_CHECKING:
    from detector.incident.dependents import Dependent, Package
    from detector.model import Skipped

SUMMARY = "list the repositories that depend on a package, directly or not"

EXAMPLE = """examples:
  leakfirst dependents npm:lodash@'<4.17.21' .
  leakfirst dependents 'pkg:npm/%40scope/name@1.2.3' ~/src /srv/git
  leakfirst dependents --ecosystem pypi requests@'>=2.28,<2.31' --format json ~/src
  leakfirst dependents --list compromised.txt ~/src
  leakfirst dependents --history tj-actions/changed-files github:acme

A target is a folder, a repository (also a bare one), a file such as an SBOM, or
a specification for `leakfirst sweep`: a URL, github:ORG, gitlab:GROUP,
file:LIST. In a folder that is not a repository, all repositories below it are
searched. A bare version means only that version; || joins several ranges.
Ranges have the syntax of the package's ecosystem, or vers:TYPE/…. Exit code 1:
a dependent was found; 3: none was found, but something could not be read.
"""


MAX_LIST = 16 << 20
"""Bytes of a list of packages that are read."""
MAX_LINES = 20
"""Lines on standard error about files that could not be read; a long history may have many."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options of `dependents`."""
    parser.epilog = EXAMPLE
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.add_argument(
        "package", nargs="?", default="", metavar="PACKAGE[@RANGE]", help="NAME, ECOSYSTEM:NAME or a package URL"
    )
    parser.add_argument("targets", nargs="*", default=["."], metavar="TARGET", help='what to search; default: "."')
    parser.add_argument(
        "--list", default="", metavar="FILE", help="search for many packages, one per line of this file"
    )
    parser.add_argument("--ecosystem", default="", metavar="NAME", help="npm, pypi, golang, cargo, …; default: all")
    parser.add_argument("--history", action="store_true", help="search every commit, not only the newest")
    parser.add_argument("--clones", default="", metavar="DIR", help="where the clones are; default: the user's cache")
    parser.add_argument("--config", default="", metavar="FILE", help="the operator's configuration")
    parser.add_argument("--format", "-f", choices=("text", "json"), default="text", help="default: text")


def run(args: argparse.Namespace) -> int:
    """Search, print the result and return the exit code."""
    from detector.incident.dependents import Dependent, Packages, parse_package, parse_package_list, search
    from detector.text.untrusted import make_printable

    targets = list(args.targets)
    if args.list:
        targets = [args.package, *(targets if targets != ["."] else [])] if args.package else targets
        wanted = parse_package_list(_read_list(args.list), args.ecosystem, args.list)
    elif args.package:
        wanted = [parse_package(args.package, args.ecosystem)]
    else:
        raise UsageError("name a package to search for, or many with --list FILE")
    found: list[Dependent] = []
    skipped: list[Skipped] = []
    searched: list[str] = []
    resolved = _Targets(args, targets, skipped)
    paths = resolved.list_paths()
    for entry in search(paths, Packages(wanted), history=args.history, on_repository=searched.append):
        if isinstance(entry, Dependent):
            found.append(entry._replace(repository=resolved.names.get(entry.repository, entry.repository)))
        else:
            skipped.append(entry)
    searched = [resolved.names.get(path, path) for path in searched]
    if args.format == "json":
        print(json.dumps(_to_json(wanted, found, skipped, searched), indent=2, ensure_ascii=True))
    else:
        _print_table(found, args.history)
    for skip in skipped[:MAX_LINES]:
        print(f"leakfirst: not read: {make_printable(f'{skip.where}: {skip.reason}')}", file=sys.stderr)
    if len(skipped) > MAX_LINES:
        more = len(skipped) - MAX_LINES
        print(f"leakfirst: {more} more could not be read; --format json lists all", file=sys.stderr)
    print(f"leakfirst: {_format_summary(wanted, found, searched)}", file=sys.stderr)
    if found:
        return int(ExitCode.FOUND)
    return int(ExitCode.INCOMPLETE if skipped else ExitCode.CLEAN)


def _read_list(path: str) -> str:
    try:
        with open(path, encoding="utf-8", errors="replace") as stream:
            return stream.read(MAX_LIST)
    except OSError as error:
        raise UsageError(f"{path}: cannot be read: {error.strerror}") from None


class _Targets:
    """The paths of the targets; remote repositories are cloned.

    `names` maps the path of a clone to its display name. What cannot be listed or cloned
    is added to *skipped*.
    """

    def __init__(self, args: argparse.Namespace, targets: Sequence[str], skipped: list[Skipped]) -> None:
        self.names: dict[str, str] = {}
        self._targets = targets
        self._args = args
        self._skipped = skipped

    def list_paths(self) -> Iterator[str]:
        """Yield each path as soon as it is ready."""
        for target in self._targets:
            if os.path.lexists(target) or ":" not in target:
                yield target
            else:
                yield from self._clone(target)

    def _clone(self, spec: str) -> Iterator[str]:
        from detector.config import load_operator_file
        from detector.errors import SourceError
        from detector.fleet.clones import Clones
        from detector.fleet.inventory import InventoryOptions, RepositoryEntry, list_repositories
        from detector.model import Skipped
        from detector.rules.pack import find_cache_folder

        operator = load_operator_file(self._args.config)
        clones = Clones(self._args.clones or find_cache_folder("clones"), operator)
        for entry in list_repositories([spec], InventoryOptions(operator=operator)):
            if not isinstance(entry, RepositoryEntry):
                self._skipped.append(entry)
                continue
            try:
                path = clones.refresh(entry).path
            except SourceError as error:
                self._skipped.append(Skipped(entry.name, str(error)))
                continue
            self.names[path] = entry.name
            yield path


def _to_json(
    wanted: Sequence[Package], found: Sequence[Dependent], skipped: Sequence[Skipped], searched: Sequence[str]
) -> dict[str, Any]:
    from detector.text.untrusted import replace_surrogates

    def clean_value(value: Any) -> Any:
        if isinstance(value, tuple):
            return [clean_value(part) for part in value]
        return replace_surrogates(value) if isinstance(value, str) else value

    return {
        "packages": [one._asdict() for one in wanted],
        "repositories": [replace_surrogates(name) for name in searched],
        "dependents": [{name: clean_value(value) for name, value in entry._asdict().items()} for entry in found],
        "skipped": [
            {"where": replace_surrogates(skip.where), "reason": replace_surrogates(skip.reason)} for skip in skipped
        ],
    }


def _print_table(found: Sequence[Dependent], history: bool) -> None:
    """Print aligned columns, or nothing without dependents."""
    from detector.text.untrusted import make_printable

    if not found:
        return
    heads = ["REPOSITORY", "FILE", "ECOSYSTEM", "PACKAGE", "MATCH", "VIA", *(["SINCE", "UNTIL"] if history else [])]
    rows = [heads, *([make_printable(cell) for cell in _make_cells(entry, history)] for entry in found)]
    widths = [max(len(row[column]) for row in rows) for column in range(len(heads))]
    for row in rows:
        print("  ".join(f"{cell:{width}}" for cell, width in zip(row, widths, strict=True)).rstrip())


def _make_cells(entry: Dependent, history: bool) -> list[str]:
    via = " > ".join(entry.via)
    if not via:
        via = {True: "direct", False: "indirect", None: "not known"}[entry.direct]
    if entry.note:
        via += f" ({entry.note})"
    package = f"{entry.name} {entry.version or entry.constraint}"
    cells = [entry.repository, entry.path, entry.ecosystem, package, entry.match, via]
    return [*cells, entry.since[:10], entry.until[:10] or "now"] if history else cells


def _format_summary(wanted: Sequence[Package], found: Sequence[Dependent], searched: Sequence[str]) -> str:
    from detector.text.numbers import format_count
    from detector.text.untrusted import make_printable

    total = format_count(len(searched), "place")
    package_text = make_printable(str(wanted[0])) if len(wanted) == 1 else f"any of {len(wanted):,} packages"
    if not found:
        suffix = "" if len(wanted) > 1 else f" ({wanted[0].ecosystem or 'any ecosystem'})"
        return f"{total} searched: nothing depends on {package_text}{suffix}"
    repositories = len({entry.repository for entry in found})
    kinds = ", ".join(sorted({entry.ecosystem for entry in found}))
    counts = [f"{sum(entry.match == how for entry in found):,} {how}" for how in ("locked", "allowed", "unknown")]
    shown = ", ".join(count for count in counts if not count.startswith("0 "))
    return f"{repositories:,} of {total} depend{'s' if repositories == 1 else ''} on {package_text} ({kinds}): {shown}"
