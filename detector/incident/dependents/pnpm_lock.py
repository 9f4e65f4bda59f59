"""pnpm-lock.yaml, versions 5, 6 and 9.

Every version spells the key of a package its own way: ``/name/1.0_peers``,
``/name@1.0(peers)``, ``name@1.0(peers)``. From 9 on what a package needs stands
apart, under `snapshots`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from detector.incident.dependents import _safe_parsers
from detector.incident.dependents._entry import Entry, File, Unreadable, Wanted
from detector.incident.dependents._graph import ways
from detector.incident.dependents._safe_parsers import mapping, string

FILES = ("pnpm-lock.yaml",)
LOCKS = True

_SECTIONS = ("dependencies", "devDependencies", "optionalDependencies")


def read(file: File, wanted: Wanted) -> Iterator[Entry]:
    """Yield the locked versions of the package."""
    whole = _safe_parsers.yaml(file.data)
    if not isinstance(whole, dict) or "lockfileVersion" not in whole:
        raise Unreadable("is not a lock file of pnpm")
    packages = {**mapping(whole.get("packages")), **mapping(whole.get("snapshots"))}
    named = {key: _named(key, mapping(told)) for key, told in packages.items()}
    for key, told in mapping(whole.get("packages")).items():  # a snapshot says less of a package that is no registry's
        if key in named and mapping(told).get("version"):
            named[key] = _named(key, mapping(told))
    hits = {key for key, (name, _) in named.items() if wanted("npm", name)}
    if "snapshots" in whole:
        hits &= set(mapping(whole["snapshots"]))
    if not hits:
        return
    importers = mapping(whole.get("importers")) or {".": whole}
    direct: set[str] = set()
    for importer in importers.values():
        direct.update(_needs(packages, mapping(importer), _SECTIONS))
    known = ways(
        sorted(direct),
        lambda key: _needs(packages, mapping(packages.get(key)), ("dependencies", "optionalDependencies")),
        hits,
    )
    seen = set()
    for key in sorted(hits):
        via = tuple("@".join(named[step]) for step in known.get(key, ()))
        name, version = named[key]
        entry = Entry("npm", name, version=version, direct=key in direct, via=via, note=_note(mapping(packages[key])))
        if entry not in seen:  # one version may stand there once for each set of peers
            seen.add(entry)
            yield entry


def _named(key: str, told: dict[str, Any]) -> tuple[str, str]:
    """Return name and version of a key.

    >>> _named("/@a/b/1.2.0_react@17.0.2", {}), _named("/@a/b@1.2.0(react@17.0.2)", {}), _named("a@2.0.0", {})
    (('@a/b', '1.2.0'), ('@a/b', '1.2.0'), ('a', '2.0.0'))
    """
    if told.get("name") and told.get("version"):
        return string(told["name"]), string(told["version"])
    plain = key.partition("(")[0].lstrip("/")
    at = plain.find("@", 1)
    if at > 0 and plain[:at].count("/") == plain.startswith("@"):
        name, version = plain[:at], plain[at + 1 :]
    else:
        name, _, version = plain.partition("_")[0].rpartition("/")
    return name, string(told.get("version")) or version


def _needs(packages: dict[str, Any], told: dict[str, Any], sections: tuple[str, ...]) -> Iterator[str]:
    for section in sections:
        for name, value in mapping(told.get(section)).items():
            version = string(value) or string(mapping(value).get("version"))
            for key in (f"{name}@{version}", f"/{name}@{version}", f"/{name}/{version}", version, f"/{version}"):
                if key in packages:
                    yield key
                    break


def _note(told: dict[str, Any]) -> str:
    return "dev" if told.get("dev") == "true" else ""


def covers(file: File) -> Callable[[str], bool]:
    """Return what tells whether a folder is one of the importers of the lock file."""
    return mapping(mapping(_safe_parsers.yaml(file.data)).get("importers")).__contains__
