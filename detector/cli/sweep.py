"""`leakfirst sweep`: scan every repository of an inventory, reading only what is new."""

from __future__ import annotations

import argparse
import getpass
import os
import sys
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from detector.config import Config, count_processors, load_operator_file
from detector.errors import ExitCode, UsageError
from detector.log import set_level

if TYPE_CHECKING:
    from detector.fleet.executors import ExecutorBackend
    from detector.fleet.state.store import State
    from detector.fleet.tally import SweepSummary
    from detector.fleet.tasks import WorkerSettings

SUMMARY = "scan all repositories of an inventory, remember the findings, report what changed"

EXAMPLE = """examples:
  leakfirst sweep /srv/git github:acme        all repositories in a folder, and those of an organisation
  leakfirst sweep --quiet                     the inventory under [sweep] in the configuration; print only changes
  leakfirst sweep status                      what the last sweep changed, what is overdue
  leakfirst sweep close lf1:… --reason false-positive
  leakfirst sweep report --format html --output sweep.html
"""

ACTIONS = ("status", "report", "close", "reopen")
"""First words that name another action than a sweep. To sweep a folder of that name, write ``./status``."""

_KEYS: Mapping[str, type] = {
    "inventory": list,
    "clones": str,
    "state": str,
    "executor": str,
    "cluster": str,
    "jobs": int,
    "fetch": int,
    "retry": int,
    "max-size": int,
    "archived": bool,
    "forks": bool,
    "wikis": bool,
    "snippets": bool,
    "pull-requests": bool,
    "deadlines": dict,
    "owners": dict,
    "host": dict,
    "tls": dict,
    "cluster-options": dict,
}
"""The keys of ``[sweep]`` in the operator's configuration, and the types of their values."""

_TYPE_NAMES = {list: "a list", str: "a string", int: "an integer", bool: "true or false", dict: "a table"}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the actions and options of `sweep`."""
    parser.epilog = EXAMPLE
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.usage = (
        "leakfirst sweep [SPEC ...] [OPTIONS]\n       leakfirst sweep status|report [OPTIONS]\n"
        "       leakfirst sweep close|reopen FINGERPRINT [OPTIONS]"
    )
    parser.add_argument(
        "words",
        nargs="*",
        metavar="SPEC",
        help="a folder, file, URL, github:ORG, …; default: inventory in [sweep] of the configuration",
    )
    parser.add_argument("--state", default="", metavar="URL", help="state: a file or postgresql://…; default: sweep.db")
    parser.add_argument("--config", default="", metavar="FILE", help="the operator's configuration")
    _add_scan_arguments(parser)
    output = parser.add_argument_group("status and report")
    output.add_argument("--format", "-f", default="text", metavar="FORMAT", help="text, json, markdown or html")
    output.add_argument("--output", "-o", default="-", metavar="FILE", help="output file; default: standard output")
    output.add_argument("--run", type=int, default=0, metavar="N", help="number of the sweep; default: the last one")
    decision = parser.add_argument_group("close and reopen")
    decision.add_argument(
        "--reason",
        default="",
        help="why; after false-positive and accepted-risk a finding stays closed, "
        "after other reasons it is reopened when the credential returns",
    )
    decision.add_argument("--repository", default="", metavar="NAME", help="only in this repository; default: in all")


def _add_scan_arguments(parser: argparse.ArgumentParser) -> None:
    what = parser.add_argument_group("what a sweep scans")
    what.add_argument("--clones", default="", metavar="DIR", help="folder for clones; default: in the user's cache")
    for name, noun in (
        ("forks", "forks"),
        ("archived", "archived repositories"),
        ("wikis", "wikis"),
        ("snippets", "snippets"),
    ):
        what.add_argument(f"--{name}", action="store_true", help=f"include {noun} of organisations and groups")
    what.add_argument("--pull-requests", action="store_true", help="fetch the heads of pull requests")
    what.add_argument("--allow", action="append", default=[], metavar="DIR", help="folder that may hold alternates")
    what.add_argument(
        "--patterns", action="append", default=[], metavar="PATH", help="additional rules: file or folder"
    )
    what.add_argument("--min-confidence", choices=("low", "medium", "high"), default="medium", help="default: medium")
    how = parser.add_argument_group("how a sweep runs")
    how.add_argument("--jobs", "-j", type=int, default=0, metavar="N", help="worker processes; default: one per CPU")
    how.add_argument("--fetch", type=int, default=0, metavar="N", help="repositories fetched at a time; default: 8")
    how.add_argument("--executor", default="", metavar="NAME", help="local or dask; default: dask with --cluster")
    how.add_argument(
        "--cluster", default="", metavar="ADDRESS", help="Dask scheduler: tcp://…, tls://…, FILE.json or a class"
    )
    how.add_argument("--retry", type=int, default=-1, metavar="N", help="retries after a failure; default: 1")
    how.add_argument("--retry-incomplete", action="store_true", help="read again what could not be read completely")
    how.add_argument("--exit-zero", action="store_true", help="exit 0 even if there are new findings")
    how.add_argument("--no-progress", action="store_true", help="no progress display on the terminal")
    how.add_argument("--quiet", "-q", action="store_true", help="print only changes, and nothing if there are none")
    how.add_argument("-v", "--verbose", action="count", default=0, help="log the steps to standard error")


def run(args: argparse.Namespace) -> int:
    """Run the action and return the exit code."""
    set_level(args.verbose)
    operator = load_operator_file(args.config)
    table = read_sweep_table(operator)
    place = args.state or table.get("state", "")
    action, words = (args.words[0], args.words[1:]) if args.words[:1] and args.words[0] in ACTIONS else ("", args.words)
    if not action:
        return _run_sweep(args, words, operator, table, place)
    from detector.fleet.lifecycle import FindingState
    from detector.fleet.state import open_state

    if action in ("status", "report"):
        if words:
            raise UsageError(f"sweep {action}: unexpected argument {words[0]!r}")
        return _print_report(args, place, include_open=action == "report")
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
    return int(ExitCode.CLEAN)


def read_sweep_table(operator: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return the validated ``[sweep]`` table of the operator's configuration. Raises `UsageError`."""
    table = operator.get("sweep", {})
    if not isinstance(table, dict):
        raise UsageError("sweep: must be a table; write [sweep]")
    for key, value in table.items():
        if key not in _KEYS:
            raise UsageError(f"[sweep] {key}: unknown key; known: {', '.join(sorted(_KEYS))}")
        wanted = _KEYS[key]
        if not isinstance(value, wanted) or (wanted is int and isinstance(value, bool)):
            raise UsageError(f"[sweep] {key}: must be {_TYPE_NAMES[wanted]}")
    for key, number in table.get("deadlines", {}).items():
        from detector.model import SEVERITIES

        if key not in SEVERITIES or isinstance(number, bool) or not isinstance(number, int | float) or number < 0:
            raise UsageError(f"[sweep.deadlines] {key} = {number!r}: must be a severity and a number of days")
    for name in ("owners", "tls"):
        for key, text in table.get(name, {}).items():
            if not isinstance(text, str):
                raise UsageError(f"[sweep.{name}] {key}: must be a string")
    if not all(isinstance(spec, str) for spec in table.get("inventory", [])):
        raise UsageError("[sweep] inventory: must be a list of strings")
    return table


# -- sweep -------------------------------------------------------------------


def _run_sweep(
    args: argparse.Namespace, specs: list[str], operator: Mapping[str, Any], table: Mapping[str, Any], place: str
) -> int:
    from detector.fleet.inventory import InventoryOptions, list_repositories
    from detector.fleet.lifecycle import DEADLINES
    from detector.fleet.progress import ProgressDisplay
    from detector.fleet.state import open_state
    from detector.fleet.sweep import SweepOptions, sweep
    from detector.rules.pack import find_cache_folder

    specs = specs or table.get("inventory", [])
    if not specs:
        raise UsageError(
            'no inventory: name repositories, or write inventory = ["…"] under [sweep] in the configuration'
        )
    settings, rules = make_worker_settings(
        operator,
        table,
        allow=args.allow,
        patterns=args.patterns,
        min_confidence=args.min_confidence,
        clones=args.clones,
        pull_requests=args.pull_requests,
    )
    jobs = args.jobs or table.get("jobs", 0) or count_processors()
    fetchers = args.fetch or table.get("fetch", 0) or 8
    if jobs < 1 or fetchers < 1:
        raise UsageError("--jobs and --fetch must be at least 1")
    listing = InventoryOptions(
        cache=find_cache_folder("inventory"),
        operator=operator,
        notify=lambda line: print(f"leakfirst: {line}", file=sys.stderr),
        pull_requests=args.pull_requests or table.get("pull-requests", False),
        **{name: getattr(args, name) or table.get(name, False) for name in ("forks", "archived", "wikis", "snippets")},
    )
    options = SweepOptions(
        settings,
        deadlines={**DEADLINES, **table.get("deadlines", {})},
        fetchers=fetchers,
        retries=args.retry if args.retry >= 0 else table.get("retry", 1),
        retry_incomplete=args.retry_incomplete,
    )
    with open_state(place) as state:
        executor = _open_executor(args, table, settings, jobs, fetchers)
        with executor, ProgressDisplay(not (args.quiet or args.no_progress)) as display:
            summary = sweep(list_repositories(specs, listing), state, options, executor, rules, display)
        _print_summary(summary, state, args.quiet)
    return int(choose_exit_code(summary, args.exit_zero))


def make_worker_settings(
    operator: Mapping[str, Any],
    table: Mapping[str, Any],
    *,
    allow: Sequence[str] = (),
    patterns: Sequence[str] = (),
    min_confidence: str = "medium",
    clones: str = "",
    pull_requests: bool = False,
) -> tuple[WorkerSettings, dict[str, str]]:
    """Return what workers need, and the digest of each rule. Arguments take precedence over *table*, ``[sweep]``."""
    from detector.fingerprint import load_project_key
    from detector.fleet.clones import Clones
    from detector.fleet.digests import digest_rules, identify_key
    from detector.fleet.tasks import WorkerSettings
    from detector.rules.pack import find_cache_folder
    from detector.scan.rule_pack import load_rule_pack
    from detector.scan.state import digest_rule

    config = Config(
        worktree=False,
        allow=tuple(os.path.realpath(path) for path in allow),
        patterns=tuple(os.path.abspath(path) for path in patterns),
        min_confidence=min_confidence,
        operator={name: operator[name] for name in ("ignore", "allow") if name in operator},  # sent to all workers
    )
    rules = {rule.id: digest_rule(rule) for rule in load_rule_pack(config).rules}
    place = Clones(
        clones or table.get("clones", "") or find_cache_folder("clones"),
        operator,
        pull_requests=pull_requests or table.get("pull-requests", False),
        max_size=table.get("max-size", 0),
    )
    owners = tuple(table.get("owners", {}).items())
    return WorkerSettings(config, place, digest_rules(rules), identify_key(load_project_key()), owners), rules


def _open_executor(
    args: argparse.Namespace, table: Mapping[str, Any], settings: WorkerSettings, jobs: int, fetchers: int
) -> ExecutorBackend:
    from detector.fleet.executors import ExecutorOptions, open_executor

    address = args.cluster or table.get("cluster", "")
    name = args.executor or table.get("executor", "") or ("dask" if address else "local")
    options = ExecutorOptions(jobs, fetchers, address, table.get("tls", {}), table.get("cluster-options", {}))
    return open_executor(name, settings, options)


def choose_exit_code(summary: SweepSummary, exit_zero: bool = False) -> ExitCode:
    """Return 1 for new findings; without any, 3 if not everything could be read."""
    from detector.fleet.lifecycle import NEEDS_ACTION

    if summary.interrupted:
        return ExitCode.INTERRUPTED
    if any(kind in NEEDS_ACTION for kind, _, _ in summary.events) and not exit_zero:
        return ExitCode.FOUND
    return ExitCode.CLEAN if summary.complete else ExitCode.INCOMPLETE


def _print_summary(summary: SweepSummary, state: State, quiet: bool) -> None:
    """Print what changed, and unless *quiet* the counts."""
    from detector.fleet.overview import load_overview
    from detector.fleet.reports.text import list_changes, list_unread
    from detector.text.numbers import format_count
    from detector.text.untrusted import make_printable

    current = load_overview(state, summary.run)
    for skip in summary.skipped:
        if not (quiet and skip.expected):
            print(f"not listed: {make_printable(skip.where)}: {make_printable(skip.reason)}")
    print("".join((*list_changes(current), *(() if quiet else list_unread(current)))).lstrip("\n"), end="")
    if quiet:
        if unread := len(summary.failed) + len(summary.incomplete):
            print(
                f"{unread} of {summary.repositories} repositories could not be read completely: leakfirst sweep status"
            )
        return
    print(
        f"{format_count(summary.repositories, 'repository', 'repositories')} in {summary.seconds:.1f} s: "
        f"{summary.swept} scanned, {summary.unchanged} unchanged, {len(summary.failed)} failed; "
        f"{summary.objects} objects read, {summary.reread} read again; {current.counts['overdue']} findings overdue"
    )


# -- reports -----------------------------------------------------------------


def _print_report(args: argparse.Namespace, place: str, include_open: bool) -> int:
    from detector.fleet.overview import load_overview
    from detector.fleet.reports import load_report
    from detector.fleet.state import open_state

    report = load_report(args.format)
    with open_state(place, create=False) as state:
        pieces = report.render(load_overview(state, args.run), include_open)
    if args.output == "-":
        sys.stdout.writelines(pieces)
    else:
        from detector.files.writing import replace_text

        with replace_text(args.output) as out:
            out.writelines(pieces)
    return int(ExitCode.CLEAN)


def _find_user_name() -> str:
    try:
        return getpass.getuser()
    except (OSError, KeyError):
        return "unknown user"
