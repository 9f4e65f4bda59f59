"""`leakfirst verify`: ask the providers about what an earlier scan found."""

from __future__ import annotations

import argparse
import sys
from typing import TYPE_CHECKING

from detector.errors import ExitCode, UsageError

if TYPE_CHECKING:
    from detector.config import Config
    from detector.model import Finding, Scan, Skipped

SUMMARY = "ask the providers whether the credentials of a report are live"

EXAMPLE = """examples:
  leakfirst verify --dry-run report.json       what would be asked of whom
  leakfirst verify report.json                 ask; verdicts are printed as they come
  leakfirst verify --format json -o checked.json report.json
  leakfirst verify --rule github.pat-classic < token.txt

Run it in the folder in which the scan ran: the report holds no credential, so
the places that it names are read again. It makes requests to providers with the
credentials found; the owner of a credential may see them.
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options of `verify`."""
    from detector.cli.scan import add_verify_options

    parser.epilog = EXAMPLE
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.add_argument("report", nargs="?", default="", metavar="REPORT.json", help="written by scan --report json=…")
    parser.add_argument("--rule", default="", metavar="ID", help="ask about one credential on standard input")
    parser.add_argument("--patterns", action="append", default=[], metavar="PATH", help="more rules, as for scan")
    parser.add_argument("--baseline", default="", metavar="FILE", help="the one that the scan was given, if any")
    add_verify_options(parser.add_argument_group("asking"))
    parser.add_argument("--format", "-f", default="", metavar="FORMAT", help="write a whole report: json, sarif, …")
    parser.add_argument("--output", "-o", default="-", metavar="FILE", help="where to; default: standard output")
    parser.add_argument("--config", default="", metavar="FILE", help="the operator's configuration")


def run(args: argparse.Namespace) -> int:
    """Read the credentials again, ask, print, return the exit code."""
    from detector.config import Config, ReportTarget, load_operator_file
    from detector.scan import reread
    from detector.scan.policies import load_policies
    from detector.scan.rule_pack import load_rule_pack
    from detector.text.untrusted import make_printable
    from detector.verify import verify_findings

    if bool(args.report) == bool(args.rule):
        raise UsageError("give a report, or --rule ID and the credential on standard input")
    config = Config(
        targets=(args.report or "-",),
        patterns=tuple(args.patterns),
        verify=True,
        verify_hosts=tuple(args.host),
        allow_internal=tuple(args.allow_internal),
        ssh_hosts=tuple(args.ssh),
        baseline=args.baseline,
        reach=args.reach,
        dry_run=args.dry_run,
        reports=(ReportTarget(args.format or "text", args.output),),
        operator=load_operator_file(args.config),
    )
    pack = load_rule_pack(config)
    key = load_policies(config._replace(targets=(".",))).report_key
    skipped: list[Skipped] = []
    if args.rule:
        findings = [reread.find_in_text(sys.stdin.buffer.read(), args.rule, pack, key)]
    else:
        findings, skipped = reread.reread_report(args.report, pack, key)
    streaming = not args.format and not args.dry_run
    known, notes, interrupted = verify_findings(tuple(findings), config, _print_verdict if streaming else None)
    if streaming:
        _print_unasked(known)
    for skip in skipped:
        print(f"leakfirst: {make_printable(f'{skip.where}: {skip.reason}')}", file=sys.stderr)
    for note in notes:
        print(make_printable(note))
    if args.format:
        _write_report(_make_scan(known, tuple(skipped), notes, interrupted, pack.digest), config)
    if args.dry_run:
        return int(ExitCode.INCOMPLETE if skipped else ExitCode.CLEAN)
    return int(_get_exit_code(known, bool(skipped), interrupted))


def _print_verdict(finding: Finding) -> None:
    """Print one verdict on one line, at once."""
    verdict, place = finding.verdict, finding.locations[0]
    owner = f"  owner: {verdict.owner}" if verdict.owner else ""
    facts = "".join(f"  {name}: {text}" for name, text in verdict.facts)
    at = f"{place.origin.path or place.origin.kind}:{place.line}"
    said = f"{verdict.state:11}  {finding.rule.id}  {finding.secret.redacted}  {at}  {verdict.why}{owner}{facts}"
    print("".join(c if c.isprintable() else " " for c in said), flush=True)


def _print_unasked(findings: tuple[Finding, ...]) -> None:
    """Print what nobody was asked about."""
    from detector.verify.run import has_probe

    for finding in findings:
        if not has_probe(finding.rule):
            _print_verdict(
                finding._replace(verdict=finding.verdict._replace(why="nobody can be asked about this kind"))
            )


def _get_exit_code(findings: tuple[Finding, ...], lost: bool, interrupted: bool) -> ExitCode:
    if interrupted:
        return ExitCode.INTERRUPTED
    states = {finding.verdict.state for finding in findings}
    if "live" in states:
        return ExitCode.FOUND
    return ExitCode.INCOMPLETE if lost or states - {"dead"} else ExitCode.CLEAN


def _make_scan(
    known: tuple[Finding, ...], skipped: tuple[Skipped, ...], notes: tuple[str, ...], interrupted: bool, ruleset: str
) -> Scan:
    from detector.model import Scan, Stats

    complete = not skipped and not interrupted
    return Scan(known, skipped, Stats(), ruleset, complete, notes=notes, interrupted=interrupted)


def _write_report(scan: Scan, config: Config) -> None:
    from detector.cli.scan import write_reports

    write_reports(scan, config)
