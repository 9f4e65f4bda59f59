"""Scan the commits of a merge request or a push in a CI pipeline, and write the report that its host reads.

`leakfirst hook run ci [OPTIONS OF scan]` finds the new commits and the report format
from the environment variables of the pipeline. If they do not name the base commit, or it
cannot be fetched, everything that HEAD reaches is scanned.

Code scanning services take each SARIF file as the whole state of a branch: an alert that the next
file lacks is closed. So this report has every finding of the branch; the others, and the exit code,
are about the new commits.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple

from detector.errors import ExitCode, SourceError, join_exit_codes
from detector.text.numbers import format_count
from hooks.core.commits import Clone, NewCommits, find_new_commits
from hooks.core.hosts import HostFacts, read_host

REPORTS = {
    "GITHUB_ACTIONS": ("--report", "github=-", "--report", "sarif=leakfirst.sarif"),
    "GITLAB_CI": ("--report", "text=-", "--report", "gitlab=gl-secret-detection-report.json"),
}
"""Options for the reports of each host, by an environment variable that it sets."""

Run = Callable[[Sequence[str]], int]
DEFAULT_REPORTS = ("--report", "text=-", "--report", "junit=leakfirst-junit.xml")
STATE_FORMATS = ("sarif",)
"""Formats whose readers take a report as the whole state of a branch."""
EVERYTHING = ("--no-worktree", "--head-only", "--every-commit")
"""Options of a scan of all commits of a branch: what lies in the workspace besides is not part of it."""


IGNORES = ("--ignores-from", "--no-repository-ignores")
"""Options with which the operator says himself whose ignore files count."""


NOTHING_NEW = "leakfirst: nothing is scanned: no commit here is new against the base"
MARKS = ("--inline-marks", "--no-inline-marks")


class Reports(NamedTuple):
    """The reports that were asked for, (format, file), and the rest of the options."""

    asked: list[tuple[str, str]]
    rest: list[str]


def main(arguments: list[str]) -> int:
    """Scan like `leakfirst scan`, with the range and the reports of this pipeline; return its exit code."""
    from detector.registry import run_command

    if _has_option(arguments, ("--since", "--range", "--staged")):
        words = [] if _has_report(arguments) else choose_reports(os.environ)
        return run_command(["scan", "--no-progress", *arguments, *words])
    words = arguments if _has_report(arguments) else [*arguments, *choose_reports(os.environ)]
    reports = split_reports(words)
    told = read_host(os.environ)
    try:
        clone = Clone(".")
        new = find_new_commits(clone, told)
    except SourceError as error:
        print(f"leakfirst: {error}", file=sys.stderr)
        return int(error.exit_code)
    _tell(new)
    reports = reports._replace(rest=[*reports.rest, *choose_ignores(reports.rest, new, told)])
    codes = [_scan_new(run_command, reports, new, clone, told)]
    state = [report for report in reports.asked if report[0] in STATE_FORMATS]
    if state and new.range:
        codes.append(_write_state(run_command, reports.rest, state, clone, told))
    if new.is_elsewhere:
        codes.append(int(ExitCode.INCOMPLETE))
    return join_exit_codes(codes)


def _scan_new(run_command: Run, reports: Reports, new: NewCommits, clone: Clone, told: HostFacts) -> int:
    """Scan the new commits, or all of the branch if it is not known which are new."""
    if new.range:
        asked = [report for report in reports.asked if report[0] not in STATE_FORMATS]
        return run_command(["scan", "--no-progress", *reports.rest, "--range", new.range, *_name_reports(asked)])
    is_whole = _has_history(clone)
    asked = [report for report in reports.asked if is_whole or _keep_state(report, told, clone)]
    return run_command(["scan", "--no-progress", *reports.rest, *EVERYTHING, *_name_reports(asked)])


def _write_state(run_command: Run, rest: list[str], state: list[tuple[str, str]], clone: Clone, told: HostFacts) -> int:
    """Write the reports of the whole branch; return 0 if that was possible, whatever is in them."""
    if not _has_history(clone):
        for report in state:
            _keep_state(report, told, clone)
        return int(ExitCode.INCOMPLETE)
    # The exit code is about the new commits. Here a mark that was always there would open an alert in each change.
    marks = [] if _has_option(rest, MARKS) else ["--inline-marks"]
    code = run_command(["scan", "--no-progress", *rest, *marks, *EVERYTHING, *_name_reports(state)])
    return int(ExitCode.CLEAN) if code in (ExitCode.CLEAN, ExitCode.FOUND) else code


def _has_history(clone: Clone) -> bool:
    tip = clone.resolve("HEAD")
    return bool(tip) and clone.fetch_history(tip)


def _keep_state(report: tuple[str, str], told: HostFacts, clone: Clone) -> bool:
    """Return whether a report may be written from an incomplete history; say why not."""
    if report[0] not in STATE_FORMATS:
        return True
    why = f" ({clone.problem})" if clone.problem else ""
    print(
        f"leakfirst: {report[1]} is not written: this clone lacks a part of the history{why}, and code scanning would "
        f"close the alerts on it; {told.advice}",
        file=sys.stderr,
    )
    if os.path.isfile(report[1]) and not os.path.islink(report[1]):
        os.unlink(report[1])  # an older one, perhaps out of the repository, must not be taken for ours
    return False


def choose_ignores(options: Sequence[str], new: NewCommits, told: HostFacts) -> list[str]:
    """Return the option for whose ignore files count: those of the base, not of the change that is judged.

    For a push to another branch than the default one these are the files of the default branch: who pushes
    twice has written the commit before. Of a change without a known base none count. On the default branch
    its own do.
    """
    if told.is_default or any(word.partition("=")[0] in IGNORES for word in options):
        return []
    if new.rules:
        return ["--ignores-from", new.rules]
    if new.range and not told.default:
        return ["--ignores-from", new.range.partition("..")[0]]
    return ["--no-repository-ignores"] if told.target or told.head or told.base or told.default else []


def _tell(new: NewCommits) -> None:
    if new.range:
        what = format_count(new.commits, "new commit")
        print(f"leakfirst: scanning {what}: {new.range}" if new.commits else NOTHING_NEW, file=sys.stderr)
    else:
        print(f"leakfirst: scanning everything: {new.why}", file=sys.stderr)
    if new.lacks:
        print(f"leakfirst: this clone lacks what the scan needs: {new.lacks}", file=sys.stderr)
    if new.is_elsewhere:
        print(
            "leakfirst: the last commit of the change is not checked out here, so it was not scanned", file=sys.stderr
        )


def _has_option(arguments: Sequence[str], options: tuple[str, ...]) -> bool:
    return any(word.partition("=")[0] in options for word in arguments)


def _has_report(arguments: list[str]) -> bool:
    return _has_option(arguments, ("--format", "-f", "--report", "--output", "-o"))


def split_reports(words: list[str]) -> Reports:
    """Separate the options for reports from the others.

    >>> split_reports(["-f", "json", "--report=sarif=x", "--quiet"])
    Reports(asked=[('json', '-'), ('sarif', 'x')], rest=['--quiet'])
    """
    asked: list[tuple[str, str]] = []
    rest: list[str] = []
    chosen = {"--format": "", "--output": ""}
    pending = iter(words)
    for word in pending:
        name, equals, value = word.partition("=")
        name = {"-f": "--format", "-o": "--output"}.get(name, name)
        if name not in ("--report", *chosen):
            rest.append(word)
            continue
        if not equals:
            value = next(pending, "")
        if name == "--report":
            kind, _, file = value.partition("=")
            asked.append((kind, file))
        else:
            chosen[name] = value
    if any(chosen.values()):
        asked.insert(0, (chosen["--format"] or "text", chosen["--output"] or "-"))
    return Reports(asked, rest)


def _name_reports(reports: list[tuple[str, str]]) -> list[str]:
    """Return the options for *reports*; without any, nothing is printed."""
    if not reports:
        return ["--format", "text", "--output", os.devnull]
    return [word for kind, file in reports for word in ("--report", f"{kind}={file}")]


def choose_reports(environment: Mapping[str, str]) -> tuple[str, ...]:
    """Return the options for the reports that the host reads."""
    return next((options for name, options in REPORTS.items() if environment.get(name)), DEFAULT_REPORTS)
