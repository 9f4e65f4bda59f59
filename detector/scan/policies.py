"""The ignore policies of all targets of one scan: which findings they ignore, and which entries ignore nothing."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator, Sequence
from functools import partial

from detector.config import Config
from detector.fingerprint import load_project_key
from detector.git.layout import find_root, is_bare, is_repository
from detector.ignores import baseline
from detector.ignores.loader import HeadReader, Reader, load_policy, make_folder_reader
from detector.ignores.policy import IgnorePolicy
from detector.model import Origin, Rule, Sighting
from detector.scan.messages import UnusedMark
from detector.sources.remote import find_clone

MAX_NAMED = 20
"""Entries and marks that ignore nothing and are named one by one."""


class IgnorePolicies:
    """The policies of all roots of one scan; the first reason to ignore a sighting counts."""

    def __init__(self, policies: Sequence[IgnorePolicy]) -> None:
        self._policies = policies

    @property
    def line_patterns(self) -> tuple[str, ...]:
        """The patterns that workers match with the line of each hit."""
        return tuple(dict.fromkeys(pattern for policy in self._policies for pattern in policy.line_patterns))

    @property
    def report_key(self) -> bytes:
        """The key of the fingerprints in reports: the user's if given, else that of the baseline."""
        return load_project_key() if os.environ.get(baseline.FROM_ENVIRONMENT) else self._policies[0].keys[0]

    def find_reason(self, sighting: Sighting, rule: Rule) -> str:
        """Return why *sighting* is ignored, or "" if it is reported."""
        return next(filter(None, (policy.find_reason(sighting, rule) for policy in self._policies)), "")

    def notes(self, *, everything: bool) -> list[str]:
        """Return which files were in force and, if *everything* was scanned, which entries ignore nothing."""
        notes = [note for policy in self._policies for note in policy.notes]
        if everything:
            idle = [policy.list_unused() for policy in self._policies]
            unused = [by for by in idle[0] if all(by in others for others in idle)]
            notes += [f"{by} ignores nothing and can be removed" for by in unused[:MAX_NAMED]]
            if len(unused) > MAX_NAMED:
                notes.append(f"{len(unused) - MAX_NAMED} more entries ignore nothing")
        return list(dict.fromkeys(notes))


def load_policies(config: Config) -> IgnorePolicies:
    """Load the policies of all targets of *config*. Raises `UsageError`."""
    today = time.strftime("%Y-%m-%d")
    roots = {find_root(target): target for target in config.targets}
    return IgnorePolicies(
        [
            load_policy(
                _make_reader(target, root, config),
                operator=config.operator,
                baseline_file=config.baseline,
                today=today,
                relative=make_path_mapper(target, root),
            )
            for root, target in roots.items()
        ]
    )


def _make_reader(target: str, root: str, config: Config) -> Reader | None:
    from detector.git.repository import discover

    if root and not is_bare(root):
        return make_folder_reader(root)
    clone = root or find_clone(target)
    return HeadReader(discover(clone, config.allow)) if clone else None


def covers_roots(targets: Sequence[str]) -> bool:
    """Return whether *targets* contain everything that their ignore files apply to."""
    roots = {find_root(target) for target in targets} - {""}  # a URL is a whole repository
    return "-" not in targets and roots <= {os.path.abspath(target) for target in targets}


def make_path_mapper(target: str, root: str) -> Callable[[Origin], str]:
    """Return a function that returns the path of an origin of *target* relative to *root*, with slashes.

    The paths of origins are relative to the repository they are in, which may be
    nested (a submodule, or one below a folder), and of plain files to the current
    folder.
    """
    if not root:
        return lambda origin: origin.path
    name = "" if target == "." else target
    if is_repository(target):
        return partial(_map_in_repository, name)
    return partial(_map_in_folder, root, name)


def _map_in_repository(name: str, origin: Origin) -> str:
    if origin.repository in ("", name):
        return origin.path
    return os.path.join(os.path.relpath(origin.repository, name or "."), origin.path).replace(os.sep, "/")


def _map_in_folder(root: str, name: str, origin: Origin) -> str:
    inner = "" if origin.repository == name else origin.repository
    path = os.path.relpath(os.path.abspath(os.path.join(inner, origin.path)), root)
    return origin.path if path.startswith("..") else path.replace(os.sep, "/")


def describe_unused_marks(unused: Sequence[UnusedMark]) -> Iterator[str]:
    """Describe our own unused marks one by one, and count those that may be meant for another tool."""
    ours = [mark for mark in unused if mark.text.startswith("leakfirst")]
    for mark in sorted(ours)[:MAX_NAMED]:
        yield f"{mark.origin.path}:{mark.line}: {mark.text} ignores nothing and can be removed"
    if len(ours) > MAX_NAMED:
        yield f"{len(ours) - MAX_NAMED} more marks ignore nothing"
    if others := sorted(set(unused) - set(ours)):
        first = others[0]
        where = f"{first.text}, {first.origin.path}:{first.line}"
        yield f"{len(others)} marks of other tools ignore nothing (the first: {where})"
