"""`leakfirst baseline`: findings that are known, so that only new ones are in the way."""

from __future__ import annotations

import argparse
import datetime
import os
import shlex
import sys
from typing import TYPE_CHECKING

from detector.config import Config, operator_file
from detector.errors import ExitCode, UsageError
from detector.ignores import baseline

if TYPE_CHECKING:
    from detector.model import Scan

SUMMARY = "keep a list of known findings: create, update, prune it, or decide one by one"
INTERMIXED = True

EXAMPLE = """examples:
  leakfirst baseline create --reason "before we began" --owner security
  leakfirst baseline update                 add what is new since
  leakfirst baseline prune                  drop what is gone
  leakfirst baseline triage                 decide finding by finding, in the terminal
  leakfirst scan --baseline FILE .          (the file .leakfirst.baseline is used by itself)
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the actions and options of `baseline`."""
    parser.epilog = EXAMPLE
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.add_argument("action", choices=("create", "update", "prune", "triage"), help="what to do")
    parser.add_argument("targets", nargs="*", default=["."], metavar="TARGET", help='what to scan; default: "."')
    parser.add_argument(
        "--baseline", default="", metavar="FILE", help=f"default: {baseline.NAME} in the root of the repository"
    )
    parser.add_argument("--reason", default="", help="why the entries that are added are accepted")
    parser.add_argument("--owner", default="", help="who answers for them")
    parser.add_argument("--expires", default="", metavar="DAY", help="when they count as new again, such as 2027-01-31")
    parser.add_argument("--force", action="store_true", help="create: replace a baseline that is there")
    what = parser.add_argument_group("what to scan")
    what.add_argument("--no-history", action="store_true", help="leave the history of git repositories out")
    what.add_argument("--patterns", action="append", default=[], metavar="PATH", help="more rules: a file or folder")
    what.add_argument("--min-confidence", choices=("low", "medium", "high"), default="medium", help="default: medium")
    what.add_argument("--config", default="", metavar="FILE", help="the operator's configuration")
    what.add_argument("--no-progress", action="store_true", help="no progress bar")


def run(args: argparse.Namespace) -> int:
    """Do it and say what changed."""
    decided = {"reason": args.reason, "owner": args.owner, "expires": _day(args.expires)}
    path = args.baseline or default_path(args.targets[0])
    exists = os.path.exists(path)
    if args.action == "create" and exists and not args.force:
        raise UsageError(f"{path}: is there already; use `leakfirst baseline update`, or --force to begin anew")
    if args.action in ("update", "prune") and not exists:
        raise UsageError(f"{path}: is not there; begin with `leakfirst baseline create`")
    known = baseline.read(path) if exists and args.action != "create" else baseline.fresh()
    if args.action == "triage" and not sys.stdin.isatty():
        raise UsageError("triage asks questions and needs a terminal; `leakfirst baseline update` does not")
    if args.action == "prune":
        _refuse_part(args, path)
    found = _scan(args)
    listed = {entry.fingerprint for entry in known.entries}
    new = [finding for finding in found.findings if listed.isdisjoint(known.named(finding))]
    if args.action == "triage":
        from detector.ignores.baseline_review import Session

        added = Session(sys.stdin, sys.stdout).decide(new, known, path, _today(), decided)
        if added and not exists:
            merge_by_line(path)
        return int(ExitCode.CLEAN if added == len(new) else ExitCode.FOUND)
    if args.action == "prune":
        from detector.scan.pipeline import rule_pack

        return _prune(path, known, found, {rule.id for rule in rule_pack(_config(args)).rules})
    entries = [baseline.entry_of(finding, known, added=_today(), **decided) for finding in new]
    baseline.write(path, baseline.with_entries(known, entries))
    if args.action == "create":
        merge_by_line(path)
    print(f"{path}: {len(entries)} added, {len(known.entries)} kept")
    for entry in known.entries:
        if baseline.expired(entry, _today()):
            print(f"expired on {entry.expires}: {entry.path} ({entry.rule}), owner: {entry.owner or 'nobody'}")
    return _incomplete(found)


def _refuse_part(args: argparse.Namespace, path: str) -> None:
    """Refuse to prune by a scan that leaves out a part of what the baseline speaks for. Raises `UsageError`."""
    from detector.git.layout import find_root, is_repository

    roots = {os.path.abspath(target): find_root(target) for target in args.targets if find_root(target)}
    home, name = os.path.split(os.path.abspath(path))
    if name == baseline.NAME and (is_repository(home) or any(at.startswith(home + os.sep) for at in roots)):
        wanted = {home, *roots.values()}  # scans of that folder find the file by themselves
    elif home in roots.values() or not any(map(is_repository, args.targets)):
        wanted = set(roots.values())
    else:
        raise UsageError(
            f"nothing is dropped: {path} lies in none of the repositories that are scanned; it may speak for others; "
            "keep a baseline in each, or take entries out by hand"
        )
    part = "-" in args.targets or not wanted <= set(roots)
    if part or args.no_history:
        tops = " ".join(sorted(shlex.quote(os.path.relpath(top)) for top in wanted)) or "."
        instead = [f"on {tops}"] * part + ["without --no-history"] * args.no_history
        raise UsageError(
            f"nothing is dropped: this scan leaves out a part of what {path} speaks for; "
            f"run `leakfirst baseline prune` {' and '.join(instead)}"
        )


def _config(args: argparse.Namespace) -> Config:
    from detector.ignores.gathering import NO_BASELINE

    return Config(
        targets=tuple(args.targets),
        history=not args.no_history,
        patterns=tuple(args.patterns),
        min_confidence="low" if args.action == "prune" else args.min_confidence,  # what is unsure is not gone
        baseline=NO_BASELINE,
        progress=not args.no_progress,
        operator=operator_file(args.config),
    )


def _scan(args: argparse.Namespace) -> Scan:
    """Look at everything, with all ignores but the baseline in force."""
    from detector.cli.scan import progress_bar
    from detector.scan import pipeline

    config = _config(args)
    with progress_bar(config) as on_progress:
        found = pipeline.scan(config, on_progress)
    if found.interrupted:
        raise KeyboardInterrupt
    return found


def _prune(path: str, known: baseline.Baseline, found: Scan, rules: set[str]) -> int:
    """Drop the entries of these *rules* that no finding matches any more; a scan with gaps proves nothing gone."""
    if not found.complete:
        print("nothing is dropped: the scan could not look at everything", file=sys.stderr)
        return _incomplete(found)
    named = {name for finding in found.findings for name in known.named(finding)}
    kept, gone = [], []
    for entry in known.entries:
        if entry.fingerprint in named:
            kept.append(entry)
        elif entry.rule and entry.rule not in rules:
            kept.append(entry)
            print(f"kept, for its rule was not applied: {entry.path} ({entry.rule}) {entry.fingerprint}")
        else:
            gone.append(entry)
    baseline.write(path, known._replace(entries=tuple(kept)))
    for entry in gone:
        print(f"gone: {entry.path} ({entry.rule}) {entry.fingerprint}")
    print(f"{path}: {len(gone)} dropped, {len(kept)} kept")
    return int(ExitCode.CLEAN)


def _incomplete(found: Scan) -> int:
    if found.complete:
        return int(ExitCode.CLEAN)
    for skip in found.skipped:
        if not skip.expected:
            print(f"not looked at: {skip.where}: {skip.reason}", file=sys.stderr)
    return int(ExitCode.INCOMPLETE)


def default_path(target: str) -> str:
    """Return where scans of *target* look for a baseline."""
    from detector.git.layout import find_root

    path = os.path.join(find_root(target), baseline.NAME)
    return baseline.NAME if path == os.path.abspath(baseline.NAME) else path


def merge_by_line(path: str) -> None:
    """Tell git, in .gitattributes beside it, that branches may both add lines to the baseline."""
    folder, name = os.path.split(os.path.abspath(path))
    attributes = os.path.join(folder, ".gitattributes")
    wanted = f"/{name} merge=union"
    if not os.path.exists(os.path.join(folder, ".git")):
        return
    try:
        with open(attributes, "a+", encoding="utf-8", errors="surrogateescape", newline="") as file:
            file.seek(0)
            text = file.read()
            if wanted in text.splitlines():
                return
            file.write(("" if not text or text.endswith("\n") else "\n") + wanted + "\n")
    except OSError as error:
        raise UsageError(f"{attributes}: cannot be written ({error.strerror})") from None
    print(f"{attributes}: branches that add to the baseline merge line by line ({wanted})")


def _day(text: str) -> str:
    try:
        return datetime.date.fromisoformat(text).isoformat() if text else ""
    except ValueError:
        raise UsageError(f"--expires {text!r}: write a day such as 2027-01-31") from None


def _today() -> str:
    return datetime.date.today().isoformat()
