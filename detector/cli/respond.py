"""`leakfirst respond`: something leaked; end every credential in it, with a clock running."""

from __future__ import annotations

import argparse
import json
import os
import shlex
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from detector.errors import ExitCode, LeakfirstError, UsageError

if TYPE_CHECKING:
    from detector.fleet.state.store import State
    from detector.incident.ledger import Ledger
    from detector.incident.model import Case, Exposure, Task
    from detector.incident.response import Response, Tools
    from detector.incident.settings import Settings
    from detector.incident.spread import Fleet

SUMMARY = "something leaked: contain, reissue, find every other place, prove it, tell people, keep the clock"

EXAMPLE = """examples:
  leakfirst respond open --package npm:acme-widgets@1.2.3 acme-widgets-1.2.3.tgz bundle.js.map
  leakfirst respond open --range v1..v2 /srv/git/app      what these commits brought
  leakfirst respond open --findings report.json           findings from elsewhere
  leakfirst respond status                                who has to do what, and how much time is left
  leakfirst respond next                                  go on with whatever can go on (for cron: --all)
  leakfirst respond run prove                             one step, again
  leakfirst respond approve 2025-01-31-4fa1 9c1e --digest 77ab…
  leakfirst respond report --html incident.html --markdown incident.md
  leakfirst respond close --reason 'all dead, all replaced'

The rotation policy says what is contained without asking; without one every
plan waits for an approval. docs/runbook.md says what a person does in the
first hour, docs/respond.md the rest. Exit code 4: something waits for a person.
"""

MINUTE = 60
"""Seconds that the clock of whoever found it may be ahead of ours."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the actions and options of `respond`."""
    parser.epilog = EXAMPLE
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    common = argparse.ArgumentParser(add_help=False)
    common.add_argument("--state", default="", metavar="PLACE", help="file or postgresql://… (default: the sweep's)")
    common.add_argument("--config", default="", metavar="FILE", help="the operator's configuration")
    common.add_argument("--policy", default="", metavar="FILE", help="default: leakfirst/rotation.toml in your config")
    common.add_argument("--rotations", default="", metavar="FOLDER", help="where rotations keep their journal")
    common.add_argument("--clones", default="", metavar="FOLDER", help="where the clones of the inventory are")
    common.add_argument("--by", default="", metavar="NAME", help="who you are; default: your user name and host")
    common.add_argument("--jobs", "-j", type=int, default=0, metavar="N", help="processes; default: one per processor")
    common.add_argument("--json", action="store_true", help="for programs")
    common.add_argument("-v", "--verbose", action="count", default=0, help="say the steps on standard error")
    which = argparse.ArgumentParser(add_help=False)
    which.add_argument("incident", nargs="?", default="", metavar="INCIDENT", help="default: the only open one")
    actions = parser.add_subparsers(dest="action", required=True, metavar="ACTION")

    opening = actions.add_parser("open", parents=[common], help="open an incident and play the playbook")
    opening.add_argument("targets", nargs="*", metavar="TARGET", help="what leaked: files, a folder, a repository")
    opening.add_argument("--package", default="", metavar="PACKAGE[@RANGE]", help="the package that it belongs to")
    opening.add_argument("--findings", action="append", default=[], metavar="REPORT.json", help="findings of a report")
    opening.add_argument("--range", default="", metavar="A..B", help="of a repository: only these commits")
    opening.add_argument(
        "--path", action="append", default=[], metavar="PATH", help="of a repository: only these paths"
    )
    opening.add_argument("--inventory", action="append", default=[], metavar="SPEC", help="where else to look")
    opening.add_argument("--patterns", action="append", default=[], metavar="PATH", help="more rules, as for scan")
    opening.add_argument("--title", default="", metavar="TEXT", help="what to call it")
    opening.add_argument("--found-at", default="", metavar="TIME", help="when it was found, if the clock runs already")
    opening.add_argument("--deadline", default="", metavar="TIME", help="default: 48h")
    orders = ("contain-first", "reissue-first")
    opening.add_argument(
        "--order", default=orders[0], choices=orders, help="default: contain-first, as for a public leak"
    )
    opening.add_argument("--only-open", action="store_true", help="play nothing yet")

    actions.add_parser("status", parents=[common, which], help="what is known, what waits for whom, how much time")
    going = actions.add_parser("next", parents=[common, which], help="go on with everything that can go on")
    going.add_argument("--all", action="store_true", help="every open incident (for cron)")
    one = actions.add_parser("run", parents=[common], help="run one step, whether it was run before or not")
    one.add_argument("step", metavar="STEP", help="detect, verify, contain, spread, dependents, prove, tell")
    one.add_argument("incident", nargs="?", default="", metavar="INCIDENT", help="default: the only open one")
    one.add_argument("--dry-run", action="store_true", help="with tell: show what would be sent, send nothing")
    taking = actions.add_parser("take", parents=[common, which], help="say that you are on it")
    taking.set_defaults(action="take")
    approve = actions.add_parser(
        "approve", parents=[common], help="approve the plan of one credential and carry it out"
    )
    approve.add_argument("incident", metavar="INCIDENT")
    approve.add_argument("credential", metavar="CREDENTIAL", help="its fingerprint or plan, or the beginning of one")
    approve.add_argument("--digest", default="", metavar="HEX", help="of the plan; without it the plan is shown")
    approve.add_argument("--done", action="store_true", help="what had to be done by hand is done")
    accept = actions.add_parser("accept", parents=[common], help="leave credentials as they are, and say why")
    accept.add_argument("incident", metavar="INCIDENT")
    accept.add_argument("credentials", metavar="CREDENTIAL", nargs="+")
    accept.add_argument("--reason", required=True, metavar="TEXT")
    close = actions.add_parser("close", parents=[common, which], help="close it, when nothing is left to do")
    close.add_argument("--reason", required=True, metavar="TEXT")
    report = actions.add_parser("report", parents=[common, which], help="the account of it")
    report.add_argument("--markdown", default="", metavar="FILE", help="- for standard output (the default)")
    report.add_argument("--html", default="", metavar="FILE")
    log = actions.add_parser("log", parents=[common, which], help="the log, line by line")
    log.add_argument("--check", action="store_true", help="verify the chain of hashes")


def run(args: argparse.Namespace) -> int:
    """Do one action and return the exit code."""
    from detector.cli.sweep import read_sweep_table
    from detector.config import operator_file
    from detector.fleet.state import open_state
    from detector.incident.settings import settings_of
    from detector.log import set_level

    set_level(args.verbose)
    operator = operator_file(args.config)
    settings = settings_of(operator)
    if not getattr(args, "reason", "because").strip():
        raise UsageError("--reason: say why; whoever reads the account will ask")
    actions = {
        "open": _open,
        "status": _status,
        "next": _next,
        "run": _run,
        "take": _take,
        "approve": _approve,
        "accept": _accept,
        "close": _close,
        "report": _report,
        "log": _log,
    }
    with open_state(args.state or read_sweep_table(operator).get("state", "")) as state:
        return int(actions[args.action](_Desk(state, operator, settings, args), args))


class _Desk:
    """What every action starts from."""

    def __init__(self, state: State, operator: Any, settings: Settings, args: argparse.Namespace) -> None:
        from rotators.core.model import Clock

        self.state, self.operator, self.settings, self.args = state, operator, settings, args
        self.clock = Clock(time.time, time.sleep)

    @property
    def by(self) -> str:
        import getpass
        import socket

        return self.args.by or f"{getpass.getuser()}@{socket.gethostname()}"

    def ledger(self, name: str) -> Ledger:
        from detector.incident.ledger import Ledger, named

        return Ledger(self.state, named(self.state, name), self.clock, self.by)

    def case(self, name: str) -> Case:
        from detector.incident.model import fold

        ledger = self.ledger(name)
        return fold(ledger.incident, ledger.lines, self.settings.owners)

    @contextmanager
    def response(self, name: str) -> Iterator[Response]:
        """Give the incident to play; nobody else may, meanwhile."""
        from detector.incident.ledger import alone
        from detector.incident.model import fold
        from detector.incident.response import Response

        ledger = self.ledger(name)
        exposure = fold(ledger.incident, ledger.lines, self.settings.owners).exposure
        with alone(self.state, ledger.incident):
            yield Response(ledger, self._tools(exposure))

    def _tools(self, exposure: Exposure) -> Tools:
        from detector.cli.rotate import policy_at
        from detector.config import Config
        from detector.incident.leaked_material import pack_of
        from detector.incident.ledger import SentMessages
        from detector.incident.notify._outbox import Outbox, read_destinations
        from detector.incident.notify._redact import make_redactor
        from detector.incident.response import Tools
        from detector.incident.spread import Nowhere
        from rotators.core.service import Desk

        places = read_destinations(self.operator)
        clean = make_redactor(lambda: pack_of(exposure))
        return Tools(
            config=Config(verify=True, operator=self.operator, progress=False),
            settings=self.settings,
            fleet=self._fleet(exposure) if exposure.inventory else Nowhere(),
            desk=Desk(policy_at(self.args.policy), self.args.rotations),
            outbox=Outbox(places, SentMessages(self.state), self.clock, clean),
            clock=self.clock,
            jobs=self.args.jobs,
        )

    def _fleet(self, exposure: Exposure) -> Fleet:
        """Return the inventory, read and swept as `leakfirst sweep` would."""
        from detector.cli.sweep import make_worker_settings, read_sweep_table
        from detector.config import usable_processors
        from detector.fleet.inventory import Options, entries
        from detector.incident.spread import Inventory
        from detector.rules.pack import cache_folder

        table = read_sweep_table(self.operator)
        settings, rules = make_worker_settings(
            self.operator, table, patterns=exposure.patterns, clones=self.args.clones
        )
        which = {name: table.get(name, False) for name in ("forks", "archived", "wikis", "snippets")}
        pulls = table.get("pull-requests", False)
        cache = os.path.join(cache_folder(), "inventory")
        listing = Options(cache=cache, operator=self.operator, pulls=pulls, **which)
        jobs = self.args.jobs or table.get("jobs", 0) or usable_processors()
        return Inventory(lambda: entries(exposure.inventory, listing), self.state, settings, rules, jobs)


# -- acting --------------------------------------------------------------------


def _open(desk: _Desk, args: argparse.Namespace) -> ExitCode:
    from detector.cli.sweep import read_sweep_table
    from detector.incident import leaked_material
    from detector.incident.ledger import open_incident
    from detector.incident.settings import seconds
    from detector.incident.timeline import due, text

    exposure = _exposure(args, read_sweep_table(desk.operator).get("inventory", []))
    leaked_material.check(exposure)
    if exposure.package:
        from detector.incident.dependents import package

        package(exposure.package)
    found_at = _instant(args.found_at, desk.clock.now()) or text(desk.clock.now())
    allowed = seconds(args.deadline, "--deadline") if args.deadline else desk.settings.deadline
    title = (
        args.title or exposure.package or ", ".join(os.path.basename(target.rstrip("/")) for target in exposure.targets)
    )
    facts = {"exposure": exposure.as_json(), "found_at": found_at, "due_at": due(found_at, allowed)}
    tools = (
        None if args.only_open else desk._tools(exposure)
    )  # a wrong policy or file is said before anything is opened
    del tools
    name = open_incident(desk.state, title, facts, desk.clock, desk.by)
    print(f"incident {name} is open; deadline {facts['due_at']}", file=sys.stderr)
    if args.only_open:
        return _show(desk, desk.case(name), args)
    with desk.response(name) as response:
        case = response.play()
        _untold(response)
    return _show(desk, case, args)


def _exposure(args: argparse.Namespace, inventory: Sequence[str]) -> Exposure:
    from detector.git.layout import is_repository
    from detector.incident.leaked_material import is_remote
    from detector.incident.model import ARTEFACT, FINDINGS, REPOSITORY, Exposure

    if bool(args.targets) == bool(args.findings):
        raise UsageError("name what leaked: files, a folder, a repository, or --findings REPORT.json")
    given = args.targets or args.findings
    targets = tuple(target if is_remote(target) else os.path.abspath(target) for target in given)
    kind = FINDINGS if args.findings else ARTEFACT
    if not args.findings and any(is_remote(target) or is_repository(target) for target in targets):
        kind = REPOSITORY
    return Exposure(
        kind,
        targets,
        args.package,
        args.range,
        tuple(args.path),
        tuple(args.inventory) or tuple(inventory),
        tuple(os.path.abspath(path) for path in args.patterns),
        args.order,
    )


def _instant(told: str, now: float) -> str:
    from detector.incident.timeline import instant, text

    if not told:
        return ""
    try:
        found = instant(told)
    except (ValueError, OverflowError):
        raise UsageError(f"--found-at: {told!r} is no time; write 2025-01-31T12:00:00+00:00") from None
    if found > now + MINUTE:
        raise UsageError(f"--found-at: {told!r} is still to come; the deadline would be too late")
    return text(found)


def _next(desk: _Desk, args: argparse.Namespace) -> ExitCode:
    from detector.incident.ledger import Busy, known

    if not args.all:
        with desk.response(args.incident) as response:
            case = response.play()
            _untold(response)
        return _show(desk, case, args)
    worst = ExitCode.CLEAN
    for name in known(desk.state):
        if desk.case(name).status != "open":
            continue
        try:
            with desk.response(name) as response:
                worst = max(worst, _code(response.play()))
                _untold(response)
        except Busy:
            continue
        except LeakfirstError as error:
            print(_printable(f"leakfirst: {name}: {error}"), file=sys.stderr)
            worst = max(worst, error.exit_code)
    return worst


def _run(desk: _Desk, args: argparse.Namespace) -> ExitCode:
    with desk.response(args.incident) as response:
        if args.dry_run:
            if args.step != "tell":
                raise UsageError("--dry-run goes with tell; the other steps look before they act")
            for place, draft in response.drafts():
                print(f"-- {place.name} ({place.channel}): {draft.render()}")
            return ExitCode.CLEAN
        case = response.run(args.step)
        _untold(response)
    return _show(desk, case, args)


def _take(desk: _Desk, args: argparse.Namespace) -> ExitCode:
    with desk.response(args.incident) as response:
        response.acknowledge()
        return _show(desk, response.run("tell"), args)


def _approve(desk: _Desk, args: argparse.Namespace) -> ExitCode:
    if args.done and args.digest:
        raise UsageError("give --digest of the plan that you have read, or --done for what was done by hand")
    if not args.done and not args.digest:
        return _plan(desk, args)
    with desk.response(args.incident) as response:
        if args.done:
            response.done_by_hand(args.credential)
        else:
            response.approve(args.credential, args.digest)
        return _show(desk, response.run("tell"), args)


def _plan(desk: _Desk, args: argparse.Namespace) -> ExitCode:
    """Show what would be approved; a plan that has expired is made anew."""
    from detector.cli.rotate import describe

    with desk.response(args.incident) as response:
        plan = response.renewed(args.credential)
        name = response.case.id
    print(describe(plan).rpartition("  next: ")[0])
    print(f"  next: leakfirst respond approve {name} {plan.id[:12]} --digest {plan.digest[:16]}{_same(args)}")
    return ExitCode.NEEDS_PERSON


def _same(args: argparse.Namespace) -> str:
    """Return the files that were named, for a command that is shown."""
    named = ((name, getattr(args, name)) for name in ("state", "config", "policy", "rotations", "clones"))
    return "".join(f" --{name} {shlex.quote(value)}" for name, value in named if value)


def _accept(desk: _Desk, args: argparse.Namespace) -> ExitCode:
    with desk.response(args.incident) as response:
        response.accept(args.credentials, args.reason)
        return _show(desk, response.case, args)


def _close(desk: _Desk, args: argparse.Namespace) -> ExitCode:
    with desk.response(args.incident) as response:
        in_the_way = response.close(args.reason)
        for line in in_the_way:
            print(_printable(f"leakfirst: still open: {line}"), file=sys.stderr)
        _untold(response)
    if in_the_way:
        return ExitCode.NEEDS_PERSON
    print("closed")
    return ExitCode.CLEAN


def _untold(response: Response) -> None:
    for told in response.untold:
        print(_printable(f"leakfirst: {told.destination} was not told: {told.why}"), file=sys.stderr)


# -- looking -------------------------------------------------------------------


def _status(desk: _Desk, args: argparse.Namespace) -> ExitCode:
    from detector.incident.ledger import known, meant
    from detector.incident.timeline import left

    if args.incident or len(meant(desk.state)) == 1:
        return _show(desk, desk.case(args.incident), args)
    cases = [desk.case(name) for name in known(desk.state)]
    if args.json:
        print(json.dumps([_summary(case) for case in cases]))
        return ExitCode.CLEAN
    for case in cases:
        time_left = left(case.due_at, desk.clock.now()) if case.status == "open" else case.status
        live = f"{len(case.live)} live of {len(case.credentials)}"
        print(_printable(f"{case.id}  {case.status:6}  {time_left:20}  {live:20}  {case.title}"))
    return max(map(_code, cases), default=ExitCode.CLEAN)


def _show(desk: _Desk, case: Case, args: argparse.Namespace) -> ExitCode:
    from detector.incident import events
    from detector.incident.timeline import left

    if args.json:
        print(json.dumps(_summary(case)))
        return _code(case)
    time_left = left(case.due_at, desk.clock.now()) if case.status == "open" else case.closed_reason
    print(_printable(f"{case.id}  {case.title}  {case.status}, {time_left}"))
    print(_printable("  " + ", ".join(f"{name} {number}" for name, number in events.counts(case))))
    from detector.incident.response import STEPS

    for name in STEPS:
        step = case.steps.get(name, {"state": "to do"})
        print(_printable(f"  {name:11} {step['state']:11} {step.get('why', '')}".rstrip()))
    waiting = events.tasks(case)
    for owner in dict.fromkeys(task.owner for task in waiting):
        print(_printable(f"\n  for {owner or events.NOBODY}:"))
        alike: dict[tuple[str, str], list[Task]] = {}
        for task in waiting:
            if task.owner == owner:
                alike.setdefault((task.why, task.link), []).append(task)
        for (why, link), some in alike.items():
            print(_printable(f"    {why}{f'  {link}' if link else ''}"))
            together = _for_all(case, some)
            for task in some:
                print(_printable(f"      {task.what}"))
                if task.command and not together:
                    print(_printable(f"        {task.command}{_same(args)}"))
            if together:
                print(_printable(f"        {together}{_same(args)}"))
    return _code(case)


def _for_all(case: Case, tasks: Sequence[Task]) -> str:
    """Return one command that does for all of *tasks* what each has its own for, or ""."""
    accept = f"leakfirst respond accept {case.id} "
    if len(tasks) < 2 or not all(task.command.startswith(accept) for task in tasks):
        return ""
    return f"{accept}{' '.join(task.subject[:16] for task in tasks)} --reason WHY"


def _summary(case: Case) -> dict[str, Any]:
    from detector.incident import events

    return {
        "schema": "leakfirst/incident/1",
        "incident": case.id,
        "title": case.title,
        "status": case.status,
        "opened": case.opened_at,
        "found": case.found_at,
        "due": case.due_at,
        "counts": dict(events.counts(case)),
        "steps": {name: dict(step) for name, step in case.steps.items()},
        "credentials": [
            {
                "fingerprint": one.fingerprint,
                "rule": one.rule,
                "redacted": one.shown,
                "verdict": one.verdict,
                "live": one.live,
                "owner": one.owner,
                "whose": one.whose,
                "plan": one.plan,
                "digest": one.digest,
                "held": dict(one.held),
                "settled": one.settled,
                "times": one.times._asdict(),
            }
            for one in case.credentials
        ],
        "waiting": [task._asdict() for task in events.tasks(case)],
        "places": [dict(at) for at in case.places],
        "dependents": [dict(row) for row in case.dependents],
        "scanned": {name: dict(row) for name, row in case.scanned.items()},
        "skipped": [list(skip) for skip in case.skipped],
        "head": case.head,
    }


def _code(case: Case) -> ExitCode:
    from detector.incident import events

    if events.tasks(case):
        return ExitCode.NEEDS_PERSON
    if case.status == "closed":
        return ExitCode.CLEAN
    states = {step["state"] for step in case.steps.values()}
    return ExitCode.INCOMPLETE if "incomplete" in states else ExitCode.CLEAN


def _report(desk: _Desk, args: argparse.Namespace) -> ExitCode:
    from detector.incident import report
    from detector.incident.leaked_material import pack_of
    from detector.incident.ledger import check
    from detector.incident.notify._redact import make_redactor

    case = desk.case(args.incident)
    clean = make_redactor(lambda: pack_of(case.exposure))
    sections = report.redacted(report.document(case, check(desk.state, case.id), desk.clock.now()), clean)
    if args.json:
        print(json.dumps(_summary(case)))
        return ExitCode.CLEAN
    if args.html:
        _write(args.html, report.page(sections))
    if args.markdown or not args.html:
        _write(args.markdown or "-", report.markdown(sections))
    return ExitCode.CLEAN


def _write(path: str, text: str) -> None:
    if path == "-":
        print(text, end="")
        return
    try:
        with open(path, "w", encoding="utf-8") as file:
            file.write(text)
    except OSError as error:
        raise UsageError(f"{path}: cannot be written ({error.strerror})") from None


def _log(desk: _Desk, args: argparse.Namespace) -> ExitCode:
    from detector.incident.ledger import check

    case = desk.case(args.incident)
    if args.check:
        problems = check(desk.state, case.id)
        for problem in problems:
            print(f"{case.id}: {problem}", file=sys.stderr)
        print("the log was tampered with" if problems else f"the log is whole; its head is {case.head}")
        return ExitCode.NEEDS_PERSON if problems else ExitCode.CLEAN
    for line in case.lines:
        if args.json:
            print(json.dumps(line._asdict()))
        else:
            facts = "  ".join(f"{name}={value}" for name, value in line.facts.items() if name != "where")
            print(_printable(f"{line.at}  {line.by}  {line.kind} {line.subject}  {facts}".rstrip()))
    return ExitCode.CLEAN


def _printable(text: str) -> str:
    from detector.text.untrusted import make_printable

    return "\n".join(make_printable(line) for line in text.split("\n"))
