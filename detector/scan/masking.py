"""Mask found values in names and in excerpts.

A token that was found in a file may also be part of the file's name, of its
author, of a tag or of an archive member, and names are shown, stored and compared
everywhere. So they are changed once, before triage: every value found by the scan
is replaced by its redacted form. The new name depends only on the old one and
the values, so the next scan, its ignores and its baseline have the same name.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from detector.model import CONFIDENCES, Evidence, Origin, Rule, Sighting, Skipped
from detector.secret import Secret, redact

MIN_VALUE_BYTES = 8
"""A shorter value would mask parts of names that have nothing to do with it."""

MIN_EXCERPT_BYTES = 6
"""The same for excerpts, which nobody needs to find a location."""

MAX_EXCERPT_WORD_LETTERS = 12
"""A value of so many letters or fewer is not masked in excerpts: it is a word of the text."""

MIN_CUT_BYTES = 8
"""So many bytes of a value at the end of an excerpt that cuts it are masked, too."""

MAX_CUT_CHARACTERS = 80
"""An excerpt shows no more characters than these beside the value it is about."""

MIN_LINE_BYTES = 24
"""A line of a longer value, such as a key, is masked by itself from this length on."""

MAX_WORD_LETTERS = 24
"""A value that consists of so many letters or fewer is not masked: `wordpress` is a password in many a folder of that
name, and `changePassword` is taken for one in a file that tests it."""


class NameMasker:
    """Masks the values of some secrets in names. What contains none of them is returned unchanged."""

    def __init__(self, secrets: Iterable[Secret] = ()) -> None:
        values = [secret.reveal() for secret in secrets if len(secret) >= MIN_EXCERPT_BYTES]
        self._automaton = _build_automaton(
            [value for value in values if len(value) >= MIN_VALUE_BYTES and not _is_word(value, MAX_WORD_LETTERS)]
        )
        self._excerpts = ExcerptMasker(values)
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
        return _redact_spans(name, _find_spans(self._automaton, name))

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
        """Return *sightings* with masked origins and excerpts."""
        if self._automaton is None and self._excerpts.is_empty:
            return sightings
        return [self._mask_sighting(sighting) for sighting in sightings]

    def _mask_sighting(self, sighting: Sighting) -> Sighting:
        location = sighting.location
        origin = self.mask_origin(location.origin)
        snippet = self._excerpts.mask(location.snippet)
        if snippet != location.snippet:
            location = location._replace(snippet=snippet)
            sighting = sighting._replace(location=location)
        if origin is location.origin:
            return sighting
        evidence = tuple(Evidence(self.mask(entry.fact), entry.weight) for entry in sighting.evidence)
        return sighting._replace(location=location._replace(origin=origin), evidence=evidence)

    def mask_skipped(self, skipped: Iterable[Skipped]) -> list[Skipped]:
        """Return what was *skipped* with masked location and reason."""
        return [Skipped(self.mask(skip.where), self.mask(skip.reason), skip.expected) for skip in skipped]


class ExcerptMasker:
    """Masks values in excerpts, also where the end of an excerpt cuts one."""

    def __init__(self, values: Iterable[bytes]) -> None:
        texts = {line for value in values for line in _list_lines(value)}
        known = [text for text in texts if not _is_word(text, MAX_EXCERPT_WORD_LETTERS)]
        self._automaton = _build_automaton(known)
        self._heads: dict[str, list[str]] = {}
        self._tails: dict[str, list[str]] = {}
        for text in (value.decode("utf-8", "replace") for value in known if len(value) > MIN_CUT_BYTES):
            self._heads.setdefault(text[:MIN_CUT_BYTES], []).append(text)
            self._tails.setdefault(text[-MIN_CUT_BYTES:], []).append(text)

    @property
    def is_empty(self) -> bool:
        """Whether there is nothing to mask."""
        return self._automaton is None

    def mask(self, excerpt: str) -> str:
        """Return *excerpt* with all values redacted."""
        if self._automaton is None:
            return excerpt
        spans = _find_spans(self._automaton, excerpt)
        head = max(self._find_cut_tails(excerpt), default=0)
        tail = min(self._find_cut_heads(excerpt), default=len(excerpt))
        if head:
            spans = [(0, head), *(span for span in spans if span[0] >= head)]
        if tail < len(excerpt):
            spans = [*(span for span in spans if span[1] <= tail), (tail, len(excerpt))]
        return _redact_spans(excerpt, spans) if spans else excerpt

    def _find_cut_heads(self, excerpt: str) -> Iterator[int]:
        """Yield where a value begins that the end of *excerpt* cuts."""
        for at in range(max(0, len(excerpt) - MAX_CUT_CHARACTERS), len(excerpt) - MIN_CUT_BYTES + 1):
            rest = excerpt[at:]
            if any(text.startswith(rest) for text in self._heads.get(rest[:MIN_CUT_BYTES], ())):
                yield at

    def _find_cut_tails(self, excerpt: str) -> Iterator[int]:
        """Yield where a value ends that the start of *excerpt* cuts."""
        for at in range(MIN_CUT_BYTES, min(len(excerpt), MAX_CUT_CHARACTERS) + 1):
            rest = excerpt[:at]
            if any(text.endswith(rest) for text in self._tails.get(rest[-MIN_CUT_BYTES:], ())):
                yield at


class ValueFinder:
    """Finds the values of some secrets again in other texts, also in the forms in which programs print them.

    A form of its own are base64 (at each of its three alignments), hexadecimal digits, percent encoding,
    escapes of JSON, the reverse, and each line of a value of several lines.
    """

    def __init__(self, secrets: Iterable[Secret]) -> None:
        import ahocorasick

        self._automaton = ahocorasick.Automaton()
        for number, secret in enumerate(secrets):
            for value in _list_lines(secret.reveal()):
                if len(value) >= MIN_VALUE_BYTES and not _is_word(value, MAX_EXCERPT_WORD_LETTERS):
                    for form in _list_forms(value):
                        text = form.decode("utf-8", "surrogateescape")
                        self._automaton.add_word(text, (len(text), number))
        self._automaton.make_automaton()

    def find(self, text: str) -> list[tuple[int, int, int]]:
        """Return the spans of the values in *text*, in characters, each with the number of its secret.

        Spans that overlap are joined.
        """
        spans: list[tuple[int, int, int]] = []
        if not len(self._automaton):
            return spans
        for last, (size, number) in self._automaton.iter(text):
            start = last + 1 - size
            while spans and start < spans[-1][1]:
                start = min(start, spans.pop()[0])
            spans.append((start, last + 1, number))
        return spans

    def find_in_bytes(self, data: bytes) -> list[tuple[int, int]]:
        """Return the spans of the values in *data*, in bytes."""
        text = data.decode("utf-8", "surrogateescape")
        spans = [(start, end) for start, end, _ in self.find(text)]
        if text.isascii():
            return spans
        return [
            (len(text[:start].encode("utf-8", "surrogateescape")), len(text[:end].encode("utf-8", "surrogateescape")))
            for start, end in spans
        ]


def _list_forms(value: bytes) -> Iterator[bytes]:
    """Yield *value* and what it looks like in common encodings; short forms, which occur by chance, are left out."""
    import json
    from base64 import b64encode
    from urllib.parse import quote

    text = value.decode("utf-8", "surrogateescape")
    yield value
    yield text[::-1].encode("utf-8", "surrogateescape")
    yield quote(value, safe="").encode()
    for escaped in (json.dumps(text)[1:-1], json.dumps(text, ensure_ascii=False)[1:-1]):
        yield escaped.encode("utf-8", "surrogateescape")
    yield value.hex().encode()
    yield value.hex().upper().encode()
    for skipped in range(3):
        # characters that hold bits of a neighbour differ from text to text
        coded = b64encode(b"\0" * skipped + value)
        middle = coded[-(-8 * skipped // 6) : len(coded) - (0, 3, 2)[(len(value) + skipped) % 3]]
        if len(middle) >= MIN_VALUE_BYTES:
            yield middle
            yield middle.translate(_TO_URL_ALPHABET)


_TO_URL_ALPHABET = bytes.maketrans(b"+/", b"-_")


def _list_lines(value: bytes) -> Iterator[bytes]:
    """Yield *value*, or the lines of it that an excerpt could show."""
    if b"\n" not in value:
        yield value
        return
    for line in value.split(b"\n"):
        text = line.strip()
        if len(text) >= MIN_LINE_BYTES and not text.startswith(b"-----"):
            yield text


def _find_spans(automaton: Any, text: str) -> list[tuple[int, int]]:
    """Return the spans of the values in *text*, joined where they overlap."""
    spans: list[tuple[int, int]] = []
    for last, size in automaton.iter(text):
        start = last + 1 - size
        while spans and start < spans[-1][1]:
            start = min(start, spans.pop()[0])
        spans.append((start, last + 1))
    return spans


def _redact_spans(text: str, spans: Sequence[tuple[int, int]]) -> str:
    for start, end in reversed(spans):
        value = text[start:end].encode("utf-8", "surrogateescape")
        text = f"{text[:start]}{redact(value)}{text[end:]}"
    return text


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


def _is_word(value: bytes, most: int) -> bool:
    return len(value) <= most and value.isalpha()


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
