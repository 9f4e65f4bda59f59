"""Find mistakes in rules before the rules are in force.

Examples and near-misses show whether a rule works. Four more mistakes go
unnoticed otherwise: an anchor that a match need not contain (such matches are never
found), two rules for the same bytes (their rank decides which one is reported), an
expression that takes exponential time on hostile text, and a pattern that its own
limits of plausibility reject.
"""

from __future__ import annotations

import random
import time
from collections.abc import Iterable, Iterator, Sequence
from typing import Any, NamedTuple

from detector.engine.anchors import build_expression
from detector.engine.confirm import compile_pattern
from detector.engine.engine import Engine
from detector.errors import RuleError
from detector.model import Rule
from detector.rules import pack as packs
from detector.rules.shapes import expand

SEEDS = range(2)
MAX_SECONDS = 0.25
"""Seconds above which an expression is too slow for a text as long as its window."""

MAX_ATTACK = 65_536
"""Bytes of the longest hostile text."""


class Problem(NamedTuple):
    """A mistake in a rule; an error means that the rule does not do what it states."""

    rule: str
    text: str
    is_error: bool = True
    source: str = ""


def check(rules: Sequence[Rule], others: Sequence[Rule] = ()) -> Iterator[Problem]:
    """Yield the mistakes in *rules*; *others* are in force with them and may match the same bytes."""
    known = {rule.id for rule in rules}
    everything = [*rules, *(rule for rule in others if rule.id not in known)]
    engine = packs.build_engine(packs.compile_pack(everything))
    if not any(rule.examples for rule in rules):  # a format without examples
        yield Problem("*", "no rule has an example, so nothing shows that they work", is_error=False)
    for rule in rules:
        alone = packs.build_engine(packs.compile_pack([rule], engine="ahocorasick"))
        for problem in (*_check_samples(rule, alone, engine), *_check_anchors(rule), *_check_speed(rule)):
            yield problem._replace(source=rule.source)


# -- examples and near-misses ----------------------------------------------------


def _check_samples(rule: Rule, alone: Engine, together: Engine) -> Iterator[Problem]:
    if not rule.examples and rule.misses:
        yield Problem(rule.id, "has no example, so nothing shows that it works", is_error=False)
    try:
        for shape in rule.examples:
            yield from _check_example(rule, shape, alone, together)
        for shape in rule.misses:
            if any(_finds(alone, rule, expand(shape, seed)) for seed in SEEDS):
                yield Problem(rule.id, f"finds the near-miss {shape!r}")
    except RuleError as error:
        yield Problem(rule.id, str(error))


def _check_example(rule: Rule, shape: str, alone: Engine, together: Engine) -> Iterator[Problem]:
    for seed in SEEDS:
        text = expand(shape, seed)
        if not _finds(alone, rule, text):
            why = {rejected.reason for rejected in alone.examine(text.encode(), keep_rejected=True).rejected}
            yield Problem(rule.id, f"does not find its example {shape!r}{f' ({min(why)})' if why else ''}")
            return
        hits = together.scan(text.encode(), _choose_path(rule))
        if rule.id not in {hit.rule.id for hit in hits}:
            named = ", ".join(sorted({hit.rule.id for hit in hits}))
            yield Problem(rule.id, f"its example {shape!r} is taken by {named}, which is more specific", is_error=False)
            return


def _finds(engine: Engine, rule: Rule, text: str) -> bool:
    return any(hit.rule.id == rule.id for hit in engine.scan(text.encode(), _choose_path(rule)))


_PATHS = ("sample", ".npmrc", "main.tf", ".pypirc", ".netrc", ".env", "config.json", "settings.xml", "app.yml", "x.sql")


def _choose_path(rule: Rule) -> str:
    """Return a path that matches `paths` of the rule, "" if none does."""
    patterns = [compile_pattern(pattern) for pattern in rule.paths]
    return next((path for path in _PATHS if not patterns or any(p.search(path.encode()) for p in patterns)), "")


# -- anchors ------------------------------------------------------------------


def _check_anchors(rule: Rule) -> Iterator[Problem]:
    rng = random.Random(rule.id)  # noqa: S311 - samples, not secrets
    anchors = [_anchor_pattern(anchor) for anchor in rule.anchors]
    for _ in range(8):
        text = draw_match(rule.pattern, rng)
        found = compile_pattern(rule.pattern).search(text)
        if not found:
            continue
        places = [at.start() for anchor in anchors for at in anchor.finditer(text)]
        if not places and not any(part.required for part in rule.companions):
            yield Problem(rule.id, "a text that its pattern matches contains none of its anchors, so it is never found")
            return
        if places and min(places) - found.start() > rule.window[0]:
            yield Problem(
                rule.id,
                f"its anchor is more than {rule.window[0]} bytes after the start of the match; widen the window",
            )
            return


def _anchor_pattern(anchor: Any) -> Any:
    import regex

    return regex.compile(build_expression(anchor), regex.IGNORECASE if anchor.ignore_case else 0)


def draw_match(pattern: str, rng: random.Random) -> bytes:
    """Return a random text for *pattern*, which may fail its look-arounds and boundaries."""
    from re import _parser, error  # type: ignore[attr-defined]

    try:
        return bytes(_draw_tokens(_parser.parse(pattern.encode()), rng))
    except error:  # syntax that only `regex` has
        return b""


def _draw_tokens(tokens: Iterable[tuple[Any, Any]], rng: random.Random) -> Iterator[int]:
    for operation, argument in tokens:
        name = str(operation)
        if name == "LITERAL":
            yield argument
        elif name in ("NOT_LITERAL", "ANY"):
            yield ord("b" if argument == ord("a") else "a")
        elif name == "IN":
            yield _draw_from_class(argument, rng)
        elif name in ("MAX_REPEAT", "MIN_REPEAT", "POSSESSIVE_REPEAT"):
            low, high, inner = argument
            for _ in range(rng.randint(low, min(int(high), low + 3))):
                yield from _draw_tokens(inner, rng)
        elif name == "SUBPATTERN":
            yield from _draw_tokens(argument[3], rng)
        elif name == "BRANCH":
            yield from _draw_tokens(rng.choice(argument[1]), rng)


_CATEGORIES = {"CATEGORY_SPACE": b" ", "CATEGORY_DIGIT": b"0123456789"}


def _draw_from_class(items: Sequence[tuple[Any, Any]], rng: random.Random) -> int:
    allowed: list[int] = []
    for operation, argument in items:
        if str(operation) == "LITERAL":
            allowed.append(argument)
        elif str(operation) == "RANGE":
            allowed += range(argument[0], argument[1] + 1)
        elif str(operation) == "CATEGORY":
            allowed += _CATEGORIES.get(str(argument), b"abcXYZ019_")
    if str(items[0][0]) == "NEGATE":
        allowed = [byte for byte in b"abcdefgh0123ABCDEFGH" if byte not in allowed]
    return rng.choice(allowed or [ord("a")])


# -- hostile text ----------------------------------------------------------------


def _check_speed(rule: Rule) -> Iterator[Problem]:
    patterns = [rule.pattern, *(part.pattern for part in rule.companions)]
    for pattern in patterns:
        for text in _make_attacks(rule, pattern):
            started = time.process_time()
            try:
                compile_pattern(pattern).search(text, timeout=4 * MAX_SECONDS)
                took = time.process_time() - started
            except TimeoutError:
                took = 4 * MAX_SECONDS
            if took > MAX_SECONDS:
                beginning = text[:40].decode("latin-1")
                yield Problem(rule.id, f"its expression takes {took:.1f} s or more on text like {beginning!r}…")
                return


def _make_attacks(rule: Rule, pattern: str) -> Iterator[bytes]:
    """Yield texts that fail late: the beginning of a match, then one of its bytes many times."""
    size = min(MAX_ATTACK, sum(rule.window) + 1024)
    rng = random.Random(rule.id)  # noqa: S311
    sample = draw_match(pattern, rng) or b"a"
    heads = {b"", sample, *(sample[: len(sample) * part // 4] for part in (1, 2, 3))}
    pumps = {b"a", b"0", b" ", b"\n", b"=", b"/", b"a ", b"a.", b"-", b"\"'", sample[:1], sample[-1:], sample}
    for head in sorted(heads):
        for pump in sorted(pumps):
            # The end of the pattern is at the end of the text, so that no quick search for it fails.
            yield (head + pump * (size // len(pump)))[:size] + b"\x00" + sample
