"""`leakfirst migrate`: convert the ignore files of other tools to ours, and report what became of each entry."""

from __future__ import annotations

import argparse
import os
import subprocess
import time
from collections.abc import Sequence
from typing import TYPE_CHECKING

from detector.config import Config, load_operator_file
from detector.errors import ExitCode, UsageError
from detector.git.layout import find_root
from detector.ignores import allowlist, baseline, loader

if TYPE_CHECKING:
    from detector.ignores.migration import MigratedEntry
    from detector.ignores.policy import ParsedIgnores
    from detector.model import Origin, Scan

SUMMARY = "convert the ignore files and baselines of other tools"

EXAMPLE = """examples:
  leakfirst migrate                                   all files of other tools in the root of this repository
  leakfirst migrate --from kingfisher:ci/baseline.yaml --from trufflehog:ci/exclude.txt
  leakfirst migrate --dry-run

  FORMAT is one of detect-secrets, ggshield, github, gitignore, gitleaks-config, gitleaks-ignore, gitleaks-report,
  kingfisher, kingfisher-config, trufflehog. The files are not changed and can be deleted afterwards.
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options of `migrate`."""
    parser.epilog = EXAMPLE
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.add_argument("target", nargs="?", default=".", metavar="TARGET", help='the repository; default: "."')
    parser.add_argument(
        "--from", dest="files", action="append", default=[], metavar="[FORMAT:]FILE", help="a file to migrate"
    )
    parser.add_argument("--dry-run", action="store_true", help="print what would be done, and change nothing")
    parser.add_argument("--no-history", action="store_true", help="do not scan the history for the entries")
    parser.add_argument("--patterns", action="append", default=[], metavar="PATH", help="more rules: a file or folder")
    parser.add_argument("--config", default="", metavar="FILE", help="the operator's configuration")
    parser.add_argument("--no-progress", action="store_true", help="no progress bar")


def run(args: argparse.Namespace) -> int:
    """Migrate what can be migrated, print every entry; return the exit code."""
    root = find_root(args.target)
    if not root:
        raise UsageError(f"{args.target}: no such file or folder")
    loaded = [_read(name, kind, path) for name, kind, path in _find_files(root, args.files)]
    if not loaded:
        raise UsageError(f"{root}: no ignore file of another tool found; name one with --from FORMAT:FILE")
    matched = _match_exact_entries(args, root, loaded)
    rejected = _write(root, loaded, matched, dry_run=args.dry_run)
    return int(ExitCode.NEEDS_PERSON if rejected else ExitCode.CLEAN)


def _find_files(root: str, named: Sequence[str]) -> list[tuple[str, str, str]]:
    """Return (name, format, path) of each file to migrate; the format is "" if it is not known."""
    if named:
        split = [loader.split_format(text) for text in named]
        return [(path, kind, path) for kind, path in split]
    found = []
    for names, kind in loader.OTHER_TOOLS:
        present = next((name for name in names if os.path.isfile(os.path.join(root, name))), None)
        if present:
            found.append((present, kind, os.path.join(root, present)))
    return found


def _read(name: str, kind: str, path: str) -> tuple[str, ParsedIgnores]:
    try:
        with open(path, "rb") as file:
            content = file.read()
    except OSError as error:
        raise UsageError(f"{path}: cannot be read ({error.strerror})") from None
    parsed = loader.parse_ignores(kind or loader.detect_format(content, path), content, name)
    unused = tuple(f"[[rules]] {rule}: NOT in force; name the file with --patterns" for rule in parsed.rules)
    return name, parsed._replace(rejected=(*parsed.rejected, *unused))


def _match_exact_entries(
    args: argparse.Namespace, root: str, loaded: Sequence[tuple[str, ParsedIgnores]]
) -> list[MigratedEntry]:
    """Scan without a baseline and return the findings that each exact entry matches, also ignored ones."""
    from detector.ignores.migration import match_entries
    from detector.scan.policies import make_path_mapper

    entries = [entry for _, one in loaded for entry in one.exact]
    if not entries:
        return []
    found = _scan(args)
    findings = [*found.findings, *(ignored.finding for ignored in found.ignored)]
    return match_entries(entries, findings, make_path_mapper(args.target, root), _ContentReader(root))


def _scan(args: argparse.Namespace) -> Scan:
    from detector.cli.scan import ProgressBar
    from detector.scan import pipeline

    config = Config(
        targets=(args.target,),
        history=not args.no_history,
        patterns=tuple(args.patterns),
        min_confidence="low",
        baseline=loader.NO_BASELINE,
        progress=not args.no_progress,
        operator=load_operator_file(args.config),
    )
    with ProgressBar(config) as on_progress:
        return pipeline.scan(config, on_progress)


class _ContentReader:
    """Reads the content of an origin, each only once; None if it cannot be read."""

    def __init__(self, root: str) -> None:
        self._root = root
        self._contents: dict[str, bytes | None] = {}

    def __call__(self, origin: Origin) -> bytes | None:
        key = origin.object_id or origin.path
        if key not in self._contents:
            name = origin.object_id
            self._contents[key] = self._read_object(name) if name else self._read_file(origin.path)
        return self._contents[key]

    def _read_object(self, name: str) -> bytes | None:
        done = subprocess.run(["git", "cat-file", "blob", name], cwd=self._root, capture_output=True, check=False)
        return done.stdout if done.returncode == 0 else None

    def _read_file(self, path: str) -> bytes | None:
        for candidate in (os.path.join(self._root, path), path):
            try:
                with open(candidate, "rb") as file:
                    return file.read()
            except OSError:
                continue
        return None


def _write(
    root: str, loaded: Sequence[tuple[str, ParsedIgnores]], matched: Sequence[MigratedEntry], *, dry_run: bool
) -> int:
    """Write settings and baseline and print what became of each entry; return how many could not be migrated."""
    from detector.ignores.migration import format_tables

    settings = os.path.join(root, allowlist.SETTINGS_FILE)
    tables, reasons = format_tables(_read_text(settings), loaded)
    for reason in reasons:
        print(f"migrated: {reason} -> [[allow]] in {allowlist.SETTINGS_FILE}")
    path = os.path.join(root, baseline.NAME)
    known = baseline.read(path) if os.path.exists(path) else baseline.create_empty()
    entries = _make_entries(known, matched)
    rejected = [f"{name}: {text}" for name, one in loaded for text in one.rejected]
    for text in rejected:
        print(f"not migrated: {text}")
    if dry_run:
        return len(rejected)
    if tables:
        with open(settings, "a", encoding="utf-8", newline="\n") as file:
            file.write(tables)
    if entries:
        from detector.cli.baseline import enable_union_merge

        baseline.write(path, baseline.add_entries(known, entries))
        enable_union_merge(path)
    return len(rejected)


def _make_entries(known: baseline.Baseline, matched: Sequence[MigratedEntry]) -> list[baseline.BaselineEntry]:
    """Return the entries to add to the baseline *known*; print what each exact entry became."""
    today = time.strftime("%Y-%m-%d")
    listed = {entry.fingerprint for entry in known.entries}
    entries = []
    for other, findings in matched:
        for finding in findings:
            entry = baseline.make_entry(finding, known, reason=f"from {other.by}", added=today)
            print(f"migrated: {other.by} -> {finding.rule.id} {finding.secret.redacted} in {baseline.NAME}")
            if entry.fingerprint not in listed:
                entries.append(entry)
        if not findings:
            print(f"not needed: {other.by}: leakfirst reports nothing there")
    return entries


def _read_text(path: str) -> str:
    try:
        with open(path, encoding="utf-8") as file:
            return file.read()
    except FileNotFoundError:
        return ""
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(f"{path}: cannot be read ({error})") from None
