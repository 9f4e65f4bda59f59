"""`leakfirst migrate`: move in from another tool, and say what came along and what did not."""

from __future__ import annotations

import argparse
import os
import subprocess
import time
from collections.abc import Sequence
from typing import TYPE_CHECKING

from detector.config import Config, operator_file
from detector.errors import ExitCode, UsageError
from detector.git.layout import find_root
from detector.ignores import baseline, gathering, own

if TYPE_CHECKING:
    from detector.ignores.migration import Taken
    from detector.ignores.policy import Loaded
    from detector.model import Origin, Scan

SUMMARY = "take over the ignore files and baselines of other tools"

EXAMPLE = """examples:
  leakfirst migrate                                   all files of other tools in the root of this repository
  leakfirst migrate --from kingfisher:ci/baseline.yaml --from trufflehog:ci/exclude.txt
  leakfirst migrate --dry-run

  FORMAT is one of detect-secrets, ggshield, github, gitignore, gitleaks-config, gitleaks-ignore, gitleaks-report,
  kingfisher, kingfisher-config, trufflehog. The files stay as they are and may be removed afterwards.
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options of `migrate`."""
    parser.epilog = EXAMPLE
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.add_argument("target", nargs="?", default=".", metavar="TARGET", help='the repository; default: "."')
    parser.add_argument(
        "--from", dest="files", action="append", default=[], metavar="[FORMAT:]FILE", help="a file to take over"
    )
    parser.add_argument("--dry-run", action="store_true", help="say what would be done, and change nothing")
    parser.add_argument("--no-history", action="store_true", help="look for the entries in the working tree alone")
    parser.add_argument("--patterns", action="append", default=[], metavar="PATH", help="more rules: a file or folder")
    parser.add_argument("--config", default="", metavar="FILE", help="the operator's configuration")
    parser.add_argument("--no-progress", action="store_true", help="no progress bar")


def run(args: argparse.Namespace) -> int:
    """Take over what can be, print every entry."""
    root = find_root(args.target)
    if not root:
        raise UsageError(f"{args.target}: no such file or folder")
    loaded = [_read(name, kind, path) for name, kind, path in _files(root, args.files)]
    if not loaded:
        raise UsageError(f"{root}: holds no ignore file of another tool; name one with --from FORMAT:FILE")
    taken = _resolved(args, root, loaded)
    refused = _write(root, loaded, taken, dry_run=args.dry_run)
    return int(ExitCode.NEEDS_PERSON if refused else ExitCode.CLEAN)


def _files(root: str, named: Sequence[str]) -> list[tuple[str, str, str]]:
    """List (name, format, path) of what is there to be taken over."""
    if named:
        split = [gathering.split(text) for text in named]
        return [(path, kind, path) for kind, path in split]
    found = []
    for names, kind in gathering.FOREIGN:
        present = next((name for name in names if os.path.isfile(os.path.join(root, name))), None)
        if present:
            found.append((present, kind, os.path.join(root, present)))
    return found


def _read(name: str, kind: str, path: str) -> tuple[str, Loaded]:
    try:
        with open(path, "rb") as file:
            content = file.read()
    except OSError as error:
        raise UsageError(f"{path}: cannot be read ({error.strerror})") from None
    return name, gathering.parse(kind or gathering.sniff(content, path), content, name)


def _resolved(args: argparse.Namespace, root: str, loaded: Sequence[tuple[str, Loaded]]) -> list[Taken]:
    """Scan without any baseline or ignore file and find what the exact entries stand for."""
    from detector.ignores.migration import resolve

    known = [entry for _, one in loaded for entry in one.known]
    if not known:
        return []
    found = _scan(args)
    findings = [*found.findings, *(entry.finding for entry in found.ignored)]
    from detector.scan.policies import make_path_mapper

    return resolve(known, findings, make_path_mapper(args.target, root), _Contents(root))


def _scan(args: argparse.Namespace) -> Scan:
    from detector.cli.scan import progress_bar
    from detector.scan import pipeline

    config = Config(
        targets=(args.target,),
        history=not args.no_history,
        patterns=tuple(args.patterns),
        min_confidence="low",
        baseline=gathering.NO_BASELINE,
        progress=not args.no_progress,
        operator=operator_file(args.config),
    )
    with progress_bar(config) as on_progress:
        return pipeline.scan(config, on_progress)


class _Contents:
    """The bytes of a place, read once each."""

    def __init__(self, root: str) -> None:
        self._root = root
        self._read: dict[str, bytes | None] = {}

    def __call__(self, origin: Origin) -> bytes | None:
        key = origin.object_id or origin.path
        if key not in self._read:
            self._read[key] = self._object(origin.object_id) if origin.object_id else self._file(origin.path)
        return self._read[key]

    def _object(self, name: str) -> bytes | None:
        done = subprocess.run(["git", "cat-file", "blob", name], cwd=self._root, capture_output=True, check=False)
        return done.stdout if done.returncode == 0 else None

    def _file(self, path: str) -> bytes | None:
        for place in (os.path.join(self._root, path), path):
            try:
                with open(place, "rb") as file:
                    return file.read()
            except OSError:
                continue
        return None


def _write(root: str, loaded: Sequence[tuple[str, Loaded]], taken: Sequence[Taken], *, dry_run: bool) -> int:
    """Write settings and baseline, print what became of each entry; return how many could not be taken over."""
    from detector.cli.baseline import merge_by_line
    from detector.ignores.migration import addition

    settings = os.path.join(root, own.SETTINGS)
    more, reasons = addition(_text(settings), loaded)
    for reason in reasons:
        print(f"taken over: {reason} -> [[allow]] in {own.SETTINGS}")
    path = os.path.join(root, baseline.NAME)
    known = baseline.read(path) if os.path.exists(path) else baseline.fresh()
    today = time.strftime("%Y-%m-%d")
    entries = []
    for entry, findings in taken:
        for finding in findings:
            entries.append(baseline.entry_of(finding, known, reason=f"from {entry.by}", added=today))
            print(f"taken over: {entry.by} -> {finding.rule.id} {finding.secret.redacted} in {baseline.NAME}")
        if not findings:
            print(f"not needed: {entry.by}: leakfirst reports nothing there")
    listed = {entry.fingerprint for entry in known.entries}
    entries = [entry for entry in entries if entry.fingerprint not in listed]
    refused = [f"{name}: {text}" for name, one in loaded for text in one.refused]
    for text in refused:
        print(f"not taken over: {text}")
    if dry_run:
        return len(refused)
    if more:
        with open(settings, "a", encoding="utf-8", newline="\n") as file:
            file.write(more)
    if entries:
        baseline.write(path, baseline.with_entries(known, entries))
        merge_by_line(path)
    return len(refused)


def _text(path: str) -> str:
    try:
        with open(path, encoding="utf-8") as file:
            return file.read()
    except FileNotFoundError:
        return ""
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(f"{path}: cannot be read ({error})") from None
