"""Ask about every distinct credential once, all at the same time, and hand out verdicts as they come.

Equal credentials are one question, however many findings hold them. The
questions of one issuer go at its pace; another issuer never waits for it. A
`live` is held back until the rule's negative control has been refused.
"""

from __future__ import annotations

import asyncio
import itertools
import json
import re
from collections.abc import AsyncIterator, Callable, Iterable, Sequence
from datetime import UTC, datetime
from fnmatch import fnmatchcase
from functools import cache
from types import ModuleType
from typing import NamedTuple

from detector.model import Finding, Rule, Verdict, VerdictState
from detector.net.http_client import Wire
from detector.probes._contract import Answer, Asked, Question, Settings, Unclear
from detector.registry import load, names
from detector.secret import Secret
from detector.verify import declarative_probe, negative_control

MOST_PAIRINGS = 4
"""Of a credential whose second part was seen with several values."""

UNPROVABLE = "unprovable: the issuer also accepts a made-up credential of the same shape"

OnVerdict = Callable[[Finding], None]


class Planned(NamedTuple):
    """One line of ``--dry-run``: who would be asked what, about how many credentials, or why not."""

    rule_id: str
    credentials: int
    asked: Asked | None
    why_not: str = ""


def verify(
    findings: Sequence[Finding], wire: Wire | Settings, key: bytes, on_verdict: OnVerdict | None = None
) -> tuple[tuple[Finding, ...], bool]:
    """Return *findings* with their verdicts, in the same order, and whether Ctrl-C ended it early.

    *on_verdict* gets each finding as its verdict comes. *key* keys the digests
    by which equal credentials are known.
    """
    known = list(findings)

    async def work() -> None:
        async for index, verdict in verdicts(findings, wire, key):
            known[index] = known[index]._replace(verdict=verdict)
            if on_verdict:
                on_verdict(known[index])

    interrupted = False
    try:
        asyncio.run(work())
    except KeyboardInterrupt:
        interrupted = True
    return tuple(known), interrupted


async def verdicts(
    findings: Sequence[Finding], wire: Wire | Settings, key: bytes
) -> AsyncIterator[tuple[int, Verdict]]:
    """Yield ``(index of the finding, verdict)`` in the order in which the answers come.

    Findings whose rule has no probe keep their verdict and are not in it.
    """
    from detector.net.log_silencing import silence_client_logs

    mine = isinstance(wire, Settings)
    used = Wire(wire) if isinstance(wire, Settings) else wire
    groups = distinct(findings, key)
    controls: dict[tuple[str, str], asyncio.Lock] = {}
    outcome: dict[tuple[str, str], Answer] = {}

    async def one(group: _Group) -> tuple[_Group, Answer]:
        return group, await _best(group.questions, used, controls, outcome)

    with silence_client_logs():
        tasks = [asyncio.create_task(one(group)) for group in groups]
        try:
            for done in asyncio.as_completed(tasks):
                group, answer = await done
                at = datetime.now(UTC).isoformat(timespec="seconds")
                for index in group.findings:
                    yield index, _verdict(findings[index].verdict, answer, at)
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            if mine:
                await used.close()


def plan(findings: Sequence[Finding], settings: Settings, key: bytes) -> list[Planned]:
    """List what `verify` would ask of whom, without asking anything."""
    counted: dict[tuple[str, Asked | None, str], int] = {}
    for group in distinct(findings, key):
        question = group.questions[0]
        asked, why = None, ""
        try:
            asked = Asked(*map(_cleaner(question), _prober(question.rule).plan(question, settings)))
        except Unclear as unclear:
            why = str(unclear)
        counted[question.rule.id, asked, why] = counted.get((question.rule.id, asked, why), 0) + len(group.questions)
    return sorted(
        (Planned(rule, count, asked, why) for (rule, asked, why), count in counted.items()),
        key=lambda line: (line.asked is None, line.rule_id, line.asked or Asked("", "")),
    )


def told(line: Planned) -> str:
    """Say one line of a plan."""
    many = "credential" if line.credentials == 1 else "credentials"
    if line.asked is None:
        return f"would not ask about {line.credentials} {many} of {line.rule_id}: {line.why_not}"
    note = f" ({line.asked.note})" if line.asked.note else ""
    return f"would ask {line.asked.host} about {line.credentials} {many} of {line.rule_id}: {line.asked.request}{note}"


def notes(findings: Sequence[Finding]) -> tuple[str, ...]:
    """Name the rules that could not be proven in this run."""
    rules = {finding.rule.id for finding in findings if UNPROVABLE in finding.verdict.why}
    return tuple(f"{rule}: {UNPROVABLE}" for rule in sorted(rules))


# -- one credential, one question ----------------------------------------------


class _Group(NamedTuple):
    """The questions about one credential (several where its parts are ambiguous), and the findings that hold it."""

    questions: tuple[Question, ...]
    findings: list[int]


def distinct(findings: Sequence[Finding], key: bytes) -> list[_Group]:
    """Group *findings* by what would be asked; those that no probe serves are left out."""
    groups: dict[str, _Group] = {}
    for index, finding in enumerate(findings):
        if _prober_or_none(finding.rule) is None:
            continue
        questions = tuple(_questions(finding))
        name = json.dumps([_digest(question, key) for question in questions])
        group = groups.setdefault(name, _Group(questions, []))
        group.findings.append(index)
    return list(groups.values())


def _questions(finding: Finding) -> Iterable[Question]:
    by_name: dict[str, list[Secret]] = {}
    for name, secret in finding.parts:
        by_name.setdefault(name, []).append(secret)
    lines = tuple(dict.fromkeys(location.snippet for location in finding.locations if location.snippet))
    roots = tuple(dict.fromkeys(location.origin.repository for location in finding.locations))
    for values in itertools.islice(itertools.product(*by_name.values()), MOST_PAIRINGS):
        parts = dict(zip(by_name, values, strict=True))
        yield Question(finding.rule, finding.secret, parts, lines, roots)


def _digest(question: Question, key: bytes) -> list[object]:
    """Name a question by keyed digests: what is asked, and about which values."""
    what = json.dumps(question.rule.probe, sort_keys=True) if question.rule.probe else question.rule.id
    parts = sorted((name, secret.digest(key)) for name, secret in question.parts.items())
    return [what, question.secret.digest(key), parts]


# -- asking --------------------------------------------------------------------


async def _best(
    questions: Sequence[Question],
    wire: Wire,
    controls: dict[tuple[str, str], asyncio.Lock],
    outcome: dict[tuple[str, str], Answer],
) -> Answer:
    """Ask until one pairing is live; otherwise say what the last clear answer was."""
    best = Answer(VerdictState.UNKNOWN, "not asked")
    for question in questions:
        answer = await _ask(question, wire)
        if answer.state == VerdictState.LIVE:
            answer = await _controlled(question, answer, wire, controls, outcome)
        if answer.state == VerdictState.LIVE:
            return answer
        if best.state != VerdictState.DEAD:
            best = answer
    return best


async def _ask(question: Question, wire: Wire) -> Answer:
    try:
        answer: Answer = await _prober(question.rule).check(question, wire)
    except Unclear as unclear:
        answer = Answer(VerdictState.UNKNOWN, str(unclear))
    except Exception as bug:  # one probe's fault must not end the run, nor quote what it held
        answer = Answer(VerdictState.UNKNOWN, f"its probe failed ({type(bug).__name__})")
    clean = _cleaner(question)
    facts = tuple((name, clean(text)) for name, text in answer.facts)
    return Answer(answer.state, clean(answer.why), clean(answer.owner), facts)


async def _controlled(
    question: Question,
    answer: Answer,
    wire: Wire,
    controls: dict[tuple[str, str], asyncio.Lock],
    outcome: dict[tuple[str, str], Answer],
) -> Answer:
    """Let a live answer count only when the issuer refuses an altered copy.

    One control a rule and issuer is enough; one that got no clear answer is
    tried again with the next live credential.
    """
    prober = _prober(question.rule)
    if not _wants_control(prober, question):
        return answer
    name = question.rule.id, prober.plan(question, wire.settings).host
    async with controls.setdefault(name, asyncio.Lock()):
        told = outcome.get(name)
        if told is None or told.state == VerdictState.UNKNOWN:
            alter = getattr(prober, "alter", _alter)
            told = outcome[name] = await _ask(alter(question), wire)
    if told.state == VerdictState.DEAD:
        return answer
    if told.state == VerdictState.LIVE:
        return Answer(VerdictState.UNKNOWN, UNPROVABLE)
    return Answer(VerdictState.UNKNOWN, f"accepted, but the control request got no clear answer: {told.why}")


def _wants_control(prober: ModuleType, question: Question) -> bool:
    if prober is declarative_probe:
        return declarative_probe.probe_of(question).control
    return bool(getattr(prober, "CONTROL", True))


def _alter(question: Question) -> Question:
    """Change the secret, but not what of it names the host."""
    tail = 0
    if question.rule.probe:
        tail = declarative_probe.named_tail(question)
    return question._replace(secret=negative_control.altered(question.secret, question.rule, tail))


def _verdict(before: Verdict, answer: Answer, at: str) -> Verdict:
    """Join what was known offline with the answer: a proof of form outlives an unclear answer."""
    state, why = answer.state, answer.why
    if state == VerdictState.UNKNOWN and before.state == VerdictState.VALID_FORMAT:
        state, why = (
            VerdictState.VALID_FORMAT,
            f"{before.why}; asked, but unknown: {answer.why}" if before.why else answer.why,
        )
    return Verdict(state, why, answer.owner or before.owner, at, tuple(dict.fromkeys((*before.facts, *answer.facts))))


def _cleaner(question: Question) -> Callable[[str], str]:
    """Return what takes every value of the credential out of a text: issuers echo them, hosts contain them."""
    values = [re.escape(value) for value in question.values if len(value) >= 6]
    if not values:
        return str
    pattern = re.compile("|".join(values), re.IGNORECASE)
    return lambda text: pattern.sub("…", text)


# -- who asks ------------------------------------------------------------------


@cache
def _coded() -> tuple[tuple[str, str], ...]:
    """List ``(rule glob, probe name)`` of every coded probe."""
    found = []
    for name in names("detector.probes"):
        found += [(glob, name) for glob in load("detector.probes", name, what="probe").SERVES]
    return tuple(found)


def _prober_or_none(rule: Rule) -> ModuleType | None:
    """Return who asks about *rule*: its own table, else the coded probe that serves it."""
    if rule.probe:
        return declarative_probe
    for glob, name in _coded():
        if fnmatchcase(rule.id, glob):
            return load("detector.probes", name, what="probe")
    return None


def _prober(rule: Rule) -> ModuleType:
    prober = _prober_or_none(rule)
    if prober is None:
        raise Unclear("no probe knows this kind of credential")
    return prober


def provable(rule: Rule) -> bool:
    """Tell whether somebody can be asked about credentials of *rule*."""
    return _prober_or_none(rule) is not None
