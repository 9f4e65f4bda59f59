"""From a finding to a leak, and back to its value when a plan is carried out.

A plan holds no value. It names the places of the finding, and whoever
carries it out reads them again: only a value with the same fingerprint counts
as the same credential.
"""

from __future__ import annotations

import json
import os
import tempfile
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from detector.errors import RotationError, UsageError
from detector.secret import Secret
from rotators.core.model import Leak, RotationPlan

if TYPE_CHECKING:
    from detector.model import Finding
    from detector.rules.pack import Pack

BY_AGE = "age:"
"""What the fingerprint of a credential starts with that is replaced for its age."""


def load_rules(patterns: Sequence[str] = ()) -> tuple[Pack, bytes]:
    """Return the rules, those at the paths *patterns* included, and the key of the fingerprints."""
    from detector.config import Config
    from detector.scan.policies import load_policies
    from detector.scan.rule_pack import load_rule_pack

    config = Config(targets=(".",), patterns=tuple(patterns))
    return load_rule_pack(config), load_policies(config).report_key


def make_leak(finding: Finding, *, given: bool = False) -> Leak:
    """Return what rotation needs to know of *finding*; *given* ones stand nowhere."""
    return Leak(
        rule_id=finding.rule.id,
        fingerprint=finding.fingerprint,
        secret=finding.secret,
        parts={name.replace("-", "_"): part for name, part in reversed(finding.parts)},  # the most likely one
        where=() if given else tuple(_describe_place(location) for location in finding.locations),
        verdict=finding.verdict.state,
        runbook=" ".join(dict.fromkeys(filter(None, (finding.rule.revoke, *finding.rule.links[:1])))),
        ask=_make_question(finding),
    )


def _make_question(finding: Finding) -> Callable[[Mapping[str, Any]], tuple[str, str]] | None:
    """Return how the probe of the rule is asked about *finding*, if the rule has one."""
    from detector.verify.run import has_probe

    if not has_probe(finding.rule):
        return None

    def ask(settings: Mapping[str, Any]) -> tuple[str, str]:
        from detector.config import Config, load_operator_file
        from detector.model import Verdict
        from detector.verify import verify_findings

        config = Config(
            targets=(".",),
            verify=True,
            verify_hosts=tuple(settings.get("hosts", ())),
            allow_internal=tuple(settings.get("allow_internal", ())),
            operator=load_operator_file(),
        )
        known, _, _ = verify_findings((finding._replace(verdict=Verdict()),), config)
        return known[0].verdict.state, known[0].verdict.why

    return ask


def find_leak(plan: RotationPlan, pack: Pack, key: bytes, given: bytes = b"") -> Leak:
    """Return the leak behind *plan*: from its places, or from the *given* value."""
    if plan.fingerprint.startswith(BY_AGE):
        return Leak(plan.rule_id, plan.fingerprint, Secret(dict(plan.facts)["credential"].encode()))
    from detector.scan import reread

    if not plan.where:
        if not given:
            raise UsageError("the credential was given on standard input when it was planned; give it again (--stdin)")
        finding = reread.find_in_text(given, plan.rule_id, pack, key)
        if finding.fingerprint != plan.fingerprint:
            raise RotationError("this is not the credential that was planned")
        return make_leak(finding, given=True)
    row = {"fingerprint": plan.fingerprint, "rule": plan.rule_id, "locations": list(plan.where)}
    report = {"schema": "leakfirst/findings/1", "findings": [row]}
    with tempfile.NamedTemporaryFile("w", suffix=".json") as file:
        json.dump(report, file)
        file.flush()
        found, _ = reread.reread_report(file.name, pack, key)
    if not found:
        raise RotationError("the credential is not found again where it stood; give it on standard input (--stdin)")
    return make_leak(found[0])._replace(where=plan.where)


def _describe_place(location: Any) -> Mapping[str, Any]:
    origin = location.origin
    repository = origin.repository or os.getcwd()
    return {
        "origin": origin.kind,
        "repository": os.path.abspath(repository),
        "path": origin.path,
        "object": origin.object_id,
        "commit": origin.commit,
        "line": location.line,
    }
