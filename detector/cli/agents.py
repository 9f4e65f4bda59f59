"""`leakfirst agents`: guard coding agents, and look after what they keep on this machine."""

from __future__ import annotations

import argparse
import os
import sys
from typing import TYPE_CHECKING

from detector.errors import ExitCode, UsageError

if TYPE_CHECKING:
    from detector.agents.install import Place

SUMMARY = "keep credentials out of what coding agents send, write and keep"

EXAMPLE = """examples:
  leakfirst agents install                    every agent that is used here; --project for a team
  leakfirst agents status                     does each agent call us, and does that work?
  leakfirst agents install --print codex      what to roll out to many machines
  leakfirst agents scan                       credentials in transcripts, settings and histories
  leakfirst agents scrub                      overwrite them in transcripts and histories
  leakfirst agents seen                       which credentials a model has seen
  leakfirst agents uninstall

  Agents call `leakfirst agents hook AGENT`; docs/agents.md has more.
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the actions and options of `agents`."""
    parser.epilog = EXAMPLE
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    actions = parser.add_subparsers(dest="action", required=True, metavar="ACTION")
    for name, text in (
        ("install", "make agents call us"),
        ("status", "send a made-up event through the command in each agent's settings"),
        ("uninstall", "take out what was put in, byte for byte"),
    ):
        action = actions.add_parser(name, help=text)
        action.add_argument("agents", nargs="*", metavar="AGENT", help="default: those that are used here")
        action.add_argument(
            "--project", nargs="?", const=".", default="", metavar="FOLDER", help="in a project's settings"
        )
        if name == "install":
            action.add_argument(
                "--print", action="store_true", dest="only_print", help="print the settings, change nothing"
            )
            action.add_argument("--strict", action="store_true", help="refuse what cannot be looked at")
    scan = actions.add_parser("scan", help="look for credentials in what agents, shells and databases keep")
    scan.add_argument("--since", type=_parse_days, default=0, metavar="DAYS", help="only files changed since (30d)")
    scan.add_argument("--format", default="text", help="format of the report (docs/reports.md)")
    scan.add_argument("--verify", action="store_true", help="ask the providers whether credentials are live")
    scrub = actions.add_parser("scrub", help="overwrite credentials in transcripts and histories")
    scrub.add_argument("--since", type=_parse_days, default=0, metavar="DAYS", help="only files changed since (30d)")
    scrub.add_argument("--dry-run", action="store_true", help="say what would be overwritten")
    scrub.add_argument("--no-backup", action="store_true", help="keep no copy of the files")
    actions.add_parser("seen", help="list the credentials that were held back, and those that a model has seen")
    passing = actions.add_parser("pass", help="let one value through for an hour; from a terminal only")
    passing.add_argument("fingerprint", help="the fingerprint in the placeholder or in `seen`: lf1:…")


def run(args: argparse.Namespace) -> int:
    """Carry out the action; return the exit code."""
    actions = {
        "install": _install, "status": _show_status, "uninstall": _uninstall, "scan": _scan, "scrub": _scrub,
        "seen": _show_seen, "pass": _let_pass,
    }  # fmt: skip
    try:
        return int(actions[args.action](args))
    except OSError as error:
        raise UsageError(f"{error.filename}: cannot be changed ({error.strerror})") from None


def _parse_days(text: str) -> int:
    if not text.removesuffix("d").isdigit():
        raise argparse.ArgumentTypeError(f"{text}: write a number of days, such as 30d")
    return int(text.removesuffix("d"))


def _find_places(args: argparse.Namespace) -> list[Place]:
    from detector.agents import install
    from detector.registry import list_names

    project = os.path.abspath(args.project) if args.project else ""
    if project and not os.path.isdir(project):
        raise UsageError(f"{args.project}: is no folder")
    named = args.agents or list_names("detector.agents.dialects")
    found = list(install.find_places(named, project, strict=getattr(args, "strict", False)))
    return found if args.agents else [place for place in found if install.is_present(place)]


def _install(args: argparse.Namespace) -> ExitCode:
    from detector.agents import entries, install

    if args.only_print:
        for agent in args.agents or ["claude-code"]:
            (place,) = install.find_places([agent], "/", strict=args.strict)
            print(entries.build_text(place.dialect.SHAPE, place.dialect.EVENTS, place.command), end="")
        return ExitCode.CLEAN
    places = _find_places(args)
    if not places:
        print("no agent is used here; name one: leakfirst agents install claude-code")
        return ExitCode.USAGE
    code = ExitCode.CLEAN
    for place in places:
        try:
            _print_state(install.install(place))
        except UsageError as problem:
            print(f"leakfirst: {place.agent}: {problem}", file=sys.stderr)
            code = ExitCode.USAGE
    return code


def _print_state(state: object) -> None:
    from detector.agents.install import State
    from detector.text.untrusted import make_printable

    assert isinstance(state, State)
    print(f"{state.agent}: {state.state} ({make_printable(state.path)})")
    if state.note:
        print(f"  {make_printable(state.note)}")


def _show_status(args: argparse.Namespace) -> ExitCode:
    from detector.agents import seen, status

    code = ExitCode.CLEAN
    for place in _find_places(args):
        state = status.read_status(place)
        _print_state(state)
        if state.state != "works" and (args.agents or state.state != "not installed"):
            code = ExitCode.FOUND
    missed = sum(row.get("done") == "not looked at" for row in seen.read())
    if missed:
        print(f"{missed} events were not looked at; `leakfirst agents seen` lists why")
    return code


def _uninstall(args: argparse.Namespace) -> ExitCode:
    from detector.agents import install

    code = ExitCode.CLEAN
    for place in _find_places(args):
        state = install.uninstall(place)
        if state.state != "not installed" or args.agents:
            _print_state(state)
        code = ExitCode.USAGE if state.state == "NOT removed" else code
    return code


def _scan(args: argparse.Namespace) -> ExitCode:
    from detector.agents.places import list_files
    from detector.config import Config, ReportTarget, load_operator_file
    from detector.reports import check_formats, write
    from detector.scan import pipeline

    targets = tuple(file.path for file in list_files(os.path.expanduser("~"), [os.getcwd()], args.since))
    if not targets:
        print("nothing of an agent, a shell or a database is kept here")
        return ExitCode.CLEAN
    if args.verify:
        from detector.verify import require_packages

        require_packages()
    reports = (ReportTarget(args.format, "-"),)
    config = Config(targets=targets, history=False, repository_ignores=False, reports=reports, verify=args.verify,
                    operator=load_operator_file(""))  # fmt: skip
    check_formats(config)
    result = pipeline.scan(config)
    write(args.format, result, sys.stdout, config)
    return result.account.choose_exit_code()


def _scrub(args: argparse.Namespace) -> ExitCode:
    import time

    from detector.agents import hook, seen, transcripts
    from detector.agents.places import list_files
    from detector.text.untrusted import make_printable

    redactor = hook.load_redactor(os.getcwd())
    folder = os.path.join(seen.find_folder(), "backup", time.strftime("%Y%m%d-%H%M%S"))
    if not seen.find_folder() and not args.no_backup:
        raise UsageError("this user has no home folder for the copies; --no-backup keeps none")
    places = problems = 0
    for number, file in enumerate(list_files(os.path.expanduser("~"), (), args.since)):
        if not file.is_transcript:
            continue
        backup = "" if args.no_backup else os.path.join(folder, f"{number}-{os.path.basename(file.path)[-80:]}")
        done = transcripts.scrub_file(file.path, redactor, backup=backup, is_dry=args.dry_run)
        places += done.places
        if done.places:
            verb = "would be overwritten" if args.dry_run else "overwritten"
            print(f"{make_printable(file.path)}: {done.places} places {verb}, {len(done.found)} credentials")
        if done.problem:
            problems += 1
            print(f"leakfirst: {make_printable(file.path)}: {make_printable(done.problem)}", file=sys.stderr)
    if places and not args.dry_run and not args.no_backup:
        print(f"copies of the files, with the credentials, are in {folder}: delete them when nothing is missing")
    if places:
        print("Whoever had these files has the credentials: replace them (leakfirst agents scan --verify).")
    if problems:
        return ExitCode.INCOMPLETE
    return ExitCode.FOUND if places and args.dry_run else ExitCode.CLEAN


def _show_seen(args: argparse.Namespace) -> ExitCode:
    from detector.agents import seen
    from detector.text.untrusted import make_printable

    del args
    groups: dict[str, list[dict[str, object]]] = {}
    for row in seen.read():
        groups.setdefault(str(row.get("fingerprint") or row.get("problem") or ""), []).append(row)
    reached = 0
    for name, rows in groups.items():
        last = rows[-1]
        has_reached = any(row.get("reached_model") is True for row in rows)
        reached += has_reached
        what = f"{last.get('rule', 'not looked at')}: {last.get('done', '')}"
        state = "REACHED THE MODEL" if has_reached else "held back" if "fingerprint" in last else "NOT looked at"
        print(
            make_printable(f"{state}  {name}  {what}, {last.get('agent', '')}, {last.get('at', '')}, {len(rows)} times")
        )
    if reached:
        print(f"{reached} of them reached a model: find them with `leakfirst scan`, end them with `leakfirst respond`.")
    if not groups:
        print("nothing was held back or seen yet")
    return ExitCode.FOUND if reached else ExitCode.CLEAN


def _let_pass(args: argparse.Namespace) -> ExitCode:
    from detector.agents import allowances, seen

    if not (sys.stdin.isatty() and sys.stdout.isatty()):
        raise UsageError("a value is let through from a terminal only, by a person")
    wanted = args.fingerprint if args.fingerprint.startswith("lf1:") else f"lf1:{args.fingerprint}"
    known = {str(row["fingerprint"]) for row in seen.read() if str(row.get("fingerprint", "")).startswith(wanted)}
    if len(wanted) < 12 or len(known) != 1:
        raise UsageError(f"{args.fingerprint}: {len(known)} values have such a fingerprint in `leakfirst agents seen`")
    allowances.add_pass(known.pop())
    print("it passes for an hour")
    return ExitCode.CLEAN
