"""What `leakfirst sweep` prints at its end, and its exit code."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from detector.errors import ExitCode

if TYPE_CHECKING:
    from detector.fleet.coverage import Coverage, CoverageLimits
    from detector.fleet.state.store import State
    from detector.fleet.tally import SweepSummary

MAX_NAMES = 20
"""Repositories that one line names; the report names all."""


def choose_exit_code(summary: SweepSummary, exit_zero: bool = False) -> ExitCode:
    """Return 1 for new findings; without any, 3 if something that nobody acknowledged was not looked at."""
    return summary.account.choose_exit_code(exit_zero=exit_zero)


def print_summary(summary: SweepSummary, state: State, quiet: bool, limits: CoverageLimits) -> None:
    """Print what changed, and unless *quiet* the counts."""
    from detector.fleet.coverage import format_coverage
    from detector.fleet.overview import load_overview
    from detector.fleet.reports.text import list_changes, list_missing
    from detector.text.numbers import format_count
    from detector.text.untrusted import make_printable

    current = load_overview(state, summary.run, limits)
    for skip in summary.skipped:
        if skip.expected and not quiet:
            print(f"not listed: {make_printable(skip.where)}: {make_printable(skip.reason)}")
    print("".join((*list_changes(current), *(() if quiet else list_missing(current)))).lstrip("\n"), end="")
    print("".join(_list_failing(summary.coverage)), end="")
    if quiet:
        return
    print(
        f"{format_count(summary.repositories, 'repository', 'repositories')} in {summary.seconds:.1f} s: "
        f"{summary.swept} scanned, {summary.unchanged} unchanged, {len(summary.failed)} failed; "
        f"{summary.objects} objects read, {summary.reread} read again; {current.counts['overdue']} findings overdue"
    )
    print(format_coverage(summary.coverage))


def _list_failing(coverage: Coverage) -> Iterator[str]:
    """Yield one line about each kind of gap that makes the sweep incomplete."""
    from detector.fleet.coverage import GapKind
    from detector.text.numbers import format_count
    from detector.text.untrusted import make_printable

    sentences = {
        GapKind.LOST: "not listed any more",
        GapKind.ARCHIVED: "archived and not looked at any more, with open findings",
        GapKind.FAILED: "could not be read",
        GapKind.UNREAD: "could not be read completely",
        GapKind.NOT_LISTED: "could not be listed",
        GapKind.EMPTY: "listed, but without a repository",
    }
    any_fails = False
    for kind, sentence in sentences.items():
        failing = [gap for gap in coverage.select(kind) if gap.fails]
        if failing:
            any_fails = True
            names = ", ".join(make_printable(gap.name) for gap in failing[:MAX_NAMES])
            more = f" and {len(failing) - MAX_NAMES} more" if len(failing) > MAX_NAMES else ""
            found = sum(gap.open_findings for gap in failing)
            lost = f" ({format_count(found, 'open finding')} lost sight of)" if found and kind == GapKind.LOST else ""
            why = f": {make_printable(failing[0].problems[0])}" if kind == GapKind.NOT_LISTED else ""
            yield f"{len(failing)} {sentence}: {names}{more}{lost}{why}\n"
    if any_fails:
        yield "`leakfirst sweep acknowledge` lists these gaps, and accepts those that are known\n"
