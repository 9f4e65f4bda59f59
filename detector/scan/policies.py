"""The ignore policies of all targets of one scan: which findings they ignore, and which entries ignore nothing."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import partial

from detector.config import Config
from detector.errors import UsageError
from detector.fingerprint import load_project_key
from detector.git.layout import find_root, is_bare, is_repository
from detector.ignores import baseline
from detector.ignores.allowlist import PYPROJECT_FILE
from detector.ignores.loader import HeadReader, Reader, list_files, load_policy, make_folder_reader
from detector.ignores.policy import IgnorePolicy
from detector.model import ObeyedRules, Origin, Rule, Sighting
from detector.scan.messages import UnusedMark
from detector.sources.remote import find_clone

MAX_SHOWN = 5
"""Rules that are not in force and are named."""

MAX_NAMED = 20
"""Entries and marks that ignore nothing and are named one by one."""


class IgnorePolicies:
    """The policies of all roots of one scan; the first reason to ignore a sighting counts."""

    def __init__(
        self,
        policies: Sequence[IgnorePolicy],
        *,
        rules_of: str = "",
        changed: Iterable[str] = (),
        roots: Sequence[str] = (),
        applied: Sequence[str] = (),
    ) -> None:
        """*rules_of* and *changed* are for the account of the run; *applied* are the rule files of the operator."""
        self._policies = policies
        unused = tuple(_describe_unused_rules(policies, roots, applied))
        self._obeyed = ObeyedRules(rules_of, tuple(dict.fromkeys(changed)), unused)

    @property
    def obeyed(self) -> ObeyedRules:
        """Whose rules counted; complete once every sighting was asked about."""
        if not self._policies:
            return self._obeyed
        # A mark that one policy refused may stand beside what another one ignores: then nothing is reported there.
        refused = [policy.refused_marks for policy in self._policies]
        marks = tuple(mark for mark in dict.fromkeys(refused[0]) if all(mark in others for others in refused))
        return self._obeyed._replace(refused_marks=marks)

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


def _describe_unused_rules(
    policies: Sequence[IgnorePolicy], roots: Sequence[str], applied: Sequence[str]
) -> Iterator[str]:
    """Say which rules in files of other tools nobody applies: those in a file that the operator did not name."""
    for number, policy in enumerate(policies):
        for name, rules in policy.not_in_force.items():
            path = os.path.join(roots[number], name) if number < len(roots) else name
            if os.path.realpath(path) in applied:
                continue
            named = ", ".join(rules[:MAX_SHOWN]) + (", …" if len(rules) > MAX_SHOWN else "")
            count = "1 rule" if len(rules) == 1 else f"{len(rules)} rules"
            yield f"{name}: {count} NOT in force ({named}); a repository adds no rules: name the file with --patterns"


def load_policies(config: Config) -> IgnorePolicies:
    """Load the policies of all targets of *config*. Raises `UsageError`."""
    today = time.strftime("%Y-%m-%d")
    roots = {find_root(target): target for target in config.targets}
    bases = {root: _find_base(root, config) for root in roots} if config.ignores_from else {}
    if bases and not any(bases.values()):
        raise UsageError(f"--ignores-from {config.ignores_from}: no target has this revision")
    return IgnorePolicies(
        [
            load_policy(
                _make_reader(target, root, config, bases.get(root, "")),
                operator=config.operator,
                baseline_file=config.baseline,
                today=today,
                relative=make_path_mapper(target, root),
                marks=config.obeys_marks,
                read_baseline=_make_baseline_reader(root, bases[root], config) if bases.get(root) else None,
            )
            for root, target in roots.items()
        ],
        rules_of=_describe_source(config, bases),
        changed=[name for root, base in bases.items() if base for name in _list_changed(root, base, config)],
        applied=[os.path.realpath(path) for path in config.patterns],
        roots=tuple(roots),
    )


def _make_reader(target: str, root: str, config: Config, base: str) -> Reader | None:
    from detector.git.repository import discover

    if not config.repository_ignores:
        return None
    if config.ignores_from:
        return HeadReader(discover(root, config.allow), commit=base) if base else None
    if root and not is_bare(root):
        return make_folder_reader(root)
    clone = root or find_clone(target)
    return HeadReader(discover(clone, config.allow)) if clone else None


def _make_baseline_reader(root: str, base: str, config: Config) -> Reader:
    """Return what reads a baseline that lies in the checkout from the commit *base*."""
    from detector.git.branch_heads import read_files_at_head
    from detector.git.repository import discover

    def read(path: str) -> bytes | None:
        name = os.path.relpath(os.path.realpath(path), os.path.realpath(root)).replace(os.sep, "/")
        if name == ".." or name.startswith("../"):
            return None
        return read_files_at_head(discover(root, config.allow), [name], base).get(name, b"")

    return read


def _find_base(root: str, config: Config) -> str:
    """Return the id of the commit whose ignore files count for *root*, "" if it does not have it."""
    from detector.errors import SourceError
    from detector.git.repository import discover
    from detector.git.safe_git import SafeGit

    if not root or config.ignores_from.startswith("-") or not is_repository(root):
        return ""
    try:
        with SafeGit(discover(root, config.allow), refs=True) as git:
            found = git.run("rev-parse", "--revs-only", f"{config.ignores_from}^{{commit}}", "--")
    except SourceError:
        return ""
    return found.decode("ascii", "replace").strip()


def _describe_source(config: Config, bases: Mapping[str, str]) -> str:
    if not config.repository_ignores:
        return "nothing in what is scanned sets a finding aside (--no-repository-ignores)"
    commits = dict.fromkeys(base[:12] for base in bases.values() if base)
    return f"the ignore files that count are those of commit {', '.join(commits)}" if commits else ""


def _list_changed(root: str, base: str, config: Config) -> Iterator[str]:
    """Yield the names of the ignore files that are others at HEAD than in the commit *base*."""
    from detector.git.branch_heads import read_files_at_head
    from detector.git.repository import discover

    repository = discover(root, config.allow)
    before, after = (read_files_at_head(repository, list_files(), commit) for commit in (base, ""))
    for name in list_files():
        if before.get(name) == after.get(name):
            continue
        if name != PYPROJECT_FILE or b"tool.leakfirst" in before.get(name, b"") + after.get(name, b""):
            yield name


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
