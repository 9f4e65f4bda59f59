"""Keys for the names of alerts, one for each repository, the same on every machine.

The key of a repository is derived from the id of its first commit. Who knows that can read the
repository, in which the value itself stands; the report alone does not help to guess even a short
password. A shallow clone does not have the first commit, and files outside of a repository have
none: there is no key then.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable

from detector.config import Config
from detector.errors import SourceError
from detector.git.refs import read_head
from detector.git.repository import discover
from detector.git.safe_git import SafeGit
from detector.model import Finding

FORMATS = ("sarif", "gitlab")
"""Report formats whose readers remember alerts."""


def load_alert_keys(findings: Iterable[Finding], config: Config) -> dict[str, bytes]:
    """Return the key of each repository that *findings* name and that has one, by its name in reports."""
    if not any(report.format in FORMATS for report in config.reports):
        return {}
    names = {location.origin.repository for finding in findings for location in finding.locations}
    found = {name: _load_key(name, config) for name in names}
    return {name: key for name, key in found.items() if key}


def _load_key(name: str, config: Config) -> bytes:
    """Return the key of the repository that reports call *name*; "" is the one that the target lies in."""
    try:
        repository = discover(name or config.targets[0], config.allow)
        head = read_head(repository)
        if not head or repository.shallow:
            return b""
        with SafeGit(repository) as git:
            roots = git.run("rev-list", "--first-parent", "--max-parents=0", head).split()
    except SourceError:
        return b""
    return hashlib.sha256(b"leakfirst alerts\0" + roots[-1]).digest() if roots else b""
