"""Hide found values where they stand in names.

A token that was found in a file may be part of the file's name as well, of its
author, of a tag or of the member of an archive, and names are shown, kept and
compared everywhere. So they are changed once, before triage: every value of the
scan that stands in one is replaced by its redacted form. The new name depends on
the old one and on the values alone; the next scan, its ignores and its baseline
meet the same.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from detector.model import CONFIDENCES, Evidence, Origin, Rule, Sighting, Skipped
from detector.secret import Secret, redact

SHORTEST = 8
"""Bytes; a shorter value would hide parts of names that have nothing to do with it."""

LONGEST_WORD = 24
"""Letters. A value of nothing else is not hidden: `wordpress` is a password in many a folder of that name, and
`changePassword` is taken for one in a file that tests it."""


class NameMasker:
    """Names without the values of some secrets. Where no name holds any, everything is returned as it is."""

    def __init__(self, secrets: Iterable[Secret] = ()) -> None:
        values = [secret.reveal() for secret in secrets if len(secret) >= SHORTEST]
        self._automaton = _build_automaton([value for value in values if not _is_word(value)])
        self._texts: dict[str, str] = {}
        self._origins: dict[Origin, Origin] = {}

    def mask(self, name: str) -> str:
        """Return *name* with its values redacted; values that overlap are redacted as one."""
        if self._automaton is None:
            return name
        hidden = self._texts.get(name)
        if hidden is None:
            hidden = self._texts[name] = self._replace_values(name)
        return hidden

    def _replace_values(self, name: str) -> str:
        spans: list[tuple[int, int]] = []
        for last, size in self._automaton.iter(name):
            start = last + 1 - size
            while spans and start < spans[-1][1]:
                start = min(start, spans.pop()[0])
            spans.append((start, last + 1))
        for start, end in reversed(spans):
            value = name[start:end].encode("utf-8", "surrogateescape")
            name = f"{name[:start]}{redact(value)}{name[end:]}"
        return name

    def mask_origin(self, origin: Origin) -> Origin:
        """Return *origin* with path, repository and author hidden."""
        if self._automaton is None:
            return origin
        hidden = self._origins.get(origin)
        if hidden is None:
            author = origin.author and self.mask(origin.author)
            names = self.mask(origin.path), self.mask(origin.repository), author
            hidden = origin
            if names != (origin.path, origin.repository, origin.author):
                hidden = origin._replace(path=names[0], repository=names[1], author=author)
            self._origins[origin] = hidden
        return hidden

    def mask_sightings(self, seen: list[Sighting]) -> list[Sighting]:
        """Return what was *seen* with its origins hidden."""
        return [self._mask_sighting(sighting) for sighting in seen] if self._automaton is not None else seen

    def _mask_sighting(self, sighting: Sighting) -> Sighting:
        location = sighting.location
        origin = self.mask_origin(location.origin)
        if origin is location.origin:
            return sighting
        evidence = tuple(Evidence(self.mask(said.fact), said.weight) for said in sighting.evidence)
        return sighting._replace(location=location._replace(origin=origin), evidence=evidence)

    def mask_skipped(self, skipped: Iterable[Skipped]) -> list[Skipped]:
        """Return what was *skipped* with place and reason hidden."""
        return [Skipped(self.mask(skip.where), self.mask(skip.reason), skip.expected) for skip in skipped]


def make_name_masker(seen: Iterable[Sighting], rules: Sequence[Rule]) -> NameMasker:
    """Return what hides the values of all that was *seen*.

    Parts that are no secret stay, and so does what has no format of its own and is hardly one: a place that nobody
    finds is of no use. What should not be published is known by its name, which is no value.
    """
    secrets: set[Secret] = set()
    for sighting in seen:
        rule = rules[sighting.rule]
        if not rule.published and not (rule.scored and sighting.confidence == CONFIDENCES[0]):
            secrets.add(sighting.secret)
            if sighting.parts:
                told = {part.name for part in rule.companions if not part.secret}
                secrets.update(secret for name, secret in sighting.parts if name not in told)
    return NameMasker(secrets)


def _is_word(value: bytes) -> bool:
    return len(value) <= LONGEST_WORD and value.isalpha()


def _build_automaton(values: Sequence[bytes]) -> Any:
    if not values:
        return None
    import ahocorasick

    automaton = ahocorasick.Automaton()
    for value in values:
        text = value.decode("utf-8", "surrogateescape")
        automaton.add_word(text, len(text))
    automaton.make_automaton()
    return automaton
