"""Mask found values in names.

A token that was found in a file may also be part of the file's name, of its
author, of a tag or of an archive member, and names are shown, stored and compared
everywhere. So they are changed once, before triage: every value found by the scan
is replaced by its redacted form. The new name depends only on the old one and
the values, so the next scan, its ignores and its baseline have the same name.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from detector.model import CONFIDENCES, Evidence, Origin, Rule, Sighting, Skipped
from detector.secret import Secret, redact

MIN_VALUE_BYTES = 8
"""A shorter value would mask parts of names that have nothing to do with it."""

MAX_WORD_LETTERS = 24
"""A value that consists of so many letters or fewer is not masked: `wordpress` is a password in many a folder of that
name, and `changePassword` is taken for one in a file that tests it."""


class NameMasker:
    """Masks the values of some secrets in names. What contains none of them is returned unchanged."""

    def __init__(self, secrets: Iterable[Secret] = ()) -> None:
        values = [secret.reveal() for secret in secrets if len(secret) >= MIN_VALUE_BYTES]
        self._automaton = _build_automaton([value for value in values if not _is_word(value)])
        self._texts: dict[str, str] = {}
        self._origins: dict[Origin, Origin] = {}

    def mask(self, name: str) -> str:
        """Return *name* with the values in it redacted; values that overlap are redacted as one."""
        if self._automaton is None:
            return name
        masked = self._texts.get(name)
        if masked is None:
            masked = self._texts[name] = self._replace_values(name)
        return masked

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
        """Return *origin* with path, repository and author masked."""
        if self._automaton is None:
            return origin
        masked = self._origins.get(origin)
        if masked is None:
            author = origin.author and self.mask(origin.author)
            names = self.mask(origin.path), self.mask(origin.repository), author
            masked = origin
            if names != (origin.path, origin.repository, origin.author):
                masked = origin._replace(path=names[0], repository=names[1], author=author)
            self._origins[origin] = masked
        return masked

    def mask_sightings(self, sightings: list[Sighting]) -> list[Sighting]:
        """Return *sightings* with masked origins."""
        return [self._mask_sighting(sighting) for sighting in sightings] if self._automaton is not None else sightings

    def _mask_sighting(self, sighting: Sighting) -> Sighting:
        location = sighting.location
        origin = self.mask_origin(location.origin)
        if origin is location.origin:
            return sighting
        evidence = tuple(Evidence(self.mask(entry.fact), entry.weight) for entry in sighting.evidence)
        return sighting._replace(location=location._replace(origin=origin), evidence=evidence)

    def mask_skipped(self, skipped: Iterable[Skipped]) -> list[Skipped]:
        """Return what was *skipped* with masked location and reason."""
        return [Skipped(self.mask(skip.where), self.mask(skip.reason), skip.expected) for skip in skipped]


def make_name_masker(sightings: Iterable[Sighting], rules: Sequence[Rule]) -> NameMasker:
    """Return a masker for the values of *sightings*.

    Parts that are not secret are not masked, nor are values that a scored rule reports with low confidence: a
    location that nobody can find is of no use. What should not be published is known by its name, which is no value.
    """
    secrets: set[Secret] = set()
    for sighting in sightings:
        rule = rules[sighting.rule]
        if not rule.published and not (rule.scored and sighting.confidence == CONFIDENCES[0]):
            secrets.add(sighting.secret)
            if sighting.parts:
                public = {part.name for part in rule.companions if not part.secret}
                secrets.update(secret for name, secret in sighting.parts if name not in public)
    return NameMasker(secrets)


def _is_word(value: bytes) -> bool:
    return len(value) <= MAX_WORD_LETTERS and value.isalpha()


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
