"""`leakfirst scan`: scan, and write the reports."""

from __future__ import annotations

import argparse
import os
import sys
from typing import TYPE_CHECKING, Any, TextIO

from detector.config import Config, ReportTarget, load_operator_file
from detector.errors import ExitCode, UsageError
from detector.log import set_level
from detector.model import CONFIDENCES, SEVERITIES, Scan

if TYPE_CHECKING:
    from detector.scan.pipeline import OnProgress, ScanProgress

SUMMARY = "scan files, folders, git repositories (working tree and history) or standard input"

EXAMPLE = """examples:
  leakfirst scan .                            this repository: working tree and whole history
  leakfirst scan --no-history src config.yml  some files and folders
  leakfirst scan --report sarif=leaks.sarif --report text=- .
  git diff | leakfirst scan -
  leakfirst scan npm:acme-ui@all              every published version of a package (docs/sources.md)
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options of `scan`."""
    parser.epilog = EXAMPLE
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.add_argument(
        "targets",
        nargs="*",
        default=["."],
        metavar="TARGET",
        help='file, folder, git repository or its URL, archive, image tarball, "-", npm:NAME and others; default: "."',
    )
    _add_content_options(parser)
    _add_rule_options(parser)
    verify = parser.add_argument_group("verification")
    verify.add_argument("--verify", action="store_true", help="ask the providers whether credentials are live")
    add_verify_options(verify)
    verify.add_argument("--rotate", choices=("plan",), help="with --verify: plan the rotation of live credentials")
    _add_output_options(parser)


def _add_content_options(parser: argparse.ArgumentParser) -> None:
    what = parser.add_argument_group("what to scan")
    what.add_argument("--no-history", action="store_true", help="do not scan the history of git repositories")
    what.add_argument("--no-worktree", action="store_true", help="do not scan the working tree of git repositories")
    what.add_argument("--staged", action="store_true", help="only staged changes")
    what.add_argument("--since", metavar="REV", default="", help="only changes after REV")
    what.add_argument("--range", metavar="A..B", default="", help="only changes in the commits A..B")
    what.add_argument("--head-only", action="store_true", help="of the history only what HEAD reaches: no other branch")
    what.add_argument("--every-commit", action="store_true", help="report every version, not only the oldest per path")
    what.add_argument(
        "--as-published", action="store_true", help="only files that npm or the Python build would publish"
    )
    what.add_argument("--include-ignored", action="store_true", help="also files that .gitignore excludes")
    what.add_argument(
        "--allow", action="append", default=[], metavar="DIR", help="folder outside a repository that it may refer to"
    )
    what.add_argument(
        "--registry", default="", metavar="URL", help="registry of npm:NAME and pypi:NAME; default: the public one"
    )
    what.add_argument("--max-size", type=_parse_size, default=0, metavar="BYTES", help="skip larger files (10M, 1G)")


def _add_rule_options(parser: argparse.ArgumentParser) -> None:
    rules = parser.add_argument_group("rules")
    rules.add_argument("--patterns", action="append", default=[], metavar="PATH", help="more rules: a file or folder")
    rules.add_argument(
        "--only", action="append", default=[], metavar="ID", help="only these rules (globs, separated by commas)"
    )
    rules.add_argument(
        "--skip", action="append", default=[], metavar="ID", help="not these rules (globs, separated by commas)"
    )
    rules.add_argument(
        "--min-confidence", choices=tuple(map(str, CONFIDENCES)), default="medium", help="default: medium"
    )
    rules.add_argument(
        "--fail-on",
        choices=tuple(map(str, SEVERITIES)),
        default="medium",
        help="exit with 1 for findings of this severity or more; default: medium",
    )
    rules.add_argument("--engine", choices=("hyperscan", "ahocorasick"), default="", help=argparse.SUPPRESS)
    ignores = parser.add_argument_group("ignored findings and explanations")
    ignores.add_argument("--baseline", default="", metavar="FILE", help="list of known findings")
    ignores.add_argument(
        "--ignores-from",
        default="",
        metavar="REV",
        help="use the ignore files of this commit, such as the base",
    )
    ignores.add_argument(
        "--no-repository-ignores", action="store_true", help="nothing in what is scanned sets a finding aside"
    )
    ignores.add_argument(
        "--inline-marks",
        action=argparse.BooleanOptionalAction,
        help="obey comments such as leakfirst:allow, or not; default: obey, but not with --ignores-from",
    )
    ignores.add_argument("--show-ignored", action="store_true", help="list ignored findings and rejected candidates")
    ignores.add_argument("--explain", action="store_true", help="say why each was reported or rejected")


def _add_output_options(parser: argparse.ArgumentParser) -> None:
    output = parser.add_argument_group("output")
    output.add_argument("--format", "-f", default="text", metavar="FORMAT", help="text, json, sarif, …; default: text")
    output.add_argument("--output", "-o", default="-", metavar="FILE", help="default: standard output")
    output.add_argument(
        "--report", action="append", default=[], metavar="FORMAT=FILE", help="another report; repeatable"
    )
    output.add_argument("--details", action="store_true", help="text: tell each finding in full, however many")
    output.add_argument("--show-secrets", action="store_true", help="print credentials in full (text and json only)")
    output.add_argument("--quiet", "-q", action="store_true", help="print only the findings, no summary")
    output.add_argument("--no-progress", action="store_true", help="no progress bar")
    output.add_argument("-v", "--verbose", action="count", default=0, help="log the steps on standard error")
    _add_filters(parser)
    running = parser.add_argument_group("running")
    running.add_argument("--jobs", "-j", type=int, default=0, metavar="N", help="processes; default: one per processor")
    running.add_argument("--timeout", type=float, default=0, metavar="SECONDS", help="stop the scan after this time")
    running.add_argument("--state", default="", metavar="FILE", help="remember what was scanned and skip it next time")
    running.add_argument("--exit-zero", action="store_true", help="exit with 0 even if something was found")
    running.add_argument("--config", default="", metavar="FILE", help="the operator's configuration")


def _add_filters(parser: argparse.ArgumentParser) -> None:
    shown = parser.add_argument_group("what the text report shows (the exit code counts everything)")
    shown.add_argument(
        "--severity", choices=tuple(map(str, SEVERITIES)), default="", help="only findings of this severity or more"
    )
    shown.add_argument("--rule", action="append", default=[], metavar="ID", help="only of these rules (globs)")
    shown.add_argument("--path", action="append", default=[], metavar="GLOB", help="only in these files or folders")
    shown.add_argument("--live", action="store_true", help="only what a provider accepts")
    shown.add_argument("--reachable", action="store_true", help="only what a branch or tag reaches")
    shown.add_argument("--tip", action="store_true", help="only what stands in a file, not in history alone")


def add_verify_options(group: argparse._ArgumentGroup) -> None:
    """Declare the options that `scan --verify` and `verify` share."""
    group.add_argument("--reach", action="store_true", help="also ask what a live credential can do (read-only)")
    group.add_argument("--dry-run", action="store_true", help="list the requests that would be made, and make none")
    group.add_argument(
        "--host",
        action="append",
        default=[],
        metavar="HOST",
        help="host that may be contacted if the line of a finding names it (glob)",
    )
    group.add_argument(
        "--allow-internal", action="append", default=[], metavar="HOST", help="internal host that may be contacted"
    )
    group.add_argument(
        "--ssh", action="append", default=[], metavar="USER@HOST", help="try private keys on this SSH server"
    )


def run(args: argparse.Namespace) -> int:
    """Scan, write the reports; return the exit code."""
    config = make_config(args)
    set_level(config.verbose)
    from detector.reports import check_formats
    from detector.scan import pipeline

    check_formats(config)
    if config.verify and not config.dry_run:
        from detector.verify import require_packages

        require_packages()
    with ProgressBar(config) as on_progress:
        result = pipeline.scan(config, on_progress)
    write_reports(result, config)
    if args.rotate:
        plan_rotations(result)
    return int(choose_exit_code(result, config))


def plan_rotations(scan: Scan) -> None:
    """Plan a rotation for each live finding and print the plans on standard error; nothing is changed."""
    from contextlib import redirect_stdout

    from hooks.on_live import react
    from rotators.core.policy import load_policy
    from rotators.core.service import RotationService

    with redirect_stdout(sys.stderr):
        react(scan.findings, RotationService(load_policy("")), act=False)


def make_config(args: argparse.Namespace) -> Config:
    """Return the configuration for the parsed arguments. Raises `UsageError`."""
    reports = _parse_reports(args)
    if args.jobs < 0:
        raise UsageError(f"--jobs {args.jobs}: give a number of processes, or 0 for one per processor")
    if args.rotate and not args.verify:
        raise UsageError("--rotate needs --verify: it plans the rotation of live credentials")
    if args.staged and (args.since or args.range):
        raise UsageError("--staged cannot be combined with --since or --range")
    if args.since and args.range:
        raise UsageError("--since cannot be combined with --range")
    return Config(
        targets=tuple(args.targets),
        history=not args.no_history,
        worktree=not args.no_worktree,
        staged=args.staged,
        include_ignored=args.include_ignored,
        as_published=args.as_published,
        every_commit=args.every_commit,
        head_only=args.head_only,
        allow=tuple(os.path.realpath(path) for path in args.allow),
        since=args.since,
        range=args.range,
        patterns=tuple(args.patterns),
        only=_split_ids(args.only),
        skip=_split_ids(args.skip),
        min_confidence=args.min_confidence,
        fail_on=args.fail_on,
        baseline=args.baseline,
        repository_ignores=not args.no_repository_ignores,
        ignores_from=args.ignores_from,
        inline_marks=args.inline_marks,
        show_ignored=args.show_ignored,
        explain=args.explain,
        details=args.details,
        shown=_choose_shown(args),
        verify=args.verify or args.dry_run,
        verify_hosts=_split_ids(args.host),
        registry=args.registry,
        allow_internal=_split_ids(args.allow_internal),
        ssh_hosts=_split_ids(args.ssh),
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


def _parse_reports(args: argparse.Namespace) -> list[ReportTarget]:
    reports = []
    for text in args.report:
        name, equals, file = text.partition("=")
        if not equals or not name or not file:
            raise UsageError(f"--report {text!r}: write FORMAT=FILE, for example sarif=leaks.sarif")
        reports.append(ReportTarget(name, file))
    if not reports or args.format != "text" or args.output != "-":
        reports.insert(0, ReportTarget(args.format, args.output))
    return reports


def _choose_shown(args: argparse.Namespace) -> dict[str, object]:
    return {
        "severity": args.severity,
        "rules": _split_ids(args.rule),
        "paths": tuple(args.path),
        "live": args.live,
        "reachable": args.reachable,
        "tip": args.tip,
    }


def choose_exit_code(scan: Scan, config: Config) -> ExitCode:
    """Return the exit code for the result *scan*."""
    return scan.account.choose_exit_code(exit_zero=config.exit_zero)


def write_reports(scan: Scan, config: Config) -> None:
    """Write all reports of *config*, standard output last. Raises `UsageError` if a file cannot be written."""
    from detector.files.writing import replace_text
    from detector.reports import write

    for report in sorted(config.reports, key=lambda report: report.file == "-"):
        if report.file == "-":
            try:
                write(report.format, scan, sys.stdout, config)
                sys.stdout.flush()
            except BrokenPipeError:  # the reader has seen enough (`| head`); what was found does not change
                os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            continue
        with replace_text(report.file, private=config.show_secrets) as out:
            write(report.format, scan, out, config)


class ProgressBar:
    """A progress bar on standard error, if that is a terminal and the scan takes longer than a second."""

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


def _split_ids(values: list[str]) -> tuple[str, ...]:
    return tuple(part.strip() for value in values for part in value.split(",") if part.strip())


def _parse_size(text: str) -> int:
    factors = {"k": 1 << 10, "m": 1 << 20, "g": 1 << 30}
    digits, factor = text, 1
    if text and text[-1].lower() in factors:
        digits, factor = text[:-1], factors[text[-1].lower()]
    try:
        return int(float(digits) * factor)
    except (ValueError, OverflowError):
        raise argparse.ArgumentTypeError(f"{text!r} is not a size; write 500000, 10M or 1G") from None
