"""The leaked material: scanned to find its credentials, and read again when a value is needed.

No value is stored. Ignore comments, baselines and allow-lists in the leaked material have
no effect, and neither has its .gitignore: they hide nothing from an attacker.
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
from detector.incident.model import Credential, Exposure, ExposureKind, LineKind, Note
from detector.model import Finding, Location, Skipped
from detector.sources.remote import strip_credentials

if TYPE_CHECKING:
    from detector.rules.pack import Pack

MAX_LOCATIONS = 20
"""Locations of one credential in the log; a history may contain thousands."""


class MaterialResult(NamedTuple):
    """What was found in the leaked material. `material` are log notes with the digests of the files that were read."""

    findings: tuple[Finding, ...]
    skipped: tuple[Skipped, ...]
    material: tuple[Note, ...]


def validate_exposure(exposure: Exposure) -> None:
    """Raise `UsageError` or `SourceError` if a target of *exposure* does not exist or its options do not fit."""
    from detector.config import Config
    from detector.scan.targets import choose_sources

    if not exposure.targets:
        raise UsageError("name what leaked: a file, a folder, a repository, or --findings REPORT.json")
    for target in exposure.targets:
        if is_named(target):
            choose_sources(target, Config())
        elif not is_remote(target) and not os.path.exists(target):
            raise SourceError(f"{target}: no such file or folder")
        if is_remote(target) and _has_credential(target):
            raise UsageError(
                f"{strip_credentials(target)}: remove user and password from the URL: "
                "it is stored, and git has a credential helper"
            )
    if (exposure.range or exposure.paths) and exposure.kind != ExposureKind.REPOSITORY:
        raise UsageError("--range and --path apply only to a repository")
    if exposure.range:
        from detector.sources import changes

        changes.check_revisions(
            [target for target in exposure.targets if not is_remote(target)], Config(range=exposure.range)
        )


def is_remote(target: str) -> bool:
    """Return whether *target* is the URL of a repository."""
    from detector.config import Config
    from detector.contracts import Claim
    from detector.sources import remote

    return remote.claim(target, Config()) is Claim.ADDRESS


def is_named(target: str) -> bool:
    """Return whether *target* names what a source fetches, such as a package: ``npm:acme@1.2.3``."""
    from detector.scan.targets import BY_NAME_ALONE, parse_scheme

    return parse_scheme(target) in BY_NAME_ALONE


def _has_credential(url: str) -> bool:
    """Return whether *url* contains a password, or a token as user name; the user name of SSH is neither."""
    try:
        parts = urlsplit(url)
        return bool(parts.password or (parts.username and parts.scheme.startswith("http")))
    except ValueError:
        return "@" in url


def read_material(exposure: Exposure, jobs: int = 0) -> MaterialResult:
    """Read all of the leaked material and return every credential in it.

    Raises `SourceError` if it does not exist any more, and `UsageError` if it lacks a named revision.
    """
    for target in exposure.targets:
        if not is_named(target) and not is_remote(target) and not os.path.exists(target):
            raise SourceError(
                f"{target}: the leaked material does not exist any more; put it back, or continue without it"
            )
    if exposure.kind == ExposureKind.FINDINGS:
        return _read_reports(exposure, jobs)
    found, skipped = _scan(exposure.targets, exposure, jobs)
    if exposure.paths:
        found = [one for one in found if any(_is_within(at.origin.path, exposure.paths) for at in one.locations)]
    return MaterialResult(tuple(found), tuple(skipped), tuple(_hash_files(exposure.targets)))


def reread_credentials(exposure: Exposure, credentials: Iterable[Credential], jobs: int = 0) -> dict[str, Finding]:
    """Return those of *credentials* whose values can still be read, by fingerprint."""
    wanted = {one.fingerprint: one for one in credentials}
    if exposure.kind == ExposureKind.ARTEFACT or any(
        map(is_remote, exposure.targets)
    ):  # the clone of a remote repository was temporary
        found = read_material(exposure, jobs).findings
    else:
        found = tuple(_reread([_to_report_row(one) for one in wanted.values()], exposure)[0])
    return {one.fingerprint: one for one in found if one.fingerprint in wanted}


def describe_finding(finding: Finding) -> dict[str, Any]:
    """Return the facts of a finding for the log."""
    from rotators.core.secret_lookup import make_leak

    where = make_leak(finding).where
    facts: dict[str, Any] = {
        "rule": finding.rule.id,
        "redacted": finding.secret.redacted,
        "severity": finding.severity,
        "runbook": finding.rule.revoke or next(iter(finding.rule.links), ""),
        "where": [_describe_location(*pair) for pair in zip(where[:MAX_LOCATIONS], finding.locations, strict=False)],
    }
    if len(where) > MAX_LOCATIONS:
        facts["more"] = len(where) - MAX_LOCATIONS
    return facts


def _describe_location(place: Mapping[str, Any], location: Location) -> dict[str, Any]:
    """Return a location with text that SQLite and PostgreSQL can store; a temporary clone is replaced by its URL."""
    described = dict(place)
    if is_remote(location.origin.repository):
        described["repository"] = location.origin.repository
    return {name: _make_storable(value) if isinstance(value, str) else value for name, value in described.items()}


def _make_storable(value: str) -> str:
    return value.encode("utf-8", "backslashreplace").decode().replace("\0", "\\0")


# -- reading -------------------------------------------------------------------


def _scan(targets: Iterable[str], exposure: Exposure, jobs: int) -> tuple[list[Finding], list[Skipped]]:
    from detector.config import Config
    from detector.ignores.loader import NO_BASELINE
    from detector.scan import pipeline

    config = Config(
        targets=tuple(targets),
        patterns=exposure.patterns,
        range=exposure.range,
        baseline=NO_BASELINE,
        repository_ignores=False,
        include_ignored=True,
        progress=False,
        registry=exposure.registry,
        jobs=jobs,
    )
    scan = pipeline.scan(config)
    if scan.interrupted:
        raise KeyboardInterrupt
    hidden = [entry.finding for entry in scan.ignored if not entry.by.startswith("confidence ")]
    merged: dict[str, Finding] = {}
    for finding in (*scan.findings, *hidden):
        if finding.rule.published:
            continue  # the presence of a file is not a credential
        before = merged.get(finding.fingerprint)
        places = (*before.locations, *finding.locations) if before else finding.locations
        merged[finding.fingerprint] = (before or finding)._replace(locations=tuple(dict.fromkeys(places)))
    return list(merged.values()), list(scan.skipped)


def _is_within(path: str, globs: Iterable[str]) -> bool:
    return any(path == glob or path.startswith(f"{glob.rstrip('/')}/") or fnmatchcase(path, glob) for glob in globs)


def _hash_files(targets: Iterable[str]) -> Iterator[Note]:
    for target in targets:
        if os.path.isfile(target):
            with open(target, "rb") as file:
                digest = hashlib.file_digest(file, "sha256").hexdigest()
            yield Note(LineKind.MATERIAL, target, {"sha256": digest, "bytes": os.path.getsize(target)})


# -- reports of findings ---------------------------------------------------------


def _read_reports(exposure: Exposure, jobs: int) -> MaterialResult:
    """Read the findings of leakfirst reports, and scan the files that SARIF or the JSON of gitleaks names."""
    findings: list[Finding] = []
    skipped: list[Skipped] = []
    for path in exposure.targets:
        data = _load_json(path)
        if isinstance(data, dict) and str(data.get("schema", "")).startswith("leakfirst/findings/"):
            more, lost = _reread(data["findings"], exposure)
        else:
            files = sorted(set(_list_named_files(data)))
            if not files:
                raise UsageError(
                    f"{path}: names no file; supported are leakfirst reports, SARIF and the JSON of gitleaks"
                )
            folders = (os.getcwd(), os.path.dirname(path))
            readable = [name for name in files if os.path.isfile(name) and _is_below(name, folders)]
            lost = [
                Skipped(name, "named in the report, but not a file below the current folder or that of the report")
                for name in files
                if name not in readable
            ]
            more, unread = _scan(readable, exposure, jobs) if readable else ([], [])
            lost += unread
        findings += more
        skipped += lost
    once = {one.fingerprint: one for one in reversed(findings)}
    return MaterialResult(tuple(reversed(once.values())), tuple(skipped), tuple(_hash_files(exposure.targets)))


def _load_json(path: str) -> Any:
    try:
        with open(path, encoding="utf-8") as file:
            return json.load(file)
    except OSError as error:
        raise SourceError(f"{path}: cannot be read ({error.strerror})") from None
    except (ValueError, RecursionError):
        raise UsageError(f"{path}: is not JSON") from None


def _is_below(name: str, folders: Iterable[str]) -> bool:
    """Return whether a file is below one of *folders*: a report may name any file, even the user's own keys."""
    real = os.path.realpath(name)
    return any(real.startswith(os.path.join(os.path.realpath(folder), "")) for folder in folders)


def _list_named_files(data: Any) -> Iterator[str]:
    if isinstance(data, list):
        yield from (str(row["File"]) for row in data if isinstance(row, dict) and row.get("File"))
    elif isinstance(data, dict):
        for run in _keep_mappings(data.get("runs")):
            for result in _keep_mappings(run.get("results")):
                for place in _keep_mappings(result.get("locations")):
                    at = place.get("physicalLocation", {})
                    uri = at.get("artifactLocation", {}).get("uri", "") if isinstance(at, dict) else ""
                    if uri:
                        yield str(uri).removeprefix("file://")


def _keep_mappings(value: Any) -> list[Any]:
    return [entry for entry in value if isinstance(entry, dict)] if isinstance(value, list) else []


def _to_report_row(credential: Credential) -> Mapping[str, Any]:
    return {"fingerprint": credential.fingerprint, "rule": credential.rule, "locations": list(credential.where)}


def _reread(rows: Any, exposure: Exposure) -> tuple[list[Finding], list[Skipped]]:
    import tempfile

    from detector.fingerprint import load_project_key
    from detector.scan import reread

    pack = load_pack(exposure)
    with tempfile.NamedTemporaryFile("w", suffix=".json") as file:
        json.dump({"schema": "leakfirst/findings/1", "findings": rows}, file)
        file.flush()
        return reread.reread_report(file.name, pack, load_project_key())


def load_pack(exposure: Exposure) -> Pack:
    """Return the rules, including the additional ones that the incident was opened with."""
    from detector.config import Config
    from detector.scan.rule_pack import load_rule_pack

    return load_rule_pack(Config(patterns=exposure.patterns))
