"""`leakfirst sweep`: scan every repository of an inventory, reading only what is new."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from detector.config import Config, count_processors, load_operator_file
from detector.errors import UsageError
from detector.log import set_level

if TYPE_CHECKING:
    from detector.fleet.coverage import CoverageLimits
    from detector.fleet.executors import ExecutorBackend
    from detector.fleet.tasks import WorkerSettings

SUMMARY = "scan all repositories of an inventory, remember the findings, report what changed"

EXAMPLE = """examples:
  leakfirst sweep /srv/git github:acme        all repositories in a folder, and those of an organisation
  leakfirst sweep --quiet                     the inventory under [sweep] in the configuration; print only changes
  leakfirst sweep status                      what the last sweep changed, what is overdue
  leakfirst sweep close lf1:… --reason false-positive
  leakfirst sweep report --format html --output sweep.html
  leakfirst sweep acknowledge acme/old --reason "deleted on purpose" --days 30
"""

ACTIONS = ("status", "report", "close", "reopen", "acknowledge")
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
    "max-shrink": float,
    "stale-days": float,
}
"""The keys of ``[sweep]`` in the operator's configuration, and the types of their values."""

_TYPE_NAMES = {
    list: "a list",
    str: "a string",
    int: "an integer",
    float: "a number",
    bool: "true or false",
    dict: "a table",
}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the actions and options of `sweep`."""
    parser.epilog = EXAMPLE
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.usage = (
        "leakfirst sweep [SPEC ...] [OPTIONS]\n       leakfirst sweep status|report [OPTIONS]\n"
        "       leakfirst sweep close|reopen FINGERPRINT [OPTIONS]\n"
        "       leakfirst sweep acknowledge [NAME ...] [OPTIONS]"
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
    output.add_argument(
        "--format", "-f", default="text", metavar="FORMAT", help="text, json, markdown, html or prometheus"
    )
    output.add_argument("--output", "-o", default="-", metavar="FILE", help="output file; default: standard output")
    output.add_argument("--run", type=int, default=0, metavar="N", help="number of the sweep; default: the last one")
    decision = parser.add_argument_group("close, reopen and acknowledge")
    decision.add_argument(
        "--reason",
        default="",
        help="why; after false-positive and accepted-risk a finding stays closed, "
        "after other reasons it is reopened when the credential returns",
    )
    decision.add_argument("--repository", default="", metavar="NAME", help="only in this repository; default: in all")
    decision.add_argument(
        "--days", type=float, default=90, metavar="N", help="how long a gap is acknowledged; 0 withdraws; default: 90"
    )


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
    from detector.cli import _sweep_actions

    return int(_sweep_actions.run_action(action, words, args, read_limits(table), place))


def read_sweep_table(operator: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return the validated ``[sweep]`` table of the operator's configuration. Raises `UsageError`."""
    table = operator.get("sweep", {})
    if not isinstance(table, dict):
        raise UsageError("sweep: must be a table; write [sweep]")
    for key, value in table.items():
        if key not in _KEYS:
            raise UsageError(f"[sweep] {key}: unknown key; known: {', '.join(sorted(_KEYS))}")
        wanted = _KEYS[key]
        allowed = (int, float) if wanted is float else wanted
        if not isinstance(value, allowed) or (wanted in (int, float) and isinstance(value, bool)):
            raise UsageError(f"[sweep] {key}: must be {_TYPE_NAMES[wanted]}")
    for key, number in table.get("deadlines", {}).items():
        from detector.model import SEVERITIES

        if key not in SEVERITIES or isinstance(number, bool) or not isinstance(number, int | float) or number < 0:
            raise UsageError(f"[sweep.deadlines] {key} = {number!r}: must be a severity and a number of days")
    for name in ("owners", "tls"):
        for key, text in table.get(name, {}).items():
            if not isinstance(text, str):
                raise UsageError(f"[sweep.{name}] {key}: must be a string")
    if not 0 < table.get("max-shrink", 1) <= 1 or table.get("stale-days", 1) <= 0:
        raise UsageError("[sweep] max-shrink must be above 0 and at most 1, stale-days above 0")
    if not all(isinstance(spec, str) for spec in table.get("inventory", [])):
        raise UsageError("[sweep] inventory: must be a list of strings")
    return table


def read_limits(table: Mapping[str, Any]) -> CoverageLimits:
    """Return which gaps of the coverage fail a sweep, as the validated *table* says."""
    from detector.fleet.coverage import CoverageLimits

    default = CoverageLimits()
    return CoverageLimits(table.get("max-shrink", default.max_shrink), table.get("stale-days", default.stale_days))


# -- sweep -------------------------------------------------------------------


def _run_sweep(
    args: argparse.Namespace, specs: list[str], operator: Mapping[str, Any], table: Mapping[str, Any], place: str
) -> int:
    from detector.cli._sweep_output import choose_exit_code, print_summary
    from detector.fleet.inventory import InventoryOptions, list_inventory
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
        limits=read_limits(table),
    )
    with open_state(place) as state:
        executor = _open_executor(args, table, settings, jobs, fetchers)
        with executor, ProgressDisplay(not (args.quiet or args.no_progress)) as display:
            summary = sweep(list_inventory(specs, listing), state, options, executor, rules, display)
        print_summary(summary, state, args.quiet, options.limits)
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
