"""What is asked for: a package, perhaps of one ecosystem, perhaps a range of its versions."""

from __future__ import annotations

import re
from typing import NamedTuple

from detector.errors import UsageError
from detector.incident.dependents.names_ import ECOSYSTEMS, ecosystem, same


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


def package(text: str, ecosystem_name: str = "") -> Package:
    """Read ``NAME``, ``NAME@RANGE`` or a package URL.

    >>> package("@scope/x@^1.2"), package("pkg:npm/%40scope/x@1.2.0")
    (Package(ecosystem='', name='@scope/x', range='^1.2'), Package(ecosystem='npm', name='@scope/x', range='1.2.0'))
    """
    kind = ecosystem(ecosystem_name) if ecosystem_name else ""
    if ecosystem_name and not kind:
        raise UsageError(f"no ecosystem is called {ecosystem_name!r}; known: {', '.join(ECOSYSTEMS)}")
    if text.startswith("pkg:"):
        return _from_url(text, kind)
    at = text.find("@", 1)
    name, found = (text[:at], text[at + 1 :].strip()) if at > 0 else (text, "")
    name = name.strip()
    if not name or re.search(r"[\s<>=!~^*|,;]", name):
        raise UsageError(f"{text!r} is not a package; write NAME, NAME@RANGE or pkg:TYPE/NAME@VERSION")
    if at > 0 and not found:
        raise UsageError(f"{text!r} has no version behind the @; leave the @ away to ask for every version")
    return checked(Package(kind, name, found))


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
    from detector.incident.dependents.ranges_ import asked

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
