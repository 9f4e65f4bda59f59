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

A target is a folder, a repository (bare ones too), a file such as an SBOM, or
what `leakfirst sweep` takes: a URL, github:ORG, gitlab:GROUP, file:LIST. Below
a folder that is no repository, the repositories are looked for. A bare
version means that version alone; || joins several. Ranges are written as the
package's own ecosystem writes them, or as vers:TYPE/…. It exits with 1 if a
dependent was found, and with 3 if there was none but not all could be read.
"""


MAX_LIST = 16 << 20
MAX_LINES = 20
"""Lines about what was not read; an old history may be full of it."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options of `dependents`."""
    parser.epilog = EXAMPLE
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.add_argument(
        "package", nargs="?", default="", metavar="PACKAGE[@RANGE]", help="NAME, ECOSYSTEM:NAME or a package URL"
    )
    parser.add_argument("targets", nargs="*", default=["."], metavar="TARGET", help='where to look; default: "."')
    parser.add_argument("--list", default="", metavar="FILE", help="look for many: a package on each line of this file")
    parser.add_argument("--ecosystem", default="", metavar="NAME", help="npm, pypi, golang, cargo, …; default: all")
    parser.add_argument("--history", action="store_true", help="look at every commit, not only at the tip")
    parser.add_argument(
        "--clones", default="", metavar="DIR", help="where clones are kept; default: in the user's cache"
    )
    parser.add_argument("--config", default="", metavar="FILE", help="the operator's configuration")
    parser.add_argument("--format", "-f", choices=("text", "json"), default="text", help="default: text")


def run(args: argparse.Namespace) -> int:
    """Search, print, return the exit code."""
    from detector.incident.dependents import Dependent, Packages, listed, package, search
    from detector.text.untrusted import make_printable

    targets = list(args.targets)
    if args.list:
        targets = [args.package, *(targets if targets != ["."] else [])] if args.package else targets
        wanted = listed(_contents(args.list), args.ecosystem, args.list)
    elif args.package:
        wanted = [package(args.package, args.ecosystem)]
    else:
        raise UsageError("name a package to look for, or many with --list FILE")
    found: list[Dependent] = []
    skipped: list[Skipped] = []
    looked_at: list[str] = []
    fleet = _Fleet(args, targets, skipped)
    places = fleet.places()
    for entry in search(places, Packages(wanted), history=args.history, on_repository=looked_at.append):
        if isinstance(entry, Dependent):
            found.append(entry._replace(repository=fleet.names.get(entry.repository, entry.repository)))
        else:
            skipped.append(entry)
    looked_at = [fleet.names.get(path, path) for path in looked_at]
    if args.format == "json":
        print(json.dumps(_as_json(wanted, found, skipped, looked_at), indent=2, ensure_ascii=True))
    else:
        _print_table(found, args.history)
    for skip in skipped[:MAX_LINES]:
        print(f"leakfirst: not read: {make_printable(f'{skip.where}: {skip.reason}')}", file=sys.stderr)
    if len(skipped) > MAX_LINES:
        more = len(skipped) - MAX_LINES
        print(f"leakfirst: {more} more could not be read; --format json names them all", file=sys.stderr)
    print(f"leakfirst: {_summary(wanted, found, looked_at)}", file=sys.stderr)
    if found:
        return int(ExitCode.FOUND)
    return int(ExitCode.INCOMPLETE if skipped else ExitCode.CLEAN)


def _contents(path: str) -> str:
    try:
        with open(path, encoding="utf-8", errors="replace") as stream:
            return stream.read(MAX_LIST)
    except OSError as error:
        raise UsageError(f"{path}: cannot be read: {error.strerror}") from None


class _Fleet:
    """What the targets stand for: places on this machine, cloned where they are elsewhere.

    `names` says what a clone is called; what cannot be listed or cloned is added to *skipped*.
    """

    def __init__(self, args: argparse.Namespace, targets: Sequence[str], skipped: list[Skipped]) -> None:
        self.names: dict[str, str] = {}
        self._targets = targets
        self._args = args
        self._skipped = skipped

    def places(self) -> Iterator[str]:
        """Yield the places, each when it is ready."""
        for target in self._targets:
            if os.path.lexists(target) or ":" not in target:
                yield target
            else:
                yield from self._listed(target)

    def _listed(self, spec: str) -> Iterator[str]:
        from detector.config import operator_file
        from detector.errors import SourceError
        from detector.fleet.clones import Clones
        from detector.fleet.inventory import Entry, Options, entries
        from detector.model import Skipped
        from detector.rules.pack import cache_folder

        operator = operator_file(self._args.config)
        clones = Clones(self._args.clones or os.path.join(cache_folder(), "clones"), operator)
        for entry in entries([spec], Options(operator=operator)):
            if not isinstance(entry, Entry):
                self._skipped.append(entry)
                continue
            try:
                path = clones.refresh(entry).path
            except SourceError as error:
                self._skipped.append(Skipped(entry.name, str(error)))
                continue
            self.names[path] = entry.name
            yield path


def _as_json(
    wanted: Sequence[Package], found: Sequence[Dependent], skipped: Sequence[Skipped], looked_at: Sequence[str]
) -> dict[str, Any]:
    from detector.text.untrusted import replace_surrogates

    def cleaned(value: Any) -> Any:
        if isinstance(value, tuple):
            return [cleaned(part) for part in value]
        return replace_surrogates(value) if isinstance(value, str) else value

    return {
        "packages": [one._asdict() for one in wanted],
        "repositories": [replace_surrogates(name) for name in looked_at],
        "dependents": [{name: cleaned(value) for name, value in entry._asdict().items()} for entry in found],
        "skipped": [
            {"where": replace_surrogates(skip.where), "reason": replace_surrogates(skip.reason)} for skip in skipped
        ],
    }


def _print_table(found: Sequence[Dependent], history: bool) -> None:
    """Print aligned columns; nothing if there is nothing."""
    from detector.text.untrusted import make_printable

    if not found:
        return
    heads = ["REPOSITORY", "FILE", "ECOSYSTEM", "PACKAGE", "HOW", "THROUGH", *(["SINCE", "UNTIL"] if history else [])]
    rows = [heads, *([make_printable(cell) for cell in _cells(entry, history)] for entry in found)]
    widths = [max(len(row[column]) for row in rows) for column in range(len(heads))]
    for row in rows:
        print("  ".join(f"{cell:{width}}" for cell, width in zip(row, widths, strict=True)).rstrip())


def _cells(entry: Dependent, history: bool) -> list[str]:
    way = " > ".join(entry.via)
    if not way:
        way = {True: "direct", False: "indirect", None: "not told"}[entry.direct]
    if entry.note:
        way += f" ({entry.note})"
    package = f"{entry.name} {entry.version or entry.constraint}"
    cells = [entry.repository, entry.path, entry.ecosystem, package, entry.match, way]
    return [*cells, entry.since[:10], entry.until[:10] or "now"] if history else cells


def _summary(wanted: Sequence[Package], found: Sequence[Dependent], looked_at: Sequence[str]) -> str:
    from detector.text.numbers import format_count
    from detector.text.untrusted import make_printable

    among = format_count(len(looked_at), "place")
    what = make_printable(str(wanted[0])) if len(wanted) == 1 else f"any of {len(wanted):,} packages"
    if not found:
        whose = "" if len(wanted) > 1 else f", of {wanted[0].ecosystem or 'whatever ecosystem'}"
        return f"{among} looked at: nothing depends on {what}{whose}"
    who = len({entry.repository for entry in found})
    kinds = ", ".join(sorted({entry.ecosystem for entry in found}))
    counts = [f"{sum(entry.match == how for entry in found):,} {how}" for how in ("locked", "allowed", "unknown")]
    shown = ", ".join(count for count in counts if not count.startswith("0 "))
    return f"{who:,} of {among} depend{'s' if who == 1 else ''} on {what} ({kinds}): {shown}"
