"""The exposed material: read to find what was in it, and read again by whoever needs a value.

No value of it is kept anywhere. A leaked artefact is somebody else's text, so
nothing in it is obeyed: an ignore mark, a baseline or an allow-list hides
nothing from a responder, for it hid nothing from whoever found the leak.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterable, Iterator, Mapping
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING, Any, NamedTuple
from urllib.parse import urlsplit

from detector.errors import SourceError, UsageError
from detector.incident.model import ARTEFACT, FINDINGS, REPOSITORY, Credential, Exposure, Note
from detector.incident.model import MATERIAL as MATERIAL_LINE
from detector.model import Finding, Location, Skipped
from detector.sources.remote import named

if TYPE_CHECKING:
    from detector.rules.pack import Pack

MOST_PLACES = 20
"""Places of one credential that the log names; a history may hold thousands."""


class Found(NamedTuple):
    """What was in the exposed material; `material` says which bytes were looked at."""

    findings: tuple[Finding, ...]
    skipped: tuple[Skipped, ...]
    material: tuple[Note, ...]


def check(exposure: Exposure) -> None:
    """Raise `UsageError` or `SourceError` unless *exposure* names something that can be read."""
    if not exposure.targets:
        raise UsageError("name what leaked: a file, a folder, a repository, or --findings REPORT.json")
    for target in exposure.targets:
        if not is_remote(target) and not os.path.exists(target):
            raise SourceError(f"{target}: no such file or folder")
        if is_remote(target) and _holds_credential(target):
            raise UsageError(
                f"{named(target)}: leave user and password out of the URL, they would be kept; git asks its own helper"
            )
    if (exposure.range or exposure.paths) and exposure.kind != REPOSITORY:
        raise UsageError("--range and --path go with a repository")
    if exposure.range:
        from detector.config import Config
        from detector.sources import changes

        changes.check([target for target in exposure.targets if not is_remote(target)], Config(range=exposure.range))


def is_remote(target: str) -> bool:
    """Tell whether *target* is the URL of a repository."""
    from detector.config import Config
    from detector.scan.targets import sources

    return sources(target, Config()) == ["remote"]


def _holds_credential(url: str) -> bool:
    """Tell whether *url* carries a password, or a token in its place; the user of SSH is neither."""
    try:
        parts = urlsplit(url)
        return bool(parts.password or (parts.username and parts.scheme.startswith("http")))
    except ValueError:
        return "@" in url


def look(exposure: Exposure, jobs: int = 0) -> Found:
    """Read the material whole and return every credential in it.

    Raises `SourceError` where it is gone, and `UsageError` where the revisions that were named are gone from it.
    """
    for target in exposure.targets:
        if not is_remote(target) and not os.path.exists(target):
            raise SourceError(f"{target}: the exposed material is not there any more; put it back, or go on without it")
    if exposure.kind == FINDINGS:
        return _reported(exposure, jobs)
    found, skipped = _scanned(exposure.targets, exposure, jobs)
    if exposure.paths:
        found = [one for one in found if any(_within(at.origin.path, exposure.paths) for at in one.locations)]
    return Found(tuple(found), tuple(skipped), tuple(_material(exposure.targets)))


def again(exposure: Exposure, credentials: Iterable[Credential], jobs: int = 0) -> dict[str, Finding]:
    """Return the credentials that still stand where they did, with their values, by fingerprint."""
    wanted = {one.fingerprint: one for one in credentials}
    if exposure.kind == ARTEFACT or any(map(is_remote, exposure.targets)):  # the clone of a remote one is gone
        found = look(exposure, jobs).findings
    else:
        found = tuple(_reread([_row(one) for one in wanted.values()], exposure)[0])
    return {one.fingerprint: one for one in found if one.fingerprint in wanted}


def note_of(finding: Finding) -> dict[str, Any]:
    """Return the facts of a credential for the log."""
    from rotators.core.secret_lookup import leak_of

    where = leak_of(finding).where
    facts: dict[str, Any] = {
        "rule": finding.rule.id,
        "shown": finding.secret.redacted,
        "severity": finding.severity,
        "runbook": finding.rule.revoke or next(iter(finding.rule.links), ""),
        "where": [_noted(*pair) for pair in zip(where[:MOST_PLACES], finding.locations, strict=False)],
    }
    if len(where) > MOST_PLACES:
        facts["more"] = len(where) - MOST_PLACES
    return facts


def _noted(place: Mapping[str, Any], location: Location) -> dict[str, Any]:
    """Return a place as both databases can hold it; a clone that was made for it is called by its URL."""
    told = dict(place)
    if is_remote(location.origin.repository):
        told["repository"] = location.origin.repository
    return {name: _text(value) if isinstance(value, str) else value for name, value in told.items()}


def _text(value: str) -> str:
    return value.encode("utf-8", "backslashreplace").decode().replace("\0", "\\0")


# -- reading -------------------------------------------------------------------


def _scanned(targets: Iterable[str], exposure: Exposure, jobs: int) -> tuple[list[Finding], list[Skipped]]:
    from detector.config import Config
    from detector.ignores.loader import NO_BASELINE
    from detector.scan import pipeline

    config = Config(
        targets=tuple(targets),
        patterns=exposure.patterns,
        range=exposure.range,
        baseline=NO_BASELINE,
        progress=False,
        jobs=jobs,
    )
    scan = pipeline.scan(config)
    if scan.interrupted:
        raise KeyboardInterrupt
    hidden = [entry.finding for entry in scan.ignored if not entry.by.startswith("confidence ")]
    merged: dict[str, Finding] = {}
    for finding in (*scan.findings, *hidden):
        if finding.rule.published:
            continue  # a file that should not be there is no credential
        before = merged.get(finding.fingerprint)
        places = (*before.locations, *finding.locations) if before else finding.locations
        merged[finding.fingerprint] = (before or finding)._replace(locations=tuple(dict.fromkeys(places)))
    return list(merged.values()), list(scan.skipped)


def _within(path: str, globs: Iterable[str]) -> bool:
    return any(path == glob or path.startswith(f"{glob.rstrip('/')}/") or fnmatchcase(path, glob) for glob in globs)


def _material(targets: Iterable[str]) -> Iterator[Note]:
    for target in targets:
        if os.path.isfile(target):
            with open(target, "rb") as file:
                digest = hashlib.file_digest(file, "sha256").hexdigest()
            yield Note(MATERIAL_LINE, target, {"sha256": digest, "bytes": os.path.getsize(target)})


# -- findings from elsewhere ---------------------------------------------------


def _reported(exposure: Exposure, jobs: int) -> Found:
    """Read what a report names: our own, SARIF of any tool, or the JSON of gitleaks."""
    findings: list[Finding] = []
    skipped: list[Skipped] = []
    for path in exposure.targets:
        data = _json(path)
        if isinstance(data, dict) and str(data.get("schema", "")).startswith("leakfirst/findings/"):
            more, lost = _reread(data["findings"], exposure)
        else:
            files = sorted(set(_named_files(data)))
            if not files:
                raise UsageError(f"{path}: names no file; a leakfirst report, SARIF or the JSON of gitleaks is read")
            near = (os.getcwd(), os.path.dirname(path))
            there = [name for name in files if os.path.isfile(name) and _below(name, near)]
            lost = [
                Skipped(name, "the report names it, and it is not below this folder")
                for name in files
                if name not in there
            ]
            more, unread = _scanned(there, exposure, jobs) if there else ([], [])
            lost += unread
        findings += more
        skipped += lost
    once = {one.fingerprint: one for one in reversed(findings)}
    return Found(tuple(reversed(once.values())), tuple(skipped), tuple(_material(exposure.targets)))


def _json(path: str) -> Any:
    try:
        with open(path, encoding="utf-8") as file:
            return json.load(file)
    except OSError as error:
        raise SourceError(f"{path}: cannot be read ({error.strerror})") from None
    except (ValueError, RecursionError):
        raise UsageError(f"{path}: is no JSON") from None


def _below(name: str, folders: Iterable[str]) -> bool:
    """Tell whether a file lies below one of *folders*: a foreign report may name anything, even our own keys."""
    real = os.path.realpath(name)
    return any(real.startswith(os.path.join(os.path.realpath(folder), "")) for folder in folders)


def _named_files(data: Any) -> Iterator[str]:
    if isinstance(data, list):
        yield from (str(row["File"]) for row in data if isinstance(row, dict) and row.get("File"))
    elif isinstance(data, dict):
        for run in _list(data.get("runs")):
            for result in _list(run.get("results")):
                for place in _list(result.get("locations")):
                    at = place.get("physicalLocation", {})
                    uri = at.get("artifactLocation", {}).get("uri", "") if isinstance(at, dict) else ""
                    if uri:
                        yield str(uri).removeprefix("file://")


def _list(value: Any) -> list[Any]:
    return [entry for entry in value if isinstance(entry, dict)] if isinstance(value, list) else []


def _row(credential: Credential) -> Mapping[str, Any]:
    return {"fingerprint": credential.fingerprint, "rule": credential.rule, "locations": list(credential.where)}


def _reread(rows: Any, exposure: Exposure) -> tuple[list[Finding], list[Skipped]]:
    import tempfile

    from detector.fingerprint import project_key
    from detector.verify import reread

    pack = pack_of(exposure)
    with tempfile.NamedTemporaryFile("w", suffix=".json") as file:
        json.dump({"schema": "leakfirst/findings/1", "findings": rows}, file)
        file.flush()
        return reread.findings_of(file.name, pack, project_key())


def pack_of(exposure: Exposure) -> Pack:
    """Return the rules, with those that the incident was opened with."""
    from detector.config import Config
    from detector.scan import pipeline

    return pipeline.rule_pack(Config(patterns=exposure.patterns))
