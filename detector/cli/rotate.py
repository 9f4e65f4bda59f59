"""`leakfirst rotate`: from a leaked key to a replaced one, in steps that a person approves."""

from __future__ import annotations

import argparse
import json
import os
import sys
from typing import TYPE_CHECKING, Any

from detector.errors import ExitCode, LeakfirstError, RotationError, UsageError

if TYPE_CHECKING:
    from detector.rules.pack import Pack
    from rotators.core.executor import Outcome
    from rotators.core.model import Leak, RotationPlan
    from rotators.core.policy import Policy
    from rotators.core.service import RotationService

SUMMARY = "replace a leaked key: plan, approve, apply, resume, undo"

EXAMPLE = """examples:
  leakfirst rotate plan report.json                 look, and write down what would be done
  leakfirst rotate approve 3f2a --digest 9c1e…      you have read the plan
  leakfirst rotate apply 3f2a                       do it, up to the grace period
  leakfirst rotate resume --all                     go on with what waits (for cron)
  leakfirst rotate undo 3f2a                        back to the old key
  leakfirst rotate log --check                      nobody has edited the log

The policy says what may be rotated, whose accounts, and where new values go.
Without one every plan asks and only disables. docs/rotation.md has more.
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the actions and options of `rotate`."""
    parser.epilog = EXAMPLE
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    common = argparse.ArgumentParser(add_help=False)
    common.add_argument("--policy", default="", metavar="FILE", help="default: leakfirst/rotation.toml in your config")
    common.add_argument("--state", default="", metavar="FOLDER", help="where plans and journal are kept")
    common.add_argument("--json", action="store_true", help="for programs")
    value = argparse.ArgumentParser(add_help=False)
    value.add_argument("--stdin", action="store_true", help="read the leaked credential from standard input")
    value.add_argument("--patterns", action="append", default=[], metavar="PATH", help="more rules, as for scan")
    actions = parser.add_subparsers(dest="action", required=True, metavar="ACTION")

    plan = actions.add_parser("plan", parents=[common, value], help="look, and write down what would be done")
    plan.add_argument("report", nargs="?", default="", metavar="REPORT.json", help="written by scan --report json=…")
    plan.add_argument("--only", default="", metavar="FINGERPRINT", help="one finding of the report")
    plan.add_argument("--rule", default="", metavar="ID", help="with --stdin: what kind of credential it is")
    plan.add_argument("--rotator", default="", metavar="NAME", help="another one than the rule's")
    plan.add_argument("--order", default="", choices=("contain-first", "reissue-first"), help="default: the policy's")
    plan.add_argument("--reconcile", action="store_true", help="the stored value does not work: only reissue")
    plan.add_argument("--older-than", default="", metavar="AGE", help="with --rotator: by age (30d), without a leak")

    approve = actions.add_parser("approve", parents=[common], help="allow one plan, by its digest")
    approve.add_argument("plan", metavar="PLAN")
    approve.add_argument("--digest", default="", metavar="HEX", help="16 digits or more of what `plan` showed")
    approve.add_argument("--reversible", action="store_true", help="only what can be taken back")
    approve.add_argument("--by", default="", metavar="NAME", help="default: your user name")

    actions.add_parser("apply", parents=[common, value], help="carry an approved plan out").add_argument("plan")
    resume = actions.add_parser("resume", parents=[common, value], help="go on with a run that stopped or waits")
    resume.add_argument("plan", nargs="?", default="")
    resume.add_argument("--all", action="store_true", help="every run that has begun and not ended")
    resume.add_argument("--done", action="store_true", help="the step for a person is done")
    actions.add_parser("undo", parents=[common, value], help="go back, while nothing is final").add_argument("plan")
    status = actions.add_parser("status", parents=[common], help="all runs, or the steps of one")
    status.add_argument("plan", nargs="?", default="")
    log = actions.add_parser("log", parents=[common], help="what was intended, done, failed")
    log.add_argument("plan", nargs="?", default="")
    log.add_argument("--check", action="store_true", help="verify the chain of hashes")


def run(args: argparse.Namespace) -> int:
    """Do one action and return the exit code."""
    from rotators.core.service import RotationService

    policy = policy_at(args.policy)
    service = RotationService(policy, args.state)
    actions = {
        "plan": _plan,
        "approve": _approve,
        "apply": _apply,
        "resume": _resume,
        "undo": _undo,
        "status": _status,
        "log": _log,
    }
    return int(actions[args.action](service, args))


def policy_at(path: str) -> Policy:
    """Return the operator's policy: at *path*, in the usual place, or the default."""
    from rotators.core.policy import read_policy

    if not path:
        base = os.environ.get("XDG_CONFIG_HOME") or os.path.expanduser("~/.config")
        path = os.path.join(base, "leakfirst", "rotation.toml")
        if not os.path.exists(path):
            return read_policy(None)
    return read_policy(path)


# -- planning and approving --------------------------------------------------


def _plan(service: RotationService, args: argparse.Namespace) -> ExitCode:
    from rotators.core.model import Order

    order = Order.RECONCILE if args.reconcile else Order(args.order) if args.order else None
    leaks = _leaks(service, args)
    if not leaks:
        print("nothing to rotate")
        return ExitCode.CLEAN
    plans, refused = [], 0
    for leak in leaks:
        try:
            plans.append(service.make_plan(leak, rotator=args.rotator or None, order=order))
        except RotationError as error:
            refused += 1
            print(f"leakfirst: {leak.rule_id} {leak.fingerprint}: {error}", file=sys.stderr)
    if args.json:
        print(json.dumps([{**plan.as_json(), "digest": plan.digest} for plan in plans], indent=1))
    else:
        for plan in plans:
            print(describe(plan))
    return ExitCode.NEEDS_PERSON if refused else ExitCode.CLEAN


def _leaks(service: RotationService, args: argparse.Namespace) -> list[Leak]:
    from rotators.core.policy import parse_duration
    from rotators.core.secret_lookup import make_leak

    if bool(args.report) + bool(args.stdin) + bool(args.older_than) != 1:
        raise UsageError("give one of: a report, --stdin with --rule, --older-than with --rotator")
    if args.older_than:
        try:
            age = parse_duration(args.older_than)
        except ValueError as error:
            raise UsageError(str(error)) from None
        return list(service.list_old(args.rotator or "aws-iam", age))
    from detector.scan import reread

    pack, key = rules_for(args)
    if args.stdin:
        return [make_leak(reread.find_in_text(sys.stdin.buffer.read(), args.rule, pack, key), given=True)]
    found, skipped = reread.reread_report(args.report, pack, key)
    for skip in skipped:
        print(f"leakfirst: {skip.where}: {skip.reason}", file=sys.stderr)
    return [make_leak(finding) for finding in found if finding.fingerprint.startswith(args.only)]


def describe(plan: RotationPlan) -> str:
    """Return a plan as a person reads it."""
    lines = [f"plan {plan.id[:12]}  {plan.rule_id}  {plan.order}  ({plan.decision})", ""]
    lines += [f"  {name:18} {value}" for name, value in plan.facts]
    lines.append("")
    for number, step in enumerate(plan.steps, 1):
        mark = "" if step.reversible else "   cannot be taken back"
        wait = f"   {step.wait} s" if step.wait else ""
        lines.append(f"  {number:2}. {step.title}{wait}{mark}")
        lines += [f"        {call}" for call in step.calls]
        if step.link:
            lines.append(f"        {step.link}")
    lines += [f"  cannot be proven: {what}" for what in plan.unprovable]
    lines += ["", f"  digest {plan.digest[:16]}   expires {plan.expires_at}"]
    lines.append(f"  next: leakfirst rotate approve {plan.id[:12]} --digest {plan.digest[:16]}")
    return _printable("\n".join(lines)) + "\n"


def _approve(service: RotationService, args: argparse.Namespace) -> ExitCode:
    from getpass import getuser

    plan = service.load_plan(args.plan)
    scope = "reversible" if args.reversible else "all"
    service.approve(plan, args.digest, args.by or getuser(), scope)
    print(f"approved ({scope}); next: leakfirst rotate apply {plan.id[:12]}")
    return ExitCode.CLEAN


# -- running -----------------------------------------------------------------


def _apply(service: RotationService, args: argparse.Namespace) -> ExitCode:
    plan = service.load_plan(args.plan)
    return _tell(plan, service.apply(plan, _recalled(plan, args)), args)


def _resume(service: RotationService, args: argparse.Namespace) -> ExitCode:
    if bool(args.plan) == args.all:
        raise UsageError("name one plan, or give --all")
    if not args.all:
        plan = service.load_plan(args.plan)
        return _tell(plan, service.open_run(plan, _recalled(plan, args)).resume(person_done=args.done), args)
    worst = ExitCode.CLEAN
    for plan in service.list_plans():
        now = service.read_progress(plan)
        if not now.started or now.outcome:
            continue
        try:
            code = _tell(plan, service.open_run(plan, _recalled(plan, args)).resume(), args)
        except LeakfirstError as error:
            print(f"leakfirst: {plan.id[:12]}: {error}", file=sys.stderr)
            code = error.exit_code
        worst = max(worst, code)
    return worst


def _undo(service: RotationService, args: argparse.Namespace) -> ExitCode:
    plan = service.load_plan(args.plan)
    return _tell(plan, service.open_run(plan, _recalled(plan, args)).undo(), args)


def _tell(plan: RotationPlan, outcome: Outcome, args: argparse.Namespace) -> ExitCode:
    if args.json:
        print(json.dumps({"plan": plan.id, **outcome._asdict()}))
    else:
        print(_printable(f"{plan.id[:12]}  {outcome.state}  {outcome.step}  {outcome.why}".rstrip()))
    _notify(plan, outcome, args)
    return ExitCode.NEEDS_PERSON if outcome.state == "needs-person" else ExitCode.CLEAN


def _notify(plan: RotationPlan, outcome: Outcome, args: argparse.Namespace) -> None:
    """Tell whom the policy names: by the operator's file, or by asking the reader to."""
    if not plan.tell:
        return
    from detector.config import load_operator_file
    from detector.incident.notify import _redact, _rotation

    def memory() -> Any:
        from detector.fleet.state import open_state
        from detector.incident.ledger import SentMessages

        return SentMessages(open_state())

    clean = _redact.make_redactor(lambda: rules_for(args)[0])
    told, others = _rotation.notify_outcome(plan, outcome, load_operator_file(), memory, clean)
    out = sys.stderr if args.json else sys.stdout
    for done in told:
        became = f"not told: {done.destination}: {done.why}" if done.why else f"told: {done.destination}"
        print(_printable(f"  {became}"), file=out)
    if others:
        print(_printable(f"  tell: {', '.join(others)}"), file=out)


def _recalled(plan: RotationPlan, args: argparse.Namespace) -> Leak:
    from rotators.core.secret_lookup import find_leak

    pack, key = rules_for(args)
    return find_leak(plan, pack, key, sys.stdin.buffer.read() if args.stdin else b"")


def rules_for(args: argparse.Namespace) -> tuple[Pack, bytes]:
    """Return the rules with `args.patterns` added, and the key of the fingerprints."""
    from detector.config import Config
    from detector.scan.policies import load_policies
    from detector.scan.rule_pack import load_rule_pack

    config = Config(targets=(".",), patterns=tuple(args.patterns))
    return load_rule_pack(config), load_policies(config).report_key


# -- looking -----------------------------------------------------------------


def _status(service: RotationService, args: argparse.Namespace) -> ExitCode:
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
            if now.last and "why" in now.last.facts:
                print(_printable(f"  {now.last.facts['why']}"))
    return ExitCode.CLEAN


def _log(service: RotationService, args: argparse.Namespace) -> ExitCode:
    if args.check:
        problems = service.journal.check()
        for problem in problems:
            print(f"{service.journal.path}: {problem}", file=sys.stderr)
        print("the log was tampered with" if problems else "the log is whole")
        return ExitCode.NEEDS_PERSON if problems else ExitCode.CLEAN
    for entry in service.list_entries(service.load_plan(args.plan) if args.plan else None):
        if args.json:
            print(json.dumps(entry._asdict()))
        else:
            facts = "  ".join(f"{name}={value}" for name, value in entry.facts.items())
            print(_printable(f"{entry.at}  {entry.run[:12]}  {entry.step} {entry.phase}  {facts}".rstrip()))
    return ExitCode.CLEAN


def _printable(text: str) -> str:
    return "".join(c if c.isprintable() or c == "\n" else "?" for c in text)
