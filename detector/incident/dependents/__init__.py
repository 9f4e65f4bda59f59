"""Which repositories depend on a package: what their lock files, manifests, pipelines and SBOMs say.

One module reads one kind of file (_entry.py has the contract); its file name is
its registration. `search` finds the files and weighs what they say.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator

from detector.errors import SourceError
from detector.incident.dependents._query import Package, Packages, checked, listed, package
from detector.incident.dependents._reading import (
    ALLOWED,
    LOCKED,
    UNKNOWN,
    Dependent,
    at_tip,
    in_repository,
    interesting,
)
from detector.model import Skipped

__all__ = ["ALLOWED", "LOCKED", "UNKNOWN", "Dependent", "Package", "Packages", "listed", "package", "search"]


def search(
    repositories: Iterable[str],
    wanted: str | Package | Packages,
    range: str = "",
    *,
    ecosystem: str = "",
    history: bool = False,
    on_repository: Callable[[str], None] = lambda _: None,
) -> Iterator[Dependent | Skipped]:
    """Yield every dependent on a package, or on any of many, among *repositories*: folders, bare repositories, files.

    Below a folder that is no repository, the repositories are looked for.
    *on_repository* is told of each place that was read.
    """
    if isinstance(wanted, str):
        wanted = package(wanted, ecosystem)
    if isinstance(wanted, Package):
        wanted = Packages([checked(wanted._replace(range=range)) if range else wanted])
    seen: set[str] = set()
    for target in repositories:
        yield from _target(target, wanted, history, on_repository, seen, 0)


def _target(
    target: str, wanted: Packages, history: bool, on_repository: Callable[[str], None], seen: set[str], depth: int
) -> Iterator[Dependent | Skipped]:
    from detector.incident.dependents import _trees
    from detector.scan.targets import MAX_NESTING

    real = os.path.realpath(target)
    if real in seen:
        return
    seen.add(real)
    if depth > MAX_NESTING:
        yield Skipped(target, f"more than {MAX_NESTING} repositories inside each other")
        return
    if os.path.isfile(target):
        yield from at_tip(os.path.dirname(target) or ".", _trees.Single(target), wanted, all_readers=True)
        on_repository(target)
        return
    if not os.path.isdir(target):
        yield Skipped(target, "no such file or folder")
        return
    inner: list[str] = []
    try:
        repository = _trees.find(target)
        if repository:
            yield from repository.skipped
        if repository is None or (repository.work_tree and not history):
            folder = _trees.Folder(target, interesting, repository)
            yield from at_tip(target, folder, wanted)
            inner = folder.inner
            if repository or folder.fitting or not inner:
                on_repository(target)
        else:
            yield from in_repository(target, repository, wanted, history)
            on_repository(target)
            if repository.work_tree:
                from detector.sources.worktree import submodules

                inner = [entry.path for entry in submodules(repository)]
    except SourceError as error:
        yield Skipped(target, str(error))
    for path in inner:
        below = os.path.join(target, os.path.relpath(path, real))
        yield from _target(below, wanted, history, on_repository, seen, depth + 1)
