"""Replace every credential in a text or a JSON value by a placeholder, and keep the shape.

A JSON value is examined twice: each text in it by itself, as a person would read it, and all of
it as it is written, where a name (``"password":``) stands beside its value. What was found once is
replaced wherever it stands, also in common encodings. This is repeated until nothing is found; a text
that still holds something then is withheld as a whole. So the result has no finding, and a second
pass changes nothing.
"""

from __future__ import annotations

import json
import re
from bisect import bisect_right
from collections.abc import Callable, Iterator, Sequence
from itertools import islice
from typing import TYPE_CHECKING, Any, NamedTuple

from detector.model import Confidence

if TYPE_CHECKING:
    from detector.engine.engine import Engine
    from detector.model import Hit, Rule
    from detector.secret import Secret

MAX_ROUNDS = 8
MAX_DEPTH = 200
"""Nesting of a JSON value above which it is not looked at: Python's own limit is not far."""

FINGERPRINT_DIGITS = 8
_CONTAINER_STARTS = (b"{", b"%", b"!", b"0", b"P")
"""How a text begins that may be a container; others are no text."""

WITHHELD = "<leakfirst withheld>"
"""Takes the place of a text in which a credential has no place of its own, such as a packed one."""

PLACEHOLDER = re.compile(rf"<leakfirst (?:withheld|lf1:[0-9a-f]{{{FINGERPRINT_DIGITS}}} [a-z0-9.-]{{1,80}})>")
"""No rule takes this form for a credential, whatever stands before it; a shell refuses to run what holds it."""

MAX_NAMES = 50
MAX_VALUES = 200
MAX_DISTANCE = 60
"""Characters between a word that names a credential and its value in prose."""

_NAME = re.compile(
    r"(?i)(?<![\w.-])[\w.-]{0,40}(?:api[ _-]?key|secret|token|passwor[dt]|passwd|passphrase|pwd|credential|"
    r"access[ _-]?key|private[ _-]?key|auth[ _-]?key|_key|\bkey)\w{0,20}"
)
_VALUE = re.compile(r"(?<![^\s\"'`(<=:])(?=[^\s\"'`]*\d)(?=[^\s\"'`]*[A-Za-z])[^\s\"'`()<>,;]{10,200}(?<![.!?:])")
_NO_VALUE = re.compile(
    r"(?i)[0-9a-f]{7,40}|[0-9a-f]{64}|[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}|\S*(?:://|[/\\@])\S*"
)
_RUN = re.compile(r"[A-Z]?[a-z]+|[A-Z]+|[0-9]+|[^A-Za-z0-9]+")
_ESCAPED = re.compile(r'["\\\x00-\x1f]')
_ENCODED = frozenset("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/-_")
_SHORT_ESCAPES = frozenset('"\\\n\r\t\f\b')


class TooDeep(ValueError):
    """A JSON value is nested too deeply to be looked at."""


class Found(NamedTuple):
    """One credential that was replaced; `line` is that of its text, from 1 on."""

    rule: Rule
    secret: Secret
    fingerprint: str
    line: int = 0

    @property
    def placeholder(self) -> str:
        """What stands in its place."""
        return make_placeholder(self.rule.id, self.fingerprint)


class Redaction(NamedTuple):
    """The value without credentials, each credential once, and what could not be examined completely."""

    value: Any
    found: tuple[Found, ...] = ()
    unfinished: tuple[str, ...] = ()


def make_placeholder(rule: str, fingerprint: str) -> str:
    """Return the placeholder of a credential.

    >>> make_placeholder("aws.access-key", "lf1:0123456789abcdef0123456789abcdef")
    '<leakfirst lf1:01234567 aws.access-key>'
    """
    head, _, digits = fingerprint.partition(":")
    return f"<leakfirst {head}:{digits[:FINGERPRINT_DIGITS]} {rule}>"


class _Leaf:
    """One text, name or number of a value, and where it stands in the written form."""

    __slots__ = ("is_number", "spans", "start", "text", "written")

    def __init__(self, text: str, written: str, is_number: bool = False) -> None:
        self.text = text
        self.written = len(written)
        self.is_number = is_number
        self.start = 0
        self.spans: list[tuple[int, int, str]] = []

    def to_text(self, place: int) -> int:
        """Return the offset into the text of the offset *place* into the written form."""
        place = max(0, place - self.start - 1)
        if self.written == len(self.text) + 2:
            return min(place, len(self.text))
        added = [0]
        starts = [-1]  # in the written form
        for match in _ESCAPED.finditer(self.text):
            starts.append(match.start() + added[-1])
            added.append(added[-1] + (1 if match[0] in _SHORT_ESCAPES else 5))
        at = bisect_right(starts, place) - 1
        inside = starts[at] + added[at] - added[at - 1] if at else -1
        at_text = place - added[at] if place > inside else starts[at] - added[at - 1]
        return min(max(at_text, 0), len(self.text))


class Redactor:
    """Replaces credentials. *is_allowed* tells of a hit in a text with a path that a person allowed its value.

    A *key* that is a function is loaded when the first credential was found.
    """

    def __init__(
        self,
        engine: Engine,
        key: bytes | Callable[[], bytes],
        is_allowed: Callable[[Hit, bytes, str], bool] | None = None,
    ) -> None:
        self._engine = engine
        self._key = key
        self._is_allowed = is_allowed

    def redact_text(self, text: str, path: str = "") -> Redaction:
        """Return *text* without credentials; *path* is the file that it is in, if any."""
        leaf = _Leaf(text, "")
        found, unfinished = self._clean([leaf], None, path)
        return Redaction(leaf.text, found, unfinished)

    def redact_json(self, value: Any, path: str = "") -> Redaction:
        """Return *value* without credentials, in the same shape. Raises `TooDeep`.

        A number in which a credential stands becomes 0.
        """
        leaves: list[_Leaf] = []
        _write(value, leaves, [], 0)
        found, unfinished = self._clean(leaves, value, path)
        return Redaction(_rebuild(value, iter(leaves)) if found else value, found, unfinished)

    def redact_prompt(self, text: str) -> Redaction:
        """Return *text* without credentials, also those that prose names (``use … for the api key``)."""
        result = self.redact_text(text)
        found, spans = {one.fingerprint: one for one in result.found}, []
        leaf = _Leaf(result.value, "")
        for line, start, end in find_named_words(leaf.text):
            data = line.encode("utf-8", "surrogatepass")
            number = leaf.text.count("\n", 0, start) + 1
            hits = self._choose(self._engine.examine(data).hits, data, "")
            spans += [(start, end, self._name(hit.rule, hit.secret, found, number)) for hit in hits]
        if not spans:
            return result
        leaf.spans = spans
        self._add_copies([leaf], [(one.secret, one.placeholder) for one in found.values()])
        _replace(leaf, withhold=False)
        return Redaction(leaf.text, tuple(found.values()), result.unfinished)

    def find_spans(self, data: bytes, known: Sequence[Secret] = ()) -> tuple[list[tuple[int, int]], tuple[Found, ...]]:
        """Return the bytes of *data* that hold a credential or a *known* value, and the credentials.

        Spans that overlap are joined.
        """
        found: dict[str, Found] = {}
        spans: list[tuple[int, int]] = []
        secrets = list(known)
        text = data.decode("latin-1")
        for hit in self._choose(self._engine.examine(data).hits, data, ""):
            for start, end, secret in _list_spans(hit):
                self._note(hit, secret, found, data.count(b"\n", 0, start) + 1)
                secrets.append(secret)
                spans.append(_widen(text, start, end, hit))
        if secrets:
            from detector.scan.masking import ValueFinder

            spans += ValueFinder(secrets).find_in_bytes(data)
        joined = [(start, end) for start, end, _ in _join([(start, end, "") for start, end in spans])]
        return joined, tuple(found.values())

    def _clean(self, leaves: list[_Leaf], document: Any, path: str) -> tuple[tuple[Found, ...], tuple[str, ...]]:
        found: dict[str, Found] = {}
        unfinished: dict[str, None] = {}
        is_document = document is not None
        for number in range(MAX_ROUNDS + 1):
            secrets = self._collect(leaves, path, found, unfinished)
            if is_document and not secrets:  # first in the texts: the ends of a value are clearer there
                secrets = self._collect_written(leaves, document, path, found, unfinished)
            if not secrets:
                break
            self._add_copies(leaves, secrets)
            for leaf in leaves:
                if leaf.spans:
                    _replace(leaf, withhold=number >= MAX_ROUNDS - 1)
        return tuple(found.values()), tuple(unfinished)

    # -- finding -------------------------------------------------------------

    def _collect(
        self, leaves: Sequence[_Leaf], path: str, found: dict[str, Found], unfinished: dict[str, None]
    ) -> list[tuple[Secret, str]]:
        """Examine each text by itself, and mark what is found in it."""
        secrets: list[tuple[Secret, str]] = []
        rows = [(leaf.text.encode("utf-8", "surrogatepass"), path, None) for leaf in leaves if not leaf.is_number]
        texts = [leaf for leaf in leaves if not leaf.is_number]
        for index, result in self._engine.examine_batch(rows):
            unfinished.update(dict.fromkeys(result.unfinished))
            data, leaf = rows[index][0], texts[index]
            for hit in self._choose(result.hits, data, path):
                for start, end, secret in _list_spans(hit):
                    first, last = _to_characters(data, start, end)
                    label = self._note(hit, secret, found, data.count(b"\n", 0, start) + 1)
                    secrets.append((secret, label))
                    leaf.spans.append((*_widen(leaf.text, first, last, hit), label))
        for leaf, data in zip(texts, (row[0] for row in rows), strict=True):
            secrets += self._collect_packed(leaf, data, path, found)
        return secrets

    def _collect_packed(
        self, leaf: _Leaf, data: bytes, path: str, found: dict[str, Found]
    ) -> Iterator[tuple[Secret, str]]:
        """Examine a text that is a container (a source map, a notebook): its members have no place in the text."""
        if data[:1] not in _CONTAINER_STARTS or leaf.spans:
            return
        from detector.containers.kinds import detect_kind

        if not detect_kind(data):
            return
        from detector.model import Blob, Origin, Sighting
        from detector.scan.examine import Examiner
        from detector.scan.worker import examine_blobs

        for message in examine_blobs([Blob(data, Origin("stdin", path))], Examiner(self._engine)):
            if isinstance(message, Sighting) and message.confidence != Confidence.LOW:
                rule = self._engine.rules[message.rule]
                if rule.published:
                    continue
                label = self._name(rule, message.secret, found, message.location.line)
                leaf.spans.append((0, len(leaf.text), WITHHELD))
                yield message.secret, label

    def _collect_written(
        self, leaves: Sequence[_Leaf], document: Any, path: str, found: dict[str, Found], unfinished: dict[str, None]
    ) -> list[tuple[Secret, str]]:
        """Examine the whole value as it is written, and mark what is found in the texts and numbers it covers."""
        pieces: list[str] = []
        _write(_rebuild(document, iter(leaves)), [], pieces, 0)
        at = 0
        remaining = iter(leaves)
        for piece in pieces:
            if not _is_separator(piece):
                leaf = next(remaining)
                leaf.start, leaf.written = at, len(piece)
            at += len(piece)
        data = "".join(pieces).encode("utf-8", "surrogatepass")
        result = self._engine.examine(data)
        unfinished.update(dict.fromkeys(result.unfinished))
        starts = [leaf.start for leaf in leaves]
        secrets = []
        for hit in self._choose(result.hits, data, path):
            for start, end, secret in _list_spans(hit):
                first, last = _to_characters(data, start, end)
                label = self._note(hit, secret, found, 0)
                secrets.append((secret, label))
                for number in range(max(0, bisect_right(starts, first) - 1), len(leaves)):
                    leaf = leaves[number]
                    if leaf.start >= last:
                        break
                    if leaf.start + leaf.written > first:
                        begin, stop = leaf.to_text(first), leaf.to_text(last)
                        if stop > begin:
                            leaf.spans.append((*_widen(leaf.text, begin, stop, hit), label))
        return secrets

    def _choose(self, hits: Sequence[Hit], data: bytes, path: str) -> Iterator[Hit]:
        for hit in hits:
            if hit.confidence != Confidence.LOW and not (self._is_allowed and self._is_allowed(hit, data, path)):
                yield hit

    def _note(self, hit: Hit, secret: Secret, found: dict[str, Found], line: int) -> str:
        if hit.secret == secret:
            return self._name(hit.rule, secret, found, line)
        return make_placeholder(hit.rule.id, self._compute_fingerprint(secret))  # a part: named after its credential

    def _name(self, rule: Rule, secret: Secret, found: dict[str, Found], line: int) -> str:
        fingerprint = self._compute_fingerprint(secret)
        return found.setdefault(fingerprint, Found(rule, secret, fingerprint, line)).placeholder

    def _compute_fingerprint(self, secret: Secret) -> str:
        from detector.fingerprint import compute_fingerprint

        if not isinstance(self._key, bytes):
            self._key = self._key()
        return compute_fingerprint(secret, self._key)

    def _add_copies(self, leaves: Sequence[_Leaf], secrets: Sequence[tuple[Secret, str]]) -> None:
        """Mark the values that were found also where nothing told that they are credentials."""
        from detector.scan.masking import ValueFinder

        labels = [label for _, label in secrets]
        finder = ValueFinder(secret for secret, _ in secrets)
        for leaf in leaves:
            if not (found := finder.find(leaf.text)):
                continue
            ours = [match.span() for match in PLACEHOLDER.finditer(leaf.text)]
            starts = [start for start, _ in ours]
            for start, end, number in found:
                at = bisect_right(starts, start) - 1
                if at < 0 or end > ours[at][1]:
                    leaf.spans.append((start, end, labels[number]))


def find_named_words(text: str) -> Iterator[tuple[str, int, int]]:
    """Yield the words of prose that may be the value of a credential that a word near them names.

    Each comes as an assignment, which the rules judge, and with its span. Digests and ids of
    objects look like values and are in many a prompt.
    """
    names = [(match.start(), match.end(), match[0]) for match in _NAME.finditer(text)][:MAX_NAMES]
    if not names:
        return
    text = PLACEHOLDER.sub(lambda match: " " * len(match[0]), text)
    for match in islice(filter(_looks_random, _VALUE.finditer(text)), MAX_VALUES):
        near = [
            (min(abs(match.start() - end), abs(start - match.end())), name)
            for start, end, name in names
            if end <= match.start() or start >= match.end()
        ]
        distance, name = min(near, default=(MAX_DISTANCE, ""))
        if distance < MAX_DISTANCE:
            yield f'{name} = "{match[0]}"\n', *match.span()


def _looks_random(match: re.Match[str]) -> bool:
    """Return whether a word is neither a digest, a path, an identifier nor a version."""
    word = match[0]
    if _NO_VALUE.fullmatch(word):
        return False
    is_mixed = word != word.lower() and word != word.upper()
    return (is_mixed or word.isalnum()) and len(_RUN.findall(word)) * 3 >= len(word)


def _list_spans(hit: Hit) -> Iterator[tuple[int, int, Secret]]:
    """Yield the spans of a credential and of its parts that are secret."""
    yield hit.start, hit.end, hit.secret
    if hit.parts:
        public = {part.name for part in hit.rule.companions if not part.secret}
        for part in hit.parts:
            if part.name not in public:
                yield part.start, part.end, part.secret


def _to_characters(data: bytes, start: int, end: int) -> tuple[int, int]:
    """Return the characters that the bytes ``start:end`` are in, whole ones."""
    if data.isascii():
        return start, end
    while start > 0 and data[start] & 0xC0 == 0x80:
        start -= 1
    while end < len(data) and data[end] & 0xC0 == 0x80:
        end += 1
    first = len(data[:start].decode("utf-8", "surrogatepass"))
    return first, first + len(data[start:end].decode("utf-8", "surrogatepass"))


def _widen(text: str, start: int, end: int, hit: Hit) -> tuple[int, int]:
    """Return the span with its neighbours that hold bits of a value that was decoded."""
    if not any(via.startswith(("base64", "hex")) for via in hit.decoded_via):
        return start, end
    most = 4 * len(hit.decoded_via)
    for _ in range(most):
        if start > 0 and text[start - 1] in _ENCODED:
            start -= 1
        if end < len(text) and text[end] in _ENCODED:
            end += 1
    return start, end


# -- the shape -----------------------------------------------------------------


def _write(value: Any, leaves: list[_Leaf], pieces: list[str], depth: int) -> None:
    """Append the written form of *value* to *pieces*, and its texts, names and numbers to *leaves*, in order."""
    if depth > MAX_DEPTH:
        raise TooDeep(f"it is nested more than {MAX_DEPTH} deep")
    if isinstance(value, dict):
        pieces.append("{")
        for number, (key, item) in enumerate(value.items()):
            if number:
                pieces.append(", ")
            _write(key, leaves, pieces, depth + 1)
            pieces.append(": ")
            _write(item, leaves, pieces, depth + 1)
        pieces.append("}")
    elif isinstance(value, list):
        pieces.append("[")
        for number, item in enumerate(value):
            if number:
                pieces.append(", ")
            _write(item, leaves, pieces, depth + 1)
        pieces.append("]")
    elif isinstance(value, str):
        written = json.dumps(value, ensure_ascii=False)
        leaves.append(_Leaf(value, written))
        pieces.append(written)
    elif value is None or isinstance(value, bool):
        pieces.append({None: "null", True: "true", False: "false"}[value])
    else:
        written = json.dumps(value)
        leaves.append(_Leaf(written, written, is_number=True))
        pieces.append(written)


_SEPARATORS = frozenset(("{", "}", "[", "]", ", ", ": ", "null", "true", "false"))


def _is_separator(piece: str) -> bool:
    """Return whether *piece* of a written form is no text or number; a text has quotes around it."""
    return piece in _SEPARATORS


def _rebuild(value: Any, leaves: Iterator[_Leaf]) -> Any:
    """Return *value* with the texts of *leaves*; the names of an object stay distinct."""
    if isinstance(value, dict):
        made: dict[str, Any] = {}
        for item in value.values():
            name = next(leaves).text
            while name in made:
                name += "'"
            made[name] = _rebuild(item, leaves)
        return made
    if isinstance(value, list):
        return [_rebuild(item, leaves) for item in value]
    if value is None or isinstance(value, bool):
        return value
    leaf = next(leaves)
    if isinstance(value, str):
        return leaf.text
    return value if leaf.text != "0" else type(value)(0)


def _replace(leaf: _Leaf, *, withhold: bool) -> None:
    """Put the placeholders into a text; spans that overlap become one, named after the first."""
    if leaf.is_number:
        leaf.text = "0"
    elif withhold:
        leaf.text = WITHHELD
    else:
        out, at = [], 0
        for start, end, label in _join(leaf.spans):
            out += [leaf.text[at:start], label]
            at = end
        leaf.text = "".join([*out, leaf.text[at:]])
    leaf.spans = []


def _join(spans: Sequence[tuple[int, int, str]]) -> Iterator[tuple[int, int, str]]:
    current: tuple[int, int, str] | None = None
    for start, end, label in sorted(spans, key=lambda span: (span[0], -span[1])):
        if current and start < current[1]:
            current = current[0], max(end, current[1]), current[2]
            continue
        if current:
            yield current
        current = start, end, label
    if current:
        yield current
