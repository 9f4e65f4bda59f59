"""Ask about every distinct credential once, all at the same time, and hand out verdicts as they come.

Equal credentials are one question, however many findings hold them. The
questions of one provider go at its pace; another provider never waits for it. A
`live` is held back until the rule's negative control has been refused.
"""

from __future__ import annotations

import asyncio
import itertools
import json
import re
from collections import Counter
from collections.abc import AsyncIterator, Callable, Iterable, Sequence
from datetime import UTC, datetime
from typing import NamedTuple

from detector.model import CONFIDENCES, SEVERITIES, Finding, Rule, Verdict, VerdictState
from detector.net.log_silencing import silence_client_logs
from detector.probes.core import declarative, negative_control
from detector.probes.core.catalogue import find_probe
from detector.probes.core.client import ProbeClient
from detector.probes.core.contract import NoVerdict, PlannedRequest, Probe, ProbeInput, ProbeResult, ProbeSettings
from detector.secret import Secret
from detector.text.numbers import format_count
from detector.verify.public_keys import read_public_keys

MAX_PAIRINGS = 4
"""Of a credential whose second part was seen with several values."""

NOT_ASKED = "not asked: the limit"

UNPROVABLE = "unprovable: the provider also accepts a made-up credential of the same shape"

OnVerdict = Callable[[Finding], None]


class PlanLine(NamedTuple):
    """One line of ``--dry-run``: who would be asked what, about how many credentials, or why not."""

    rule_id: str
    credentials: int
    asked: PlannedRequest | None
    reason: str = ""


def verify(
    findings: Sequence[Finding], client: ProbeClient | ProbeSettings, key: bytes, on_verdict: OnVerdict | None = None
) -> tuple[tuple[Finding, ...], bool]:
    """Return *findings* with their verdicts, in the same order, and whether Ctrl-C ended it early.

    *on_verdict* gets each finding as its verdict comes. *key* keys the digests
    by which equal credentials are known.
    """
    known = list(findings)

    async def work() -> None:
        async for index, verdict in stream_verdicts(findings, client, key):
            known[index] = known[index]._replace(verdict=verdict)
            if on_verdict:
                on_verdict(known[index])

    interrupted = False
    try:
        asyncio.run(work())
    except KeyboardInterrupt:
        interrupted = True
    return tuple(known), interrupted


async def stream_verdicts(
    findings: Sequence[Finding], client: ProbeClient | ProbeSettings, key: bytes
) -> AsyncIterator[tuple[int, Verdict]]:
    """Yield ``(index of the finding, verdict)`` in the order in which the answers come.

    Findings whose rule has no probe keep their verdict and are not in it.
    """
    mine = isinstance(client, ProbeSettings)
    used = ProbeClient(client, read_public_keys=read_public_keys) if isinstance(client, ProbeSettings) else client
    groups, left_out = _apply_caps(group_by_credential(findings, key), findings, used.settings)
    for group, reason in left_out:
        for index in group.findings:
            before = findings[index].verdict
            yield index, before._replace(why=f"{before.why}; {reason}" if before.why else reason)
    controls: dict[tuple[str, str], asyncio.Lock] = {}
    outcome: dict[tuple[str, str], ProbeResult] = {}

    async def one(group: _CredentialGroup) -> tuple[_CredentialGroup, ProbeResult]:
        return group, await _check_pairings(group.questions, used, controls, outcome)

    with silence_client_logs():
        tasks = [asyncio.create_task(one(group)) for group in groups]
        try:
            for done in asyncio.as_completed(tasks):
                group, answer = await done
                at = datetime.now(UTC).isoformat(timespec="seconds")
                for index in group.findings:
                    yield index, _merge_verdict(findings[index].verdict, answer, at)
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            if mine:
                await used.close()


def plan_requests(findings: Sequence[Finding], settings: ProbeSettings, key: bytes) -> list[PlanLine]:
    """List what `verify` would ask of whom, without asking anything."""
    counted: dict[tuple[str, PlannedRequest | None, str], int] = {}
    for group in group_by_credential(findings, key):
        credential = group.questions[0]
        asked, why = None, ""
        try:
            asked = PlannedRequest(
                *map(_make_redactor(credential), _require_probe(credential.rule).plan(credential, settings))
            )
        except NoVerdict as unclear:
            why = str(unclear)
        counted[credential.rule.id, asked, why] = counted.get((credential.rule.id, asked, why), 0) + len(
            group.questions
        )
    return sorted(
        (PlanLine(rule, count, asked, why) for (rule, asked, why), count in counted.items()),
        key=lambda line: (line.asked is None, line.rule_id, line.asked or PlannedRequest("", "")),
    )


def describe_line(line: PlanLine) -> str:
    """Say one line of a plan."""
    many = "credential" if line.credentials == 1 else "credentials"
    if line.asked is None:
        return f"would not ask about {line.credentials} {many} of {line.rule_id}: {line.reason}"
    note = f" ({line.asked.note})" if line.asked.note else ""
    return f"would ask {line.asked.host} about {line.credentials} {many} of {line.rule_id}: {line.asked.request}{note}"


def list_notes(findings: Sequence[Finding]) -> tuple[str, ...]:
    """Name the rules that could not be proven in this run, and the providers that were not asked about everything."""
    rules = {finding.rule.id for finding in findings if UNPROVABLE in finding.verdict.why}
    left = Counter(_name_provider(finding.rule) for finding in findings if NOT_ASKED in finding.verdict.why)
    return (
        *(f"{rule}: {UNPROVABLE}" for rule in sorted(rules)),
        *(
            f"{provider}: not asked about {format_count(count, 'finding')}, because a limit was reached "
            "(per-provider, per-run under [verify] of the operator's configuration)"
            for provider, count in sorted(left.items())
        ),
    )


# -- one credential, one question ----------------------------------------------


class _CredentialGroup(NamedTuple):
    """The questions about one credential (several where its parts are ambiguous), and the findings that hold it."""

    questions: tuple[ProbeInput, ...]
    findings: list[int]


def group_by_credential(findings: Sequence[Finding], key: bytes) -> list[_CredentialGroup]:
    """Group *findings* by what would be asked; those that no probe serves are left out."""
    groups: dict[str, _CredentialGroup] = {}
    for index, finding in enumerate(findings):
        if find_probe(finding.rule) is None:
            continue
        questions = tuple(_list_inputs(finding))
        name = json.dumps([_identify(credential, key) for credential in questions])
        group = groups.setdefault(name, _CredentialGroup(questions, []))
        group.findings.append(index)
    return list(groups.values())


def _apply_caps(
    groups: Sequence[_CredentialGroup], findings: Sequence[Finding], settings: ProbeSettings
) -> tuple[list[_CredentialGroup], list[tuple[_CredentialGroup, str]]]:
    """Return the groups that may be asked about, the most harmful first, and the others with the reason."""

    def rank(group: _CredentialGroup) -> tuple[int, int]:
        first = findings[group.findings[0]]
        return -SEVERITIES.index(first.severity), -CONFIDENCES.index(first.confidence)

    asked: Counter[str] = Counter()
    kept: list[_CredentialGroup] = []
    left: list[tuple[_CredentialGroup, str]] = []
    for group in sorted(groups, key=rank):
        provider, count = _name_provider(group.questions[0].rule), len(group.questions)
        if asked[provider] + count > settings.per_provider:
            left.append((group, f"{NOT_ASKED} of {settings.per_provider:,} for one provider is reached"))
        elif asked.total() + count > settings.per_run:
            left.append((group, f"{NOT_ASKED} of {settings.per_run:,} for one run is reached"))
        else:
            asked[provider] += count
            kept.append(group)
    return kept, left


def _name_provider(rule: Rule) -> str:
    return rule.service or rule.id.rpartition(".")[0] or rule.id


def _list_inputs(finding: Finding) -> Iterable[ProbeInput]:
    by_name: dict[str, list[Secret]] = {}
    for name, secret in finding.parts:
        by_name.setdefault(name, []).append(secret)
    lines = tuple(dict.fromkeys(location.snippet for location in finding.locations if location.snippet))
    roots = tuple(dict.fromkeys(location.origin.repository for location in finding.locations))
    for values in itertools.islice(itertools.product(*by_name.values()), MAX_PAIRINGS):
        parts = dict(zip(by_name, values, strict=True))
        yield ProbeInput(finding.rule, finding.secret, parts, lines, roots)


def _identify(credential: ProbeInput, key: bytes) -> list[object]:
    """Name a question by keyed digests: what is asked, and about which values."""
    what = json.dumps(credential.rule.probe, sort_keys=True) if credential.rule.probe else credential.rule.id
    parts = sorted((name, secret.digest(key)) for name, secret in credential.parts.items())
    return [what, credential.secret.digest(key), parts]


# -- asking --------------------------------------------------------------------


async def _check_pairings(
    questions: Sequence[ProbeInput],
    client: ProbeClient,
    controls: dict[tuple[str, str], asyncio.Lock],
    outcome: dict[tuple[str, str], ProbeResult],
) -> ProbeResult:
    """Ask until one pairing is live; where several are refused, none of them need be the right one."""
    best = ProbeResult(VerdictState.UNKNOWN, "not asked")
    for credential in questions:
        answer = await _run_probe(credential, client)
        if answer.state == VerdictState.LIVE:
            answer = await _apply_negative_control(credential, answer, client, controls, outcome)
        if answer.state == VerdictState.LIVE or answer.settled:
            return answer
        if best.state != VerdictState.DEAD:
            best = answer
    if best.state == VerdictState.DEAD and len(questions) > 1:
        why = f"refused with each of {len(questions)} partners that stand near it, of which none need be its own"
        return ProbeResult(VerdictState.UNKNOWN, why, refused=True)
    return best


async def _run_probe(credential: ProbeInput, client: ProbeClient) -> ProbeResult:
    try:
        answer: ProbeResult = await _require_probe(credential.rule).check(credential, client)
    except NoVerdict as unclear:
        answer = ProbeResult(VerdictState.UNKNOWN, str(unclear))
    except Exception as bug:  # one probe's fault must not end the run, nor quote what it held
        answer = ProbeResult(VerdictState.UNKNOWN, f"its probe failed ({type(bug).__name__})")
    clean = _make_redactor(credential)
    facts = tuple((name, clean(text)) for name, text in answer.facts)
    return answer._replace(why=clean(answer.why), owner=clean(answer.owner), facts=facts)


async def _apply_negative_control(
    credential: ProbeInput,
    answer: ProbeResult,
    client: ProbeClient,
    controls: dict[tuple[str, str], asyncio.Lock],
    outcome: dict[tuple[str, str], ProbeResult],
) -> ProbeResult:
    """Let a live answer count only when the provider refuses an altered copy.

    One control a rule and provider is enough; one that got no clear answer is
    tried again with the next live credential.
    """
    probe = _require_probe(credential.rule)
    if not _needs_control(probe, credential):
        return answer
    name = credential.rule.id, probe.plan(credential, client.settings).host
    async with controls.setdefault(name, asyncio.Lock()):
        control = outcome.get(name)
        if control is None or (control.state == VerdictState.UNKNOWN and not control.refused):
            alter = getattr(probe, "alter", _make_control)
            control = outcome[name] = await _run_probe(alter(credential), client)
    if control.state == VerdictState.DEAD or control.refused:
        return answer
    if control.state == VerdictState.LIVE:
        return ProbeResult(VerdictState.UNKNOWN, UNPROVABLE)
    return ProbeResult(VerdictState.UNKNOWN, f"accepted, but the control request got no clear answer: {control.why}")


def _needs_control(probe: Probe, credential: ProbeInput) -> bool:
    if probe is declarative:  # a module is a Probe
        return declarative.parse_probe(credential).control
    return bool(getattr(probe, "CONTROL", True))


def _make_control(credential: ProbeInput) -> ProbeInput:
    """Change the secret, but not what of it names the host."""
    tail = 0
    if credential.rule.probe:
        tail = declarative.count_host_bytes(credential)
    return credential._replace(secret=negative_control.alter_secret(credential.secret, credential.rule, tail))


def _merge_verdict(before: Verdict, answer: ProbeResult, at: str) -> Verdict:
    """Join what was known offline with the answer: a proof of form outlives an unclear answer."""
    state, why = answer.state, answer.why
    if state == VerdictState.UNKNOWN and before.state == VerdictState.VALID_FORMAT:
        state, why = (
            VerdictState.VALID_FORMAT,
            f"{before.why}; asked, but unknown: {answer.why}" if before.why else answer.why,
        )
    return Verdict(state, why, answer.owner or before.owner, at, tuple(dict.fromkeys((*before.facts, *answer.facts))))


def _make_redactor(credential: ProbeInput) -> Callable[[str], str]:
    """Return what takes every value of the credential out of a text: providers echo them, hosts contain them."""
    values = [re.escape(value) for value in credential.values if len(value) >= 6]
    if not values:
        return str
    pattern = re.compile("|".join(values), re.IGNORECASE)
    return lambda text: pattern.sub("…", text)


def _require_probe(rule: Rule) -> Probe:
    probe = find_probe(rule)
    if probe is None:
        raise NoVerdict("no probe knows this kind of credential")
    return probe


def has_probe(rule: Rule) -> bool:
    """Tell whether a provider can be asked about credentials of *rule*."""
    return find_probe(rule) is not None
