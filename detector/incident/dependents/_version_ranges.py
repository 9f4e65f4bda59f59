r"""Which versions a range means, by the rules of each ecosystem.

A range becomes intervals over versions in the order of its ecosystem (the
orders are those of `packaging` and `univers`). That answers both questions we
have: is a locked version within, and does what a manifest allows touch what is
compromised. A pre-release is within wherever the order places it: a range of
compromised versions that left its pre-releases out would be no safe answer.

In a question, as opposed to a manifest, a bare version means this version alone.

>>> inside("npm", "^1.2.3 || 3.x", "1.9.0"), inside("pypi", "~=1.4", "2.0"), inside("npm", "1.2.3", "main")
(True, False, None)
>>> touch("cargo", "1.4.7", "1.2"), touch("npm", ">=2 <2.3", "^1.0.0"), touch("gem", "2.5.1", "~> 2.5")
(True, False, True)
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from functools import lru_cache
from typing import Any, NamedTuple

MAX_RANGE = 2000
"""Characters of a range that are looked at; none that anybody wrote is longer."""


class Interval(NamedTuple):
    """Versions from `low` to `high`; None is without end."""

    low: Any = None
    low_in: bool = True
    high: Any = None
    high_in: bool = True

    def has(self, version: Any) -> bool:
        """Tell whether *version* is within."""
        above = self.low is None or version > self.low or (self.low_in and version == self.low)
        below = self.high is None or version < self.high or (self.high_in and version == self.high)
        return bool(above and below)

    def both(self, other: Interval) -> Interval | None:
        """Return what is in both, None if nothing is."""
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


def _both(one: Intervals, other: Intervals) -> Intervals:
    return tuple(met for a in one for b in other if (met := a.both(b)))


# -- versions ----------------------------------------------------------------


@lru_cache(1 << 16)
def version(ecosystem: str, text: str) -> Any:
    """Return *text* as a version that can be compared with others of its ecosystem.

    ValueError if it is none.
    """
    text = text.strip()
    if not text or len(text) > MAX_RANGE:
        raise ValueError("no version")
    try:
        return _KINDS.get(ecosystem, _semver)(text)
    except ValueError:
        raise
    except Exception as error:  # univers raises errors of its own kinds
        raise ValueError(str(error)) from None


def _pep440(text: str) -> Any:
    from packaging.version import Version

    return Version(Version(text).public)


def _composer(text: str) -> Any:
    return _pep440(re.sub(r"(?i)[-_.]?p(?:atch)?[-_.]?(\d+)$", r".post\1", text))


def _semver(text: str) -> Any:
    from univers.versions import SemverVersion

    plain = text.lstrip("vV=").partition("+")[0]
    if not plain[:1].isdigit():
        raise ValueError("no version")
    return SemverVersion(plain)


def _tag(text: str) -> Any:
    """Compare tags by the numbers that they begin with; what follows names a variant."""
    found = re.match(r"[vV]?(\d+(?:\.\d+)*)", text)
    if not found or re.fullmatch(r"[0-9a-f]{40}|[0-9a-f]{64}", text):
        raise ValueError("no version")
    return _semver(found[1])


def _univers(name: str) -> Callable[[str], Any]:
    def make(text: str) -> Any:
        from univers import versions

        if not any(sign.isdigit() for sign in text):
            raise ValueError("no version")
        return getattr(versions, name)(text)

    return make


_KINDS: dict[str, Callable[[str], Any]] = {
    "pypi": _pep440,
    "composer": _composer,
    "gem": _univers("RubygemsVersion"),
    "maven": _univers("MavenVersion"),
    "nuget": _univers("NugetVersion"),
    "docker": _tag,
    "github": _tag,
    "gitlab": _tag,
    "bitbucket": _tag,
    "git": _tag,
}


# -- ranges ------------------------------------------------------------------


class _Grammar(NamedTuple):
    """How an ecosystem writes ranges.

    `bare` is what a version without an operator means in a manifest, `lowest`
    what is put behind a version to name the least of its pre-releases, `tilde`
    whether ``~1.2`` reaches to 2 (as in composer) instead of 1.3.
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
_TAGS = _Grammar("prefix")
_PRECISE = ("npm", "cargo", "hex", "pub", "golang", "docker", "github", "gitlab", "bitbucket", "git")
"""Where a version has three numbers, so that two of them are a range."""


@lru_cache(1 << 16)
def asked(ecosystem: str, text: str) -> Intervals:
    """Return the versions that a question means. ValueError if it is no range."""
    return _parsed(ecosystem, text, "prefix" if ecosystem in _PRECISE else "exact")


@lru_cache(1 << 16)
def allowed(ecosystem: str, text: str) -> Intervals:
    """Return the versions that a manifest allows. ValueError if it does not say."""
    return _parsed(ecosystem, text, _GRAMMARS.get(ecosystem, _TAGS).bare)


def inside(ecosystem: str, asked_range: str, found: str) -> bool | None:
    """Tell whether version *found* is in what was asked for; None if it cannot be compared."""
    alternatives = [part.strip() for part in asked_range.split("||")]
    if found in alternatives or not asked_range:
        return True
    try:
        at = version(ecosystem, found)
        return any(part.has(at) for part in asked(ecosystem, asked_range))
    except ValueError:
        return None


def touch(ecosystem: str, asked_range: str, constraint: str) -> bool | None:
    """Tell whether *constraint* allows any of what was asked for; None if it does not say."""
    if not asked_range:
        return True
    try:
        return bool(_both(asked(ecosystem, asked_range), allowed(ecosystem, constraint)))
    except ValueError:
        return None


def _parsed(ecosystem: str, text: str, bare: str) -> Intervals:
    text = text.strip()
    if len(text) > MAX_RANGE:
        raise ValueError("too long")
    if text in ("", "*", "any", "x", "X"):
        return ANY
    if text.startswith("vers:"):
        return _vers(ecosystem, text)
    if ecosystem in ("maven", "nuget") and text[0] in "[(":
        return tuple(_brackets(ecosystem, text))
    grammar = _GRAMMARS.get(ecosystem, _TAGS)
    if ecosystem == "hex":
        text = re.sub(r"\s+or\s+", "||", re.sub(r"\s+and\s+", ",", text))
    if ecosystem == "composer":
        text = re.sub(r"@\w+", "", re.sub(r"\s+as\s+\S+", "", text))
    found: list[Interval] = []
    for part in re.split(r"\|\|?" if ecosystem == "composer" else r"\|\|", text):
        found += _alternative(ecosystem, part.strip(), grammar, bare)
    return tuple(found)


_HYPHEN = re.compile(r"([^\s,]+)\s+-\s+([^\s,]+)")
_PIECE = re.compile(r"(===|==|~=|~>|!=|>=|<=|[\^~<>=]|)\s*([^\s,^~<>=!]+)\s*,?\s*")


def _alternative(ecosystem: str, text: str, grammar: _Grammar, bare: str) -> Intervals:
    if text in ("", "*"):
        return ANY
    found = ANY
    hyphen = _HYPHEN.fullmatch(text)
    if hyphen:
        least, most = hyphen.groups()
        low = f"{_whole(least)}{grammar.lowest}" if ecosystem == "npm" and "-" not in least else _whole(least)
        found = (Interval(low=version(ecosystem, low)),)
        return _both(found, _prefix(ecosystem, most, grammar, below=True))
    at = 0
    while at < len(text):
        piece = _PIECE.match(text, at)
        if not piece:
            raise ValueError(f"{text!r} is no range")
        at = piece.end()
        found = _both(found, _comparison(ecosystem, piece[1], piece[2], grammar, bare))
    return found


def _comparison(ecosystem: str, sign: str, named: str, grammar: _Grammar, bare: str) -> Intervals:
    numbers, open_end = _numbers(named)
    if not sign:
        sign = {"exact": "=", "caret": "^", "minimum": ">="}.get(bare, "prefix")
    if sign in ("=", "==", "===", "prefix"):
        if open_end or (ecosystem in _PRECISE and len(numbers) < 3):
            return _prefix(ecosystem, named, grammar)
        at = version(ecosystem, named)
        return (Interval(at, True, at, True),)
    if open_end and not numbers:
        return () if sign in ("<", ">", "!=") else ANY
    if sign == "!=":
        if open_end:
            return (
                Interval(high=version(ecosystem, _dotted(numbers) + grammar.lowest), high_in=False),
                Interval(low=version(ecosystem, _dotted(_next(numbers, len(numbers) - 1)) + grammar.lowest)),
            )
        at = version(ecosystem, named)
        return (Interval(high=at, high_in=False), Interval(low=at, low_in=False))
    if sign in ("<", "<=", ">", ">="):
        return _bound(ecosystem, sign, named, numbers, open_end, grammar)
    partial = ecosystem == "npm" and len(numbers) < 3
    low = version(ecosystem, _dotted(numbers) + grammar.lowest if partial else _whole(named))
    if sign == "~=" or (sign == "~>" and ecosystem in ("gem", "hex")):
        keep = max(len(numbers) - 2, 0)
    elif sign == "^":
        keep = next((place for place, number in enumerate(numbers) if number), len(numbers) - 1)
        if grammar.caret_in_minor:
            keep = min(keep, 1)
    elif grammar.tilde_wide:
        keep = max(len(numbers) - 2, 0)
    else:
        keep = min(len(numbers) - 1, 1)
    return (Interval(low, True, version(ecosystem, _dotted(_next(numbers, keep)) + grammar.lowest), False),)


def _bound(ecosystem: str, sign: str, named: str, numbers: list[int], open_end: bool, grammar: _Grammar) -> Intervals:
    """Read a comparison: npm and cargo complete a version that lacks numbers, ``>1.2`` is ``>=1.3``."""
    partial = open_end or (ecosystem in ("npm", "cargo") and len(numbers) < 3)
    if partial and sign in (">", "<="):
        end = version(ecosystem, _dotted(_next(numbers, len(numbers) - 1)) + grammar.lowest)
        return (Interval(low=end),) if sign == ">" else (Interval(high=end, high_in=False),)
    if partial and sign == ">=":
        return (Interval(low=version(ecosystem, _dotted(numbers) + grammar.lowest)),)
    at = version(ecosystem, _whole(named))
    if sign == ">=":
        return (Interval(low=at),)
    if sign == ">":
        return (Interval(low=at, low_in=False),)
    if sign == "<=":
        return (Interval(high=at),)
    if grammar.lowest == ".dev0" and not at.is_prerelease and not at.is_postrelease:
        at = version(ecosystem, f"{at.base_version}.dev0")
    elif partial:
        at = version(ecosystem, _dotted(numbers) + grammar.lowest)
    return (Interval(high=at, high_in=False),)


def _prefix(ecosystem: str, named: str, grammar: _Grammar, below: bool = False) -> Intervals:
    """Return all versions that begin with the numbers of *named*, and with *below* all that are less."""
    numbers, open_end = _numbers(named)
    if not numbers:
        return ANY
    if not open_end and len(numbers) >= 3:
        at = version(ecosystem, named)
        return (Interval(None if below else at, True, at, True),)
    low = None if below else version(ecosystem, _dotted(numbers) + grammar.lowest)
    return (Interval(low, True, version(ecosystem, _dotted(_next(numbers, len(numbers) - 1)) + grammar.lowest), False),)


def _numbers(named: str) -> tuple[list[int], bool]:
    """Return the numbers that a version begins with, and whether it ends in a star.

    >>> _numbers("v1.2.x"), _numbers("1.2.3-beta.1")
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
        raise ValueError(f"{named!r} is no version")
    return numbers, False


def _whole(named: str) -> str:
    """Return *named* with nought in place of a star.

    >>> _whole("1.x"), _whole("2.0")
    ('1', '2.0')
    """
    numbers, open_end = _numbers(named)
    return _dotted(numbers or [0]) if open_end else named


def _dotted(numbers: list[int]) -> str:
    return ".".join(map(str, numbers))


def _next(numbers: list[int], place: int) -> list[int]:
    return [*numbers[:place], numbers[place] + 1]


_BRACKET = re.compile(r"\s*([\[(])\s*([^\[\](),]*?)\s*(?:(,)\s*([^\[\](),]*?)\s*)?([\])])\s*,?")


def _brackets(ecosystem: str, text: str) -> Iterator[Interval]:
    """Read ``[1.0,2.0),[3.0,)`` as Maven and NuGet write it."""
    at = 0
    while at < len(text):
        found = _BRACKET.match(text, at)
        if not found:
            raise ValueError(f"{text!r} is no range")
        at = found.end()
        opening, least, comma, most, closing = found.groups()
        if not comma:
            most = least
        yield Interval(
            version(ecosystem, least) if least else None,
            opening == "[",
            version(ecosystem, most) if most else None,
            closing == "]",
        )


def _vers(ecosystem: str, text: str) -> Intervals:
    """Read ``vers:npm/>=1.0|<2.0``: versions set apart, and bounds that come in pairs."""
    from univers.version_range import RANGE_CLASS_BY_SCHEMES, VersionRange

    scheme = text[5:].partition("/")[0].lower()
    if scheme not in RANGE_CLASS_BY_SCHEMES:
        raise ValueError(f"{scheme!r} is no scheme of versions")
    try:
        constraints = VersionRange.from_string(text).constraints  # type: ignore[no-untyped-call]
    except Exception as error:  # univers raises errors of its own kinds
        raise ValueError(str(error)) from None
    found: list[Interval] = []
    without: Intervals = ANY
    low: Interval | None = None
    for constraint in constraints:
        if constraint.comparator == "*":
            return ANY
        at = version(ecosystem, constraint.version.string)
        if constraint.comparator == "=":
            found.append(Interval(at, True, at, True))
        elif constraint.comparator == "!=":
            without = _both(without, (Interval(high=at, high_in=False), Interval(low=at, low_in=False)))
        elif constraint.comparator in (">", ">="):
            low = low or Interval(low=at, low_in=constraint.comparator == ">=")
        else:
            found.append((low or Interval())._replace(high=at, high_in=constraint.comparator == "<="))
            low = None
    if low or not found:
        found.append(low or Interval())
    return _both(tuple(found), without)
