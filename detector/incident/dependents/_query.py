"""What is asked for: a package, perhaps of one ecosystem, perhaps a range of its versions."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import NamedTuple

from detector.errors import UsageError
from detector.incident.dependents._names import ECOSYSTEMS, ecosystem, normal, same

MAX_NEEDLES = 40
_COLONS = ("maven", "docker", "git")
"""Ecosystems with colons in their names: ``group:artifact``, ``host:5000/image``."""


class Package(NamedTuple):
    """What is asked for. Without an ecosystem any of them will do; without a range every version."""

    ecosystem: str
    name: str
    range: str = ""

    def wanted(self, ecosystem: str, name: str) -> bool:
        """Tell whether *name* of *ecosystem* is this package."""
        return (not self.ecosystem or ecosystem == self.ecosystem) and same(ecosystem, self.name, name)

    def __str__(self) -> str:
        return f"{self.name}{f' {self.range}' if self.range else ''}"


class Packages:
    """Many packages, asked for at once: every file is read once, however many they are."""

    def __init__(self, packages: Iterable[Package]) -> None:
        self.packages = tuple(packages)
        self._by_name: dict[tuple[str, str], list[Package]] = {}
        for one in self.packages:
            for kind in [one.ecosystem] if one.ecosystem else ECOSYSTEMS:
                self._by_name.setdefault((kind, normal(kind, one.name)), []).append(one)

    def fitting(self, ecosystem: str, name: str) -> list[Package]:
        """Return those that *name* of *ecosystem* is."""
        known = normal(ecosystem, name)
        keys = [known]
        if ecosystem == "maven":  # an artifact alone fits any group
            keys += [known.rpartition(":")[2], known.replace(":", "/")]
        elif ecosystem == "github" and known.count("/") > 1:  # an action in a folder of a repository
            keys.append("/".join(known.split("/")[:2]))
        candidates = [one for key in keys for one in self._by_name.get((ecosystem, key), ())]
        return [one for one in dict.fromkeys(candidates) if one.wanted(ecosystem, name)]

    def wanted(self, ecosystem: str, name: str) -> bool:
        """Tell whether *name* of *ecosystem* is any of them."""
        return bool(self.fitting(ecosystem, name))

    def needle(self) -> re.Pattern[bytes]:
        """Return what any file that names one of them has in it, however its ecosystem spells the name."""
        if len(self.packages) > MAX_NEEDLES:  # looking for many takes longer than reading the file
            return re.compile(b"")
        return re.compile(b"|".join(sorted({_spellings(one) for one in self.packages})), re.IGNORECASE)


def _spellings(one: Package) -> bytes:
    last = re.split(r"[/:]", normal("golang" if one.ecosystem in ("", "golang") else "", one.name))[-1] or one.name
    pieces = [re.escape(piece.encode()) for piece in re.split(r"[-_.]+", last) if piece]
    return rb"[-_.]+".join(pieces)


def listed(text: str, ecosystem_name: str = "", name: str = "") -> list[Package]:
    """Read a list with a package on each line; ``#`` begins a remark. *name* is what to call the list."""
    found: list[Package] = []
    for number, raw in enumerate(text.splitlines(), 1):
        line = re.sub(r"(^|\s)#.*", "", raw).strip()
        if line:
            try:
                found.append(package(line, ecosystem_name))
            except UsageError as error:
                raise UsageError(f"{name}:{number}: {error}") from None
    if not found:
        raise UsageError(f"{name}: names no package")
    return found


def package(text: str, ecosystem_name: str = "") -> Package:
    """Read ``NAME``, ``NAME@RANGE``, both with ``ECOSYSTEM:`` before them, or a package URL. Raises `UsageError`.

    >>> package("@scope/x@^1.2"), package("npm:@scope/x@1.2.0")
    (Package(ecosystem='', name='@scope/x', range='^1.2'), Package(ecosystem='npm', name='@scope/x', range='1.2.0'))
    >>> package("pkg:npm/%40scope/x@1.2.0").name, package("org.example:artifact").name
    ('@scope/x', 'org.example:artifact')
    """
    kind = ecosystem(ecosystem_name) if ecosystem_name else ""
    if ecosystem_name and not kind:
        raise UsageError(f"no ecosystem is called {ecosystem_name!r}; known: {', '.join(ECOSYSTEMS)}")
    if text.startswith("pkg:"):
        return _from_url(text, kind)
    kind, rest = _of_ecosystem(text, kind)
    at = rest.find("@", rest.rfind("/") + 1 if kind == "git" else 1)
    name, found = (rest[:at], rest[at + 1 :].strip()) if at > 0 else (rest, "")
    name = name.strip()
    if not name or re.search(r"[\s<>=!~^*|,;]", name) or (":" in name and kind and kind not in _COLONS):
        raise UsageError(f"{text!r} is not a package; write NAME, ECOSYSTEM:NAME@RANGE or pkg:TYPE/NAME@VERSION")
    if at > 0 and not found:
        raise UsageError(f"{text!r} has no version behind the @; leave the @ away to ask for every version")
    return checked(Package(kind, name, found))


def _of_ecosystem(text: str, kind: str) -> tuple[str, str]:
    """Split ``ECOSYSTEM:NAME``; *kind* is the ecosystem that was named otherwise, if any.

    What stands before a colon that is the name's own is no ecosystem. A slip in an ecosystem looks nearly like
    that, and would find nothing: a group without a dot passes only where its artifact begins like it (junit:junit).
    """
    found = re.match(r"([^@:/]+):(?!//)(.*)", text, re.DOTALL)
    if not found:
        return kind, text
    before, rest = found[1].strip(), found[2].strip()
    told = ecosystem(before)
    if told and kind in ("", told):
        if re.fullmatch(r"v?\d[\w.-]*", rest):
            raise UsageError(
                f"{text!r} names a version, not a package of {told}; for an image write docker:{before}@{rest}"
            )
        return told, rest
    if told and kind not in _COLONS:
        raise UsageError(f"{text!r} is of {told}, not of {kind}")
    if kind or "." in before or rest.startswith(before) or re.match(r"\d+/", rest):
        return kind, text
    known = ", ".join(ECOSYSTEMS)
    raise UsageError(f"no ecosystem is called {before!r}; known: {known} (and a group: maven:GROUP:ARTIFACT)")


def _from_url(text: str, kind: str) -> Package:
    try:
        from packageurl import PackageURL
    except ImportError:
        raise UsageError("a package URL needs packageurl-python: pip install 'leakfirst[dependents]'") from None
    try:
        url = PackageURL.from_string(text)
    except ValueError as error:
        raise UsageError(f"{text!r} is not a package URL: {error}") from None
    told = ecosystem(url.type)
    if not told:
        raise UsageError(f"packages of type {url.type!r} are not read; known: {', '.join(ECOSYSTEMS)}")
    if kind and kind != told:
        raise UsageError(f"{text!r} is of {told}, not of {kind}")
    qualifiers = url.qualifiers if isinstance(url.qualifiers, dict) else {}
    name = url.name if told != "golang" or not url.subpath else f"{url.name}/{url.subpath}"
    if url.namespace:
        name = f"{url.namespace}{':' if told == 'maven' else '/'}{name}"
    if qualifiers.get("repository_url"):
        name = qualifiers["repository_url"] if url.type == "oci" else f"{qualifiers['repository_url']}/{name}"
    return checked(Package(told, name, url.version or qualifiers.get("vers", "")))


def checked(wanted: Package) -> Package:
    """Return *wanted* if its range is one in the ecosystem, or in any if none is named."""
    from detector.incident.dependents._version_ranges import asked

    if not wanted.range:
        return wanted
    if not available():
        raise UsageError("comparing versions needs more packages: pip install 'leakfirst[dependents]'")
    why = ""
    for kind in [wanted.ecosystem] if wanted.ecosystem else ECOSYSTEMS:
        try:
            asked(kind, wanted.range)
            return wanted
        except ValueError as error:
            why = str(error)
    if wanted.ecosystem in ("", "github", "gitlab", "bitbucket", "git", "docker") and re.fullmatch(
        r"[\w.:/+-]+", wanted.range
    ):
        return wanted  # a branch, a tag, a digest
    of = f" of {wanted.ecosystem}" if wanted.ecosystem else ""
    raise UsageError(f"{wanted.range!r} is no range of versions{of}: {why}")


def available() -> bool:
    """Tell whether the packages are installed that know the versions of other ecosystems."""
    from importlib.util import find_spec

    return find_spec("packaging") is not None and find_spec("univers") is not None
