"""The actions of `leakfirst sweep` beside the sweep itself, one function each."""

from __future__ import annotations

import argparse
import getpass
import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING

from detector.errors import ExitCode, UsageError

if TYPE_CHECKING:
    from detector.fleet.coverage import CoverageLimits


def run_action(
    action: str, words: Sequence[str], args: argparse.Namespace, limits: CoverageLimits, place: str
) -> ExitCode:
    """Run *action* with its *words*; *place* is that of the state. Raises `UsageError`."""
    if action in ("status", "report"):
        if words:
            raise UsageError(f"sweep {action}: unexpected argument {words[0]!r}")
        return _print_report(args, limits, place, include_open=action == "report")
    if action == "acknowledge":
        return _acknowledge(words, args, limits, place)
    return _decide(action, words, args, place)


def _decide(action: str, words: Sequence[str], args: argparse.Namespace, place: str) -> ExitCode:
    """Close or reopen a finding."""
    from detector.fleet.lifecycle import FindingState
    from detector.fleet.state import open_state

    if len(words) != 1:
        raise UsageError(f"sweep {action}: name one finding by its fingerprint, lf1:…")
    if action == "close" and not args.reason:
        raise UsageError("sweep close: give a --reason (false-positive, accepted-risk, or your own words)")
    with open_state(place, create=False) as state:
        if action == "close":
            changed = state.resolve(words[0], FindingState.CLOSED, args.reason, _find_user_name(), args.repository)
        else:
            changed = state.reopen(words[0], args.reason or "by hand", _find_user_name(), args.repository)
    print(f"{words[0]}: {changed} {'finding' if changed == 1 else 'findings'} {action.rstrip('e')}ed")
    return ExitCode.CLEAN


def _acknowledge(names: Sequence[str], args: argparse.Namespace, limits: CoverageLimits, place: str) -> ExitCode:
    """Acknowledge the present gaps of *names*, or list all gaps."""
    from detector.fleet.coverage import acknowledge, format_since, load_coverage
    from detector.fleet.state import open_state
    from detector.text.untrusted import make_printable

    if names and not args.reason:
        raise UsageError("sweep acknowledge: give a --reason")
    with open_state(place, create=False) as state:
        if names:
            acknowledge(state, names, args.reason, _find_user_name(), args.days, args.run)
        gaps = load_coverage(state, args.run, limits).gaps
    for gap in gaps:
        if names and gap.name not in names and gap.subject not in names:
            continue
        what = "; ".join(gap.problems)
        print(make_printable(f"{gap.name}: {what}{format_since(gap.since, gap.acknowledged_until)}"))
    if not gaps:
        print("everything that is listed was looked at")
    return ExitCode.CLEAN


def _print_report(args: argparse.Namespace, limits: CoverageLimits, place: str, include_open: bool) -> ExitCode:
    from detector.fleet.overview import load_overview
    from detector.fleet.reports import load_report
    from detector.fleet.state import open_state

    report = load_report(args.format)
    with open_state(place, create=False) as state:
        pieces = report.render(load_overview(state, args.run, limits), include_open)
    if args.output == "-":
        sys.stdout.writelines(pieces)
    else:
        from detector.files.writing import replace_text

        with replace_text(args.output) as out:
            out.writelines(pieces)
    return ExitCode.CLEAN


def _find_user_name() -> str:
    try:
        return getpass.getuser()
    except (OSError, KeyError):
        return "unknown user"
