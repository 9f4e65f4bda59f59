"""`leakfirst baseline`: the list of known findings, so that scans report only new ones."""

from __future__ import annotations

import argparse
import datetime
import os
import shlex
import sys
from typing import TYPE_CHECKING

from detector.config import Config, load_operator_file
from detector.errors import ExitCode, UsageError
from detector.ignores import baseline
from detector.model import CONFIDENCES

if TYPE_CHECKING:
    from detector.model import Finding, Scan

SUMMARY = "create, update, prune or review the list of known findings"

EXAMPLE = """examples:
  leakfirst baseline create --reason "present before the first scan" --owner security
  leakfirst baseline update                 add new findings
  leakfirst baseline prune                  remove the entries of findings that are gone
  leakfirst baseline review                 decide about each new finding, in the terminal
  leakfirst scan --baseline FILE .          (.leakfirst.baseline is used without --baseline)
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the actions and options of `baseline`."""
    parser.epilog = EXAMPLE
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.add_argument("action", choices=("create", "update", "prune", "review"), help="what to do")
    parser.add_argument("targets", nargs="*", default=["."], metavar="TARGET", help='what to scan; default: "."')
    parser.add_argument(
        "--baseline", default="", metavar="FILE", help=f"default: {baseline.NAME} in the root of the repository"
    )
    parser.add_argument("--reason", default="", help="why the added findings are accepted")
    parser.add_argument("--owner", default="", help="who is responsible for them")
    parser.add_argument("--expires", default="", metavar="DAY", help="last day of the decision, such as 2027-01-31")
    parser.add_argument("--force", action="store_true", help="create: overwrite an existing baseline")
    what = parser.add_argument_group("what to scan")
    what.add_argument("--no-history", action="store_true", help="do not scan the history of git repositories")
    what.add_argument("--patterns", action="append", default=[], metavar="PATH", help="more rules: a file or folder")
    what.add_argument("--min-confidence", choices=CONFIDENCES, default="medium", help="default: medium")
    what.add_argument("--config", default="", metavar="FILE", help="the operator's configuration")
    what.add_argument("--no-progress", action="store_true", help="no progress bar")


def run(args: argparse.Namespace) -> int:
    """Scan, change the baseline, print what changed; return the exit code."""
    decided = {"reason": args.reason, "owner": args.owner, "expires": _parse_day(args.expires)}
    path = args.baseline or find_default_path(args.targets[0])
    exists = os.path.exists(path)
    _check_usage(args, path, exists=exists)
    known = baseline.read(path) if exists and args.action != "create" else baseline.create_empty()
    found = _scan(args)
    if args.action == "prune":
        from detector.scan.rule_pack import load_rule_pack

        return _prune(path, known, found, {rule.id for rule in load_rule_pack(_make_config(args)).rules})
    listed = {entry.fingerprint for entry in known.entries}
    new = [finding for finding in found.findings if listed.isdisjoint(known.list_fingerprints(finding))]
    if args.action == "review":
        return _review(path, known, new, decided, exists=exists)
    entries = [baseline.make_entry(finding, known, added=_today(), **decided) for finding in new]
    baseline.write(path, baseline.add_entries(known, entries))
    if args.action == "create":
        enable_union_merge(path)
    print(f"{path}: {len(entries)} added, {len(known.entries)} kept")
    for entry in known.entries:
        if baseline.is_expired(entry, _today()):
            print(f"expired on {entry.expires}: {entry.path} ({entry.rule}), owner: {entry.owner or 'nobody'}")
    return _report_incomplete(found)


def _check_usage(args: argparse.Namespace, path: str, *, exists: bool) -> None:
    """Raise `UsageError` before the scan for what cannot be done."""
    if args.action == "create" and exists and not args.force:
        raise UsageError(f"{path} exists; use `leakfirst baseline update`, or --force to overwrite it")
    if args.action in ("update", "prune") and not exists:
        raise UsageError(f"{path} does not exist; use `leakfirst baseline create` first")
    if args.action == "review" and not sys.stdin.isatty():
        raise UsageError("baseline review asks questions and needs a terminal; `leakfirst baseline update` does not")
    if args.action == "prune":
        _check_scope(args, path)


def _check_scope(args: argparse.Namespace, path: str) -> None:
    """Raise `UsageError` if the scan does not cover all of what the baseline is for: it could not tell what is gone."""
    from detector.git.layout import find_root, is_repository

    roots = {os.path.abspath(target): find_root(target) for target in args.targets if find_root(target)}
    home, name = os.path.split(os.path.abspath(path))
    if name == baseline.NAME and (is_repository(home) or any(at.startswith(home + os.sep) for at in roots)):
        wanted = {home, *roots.values()}  # scans of that folder read the file by default
    elif home in roots.values() or not any(map(is_repository, args.targets)):
        wanted = set(roots.values())
    else:
        raise UsageError(
            f"nothing is removed: {path} is in none of the scanned repositories and may be the baseline of others; "
            "keep one baseline in each repository, or remove entries by hand"
        )
    is_partial = "-" in args.targets or not wanted <= set(roots)
    if is_partial or args.no_history:
        tops = " ".join(sorted(shlex.quote(os.path.relpath(top)) for top in wanted)) or "."
        instead = [f"on {tops}"] * is_partial + ["without --no-history"] * args.no_history
        raise UsageError(
            f"nothing is removed: this scan does not cover everything that {path} is for; "
            f"run `leakfirst baseline prune` {' and '.join(instead)}"
        )


def _make_config(args: argparse.Namespace) -> Config:
    from detector.ignores.loader import NO_BASELINE

    return Config(
        targets=tuple(args.targets),
        history=not args.no_history,
        patterns=tuple(args.patterns),
        # A finding of low confidence is still there: prune must not remove its entry.
        min_confidence="low" if args.action == "prune" else args.min_confidence,
        baseline=NO_BASELINE,
        progress=not args.no_progress,
        operator=load_operator_file(args.config),
    )


def _scan(args: argparse.Namespace) -> Scan:
    """Scan with all ignores applied but the baseline."""
    from detector.cli.scan import ProgressBar
    from detector.scan import pipeline

    config = _make_config(args)
    with ProgressBar(config) as on_progress:
        found = pipeline.scan(config, on_progress)
    if found.interrupted:
        raise KeyboardInterrupt
    return found


def _review(path: str, known: baseline.Baseline, new: list[Finding], decided: dict[str, str], *, exists: bool) -> int:
    from detector.ignores.baseline_review import ReviewSession

    added = ReviewSession(sys.stdin, sys.stdout).decide(new, known, path, _today(), decided)
    if added and not exists:
        enable_union_merge(path)
    return int(ExitCode.CLEAN if added == len(new) else ExitCode.FOUND)


def _prune(path: str, known: baseline.Baseline, found: Scan, rules: set[str]) -> int:
    """Remove the entries of *rules* that match no finding; an incomplete scan removes nothing."""
    if not found.complete:
        print("nothing is removed: some content could not be scanned", file=sys.stderr)
        return _report_incomplete(found)
    present = {name for finding in found.findings for name in known.list_fingerprints(finding)}
    kept, gone = [], []
    for entry in known.entries:
        if entry.fingerprint in present:
            kept.append(entry)
        elif entry.rule and entry.rule not in rules:
            kept.append(entry)
            print(f"kept, its rule was not applied: {entry.path} ({entry.rule}) {entry.fingerprint}")
        else:
            gone.append(entry)
    baseline.write(path, known._replace(entries=tuple(kept)))
    for entry in gone:
        print(f"removed: {entry.path} ({entry.rule}) {entry.fingerprint}")
    print(f"{path}: {len(gone)} removed, {len(kept)} kept")
    return int(ExitCode.CLEAN)


def _report_incomplete(found: Scan) -> int:
    if found.complete:
        return int(ExitCode.CLEAN)
    from detector.text.untrusted import format_skipped

    for skip in found.skipped:
        if not skip.expected:
            print(f"could not be scanned: {format_skipped(skip)}", file=sys.stderr)
    return int(ExitCode.INCOMPLETE)


def find_default_path(target: str) -> str:
    """Return the path where scans of *target* look for a baseline."""
    from detector.git.layout import find_root

    path = os.path.join(find_root(target), baseline.NAME)
    return baseline.NAME if path == os.path.abspath(baseline.NAME) else path


def enable_union_merge(path: str) -> None:
    """Let git merge the baseline line by line: add it to the .gitattributes beside it. Raises `UsageError`."""
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
    print(f"{attributes}: added {wanted!r}, so that git merges entries of two branches line by line")


def _parse_day(text: str) -> str:
    try:
        return datetime.date.fromisoformat(text).isoformat() if text else ""
    except ValueError:
        raise UsageError(f"--expires {text!r}: write a day such as 2027-01-31") from None


def _today() -> str:
    return datetime.date.today().isoformat()
