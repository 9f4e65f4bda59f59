"""`leakfirst rotate`: replace a leaked key, in steps that a person approves."""

from __future__ import annotations

import argparse
import json
import sys
from typing import TYPE_CHECKING, Any

from detector.errors import ExitCode, LeakfirstError, RotationError, UsageError

if TYPE_CHECKING:
    from rotators.core.journalled_run import Outcome
    from rotators.core.model import Leak, RotationPlan
    from rotators.core.service import RotationService

SUMMARY = "replace a leaked key: plan, approve, apply, resume, undo"

EXAMPLE = """examples:
  leakfirst rotate plan report.json                 show what would be done; changes nothing
  leakfirst rotate approve 3f2a --digest 9c1e…      approve the plan that you have read
  leakfirst rotate apply 3f2a                       run it, up to the grace period
  leakfirst rotate resume --all                     continue runs that wait (for cron)
  leakfirst rotate undo 3f2a                        go back to the old key
  leakfirst rotate log --check                      check that nobody has edited the log

The policy says what may be rotated, in which accounts, and where new values go.
Without a policy every plan has to be approved and only disables the key.
docs/rotation.md has more.
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the actions and options of `rotate`."""
    parser.epilog = EXAMPLE
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    common = argparse.ArgumentParser(add_help=False)
    common.add_argument("--policy", default="", metavar="FILE", help="default: leakfirst/rotation.toml in your config")
    common.add_argument("--state", default="", metavar="FOLDER", help="where plans and journal are kept")
    common.add_argument("--json", action="store_true", help="print JSON")
    value = argparse.ArgumentParser(add_help=False)
    value.add_argument("--stdin", action="store_true", help="read the leaked credential from standard input")
    value.add_argument("--patterns", action="append", default=[], metavar="PATH", help="more rules, as for scan")
    actions = parser.add_subparsers(dest="action", required=True, metavar="ACTION")

    plan = actions.add_parser("plan", parents=[common, value], help="show what would be done; changes nothing")
    plan.add_argument("report", nargs="?", default="", metavar="REPORT.json", help="written by scan --report json=…")
    plan.add_argument("--only", default="", metavar="FINGERPRINT", help="one finding of the report")
    plan.add_argument("--rule", default="", metavar="ID", help="with --stdin: the rule that the credential belongs to")
    plan.add_argument("--rotator", default="", metavar="NAME", help="use this rotator instead of the rule's")
    plan.add_argument("--order", default="", choices=("contain-first", "reissue-first"), help="default: the policy's")
    plan.add_argument("--by", default="", metavar="NAME", help="who makes the plan, as the approvers' file names them")
    plan.add_argument(
        "--reconcile", action="store_true", help="only make a new value, for a stored one that does not work"
    )
    plan.add_argument(
        "--older-than",
        default="",
        metavar="AGE",
        help="with --rotator: credentials older than this (30d), without a leak",
    )

    _add_approve(actions, common)
    actions.add_parser("apply", parents=[common, value], help="run an approved plan").add_argument("plan")
    resume = actions.add_parser("resume", parents=[common, value], help="continue a run that stopped or waits")
    resume.add_argument("plan", nargs="?", default="")
    resume.add_argument("--all", action="store_true", help="every run that has begun and not ended")
    resume.add_argument("--done", action="store_true", help="the manual step has been done")
    actions.add_parser(
        "undo", parents=[common, value], help="undo a run, unless an irreversible step was done"
    ).add_argument("plan")
    status = actions.add_parser("status", parents=[common], help="all runs, or the steps of one")
    status.add_argument("plan", nargs="?", default="")
    log = actions.add_parser("log", parents=[common], help="what was intended, done, failed or undone")
    log.add_argument("plan", nargs="?", default="")
    log.add_argument("--check", action="store_true", help="verify the chain of digests")
    log.add_argument("--anchor", default="", metavar="N:DIGEST", help="with --check: what an earlier check printed")


def _add_approve(actions: Any, common: argparse.ArgumentParser) -> None:
    approve = actions.add_parser("approve", parents=[common], help="approve one plan, by its digest")
    approve.add_argument("plan", metavar="PLAN")
    approve.add_argument(
        "--digest", default="", metavar="HEX", help="the digest that `plan` printed, at least 16 digits"
    )
    approve.add_argument("--reversible", action="store_true", help="approve only the reversible steps")
    approve.add_argument("--by", default="", metavar="NAME", help="default: your user name")
    approve.add_argument(
        "--scope",
        default="final",
        choices=("contain", "reversible", "final", "made"),
        help="with --write: how far the approval goes; made is the signature of whoever made the plan",
    )
    approve.add_argument("--step", action="append", default=[], metavar="ID", help="with --write: only these steps")
    approve.add_argument("--expires", default="24h", metavar="TIME", help="with --write: how long it holds")
    approve.add_argument("--write", default="", metavar="FILE", help="write an approval to be signed with ssh-keygen")
    approve.add_argument("--add", default="", metavar="FILE", help="add a signed approval: FILE and FILE.sig")


def run(args: argparse.Namespace) -> int:
    """Run one action and return the exit code."""
    from rotators.core.policy import load_policy
    from rotators.core.service import RotationService

    service = RotationService(load_policy(args.policy), args.state)
    actions = {
        "plan": _make_plans,
        "approve": _approve,
        "apply": _apply,
        "resume": _resume,
        "undo": _undo,
        "status": _show_status,
        "log": _show_log,
    }
    return int(actions[args.action](service, args))


# -- planning and approving --------------------------------------------------


def _make_plans(service: RotationService, args: argparse.Namespace) -> ExitCode:
    from rotators.core.model import Order
    from rotators.core.plan_text import format_plan

    order = Order.RECONCILE if args.reconcile else Order(args.order) if args.order else None
    leaks = _find_leaks(service, args)
    if not leaks:
        print("nothing to rotate")
        return ExitCode.CLEAN
    plans, refused = [], 0
    for leak in leaks:
        try:
            plans.append(service.make_plan(leak, rotator=args.rotator or None, order=order, made_by=args.by))
        except RotationError as error:
            refused += 1
            print(f"leakfirst: {leak.rule_id} {leak.fingerprint}: {error}", file=sys.stderr)
    if args.json:
        print(json.dumps([{**plan.as_json(), "digest": plan.digest} for plan in plans], indent=1))
    else:
        for plan in plans:
            print(format_plan(plan))
    return ExitCode.NEEDS_PERSON if refused else ExitCode.CLEAN


def _find_leaks(service: RotationService, args: argparse.Namespace) -> list[Leak]:
    from rotators.core.policy import parse_duration
    from rotators.core.secret_lookup import load_rules, make_leak

    if bool(args.report) + bool(args.stdin) + bool(args.older_than) != 1:
        raise UsageError("give one of: a report, --stdin with --rule, --older-than with --rotator")
    if args.older_than:
        try:
            age = parse_duration(args.older_than)
        except ValueError as error:
            raise UsageError(str(error)) from None
        return list(service.list_old(args.rotator or "aws-iam", age))
    from detector.scan import reread

    pack, key = load_rules(args.patterns)
    if args.stdin:
        return [make_leak(reread.find_in_text(sys.stdin.buffer.read(), args.rule, pack, key), given=True)]
    found, skipped = reread.reread_report(args.report, pack, key)
    for skip in skipped:
        print(f"leakfirst: {skip.where}: {skip.reason}", file=sys.stderr)
    return [make_leak(finding) for finding in found if finding.fingerprint.startswith(args.only)]


def _approve(service: RotationService, args: argparse.Namespace) -> ExitCode:
    from getpass import getuser

    plan = service.load_plan(args.plan)
    if args.write or args.add:
        return _approve_signed(service, plan, args)
    scope = "reversible" if args.reversible else "all"
    service.approve(plan, args.digest, args.by or getuser(), scope)
    print(f"approved ({scope}); next: leakfirst rotate apply {plan.id[:12]}")
    return ExitCode.CLEAN


def _approve_signed(service: RotationService, plan: RotationPlan, args: argparse.Namespace) -> ExitCode:
    from rotators.core.approvals import MAX_BYTES, NAMESPACE
    from rotators.core.plan_text import format_plan
    from rotators.core.policy import parse_duration

    if args.add:
        document = _read_start(args.add, MAX_BYTES)
        found = service.add_approval(
            plan, document, _read_start(f"{args.add}.sig", MAX_BYTES).decode("ascii", "replace")
        )
        print(f"added: {found.by} ({found.scope}), until {found.expires}")
        return ExitCode.CLEAN
    if not args.by:
        raise UsageError("--write needs --by NAME, as the approvers' file names you")
    try:
        lasts = parse_duration(args.expires)
    except ValueError as error:
        raise UsageError(str(error)) from None
    document = service.write_approval(plan, args.scope, args.by, lasts, tuple(args.step))
    try:
        with open(args.write, "xb") as file:
            file.write(document)
    except OSError as error:
        raise UsageError(f"cannot write {args.write}: {error.strerror}") from None
    print(format_plan(plan))
    print(f"  sign: ssh-keygen -Y sign -f YOUR-KEY -n {NAMESPACE} {args.write}")
    print(f"  then: leakfirst rotate approve {plan.id[:12]} --add {args.write}")
    return ExitCode.CLEAN


def _read_start(path: str, most: int) -> bytes:
    try:
        with open(path, "rb") as file:
            return file.read(most + 1)
    except OSError as error:
        raise UsageError(f"cannot read {path}: {error.strerror}") from None


# -- running -----------------------------------------------------------------


def _apply(service: RotationService, args: argparse.Namespace) -> ExitCode:
    plan = service.load_plan(args.plan)
    return _report_outcome(plan, service.apply(plan, _look_up_leak(plan, args)), args)


def _resume(service: RotationService, args: argparse.Namespace) -> ExitCode:
    if bool(args.plan) == args.all:
        raise UsageError("name one plan, or give --all")
    if not args.all:
        plan = service.load_plan(args.plan)
        return _report_outcome(
            plan, service.open_run(plan, _look_up_leak(plan, args)).resume(person_done=args.done), args
        )
    worst = ExitCode.CLEAN
    for plan in service.list_plans():
        now = service.read_progress(plan)
        if not now.started or now.outcome:
            continue
        try:
            code = _report_outcome(plan, service.open_run(plan, _look_up_leak(plan, args)).resume(), args)
        except LeakfirstError as error:
            print(f"leakfirst: {plan.id[:12]}: {error}", file=sys.stderr)
            code = error.exit_code
        worst = max(worst, code)
    return worst


def _undo(service: RotationService, args: argparse.Namespace) -> ExitCode:
    plan = service.load_plan(args.plan)
    return _report_outcome(plan, service.open_run(plan, _look_up_leak(plan, args)).undo(), args)


def _report_outcome(plan: RotationPlan, outcome: Outcome, args: argparse.Namespace) -> ExitCode:
    from rotators.core.model import RunState
    from rotators.core.plan_text import printable

    if args.json:
        print(json.dumps({"plan": plan.id, **outcome._asdict()}))
    else:
        print(printable(f"{plan.id[:12]}  {outcome.state}  {outcome.step}  {outcome.why}".rstrip()))
        for failed in outcome.failed:
            print(printable(f"  contained only in part: {failed}"))
    _notify(plan, outcome, args)
    gave_back = outcome.state == RunState.ROLLED_BACK and outcome.why
    needs_person = outcome.state in (RunState.NEEDS_PERSON, RunState.ENDED) or outcome.failed or gave_back
    return ExitCode.NEEDS_PERSON if needs_person else ExitCode.CLEAN


def _notify(plan: RotationPlan, outcome: Outcome, args: argparse.Namespace) -> None:
    """Notify whom the policy names; print the names that the operator's file has no destination for."""
    if not plan.notify:
        return
    from detector.config import load_operator_file
    from detector.incident.messages import redact, rotation
    from rotators.core.plan_text import printable
    from rotators.core.secret_lookup import load_rules

    def open_sent_messages() -> Any:
        from detector.fleet.state import open_state
        from detector.incident.ledger import SentMessages

        return SentMessages(open_state())

    clean = redact.make_redactor(lambda: load_rules(args.patterns)[0])
    out = sys.stderr if args.json else sys.stdout
    try:
        results, others = rotation.notify_outcome(plan, outcome, load_operator_file(), open_sent_messages, clean)
    except ModuleNotFoundError as error:  # what was done stays done, and is said as it is
        print(printable(f"  not notified: {error.name} is not installed: the extra sweep has it"), file=out)
        return
    for result in results:
        failed = f"not notified: {result.destination}: {result.why}"
        print(printable(f"  {failed if result.why else f'notified: {result.destination}'}"), file=out)
    if others:
        print(printable(f"  please notify: {', '.join(others)}"), file=out)


def _look_up_leak(plan: RotationPlan, args: argparse.Namespace) -> Leak:
    from rotators.core.secret_lookup import find_leak, load_rules

    pack, key = load_rules(args.patterns)
    return find_leak(plan, pack, key, sys.stdin.buffer.read() if args.stdin else b"")


# -- status and log -----------------------------------------------------------------


def _show_status(service: RotationService, args: argparse.Namespace) -> ExitCode:
    from rotators.core.endings import list_proven
    from rotators.core.plan_text import printable
    from rotators.core.runs import get_state

    plans = [service.load_plan(args.plan)] if args.plan else service.list_plans()
    rows = [(plan, service.read_progress(plan)) for plan in plans]
    if args.json:
        print(json.dumps([{"plan": p.id, "rule": p.rule_id, "state": get_state(now)} for p, now in rows]))
        return ExitCode.CLEAN
    for plan, now in rows:
        last = f"{now.last.at}  {now.last.step} {now.last.phase}" if now.last else plan.created_at
        print(f"{plan.id[:12]}  {get_state(now):12}  {plan.rule_id:24}  {dict(plan.facts)['credential']}  {last}")
        if args.plan:
            for step in plan.steps:
                mark = "done" if step.id in now.done else "begun" if step.id in now.begun else "to do"
                print(f"  {mark:6} {step.title}")
            if proven := list_proven(plan, now):
                print(f"  proven so far: {', '.join(proven)}")
            if now.last and "why" in now.last.facts:
                print(printable(f"  {now.last.facts['why']}"))
    return ExitCode.CLEAN


def _show_log(service: RotationService, args: argparse.Namespace) -> ExitCode:
    from rotators.core.plan_text import printable

    if args.check:
        problems = service.journal.check(args.anchor)
        for problem in problems:
            print(f"{service.journal.path}: {problem}", file=sys.stderr)
        anchor = "" if problems else f", anchor {service.journal.get_anchor()}"
        print("the log was edited" if problems else f"the log is intact{anchor}")
        return ExitCode.NEEDS_PERSON if problems else ExitCode.CLEAN
    for entry in service.list_entries(service.load_plan(args.plan) if args.plan else None):
        if args.json:
            print(json.dumps(entry._asdict()))
        else:
            shown = {name: value for name, value in entry.facts.items() if name not in ("document", "signature")}
            facts = "  ".join(f"{name}={value}" for name, value in shown.items())
            print(printable(f"{entry.at}  {entry.run[:12]}  {entry.who}  {entry.step} {entry.phase}  {facts}".rstrip()))
    return ExitCode.CLEAN
