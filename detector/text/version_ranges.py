r"""Version ranges, by the rules of each ecosystem.

A range is parsed into intervals of versions in the order of its ecosystem, which
`packaging` and `univers` implement. With them, two questions are answered: whether a
locked version is in the range, and whether a manifest's constraint overlaps with it.
Pre-releases within an interval belong to the range: a range of compromised versions
without its pre-releases would miss some.

In a query, unlike in a manifest, a bare version means only that version.

>>> is_in_range("npm", "^1.2.3 || 3.x", "1.9.0"), is_in_range("pypi", "~=1.4", "2.0")
(True, False)
>>> is_in_range("npm", "1.2.3", "main") is None
True
>>> overlaps("cargo", "1.4.7", "1.2"), overlaps("npm", ">=2 <2.3", "^1.0.0"), overlaps("gem", "2.5.1", "~> 2.5")
(True, False, True)
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from functools import lru_cache
from typing import Any, NamedTuple

MAX_RANGE = 2000
"""Longest range in characters; real ones are shorter."""


class Interval(NamedTuple):
    """The versions from `low` to `high`; None means unbounded."""

    low: Any = None
    low_in: bool = True
    high: Any = None
    high_in: bool = True

    def contains(self, version: Any) -> bool:
        """Return whether *version* is in the interval."""
        above = self.low is None or version > self.low or (self.low_in and version == self.low)
        below = self.high is None or version < self.high or (self.high_in and version == self.high)
        return bool(above and below)

    def intersect(self, other: Interval) -> Interval | None:
        """Return the intersection, None if it is empty."""
        low, low_in = self.low, self.low_in
        if other.low is not None and (low is None or other.low > low or (other.low == low and not other.low_in)):
            low, low_in = other.low, other.low_in
        high, high_in = self.high, self.high_in
        if other.high is not None and (high is None or other.high < high or (other.high == high and not other.high_in)):
            high, high_in = other.high, other.high_in
        if low is not None and high is not None and (low > high or (low == high and not (low_in and high_in))):
            return None
        return Interval(low, low_in, high, high_in)


Intervals = tuple[Interval, ...]
ANY: Intervals = (Interval(),)


def _intersect(one: Intervals, other: Intervals) -> Intervals:
    return tuple(common for a in one for b in other if (common := a.intersect(b)))


# -- versions ----------------------------------------------------------------


@lru_cache(1 << 16)
def parse_version(ecosystem: str, text: str) -> Any:
    """Return *text* as a version that can be compared with others of its ecosystem. Raises ValueError."""
    text = text.strip()
    if not text or len(text) > MAX_RANGE:
        raise ValueError("not a version")
    try:
        return _PARSERS.get(ecosystem, _parse_semver)(text)
    except ValueError:
        raise
    except Exception as error:  # univers raises its own exceptions
        raise ValueError(str(error)) from None


def _parse_pep440(text: str) -> Any:
    from packaging.version import Version

    return Version(Version(text).public)


def _parse_composer(text: str) -> Any:
    return _parse_pep440(re.sub(r"(?i)[-_.]?p(?:atch)?[-_.]?(\d+)$", r".post\1", text))


def _parse_semver(text: str) -> Any:
    from univers.versions import SemverVersion

    plain = text.lstrip("vV=").partition("+")[0]
    if not plain[:1].isdigit():
        raise ValueError("not a version")
    return SemverVersion(plain)


def _parse_tag(text: str) -> Any:
    """Parse the numbers at the beginning of a tag; the rest names a variant."""
    found = re.match(r"[vV]?(\d+(?:\.\d+)*)", text)
    if not found or re.fullmatch(r"[0-9a-f]{40}|[0-9a-f]{64}", text):
        raise ValueError("not a version")
    return _parse_semver(found[1])


def _make_univers_parser(name: str) -> Callable[[str], Any]:
    def make(text: str) -> Any:
        from univers import versions

        if not any(operator.isdigit() for operator in text):
            raise ValueError("not a version")
        return getattr(versions, name)(text)

    return make


_PARSERS: dict[str, Callable[[str], Any]] = {
    "pypi": _parse_pep440,
    "composer": _parse_composer,
    "gem": _make_univers_parser("RubygemsVersion"),
    "maven": _make_univers_parser("MavenVersion"),
    "nuget": _make_univers_parser("NugetVersion"),
    "docker": _parse_tag,
    "github": _parse_tag,
    "gitlab": _parse_tag,
    "bitbucket": _parse_tag,
    "git": _parse_tag,
}


# -- ranges ------------------------------------------------------------------


class _Grammar(NamedTuple):
    """The syntax of ranges in an ecosystem.

    `bare` is the meaning of a version without operator in a manifest, `lowest` the suffix of
    a version's lowest pre-release. `tilde_wide`: ``~1.2`` ends at 2 (as in composer) instead
    of 1.3. `caret_in_minor`: ``^0.0.3`` ends at 0.1 instead of 0.0.4.
    """

    bare: str = "prefix"
    lowest: str = "-0"
    tilde_wide: bool = False
    caret_in_minor: bool = False


_GRAMMARS = {
    "npm": _Grammar(),
    "cargo": _Grammar("caret"),
    "pub": _Grammar("exact", caret_in_minor=True),
    "hex": _Grammar("exact"),
    "pypi": _Grammar("exact", ".dev0"),
    "composer": _Grammar("exact", ".dev0", tilde_wide=True),
    "gem": _Grammar("exact", ".A"),
    "maven": _Grammar("exact", "-alpha"),
    "nuget": _Grammar("minimum", "-0"),
    "golang": _Grammar("exact"),
}
_TAG_GRAMMAR = _Grammar("prefix")
_THREE_NUMBERS = ("npm", "cargo", "hex", "pub", "golang", "docker", "github", "gitlab", "bitbucket", "git")
"""Ecosystems whose versions have three numbers, so that two of them mean a range."""


@lru_cache(1 << 16)
def parse_query(ecosystem: str, text: str) -> Intervals:
    """Return the versions that a query means. Raises ValueError."""
    return _parse(ecosystem, text, "prefix" if ecosystem in _THREE_NUMBERS else "exact")


@lru_cache(1 << 16)
def parse_constraint(ecosystem: str, text: str) -> Intervals:
    """Return the versions that a manifest allows. Raises ValueError."""
    return _parse(ecosystem, text, _GRAMMARS.get(ecosystem, _TAG_GRAMMAR).bare)


def is_in_range(ecosystem: str, query: str, found: str) -> bool | None:
    """Return whether version *found* is in *query*; None if it cannot be compared."""
    alternatives = [part.strip() for part in query.split("||")]
    if found in alternatives or not query:
        return True
    try:
        at = parse_version(ecosystem, found)
        return any(part.contains(at) for part in parse_query(ecosystem, query))
    except ValueError:
        return None


def overlaps(ecosystem: str, query: str, constraint: str) -> bool | None:
    """Return whether *constraint* allows a version of *query*; None if it cannot be compared."""
    if not query:
        return True
    try:
        return bool(_intersect(parse_query(ecosystem, query), parse_constraint(ecosystem, constraint)))
    except ValueError:
        return None


def _parse(ecosystem: str, text: str, bare: str) -> Intervals:
    text = text.strip()
    if len(text) > MAX_RANGE:
        raise ValueError("too long")
    if text in ("", "*", "any", "x", "X"):
        return ANY
    if text.startswith("vers:"):
        return _parse_vers(ecosystem, text)
    if ecosystem in ("maven", "nuget") and text[0] in "[(":
        return tuple(_parse_brackets(ecosystem, text))
    grammar = _GRAMMARS.get(ecosystem, _TAG_GRAMMAR)
    if ecosystem == "hex":
        text = re.sub(r"\s+or\s+", "||", re.sub(r"\s+and\s+", ",", text))
    if ecosystem == "composer":
        text = re.sub(r"@\w+", "", re.sub(r"\s+as\s+\S+", "", text))
    found: list[Interval] = []
    for part in re.split(r"\|\|?" if ecosystem == "composer" else r"\|\|", text):
        found += _parse_alternative(ecosystem, part.strip(), grammar, bare)
    return tuple(found)


_HYPHEN = re.compile(r"([^\s,]+)\s+-\s+([^\s,]+)")
_PIECE = re.compile(r"(===|==|~=|~>|!=|>=|<=|[\^~<>=]|)\s*([^\s,^~<>=!]+)\s*,?\s*")


def _parse_alternative(ecosystem: str, text: str, grammar: _Grammar, bare: str) -> Intervals:
    if text in ("", "*"):
        return ANY
    found = ANY
    hyphen = _HYPHEN.fullmatch(text)
    if hyphen:
        least, most = hyphen.groups()
        low = (
            f"{_replace_star(least)}{grammar.lowest}"
            if ecosystem == "npm" and "-" not in least
            else _replace_star(least)
        )
        found = (Interval(low=parse_version(ecosystem, low)),)
        return _intersect(found, _parse_prefix(ecosystem, most, grammar, below=True))
    at = 0
    while at < len(text):
        piece = _PIECE.match(text, at)
        if not piece:
            raise ValueError(f"{text!r} is not a range")
        at = piece.end()
        found = _intersect(found, _parse_comparison(ecosystem, piece[1], piece[2], grammar, bare))
    return found


def _parse_comparison(ecosystem: str, operator: str, named: str, grammar: _Grammar, bare: str) -> Intervals:
    numbers, open_end = _split_numbers(named)
    if not operator:
        operator = {"exact": "=", "caret": "^", "minimum": ">="}.get(bare, "prefix")
    if operator in ("=", "==", "===", "prefix"):
        if open_end or (ecosystem in _THREE_NUMBERS and len(numbers) < 3):
            return _parse_prefix(ecosystem, named, grammar)
        at = parse_version(ecosystem, named)
        return (Interval(at, True, at, True),)
    if open_end and not numbers:
        return () if operator in ("<", ">", "!=") else ANY
    if operator == "!=":
        if open_end:
            return (
                Interval(high=parse_version(ecosystem, _join_numbers(numbers) + grammar.lowest), high_in=False),
                Interval(
                    low=parse_version(ecosystem, _join_numbers(_increment(numbers, len(numbers) - 1)) + grammar.lowest)
                ),
            )
        at = parse_version(ecosystem, named)
        return (Interval(high=at, high_in=False), Interval(low=at, low_in=False))
    if operator in ("<", "<=", ">", ">="):
        return _parse_bound(ecosystem, operator, named, numbers, open_end, grammar)
    partial = ecosystem == "npm" and len(numbers) < 3
    low = parse_version(ecosystem, _join_numbers(numbers) + grammar.lowest if partial else _replace_star(named))
    if operator == "~=" or (operator == "~>" and ecosystem in ("gem", "hex")):
        keep = max(len(numbers) - 2, 0)
    elif operator == "^":
        keep = next((place for place, number in enumerate(numbers) if number), len(numbers) - 1)
        if grammar.caret_in_minor:
            keep = min(keep, 1)
    elif grammar.tilde_wide:
        keep = max(len(numbers) - 2, 0)
    else:
        keep = min(len(numbers) - 1, 1)
    return (
        Interval(low, True, parse_version(ecosystem, _join_numbers(_increment(numbers, keep)) + grammar.lowest), False),
    )


def _parse_bound(
    ecosystem: str, operator: str, named: str, numbers: list[int], open_end: bool, grammar: _Grammar
) -> Intervals:
    """Parse a comparison. In npm and cargo, a version may lack numbers: ``>1.2`` means ``>=1.3``."""
    partial = open_end or (ecosystem in ("npm", "cargo") and len(numbers) < 3)
    if partial and operator in (">", "<="):
        end = parse_version(ecosystem, _join_numbers(_increment(numbers, len(numbers) - 1)) + grammar.lowest)
        return (Interval(low=end),) if operator == ">" else (Interval(high=end, high_in=False),)
    if partial and operator == ">=":
        return (Interval(low=parse_version(ecosystem, _join_numbers(numbers) + grammar.lowest)),)
    at = parse_version(ecosystem, _replace_star(named))
    if operator == ">=":
        return (Interval(low=at),)
    if operator == ">":
        return (Interval(low=at, low_in=False),)
    if operator == "<=":
        return (Interval(high=at),)
    if grammar.lowest == ".dev0" and not at.is_prerelease and not at.is_postrelease:
        at = parse_version(ecosystem, f"{at.base_version}.dev0")
    elif partial:
        at = parse_version(ecosystem, _join_numbers(numbers) + grammar.lowest)
    return (Interval(high=at, high_in=False),)


def _parse_prefix(ecosystem: str, named: str, grammar: _Grammar, below: bool = False) -> Intervals:
    """Return all versions that begin with the numbers of *named*, and with *below* all lower ones."""
    numbers, open_end = _split_numbers(named)
    if not numbers:
        return ANY
    if not open_end and len(numbers) >= 3:
        at = parse_version(ecosystem, named)
        return (Interval(None if below else at, True, at, True),)
    low = None if below else parse_version(ecosystem, _join_numbers(numbers) + grammar.lowest)
    return (
        Interval(
            low,
            True,
            parse_version(ecosystem, _join_numbers(_increment(numbers, len(numbers) - 1)) + grammar.lowest),
            False,
        ),
    )


def _split_numbers(named: str) -> tuple[list[int], bool]:
    """Return the numbers at the beginning of a version, and whether it ends in a star.

    >>> _split_numbers("v1.2.x"), _split_numbers("1.2.3-beta.1")
    (([1, 2], True), ([1, 2, 3], False))
    """
    numbers: list[int] = []
    for part in re.split(r"[-+]", named.lstrip("vV"), maxsplit=1)[0].split("."):
        if part in ("x", "X", "*"):
            return numbers, True
        found = re.match(r"\d{1,18}", part)
        if not found:
            break
        numbers.append(int(found[0]))
        if found[0] != part:
            break
    if not numbers:
        raise ValueError(f"{named!r} is not a version")
    return numbers, False


def _replace_star(named: str) -> str:
    """Return *named* with a star removed.

    >>> _replace_star("1.x"), _replace_star("2.0")
    ('1', '2.0')
    """
    numbers, open_end = _split_numbers(named)
    return _join_numbers(numbers or [0]) if open_end else named


def _join_numbers(numbers: list[int]) -> str:
    return ".".join(map(str, numbers))


def _increment(numbers: list[int], place: int) -> list[int]:
    return [*numbers[:place], numbers[place] + 1]


_BRACKET = re.compile(r"\s*([\[(])\s*([^\[\](),]*?)\s*(?:(,)\s*([^\[\](),]*?)\s*)?([\])])\s*,?")


def _parse_brackets(ecosystem: str, text: str) -> Iterator[Interval]:
    """Parse ``[1.0,2.0),[3.0,)``, the syntax of Maven and NuGet."""
    at = 0
    while at < len(text):
        found = _BRACKET.match(text, at)
        if not found:
            raise ValueError(f"{text!r} is not a range")
        at = found.end()
        opening, least, comma, most, closing = found.groups()
        if not comma:
            most = least
        yield Interval(
            parse_version(ecosystem, least) if least else None,
            opening == "[",
            parse_version(ecosystem, most) if most else None,
            closing == "]",
        )


def _parse_vers(ecosystem: str, text: str) -> Intervals:
    """Parse ``vers:npm/>=1.0|<2.0``: single versions, and bounds in pairs."""
    from univers.version_range import RANGE_CLASS_BY_SCHEMES, VersionRange

    scheme = text[5:].partition("/")[0].lower()
    if scheme not in RANGE_CLASS_BY_SCHEMES:
        raise ValueError(f"{scheme!r} is not a known versioning scheme")
    try:
        constraints = VersionRange.from_string(text).constraints  # type: ignore[no-untyped-call]
    except Exception as error:  # univers raises its own exceptions
        raise ValueError(str(error)) from None
    found: list[Interval] = []
    without: Intervals = ANY
    low: Interval | None = None
    for constraint in constraints:
        if constraint.comparator == "*":
            return ANY
        at = parse_version(ecosystem, constraint.version.string)
        if constraint.comparator == "=":
            found.append(Interval(at, True, at, True))
        elif constraint.comparator == "!=":
            without = _intersect(without, (Interval(high=at, high_in=False), Interval(low=at, low_in=False)))
        elif constraint.comparator in (">", ">="):
            low = low or Interval(low=at, low_in=constraint.comparator == ">=")
        else:
            found.append((low or Interval())._replace(high=at, high_in=constraint.comparator == "<="))
            low = None
    if low or not found:
        found.append(low or Interval())
    return _intersect(tuple(found), without)
