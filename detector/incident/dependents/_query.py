"""The packages to search for, and how users name them."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import NamedTuple

from detector.errors import UsageError
from detector.incident.dependents._names import (
    ECOSYSTEMS,
    AnyEcosystem,
    Ecosystem,
    find_ecosystem,
    is_same_package,
    normalize_name,
)

MAX_ALTERNATIVES = 40
"""Packages up to which a search for their names is faster than parsing the file."""
_VERSION = re.compile(r"v?\d+(?:(?:\.\d+)+[\w.+-]*|-(?:alpine|slim|bullseye|bookworm|trixie|jammy|noble)[\w.-]*)?")
"""A version or the tag of an image; `v8-to-istanbul`, `7zip-bin` and `3to2` are names of packages."""
_COLONS = ("maven", "docker", "git")
"""Ecosystems whose package names may contain a colon: ``group:artifact``, ``host:5000/image``."""


class Package(NamedTuple):
    """A package to search for: in all ecosystems if none is set, in every version if no range is set."""

    ecosystem: AnyEcosystem
    name: str
    range: str = ""

    def matches(self, ecosystem: Ecosystem, name: str) -> bool:
        """Return whether *name* of *ecosystem* is this package."""
        return (not self.ecosystem or ecosystem == self.ecosystem) and is_same_package(ecosystem, self.name, name)

    def __str__(self) -> str:
        return f"{self.name}{f' {self.range}' if self.range else ''}"


class Packages:
    """Several packages to search for in one pass: every file is read once."""

    def __init__(self, packages: Iterable[Package]) -> None:
        self.packages = tuple(packages)
        self._by_name: dict[tuple[Ecosystem, str], list[Package]] = {}
        for one in self.packages:
            for kind in [one.ecosystem] if one.ecosystem else ECOSYSTEMS:
                self._by_name.setdefault((kind, normalize_name(kind, one.name)), []).append(one)

    def find_matches(self, ecosystem: Ecosystem, name: str) -> list[Package]:
        """Return the packages that *name* of *ecosystem* means."""
        normalized = normalize_name(ecosystem, name)
        keys = [normalized]
        if ecosystem == "maven":  # an artifact alone matches any group
            keys += [normalized.rpartition(":")[2], normalized.replace(":", "/")]
        elif ecosystem == "github" and normalized.count("/") > 1:  # an action in a folder of a repository
            keys.append("/".join(normalized.split("/")[:2]))
        candidates = [one for key in keys for one in self._by_name.get((ecosystem, key), ())]
        return [one for one in dict.fromkeys(candidates) if one.matches(ecosystem, name)]

    def matches(self, ecosystem: Ecosystem, name: str) -> bool:
        """Return whether *name* of *ecosystem* is one of the packages."""
        return bool(self.find_matches(ecosystem, name))

    def build_prefilter(self) -> re.Pattern[bytes]:
        """Return a pattern that matches every file that names one of the packages, in any spelling."""
        if len(self.packages) > MAX_ALTERNATIVES:
            return re.compile(b"")
        return re.compile(b"|".join(sorted({_build_name_pattern(one) for one in self.packages})), re.IGNORECASE)


def _build_name_pattern(one: Package) -> bytes:
    without_major = normalize_name("golang", one.name) if one.ecosystem in ("", "golang") else one.name.strip()
    last = re.split(r"[/:]", without_major)[-1] or one.name
    pieces = [re.escape(piece.encode()) for piece in re.split(r"[-_.]+", last) if piece]
    return rb"[-_.]+".join(pieces)


def parse_package_list(text: str, ecosystem_name: str = "", name: str = "") -> list[Package]:
    """Parse a list with one package per line; ``#`` begins a comment. *name* is used in error messages."""
    found: list[Package] = []
    for number, raw in enumerate(text.splitlines(), 1):
        line = re.sub(r"(^|\s)#.*", "", raw).strip()
        if line:
            try:
                found.append(parse_package(line, ecosystem_name))
            except UsageError as error:
                raise UsageError(f"{name}:{number}: {error}") from None
    if not found:
        raise UsageError(f"{name}: names no package")
    return found


def parse_package(text: str, ecosystem_name: str = "") -> Package:
    """Parse ``NAME`` or ``NAME@RANGE``, with or without ``ECOSYSTEM:``, or a package URL. Raises `UsageError`.

    >>> parse_package("@scope/x@^1.2"), parse_package("npm:@scope/x@1.2.0")
    (Package(ecosystem='', name='@scope/x', range='^1.2'), Package(ecosystem='npm', name='@scope/x', range='1.2.0'))
    >>> parse_package("pkg:npm/%40scope/x@1.2.0").name, parse_package("org.example:artifact").name
    ('@scope/x', 'org.example:artifact')
    """
    kind = find_ecosystem(ecosystem_name) if ecosystem_name else ""
    if ecosystem_name and not kind:
        raise UsageError(f"no ecosystem is named {ecosystem_name!r}; known: {', '.join(ECOSYSTEMS)}")
    if text.startswith("pkg:"):
        return _parse_package_url(text, kind)
    kind, rest = _split_ecosystem(text, kind)
    at = rest.find("@", rest.rfind("/") + 1 if kind == "git" else 1)
    name, found = (rest[:at], rest[at + 1 :].strip()) if at > 0 else (rest, "")
    name = name.strip()
    if not name or re.search(r"[\s<>=!~^*|,;]", name) or (":" in name and kind and kind not in _COLONS):
        raise UsageError(f"{text!r} is not a package; write NAME, ECOSYSTEM:NAME@RANGE or pkg:TYPE/NAME@VERSION")
    if at > 0 and not found:
        raise UsageError(f"{text!r} has no version after the @; omit the @ to search for every version")
    return check_range(Package(kind, name, found))


def _split_ecosystem(text: str, kind: AnyEcosystem) -> tuple[AnyEcosystem, str]:
    """Split ``ECOSYSTEM:NAME``; *kind* is the ecosystem from another option, if any.

    The name itself may contain a colon. Because a misspelt ecosystem would find nothing, a
    word before a colon is accepted as part of the name only if it contains a dot, or if the
    rest begins with it (junit:junit).
    """
    found = re.match(r"([^@:/]+):(?!//)(.*)", text, re.DOTALL)
    if not found:
        return kind, text
    before, rest = found[1].strip(), found[2].strip()
    named = find_ecosystem(before)
    if named and kind in ("", named):
        if _VERSION.fullmatch(rest):
            raise UsageError(
                f"{text!r} names a version, not a package of {named}; for an image write docker:{before}@{rest}"
            )
        return named, rest
    if named and kind not in _COLONS:
        raise UsageError(f"{text!r} is a package of {named}, not of {kind}")
    if kind or "." in before or rest.startswith(before) or re.match(r"\d+/", rest):
        return kind, text
    known = ", ".join(ECOSYSTEMS)
    raise UsageError(f"no ecosystem is named {before!r}; known: {known} (a group is written maven:GROUP:ARTIFACT)")


def _parse_package_url(text: str, kind: AnyEcosystem) -> Package:
    try:
        from packageurl import PackageURL
    except ImportError:
        raise UsageError("a package URL needs packageurl-python: install leakfirst with the extra dependents") from None
    try:
        url = PackageURL.from_string(text)
    except ValueError as error:
        raise UsageError(f"{text!r} is not a package URL: {error}") from None
    named = find_ecosystem(url.type)
    if not named:
        raise UsageError(f"packages of type {url.type!r} are not supported; known: {', '.join(ECOSYSTEMS)}")
    if kind and kind != named:
        raise UsageError(f"{text!r} is a package of {named}, not of {kind}")
    qualifiers = url.qualifiers if isinstance(url.qualifiers, dict) else {}
    name = url.name if named != "golang" or not url.subpath else f"{url.name}/{url.subpath}"
    if url.namespace:
        name = f"{url.namespace}{':' if named == 'maven' else '/'}{name}"
    if qualifiers.get("repository_url"):
        name = qualifiers["repository_url"] if url.type == "oci" else f"{qualifiers['repository_url']}/{name}"
    return check_range(Package(named, name, url.version or qualifiers.get("vers", "")))


def check_range(wanted: Package) -> Package:
    """Return *wanted* if its range is valid in its ecosystem, or in any if none is set. Raises `UsageError`."""
    from detector.text.version_ranges import parse_query

    if not wanted.range:
        return wanted
    if not has_version_libraries():
        raise UsageError("comparing versions needs additional libraries: install leakfirst with the extra dependents")
    why = ""
    for kind in [wanted.ecosystem] if wanted.ecosystem else ECOSYSTEMS:
        try:
            parse_query(kind, wanted.range)
            return wanted
        except ValueError as error:
            why = str(error)
    if wanted.ecosystem in ("", "github", "gitlab", "bitbucket", "git", "docker") and re.fullmatch(
        r"[\w.:/+-]+", wanted.range
    ):
        return wanted  # a branch, a tag, a digest
    of = f" of {wanted.ecosystem}" if wanted.ecosystem else ""
    raise UsageError(f"{wanted.range!r} is not a version range{of}: {why}")


def has_version_libraries() -> bool:
    """Return whether the libraries that compare versions are installed."""
    from importlib.util import find_spec

    return find_spec("packaging") is not None and find_spec("univers") is not None
