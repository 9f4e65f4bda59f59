"""Step verify: ask the providers which credentials are live."""

from __future__ import annotations

from collections.abc import Callable

from detector.incident.context import Context
from detector.incident.model import LineKind, Step, StepState
from detector.model import Finding, VerdictState

UNCLEAR = (VerdictState.UNCHECKED, VerdictState.UNKNOWN, VerdictState.VALID_FORMAT)
"""Verdicts that may become clear when the provider is asked again."""

NO_PROBE = "no probe for this kind of credential"


def verify(context: Context, on_live: Callable[[Finding], object] = lambda _: None) -> None:
    """Verify the credentials without a clear verdict; call *on_live* for each that is live."""
    unclear = [one for one in context.incident.credentials if one.verdict in UNCLEAR and one.why != NO_PROBE]
    findings, gone = context.load_findings(unclear)
    ask_providers(context, findings, on_live)
    if gone:
        context.record_step(Step.VERIFY, StepState.INCOMPLETE, f"{len(gone)} values cannot be read any more")
    else:
        context.record_step(Step.VERIFY, StepState.DONE)


def ask_providers(
    context: Context, findings: list[Finding], on_live: Callable[[Finding], object] = lambda _: None
) -> None:
    """Verify *findings* and record each verdict as it arrives."""
    from detector.fingerprint import load_project_key
    from detector.verify import require_packages, run
    from detector.verify.settings import read_settings

    if not findings:
        return
    require_packages()

    def record(finding: Finding) -> None:
        verdict = finding.verdict
        facts = {"state": verdict.state, "why": verdict.why, "owner": verdict.owner, "facts": dict(verdict.facts)}
        context.ledger.add(LineKind.VERDICT, finding.fingerprint, **facts)
        if verdict.state == VerdictState.LIVE:
            on_live(finding)

    known, interrupted = run.verify(findings, read_settings(context.tools.config), load_project_key(), record)
    if interrupted:
        raise KeyboardInterrupt
    context.findings |= {finding.fingerprint: finding for finding in known}
    for finding in known:
        if not run.has_probe(finding.rule):
            facts = {"state": VerdictState.UNKNOWN, "why": NO_PROBE, "owner": "", "facts": {}}
            context.ledger.add(LineKind.VERDICT, finding.fingerprint, **facts)
