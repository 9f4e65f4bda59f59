"""`leakfirst scan`: look, and print what leaks."""

from __future__ import annotations

import argparse
import os
import sys
from typing import TYPE_CHECKING, Any, TextIO

from detector.config import Config, ReportTarget, load_operator_file
from detector.errors import ExitCode, UsageError
from detector.log import set_level
from detector.model import CONFIDENCES, Scan

if TYPE_CHECKING:
    from detector.scan.pipeline import OnProgress, ScanProgress

SUMMARY = "scan files, folders, git repositories (working tree and history) or standard input"

EXAMPLE = """examples:
  leakfirst scan .                            the repository here: working tree and whole history
  leakfirst scan --no-history src config.yml  some files and folders
  leakfirst scan --report sarif=leaks.sarif --report text=- .
  git diff | leakfirst scan -
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options of `scan`, grouped as INTERFACE lists them."""
    parser.epilog = EXAMPLE
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.add_argument("targets", nargs="*", default=["."], metavar="TARGET", help='default: "."')
    what = parser.add_argument_group("what to look at")
    what.add_argument("--no-history", action="store_true", help="leave the history of git repositories out")
    what.add_argument("--no-worktree", action="store_true", help="leave the working tree of git repositories out")
    what.add_argument("--staged", action="store_true", help="only what `git commit` would commit now")
    what.add_argument("--since", metavar="REV", default="", help="only what is new since REV")
    what.add_argument("--range", metavar="A..B", default="", help="only what the commits A..B bring")
    what.add_argument("--every-commit", action="store_true", help="list every version, not the oldest for each path")
    what.add_argument("--as-published", action="store_true", help="only what npm or the Python build would upload")
    what.add_argument("--include-ignored", action="store_true", help="also files that .gitignore names")
    what.add_argument(
        "--allow", action="append", default=[], metavar="DIR", help="folder outside that a repository may point to"
    )
    what.add_argument("--max-size", type=_size, default=0, metavar="BYTES", help="skip larger files (10M, 1G)")
    rules = parser.add_argument_group("rules")
    rules.add_argument("--patterns", action="append", default=[], metavar="PATH", help="more rules: a file or folder")
    rules.add_argument("--only", action="append", default=[], metavar="ID", help="only these rules (globs, comma list)")
    rules.add_argument("--skip", action="append", default=[], metavar="ID", help="not these rules (globs, comma list)")
    rules.add_argument("--min-confidence", choices=CONFIDENCES, default="medium", help="default: medium")
    rules.add_argument("--engine", choices=("hyperscan", "ahocorasick"), default="", help=argparse.SUPPRESS)
    triage = parser.add_argument_group("triage")
    triage.add_argument("--baseline", default="", metavar="FILE", help="findings that are known")
    triage.add_argument("--show-ignored", action="store_true", help="list what was set aside, and why")
    triage.add_argument("--explain", action="store_true", help="say what spoke for and against each finding")
    verify = parser.add_argument_group("verification")
    verify.add_argument("--verify", action="store_true", help="ask the providers whether credentials are live")
    add_asking(verify)
    verify.add_argument("--rotate", choices=("plan",), help="with --verify: plan a rotation for what is live")
    output = parser.add_argument_group("output")
    output.add_argument("--format", "-f", default="text", metavar="FORMAT", help="text, json, sarif, …; default: text")
    output.add_argument("--output", "-o", default="-", metavar="FILE", help="where to write; default: standard output")
    output.add_argument(
        "--report", action="append", default=[], metavar="FORMAT=FILE", help="another report; repeatable"
    )
    output.add_argument("--show-secrets", action="store_true", help="print credentials in full (text and json only)")
    output.add_argument("--quiet", "-q", action="store_true", help="print findings alone, no summary")
    output.add_argument("--no-progress", action="store_true", help="no progress bar")
    output.add_argument("-v", "--verbose", action="count", default=0, help="say the steps on standard error")
    running = parser.add_argument_group("running")
    running.add_argument("--jobs", "-j", type=int, default=0, metavar="N", help="processes; default: one per processor")
    running.add_argument("--timeout", type=float, default=0, metavar="SECONDS", help="stop after this time")
    running.add_argument("--state", default="", metavar="FILE", help="remember what was read and skip it next time")
    running.add_argument("--exit-zero", action="store_true", help="exit 0 also when something was found")
    running.add_argument("--config", default="", metavar="FILE", help="the operator's configuration")


def add_asking(group: argparse._ArgumentGroup) -> None:
    """Declare what `scan --verify` and `verify` have in common."""
    group.add_argument("--reach", action="store_true", help="also ask what a live credential can do (read-only)")
    group.add_argument("--dry-run", action="store_true", help="list what would be asked of whom, and ask nothing")
    group.add_argument(
        "--host", action="append", default=[], metavar="HOST", help="may be asked where a found line names it (globs)"
    )
    group.add_argument(
        "--allow-internal", action="append", default=[], metavar="HOST", help="may be asked although it is internal"
    )
    group.add_argument(
        "--ssh", action="append", default=[], metavar="USER@HOST", help="try private keys on this SSH server"
    )


def run(args: argparse.Namespace) -> int:
    """Scan, write the reports, return the exit code."""
    config = configure(args)
    set_level(config.verbose)
    from detector.reports import check_formats
    from detector.scan import pipeline

    check_formats(config)
    if config.verify and not config.dry_run:
        from detector.verify import ready

        ready()
    with progress_bar(config) as on_progress:
        result = pipeline.scan(config, on_progress)
    write_reports(result, config)
    if args.rotate:
        offer_rotation(result)
    return int(exit_code(result, config))


def offer_rotation(scan: Scan) -> None:
    """Plan a rotation for each live finding and show the plans on standard error; nothing is changed."""
    from contextlib import redirect_stdout

    from hooks.on_live import react
    from rotators.core.policy import load_policy
    from rotators.core.service import RotationService

    with redirect_stdout(sys.stderr):
        react(scan.findings, RotationService(load_policy("")), act=False)


def configure(args: argparse.Namespace) -> Config:
    """Turn parsed arguments into one frozen value. Raises `UsageError`."""
    reports = []
    for text in args.report:
        name, equals, file = text.partition("=")
        if not equals or not name or not file:
            raise UsageError(f"--report {text!r}: write FORMAT=FILE, for example sarif=leaks.sarif")
        reports.append(ReportTarget(name, file))
    if not reports or args.format != "text" or args.output != "-":
        reports.insert(0, ReportTarget(args.format, args.output))
    if args.jobs < 0:
        raise UsageError(f"--jobs {args.jobs}: give a number of processes, or 0 for one per processor")
    if args.rotate and not args.verify:
        raise UsageError("--rotate plans for credentials that are live: add --verify")
    if args.staged and (args.since or args.range):
        raise UsageError("--staged, --since and --range exclude each other")
    if args.since and args.range:
        raise UsageError("--since and --range exclude each other")
    return Config(
        targets=tuple(args.targets),
        history=not args.no_history,
        worktree=not args.no_worktree,
        staged=args.staged,
        include_ignored=args.include_ignored,
        as_published=args.as_published,
        every_commit=args.every_commit,
        allow=tuple(os.path.realpath(path) for path in args.allow),
        since=args.since,
        range=args.range,
        patterns=tuple(args.patterns),
        only=_ids(args.only),
        skip=_ids(args.skip),
        min_confidence=args.min_confidence,
        baseline=args.baseline,
        show_ignored=args.show_ignored,
        explain=args.explain,
        verify=args.verify or args.dry_run,
        verify_hosts=_ids(args.host),
        allow_internal=_ids(args.allow_internal),
        ssh_hosts=_ids(args.ssh),
        reach=args.reach,
        dry_run=args.dry_run,
        reports=tuple(reports),
        show_secrets=args.show_secrets,
        quiet=args.quiet,
        progress=not args.no_progress,
        verbose=args.verbose,
        jobs=args.jobs,
        max_size=args.max_size,
        timeout=args.timeout,
        state=args.state,
        exit_zero=args.exit_zero,
        engine=args.engine,
        operator=load_operator_file(args.config),
    )


def exit_code(scan: Scan, config: Config) -> ExitCode:
    """Say in one number what came of it."""
    if scan.interrupted:
        return ExitCode.INTERRUPTED
    if scan.findings and not config.exit_zero:
        return ExitCode.FOUND
    return ExitCode.CLEAN if scan.complete else ExitCode.INCOMPLETE


def write_reports(scan: Scan, config: Config) -> None:
    """Write every report that was asked for. Raises `UsageError` where a file cannot be written."""
    from detector.reports import write

    for report in config.reports:
        if report.file == "-":
            write(report.format, scan, sys.stdout, config)
            continue
        try:
            with open(report.file, "w", encoding="utf-8", errors="backslashreplace", newline="") as out:
                write(report.format, scan, out, config)
        except OSError as error:
            raise UsageError(f"{report.file}: cannot be written ({error.strerror})") from None


class progress_bar:
    """A bar on a terminal's standard error for whatever takes longer than a second."""

    def __init__(self, config: Config, out: TextIO | None = None) -> None:
        self._out = out or sys.stderr
        self._wanted = config.progress and not config.quiet and self._out.isatty() and os.environ.get("TERM") != "dumb"
        self._bar: Any = None

    def __enter__(self) -> OnProgress | None:
        if not self._wanted:
            return None
        import time

        began = time.monotonic()

        def update(progress: ScanProgress) -> None:
            if self._bar is None:
                if time.monotonic() - began < 1:
                    return
                self._bar = _open_bar()
            self._bar.update(0, completed=progress.bytes, total=max(progress.expected, progress.bytes))

        return update

    def __exit__(self, *_: object) -> None:
        if self._bar is not None:
            self._bar.stop()


def _open_bar() -> Any:
    from rich.console import Console
    from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TimeRemainingColumn, TransferSpeedColumn

    bar = Progress(
        TextColumn("scanning"),
        BarColumn(),
        DownloadColumn(binary_units=True),
        TransferSpeedColumn(),
        TimeRemainingColumn(),
        console=Console(stderr=True),
        transient=True,
    )
    bar.add_task("scanning", total=None)
    bar.start()
    return bar


def _ids(values: list[str]) -> tuple[str, ...]:
    return tuple(part.strip() for value in values for part in value.split(",") if part.strip())


def _size(text: str) -> int:
    factors = {"k": 1 << 10, "m": 1 << 20, "g": 1 << 30}
    digits, factor = text, 1
    if text and text[-1].lower() in factors:
        digits, factor = text[:-1], factors[text[-1].lower()]
    try:
        return int(float(digits) * factor)
    except (ValueError, OverflowError):
        raise argparse.ArgumentTypeError(f"{text!r} is no size; write 500000, 10M or 1G") from None
