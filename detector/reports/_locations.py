"""Paths and provenance of locations, as seen from the folder that the user is in.

A repository names its files relative to its own root. If it is not the only
target (a submodule, a repository below a folder), the reports that name one file
per location need the path that the user can open.
"""

from __future__ import annotations

import os

from detector.model import Finding, Origin
from detector.reports._options import ReportOptions
from detector.text.untrusted import describe_provenance, make_printable, needs_repository, strip_url_credentials

FILE_KINDS = ("worktree", "archive", "image")
"""Kinds of content that is a file on disk, or in one, unless it has an object id."""


def describe_provenance_in(origin: Origin, options: ReportOptions) -> str:
    """Return the provenance; for stored content of another repository than the target also that repository."""
    known = describe_provenance(origin)
    if not origin.object_id or not needs_repository([origin.repository], options.target):
        return known
    return f"{known} in {make_printable(strip_url_credentials(origin.repository))}".strip()


def resolve_paths(finding: Finding, options: ReportOptions) -> Finding:
    """Return *finding* with the paths of its files on disk relative to the user's folder, or else to the target."""
    locations = (
        at._replace(origin=at.origin._replace(path=resolve_path(at.origin, options))) for at in finding.locations
    )
    return finding._replace(locations=tuple(locations))


def resolve_path(origin: Origin, options: ReportOptions) -> str:
    """Return the path of a file on disk relative to the user's folder; any other path is returned unchanged.

    >>> resolve_path(Origin("worktree", "conf.py", "svc"), ReportOptions())
    'svc/conf.py'
    >>> resolve_path(Origin("worktree", "conf.py", "/srv/shop/svc"), ReportOptions(target="/srv/shop"))
    'svc/conf.py'
    """
    stored = origin.object_id or origin.kind not in FILE_KINDS
    if stored or not origin.repository or "://" in origin.repository:
        return origin.path
    path = os.path.join(os.path.normpath(origin.repository), origin.path)
    if os.path.isabs(path) or path.startswith(".."):
        for folder in filter(None, (options.here, os.path.normpath(options.target))):
            if path.startswith(os.path.join(folder, "")):
                return path.removeprefix(os.path.join(folder, ""))
    return path
