"""React to live findings: run what the policy lets run without a person, make plans to approve for the rest.

`leakfirst hook run on-live REPORT.json` after `leakfirst scan --verify`, for
instance from a scheduled sweep. Unless the policy says `auto-final`, only
reversible steps run without a person; deleting and revoking need approval.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterable
from typing import TYPE_CHECKING

from detector.errors import ExitCode, LeakfirstError
from detector.model import VerdictState

if TYPE_CHECKING:
    from detector.model import Finding
    from rotators.core.service import RotationService


def main(arguments: list[str]) -> int:
    """Read a report and react to its live findings; exit code 4 means that a person is needed."""
    parser = argparse.ArgumentParser(prog="leakfirst hook run on-live", description=(__doc__ or "").split("\n")[0])
    parser.add_argument("report", metavar="REPORT.json")
    parser.add_argument("--policy", default="", metavar="FILE")
    parser.add_argument("--state", default="", metavar="FOLDER")
    parser.add_argument("--patterns", action="append", default=[], metavar="PATH")
    args = parser.parse_args(arguments)
    try:
        from detector.scan import reread
        from rotators.core.policy import load_policy
        from rotators.core.secret_lookup import load_rules
        from rotators.core.service import RotationService

        pack, key = load_rules(args.patterns)
        findings, skipped = reread.reread_report(args.report, pack, key)
        for skip in skipped:
            print(f"leakfirst: {skip.where}: {skip.reason}", file=sys.stderr)
        code = react(findings, RotationService(load_policy(args.policy), args.state))
    except LeakfirstError as error:
        print(f"leakfirst: {error}", file=sys.stderr)
        return int(error.exit_code)
    return int(max(code, ExitCode.INCOMPLETE if skipped else ExitCode.CLEAN))


def react(findings: Iterable[Finding], service: RotationService, *, act: bool = True) -> ExitCode:
    """Make a plan for every live finding; with *act*, run what the policy lets run without a person."""
    from rotators.core.model import RunState
    from rotators.core.plan_text import format_plan
    from rotators.core.secret_lookup import make_leak

    code = ExitCode.CLEAN
    for finding in findings:
        if finding.verdict.state != VerdictState.LIVE:
            continue
        try:
            leak = make_leak(finding)
            plan = service.make_plan(leak)
            print(format_plan(plan))
            if not act or not service.approve_by_policy(plan):
                code = ExitCode.NEEDS_PERSON
                continue
            outcome = service.apply(plan, leak)
            print(f"{plan.id[:12]}  {outcome.state}  {outcome.step}  {outcome.why}".rstrip())
            for failed in outcome.failed:
                print(f"  contained only in part: {failed}")
            if outcome.state in (RunState.NEEDS_PERSON, RunState.ENDED) or outcome.failed:
                code = ExitCode.NEEDS_PERSON
        except LeakfirstError as error:
            print(f"leakfirst: {finding.rule.id} {finding.fingerprint}: {error}", file=sys.stderr)
            code = ExitCode.NEEDS_PERSON
    return code
