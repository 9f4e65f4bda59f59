"""`leakfirst sweep`: a fleet of repositories, at the cost of what is new."""

from __future__ import annotations

import argparse
import getpass
import os
import sys
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from detector.config import Config, operator_file, usable_processors
from detector.errors import ExitCode, UsageError
from detector.log import set_level

if TYPE_CHECKING:
    from detector.fleet.state.store import State
    from detector.fleet.sweep import Crew, Summary
    from detector.fleet.tasks import Settings

SUMMARY = "sweep every repository of an inventory, remember what was found, say what changed"

EXAMPLE = """examples:
  leakfirst sweep /srv/git github:acme        all repositories below a folder, and those of an organisation
  leakfirst sweep --quiet                     what [sweep] in the configuration names; print only what changed
  leakfirst sweep status                      what changed last time, what is overdue
  leakfirst sweep close lf1:… --reason false-alarm
  leakfirst sweep report --format html --output sweep.html
"""

ACTIONS = ("status", "report", "close", "reopen")
"""First words that ask for something else than a sweep; a folder of that name is written ``./status``."""

_TABLE: Mapping[str, type | tuple[type, ...]] = {
    "inventory": list,
    "clones": str,
    "state": str,
    "cluster": str,
    "jobs": int,
    "fetch": int,
    "retry": int,
    "max-size": int,
    "archived": bool,
    "forks": bool,
    "wikis": bool,
    "snippets": bool,
    "pulls": bool,
    "deadlines": dict,
    "owners": dict,
    "host": dict,
    "tls": dict,
    "cluster-options": dict,
}
"""The keys of ``[sweep]`` in the operator's file, and what their values are."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the actions and options of `sweep`."""
    parser.epilog = EXAMPLE
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.usage = (
        "leakfirst sweep [SPEC ...] [OPTIONS]\n       leakfirst sweep status|report [OPTIONS]\n"
        "       leakfirst sweep close|reopen FINGERPRINT [OPTIONS]"
    )
    parser.add_argument(
        "words", nargs="*", metavar="SPEC", help="a folder, file, URL, github:ORG, …; default: inventory in [sweep]"
    )
    parser.add_argument("--state", default="", metavar="PLACE", help="a file, or postgresql://…; default: sweep.db")
    parser.add_argument("--config", default="", metavar="FILE", help="the operator's configuration")
    what = parser.add_argument_group("run: what to sweep")
    what.add_argument("--clones", default="", metavar="DIR", help="where clones are kept; default: in the user's cache")
    for name, told in (("forks", "forks"), ("archived", "archived ones"), ("wikis", "wikis"), ("snippets", "snippets")):
        what.add_argument(f"--{name}", action="store_true", help=f"of organisations and groups, {told}, too")
    what.add_argument("--pulls", action="store_true", help="fetch the heads of pull requests, too")
    what.add_argument("--allow", action="append", default=[], metavar="DIR", help="folder that alternates may be in")
    what.add_argument("--patterns", action="append", default=[], metavar="PATH", help="more rules: a file or folder")
    what.add_argument("--min-confidence", choices=("low", "medium", "high"), default="medium", help="default: medium")
    how = parser.add_argument_group("run: how")
    how.add_argument("--jobs", "-j", type=int, default=0, metavar="N", help="processes; default: one per processor")
    how.add_argument("--fetch", type=int, default=0, metavar="N", help="repositories fetched at a time; default: 8")
    how.add_argument("--cluster", default="", metavar="WHERE", help="a Dask scheduler: tcp://…, tls://…, or a spec")
    how.add_argument("--retry", type=int, default=-1, metavar="N", help="times to try again what fails; default: 1")
    how.add_argument("--again", action="store_true", help="read what could not be read to the end, although unchanged")
    how.add_argument("--exit-zero", action="store_true", help="exit 0 also when something is new")
    how.add_argument("--no-progress", action="store_true", help="no progress on the terminal")
    how.add_argument("--quiet", "-q", action="store_true", help="print only what changed, nothing if nothing did")
    how.add_argument("-v", "--verbose", action="count", default=0, help="say the steps on standard error")
    output = parser.add_argument_group("status, report")
    output.add_argument("--format", "-f", default="text", metavar="FORMAT", help="text, json, markdown or html")
    output.add_argument("--output", "-o", default="-", metavar="FILE", help="where to write; default: standard output")
    output.add_argument("--run", type=int, default=0, metavar="N", help="the sweep to speak of; default: the last")
    decide = parser.add_argument_group("close, reopen")
    decide.add_argument(
        "--reason", default="", help="why: false-alarm and accepted close it for good, others until it is back"
    )
    decide.add_argument("--repository", default="", metavar="NAME", help="only there; default: wherever it stands")


def run(args: argparse.Namespace) -> int:
    """Do what is asked and return the exit code."""
    set_level(args.verbose)
    operator = operator_file(args.config)
    table = table_of(operator)
    place = args.state or table.get("state", "")
    action, words = (args.words[0], args.words[1:]) if args.words[:1] and args.words[0] in ACTIONS else ("", args.words)
    if not action:
        return _sweep(args, words, operator, table, place)
    from detector.fleet.state import open_state

    if action in ("status", "report"):
        if words:
            raise UsageError(f"sweep {action}: takes no {words[0]!r}")
        with open_state(place, create=False) as state:
            return _tell(args, state, everything=action == "report")
    if len(words) != 1:
        raise UsageError(f"sweep {action}: name one credential by its fingerprint, lf1:…")
    if action == "close" and not args.reason:
        raise UsageError("sweep close: say why with --reason (false-alarm, accepted, or words of your own)")
    with open_state(place, create=False) as state:
        if action == "close":
            changed = state.settle(words[0], "closed", args.reason, _who(), args.repository)
        else:
            changed = state.reopen(words[0], args.reason or "by hand", _who(), args.repository)
    print(f"{words[0]}: {changed} {'finding' if changed == 1 else 'findings'} {action.rstrip('e')}ed")
    return int(ExitCode.CLEAN)


def table_of(operator: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return ``[sweep]`` of the operator's file, checked. Raises `UsageError`."""
    table = operator.get("sweep", {})
    if not isinstance(table, dict):
        raise UsageError("sweep: is no table; write [sweep]")
    for key, value in table.items():
        if key not in _TABLE:
            raise UsageError(f"[sweep] {key}: is not known; known: {', '.join(sorted(_TABLE))}")
        wanted = _TABLE[key]
        if not isinstance(value, wanted) or (wanted is int and isinstance(value, bool)):
            raise UsageError(f"[sweep] {key}: is no {getattr(wanted, '__name__', wanted)}")
    for key, number in table.get("deadlines", {}).items():
        from detector.model import SEVERITIES

        if key not in SEVERITIES or isinstance(number, bool) or not isinstance(number, int | float) or number < 0:
            raise UsageError(f"[sweep.deadlines] {key} = {number!r}: write a severity and a number of days")
    for name in ("owners", "tls"):
        for key, text in table.get(name, {}).items():
            if not isinstance(text, str):
                raise UsageError(f"[sweep.{name}] {key}: is no text")
    if not all(isinstance(spec, str) for spec in table.get("inventory", [])):
        raise UsageError("[sweep] inventory: is a list of texts")
    return table


# -- run ---------------------------------------------------------------------


def _sweep(
    args: argparse.Namespace, specs: list[str], operator: Mapping[str, Any], table: Mapping[str, Any], place: str
) -> int:
    from detector.fleet.inventory import Options as Listing
    from detector.fleet.inventory import entries
    from detector.fleet.lifecycle import DEADLINES
    from detector.fleet.progress import Display
    from detector.fleet.state import open_state
    from detector.fleet.sweep import Options, sweep
    from detector.rules.pack import cache_folder

    specs = specs or table.get("inventory", [])
    if not specs:
        raise UsageError('which repositories? name them, or write inventory = ["…"] under [sweep] in the configuration')
    settings, rules = settings_for(args, operator, table)
    jobs = args.jobs or table.get("jobs", 0) or usable_processors()
    fetchers = args.fetch or table.get("fetch", 0) or 8
    if jobs < 1 or fetchers < 1:
        raise UsageError("--jobs and --fetch are numbers of at least 1")
    listing = Listing(
        cache=os.path.join(cache_folder(), "inventory"),
        operator=operator,
        tell=lambda line: print(f"leakfirst: {line}", file=sys.stderr),
        **{
            name: getattr(args, name) or table.get(name, False)
            for name in ("forks", "archived", "wikis", "snippets", "pulls")
        },
    )
    options = Options(
        settings,
        days={**DEADLINES, **table.get("deadlines", {})},
        fetchers=fetchers,
        retry=args.retry if args.retry >= 0 else table.get("retry", 1),
        again=args.again,
    )
    with open_state(place) as state:
        crew = _crew(args, table, settings, jobs, fetchers)
        with crew, Display(not (args.quiet or args.no_progress)) as display:
            summary = sweep(entries(specs, listing), state, options, crew, rules, display)
        _say(summary, state, args.quiet)
    return int(exit_code(summary, args.exit_zero))


def settings_for(
    args: argparse.Namespace, operator: Mapping[str, Any], table: Mapping[str, Any]
) -> tuple[Settings, dict[str, str]]:
    """Return what tasks need to know, and the digest of each rule."""
    from detector.fingerprint import project_key
    from detector.fleet.clones import Clones
    from detector.fleet.state.store import key_id, ruleset_digest
    from detector.fleet.tasks import Settings
    from detector.rules.pack import cache_folder
    from detector.scan.pipeline import rule_pack
    from detector.scan.state import rule_digest

    config = Config(
        worktree=False,
        allow=tuple(os.path.realpath(path) for path in args.allow),
        patterns=tuple(os.path.abspath(path) for path in args.patterns),
        min_confidence=args.min_confidence,
        operator={name: operator[name] for name in ("ignore", "allow") if name in operator},  # it travels to workers
    )
    rules = {rule.id: rule_digest(rule) for rule in rule_pack(config).rules}
    folder = args.clones or table.get("clones", "") or os.path.join(cache_folder(), "clones")
    clones = Clones(folder, operator, pulls=args.pulls or table.get("pulls", False), max_size=table.get("max-size", 0))
    owners = tuple(table.get("owners", {}).items())
    return Settings(config, clones, ruleset_digest(rules), key_id(project_key()), owners), rules


def _crew(args: argparse.Namespace, table: Mapping[str, Any], settings: Settings, jobs: int, fetchers: int) -> Crew:
    where = args.cluster or table.get("cluster", "")
    if not where:
        from detector.fleet.local import LocalCrew

        return LocalCrew(settings, jobs, fetchers)
    from detector.fleet.cluster import ClusterCrew

    return ClusterCrew(settings, where, table.get("tls", {}), table.get("cluster-options", {}))


def exit_code(summary: Summary, exit_zero: bool = False) -> ExitCode:
    """Say in one number what came of a sweep: 1 for something new, 3 when that cannot be told."""
    if summary.interrupted:
        return ExitCode.INTERRUPTED
    if any(what in ("opened", "reopened", "back") for what, _, _ in summary.events) and not exit_zero:
        return ExitCode.FOUND
    return ExitCode.CLEAN if summary.whole else ExitCode.INCOMPLETE


def _say(summary: Summary, state: State, quiet: bool) -> None:
    """Print what changed, and unless *quiet* what was done."""
    from detector.fleet.overview import overview
    from detector.fleet.reports.text import changes, troubles
    from detector.text.numbers import format_count
    from detector.text.untrusted import make_printable

    told = overview(state, summary.run)
    for skip in summary.skipped:
        if not (quiet and skip.expected):
            print(f"not listed: {make_printable(skip.where)}: {make_printable(skip.reason)}")
    print("".join((*changes(told), *(() if quiet else troubles(told)))).lstrip("\n"), end="")
    if quiet:
        if partly := len(summary.failed) + len(summary.incomplete):
            print(
                f"{partly} of {summary.repositories} repositories could not be read to the end: leakfirst sweep status"
            )
        return
    print(
        f"{format_count(summary.repositories, 'repository', 'repositories')} in {summary.seconds:.1f} s: "
        f"{summary.swept} swept, {summary.unchanged} unchanged, {len(summary.failed)} failed; "
        f"{summary.objects} objects read, {summary.again} read again; overdue: {told.counts['overdue']}"
    )


# -- the others --------------------------------------------------------------


def _tell(args: argparse.Namespace, state: State, everything: bool) -> int:
    from detector.fleet.overview import overview
    from detector.fleet.reports import report

    told = overview(state, args.run)
    pieces = report(args.format, told, everything)
    if args.output == "-":
        sys.stdout.writelines(pieces)
    else:
        try:
            with open(args.output, "w", encoding="utf-8", errors="backslashreplace", newline="") as out:
                out.writelines(pieces)
        except OSError as error:
            raise UsageError(f"{args.output}: cannot be written ({error.strerror})") from None
    return int(ExitCode.CLEAN)


def _who() -> str:
    try:
        return getpass.getuser()
    except (OSError, KeyError):
        return "somebody"
