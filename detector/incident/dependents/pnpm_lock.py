"""pnpm-lock.yaml, versions 5, 6 and 9.

The versions spell the key of a package differently: ``/name/1.0_peers``,
``/name@1.0(peers)``, ``name@1.0(peers)``. Since version 9, the needs of a package are
listed separately under `snapshots`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from detector.incident.dependents import _safe_parsers
from detector.incident.dependents._contract import DependencyEntry, DependencyFile, IsWanted, UnreadableFile
from detector.incident.dependents._graph import find_paths
from detector.incident.dependents._safe_parsers import as_mapping, as_text

FILES = ("pnpm-lock.yaml",)
LOCKS = True

_SECTIONS = ("dependencies", "devDependencies", "optionalDependencies")


def read(file: DependencyFile, is_wanted: IsWanted) -> Iterator[DependencyEntry]:
    """Yield the locked versions of the package."""
    whole = _safe_parsers.parse_yaml(file.data)
    if not isinstance(whole, dict) or "lockfileVersion" not in whole:
        raise UnreadableFile("is not a lock file of pnpm")
    packages = {**as_mapping(whole.get("packages")), **as_mapping(whole.get("snapshots"))}
    named = {key: _split_key(key, as_mapping(fields)) for key, fields in packages.items()}
    for key, fields in as_mapping(
        whole.get("packages")
    ).items():  # a snapshot lacks the version of a package that is not from a registry
        if key in named and as_mapping(fields).get("version"):
            named[key] = _split_key(key, as_mapping(fields))
    hits = {key for key, (name, _) in named.items() if is_wanted("npm", name)}
    if "snapshots" in whole:
        hits &= set(as_mapping(whole["snapshots"]))
    if not hits:
        return
    importers = as_mapping(whole.get("importers")) or {".": whole}
    direct: set[str] = set()
    for importer in importers.values():
        direct.update(_find_needs(packages, as_mapping(importer), _SECTIONS))
    known = find_paths(
        sorted(direct),
        lambda key: _find_needs(packages, as_mapping(packages.get(key)), ("dependencies", "optionalDependencies")),
        hits,
    )
    seen = set()
    for key in sorted(hits):
        via = tuple("@".join(named[step]) for step in known.get(key, ()))
        name, version = named[key]
        entry = DependencyEntry(
            "npm", name, version=version, direct=key in direct, via=via, note=_format_note(as_mapping(packages[key]))
        )
        if entry not in seen:  # a version is listed once for each set of peers
            seen.add(entry)
            yield entry


def _split_key(key: str, fields: dict[str, Any]) -> tuple[str, str]:
    """Return name and version of a package key.

    >>> _split_key("/@a/b/1.2.0_react@17.0.2", {}), _split_key("/@a/b@1.2.0(react@17.0.2)", {})
    (('@a/b', '1.2.0'), ('@a/b', '1.2.0'))
    >>> _split_key("a@2.0.0", {})
    ('a', '2.0.0')
    """
    if fields.get("name") and fields.get("version"):
        return as_text(fields["name"]), as_text(fields["version"])
    plain = key.partition("(")[0].lstrip("/")
    at = plain.find("@", 1)
    if at > 0 and plain[:at].count("/") == plain.startswith("@"):
        name, version = plain[:at], plain[at + 1 :]
    else:
        name, _, version = plain.partition("_")[0].rpartition("/")
    return name, as_text(fields.get("version")) or version


def _find_needs(packages: dict[str, Any], fields: dict[str, Any], sections: tuple[str, ...]) -> Iterator[str]:
    for section in sections:
        for name, value in as_mapping(fields.get(section)).items():
            version = as_text(value) or as_text(as_mapping(value).get("version"))
            for key in (f"{name}@{version}", f"/{name}@{version}", f"/{name}/{version}", version, f"/{version}"):
                if key in packages:
                    yield key
                    break


def _format_note(fields: dict[str, Any]) -> str:
    return "dev" if fields.get("dev") == "true" else ""


def make_workspace_filter(file: DependencyFile) -> Callable[[str], bool]:
    """See `WorkspaceReader`: the importers of the lock file."""
    return as_mapping(as_mapping(_safe_parsers.parse_yaml(file.data)).get("importers")).__contains__
