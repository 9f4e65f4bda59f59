"""`leakfirst respond`: handle a leak until every credential in it is dead and replaced."""

from __future__ import annotations

import argparse

from detector.errors import UsageError

SUMMARY = "handle a leak: contain, replace, find every copy, prove it, notify people, before a deadline"

EXAMPLE = """examples:
  leakfirst respond open --package npm:acme-widgets@1.2.3 acme-widgets-1.2.3.tgz bundle.js.map
  leakfirst respond open npm:acme-widgets@1.2.3           the same, fetched from the registry
  leakfirst respond open --range v1..v2 /srv/git/app      what these commits added
  leakfirst respond open --findings report.json           the findings of a scanner's report
  leakfirst respond status                                who has to do what, and how much time is left
  leakfirst respond next                                  continue with everything possible (for cron: --all)
  leakfirst respond run prove                             run one step again
  leakfirst respond approve 2025-01-31-4fa1 9c1e --digest 77ab…
  leakfirst respond report --html incident.html --markdown incident.md
  leakfirst respond close --reason 'all dead, all replaced'

The rotation policy says what is contained without approval; without a policy
every plan waits for an approval. docs/runbook.md describes the first hour for
the person on call, docs/respond.md the rest. Exit code 4: something waits for
a person.
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the actions and options of `respond`."""
    parser.epilog = EXAMPLE
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    common = _make_common_options()
    which = argparse.ArgumentParser(add_help=False)
    which.add_argument("incident", nargs="?", default="", metavar="INCIDENT", help="default: the only open one")
    actions = parser.add_subparsers(dest="action", required=True, metavar="ACTION")

    _add_open(actions.add_parser("open", parents=[common], help="open an incident and run all steps"))
    actions.add_parser("status", parents=[common, which], help="show the state, the open tasks and the time left")
    following = actions.add_parser("next", parents=[common, which], help="continue with everything possible")
    following.add_argument("--all", action="store_true", help="every open incident (for cron)")
    step = actions.add_parser("run", parents=[common], help="run one step, even if it was run before")
    step.add_argument("step", metavar="STEP", help="detect, verify, contain, spread, dependents, prove, notify")
    step.add_argument("incident", nargs="?", default="", metavar="INCIDENT", help="default: the only open one")
    step.add_argument("--dry-run", action="store_true", help="with notify: show the messages, send none")
    actions.add_parser("take", parents=[common, which], help="record that you are handling the incident")
    _add_decisions(actions, common)
    close = actions.add_parser("close", parents=[common, which], help="close the incident if nothing is left to do")
    close.add_argument("--reason", required=True, metavar="TEXT")
    report = actions.add_parser("report", parents=[common, which], help="write the report of the incident")
    report.add_argument("--markdown", default="", metavar="FILE", help="- for standard output (the default)")
    report.add_argument("--html", default="", metavar="FILE")
    log = actions.add_parser("log", parents=[common, which], help="print the log, one line per entry")
    log.add_argument("--check", action="store_true", help="verify the hash chain")


def _make_common_options() -> argparse.ArgumentParser:
    common = argparse.ArgumentParser(add_help=False)
    common.add_argument("--state", default="", metavar="PLACE", help="file or postgresql://… (default: that of sweep)")
    common.add_argument("--config", default="", metavar="FILE", help="the operator's configuration")
    common.add_argument("--policy", default="", metavar="FILE", help="default: leakfirst/rotation.toml in your config")
    common.add_argument("--rotations", default="", metavar="FOLDER", help="where plans and journal of rotations are")
    common.add_argument("--clones", default="", metavar="FOLDER", help="where the clones of the inventory are")
    common.add_argument("--by", default="", metavar="NAME", help="who you are; default: your user name and host")
    common.add_argument("--jobs", "-j", type=int, default=0, metavar="N", help="processes; default: one per processor")
    common.add_argument("--json", action="store_true", help="print JSON")
    common.add_argument("-v", "--verbose", action="count", default=0, help="log the steps on standard error")
    return common


def _add_open(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("targets", nargs="*", metavar="TARGET", help="what leaked: files, a folder, a repository")
    parser.add_argument("--registry", default="", metavar="URL", help="registry of a target such as npm:NAME")
    parser.add_argument("--package", default="", metavar="PACKAGE[@RANGE]", help="the package that leaked")
    parser.add_argument("--findings", action="append", default=[], metavar="REPORT.json", help="findings of a report")
    parser.add_argument("--range", default="", metavar="A..B", help="of a repository: only these commits")
    parser.add_argument("--path", action="append", default=[], metavar="PATH", help="of a repository: only these paths")
    parser.add_argument("--inventory", action="append", default=[], metavar="SPEC", help="the repositories to search")
    parser.add_argument("--patterns", action="append", default=[], metavar="PATH", help="more rules, as for scan")
    parser.add_argument("--title", default="", metavar="TEXT", help="the title of the incident")
    parser.add_argument("--found-at", default="", metavar="TIME", help="when the leak was found, if earlier")
    parser.add_argument("--deadline", default="", metavar="DURATION", help="default: 48h")
    orders = ("contain-first", "reissue-first")
    parser.add_argument(
        "--order", default=orders[0], choices=orders, help="default: contain-first, as for a public leak"
    )
    parser.add_argument("--only-open", action="store_true", help="run no step yet")
    parser.add_argument("--again", action="store_true", help="although an incident about the same material is open")


def _add_decisions(
    actions: argparse._SubParsersAction[argparse.ArgumentParser], common: argparse.ArgumentParser
) -> None:
    approve = actions.add_parser(
        "approve", parents=[common], help="approve the plan of one credential and carry it out"
    )
    approve.add_argument("incident", metavar="INCIDENT")
    approve.add_argument("credential", metavar="CREDENTIAL", help="the beginning of its fingerprint or plan")
    approve.add_argument("--digest", default="", metavar="HEX", help="of the plan; without it the plan is shown")
    approve.add_argument("--done", action="store_true", help="the manual step is done")
    live = actions.add_parser(
        "treat-as-live", parents=[common], help="contain and replace credentials that could not be verified"
    )
    live.add_argument("incident", metavar="INCIDENT")
    live.add_argument("credentials", metavar="CREDENTIAL", nargs="+")
    live.add_argument("--reason", required=True, metavar="TEXT")
    accept = actions.add_parser("accept", parents=[common], help="leave credentials as they are, with a reason")
    accept.add_argument("incident", metavar="INCIDENT")
    accept.add_argument("credentials", metavar="CREDENTIAL", nargs="+")
    accept.add_argument("--reason", required=True, metavar="TEXT")


def run(args: argparse.Namespace) -> int:
    """Do one action and return the exit code."""
    from detector.cli import _respond_actions
    from detector.cli._respond_session import Session
    from detector.cli.sweep import read_sweep_table
    from detector.config import load_operator_file
    from detector.fleet.state import open_state
    from detector.incident.settings import read_settings
    from detector.log import set_level

    set_level(args.verbose)
    operator = load_operator_file(args.config)
    settings = read_settings(operator)
    if not getattr(args, "reason", "not asked for").strip():
        raise UsageError("--reason: give a reason; it is in the report")
    with open_state(args.state or read_sweep_table(operator).get("state", "")) as state:
        return int(_respond_actions.ACTIONS[args.action](Session(state, operator, settings, args), args))
