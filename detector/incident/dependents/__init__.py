"""Find the repositories that depend on a package, by their lock files, manifests, pipelines and SBOMs.

Each module without a leading underscore reads one kind of file; `_contract.py` defines
what it provides. `search` finds the files and matches their entries with the packages.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator

from detector.errors import SourceError
from detector.incident.dependents._matching import DependencyMatch, Dependent, match_repository, match_tree
from detector.incident.dependents._query import Package, Packages, check_range, parse_package, parse_package_list
from detector.incident.dependents._readers import is_dependency_file
from detector.model import Skipped

__all__ = ["DependencyMatch", "Dependent", "Package", "Packages", "parse_package", "parse_package_list", "search"]


def search(
    repositories: Iterable[str],
    wanted: str | Package | Packages,
    range: str = "",
    *,
    ecosystem: str = "",
    history: bool = False,
    on_repository: Callable[[str], None] = lambda _: None,
) -> Iterator[Dependent | Skipped]:
    """Yield every file in *repositories* that depends on a package, or on any of several.

    *repositories* are paths of folders, bare repositories or files. In a folder that is not
    a repository, the repositories below it are searched. *on_repository* is called with
    each path that was searched.
    """
    if isinstance(wanted, str):
        wanted = parse_package(wanted, ecosystem)
    if isinstance(wanted, Package):
        wanted = Packages([check_range(wanted._replace(range=range)) if range else wanted])
    seen: set[str] = set()
    for target in repositories:
        yield from _search_target(target, wanted, history, on_repository, seen, 0)


def _search_target(
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
        yield from match_tree(os.path.dirname(target) or ".", _trees.SingleFileTree(target), wanted, all_readers=True)
        on_repository(target)
        return
    if not os.path.isdir(target):
        yield Skipped(target, "no such file or folder")
        return
    inner: list[str] = []
    try:
        repository = _trees.find_repository(target)
        if repository:
            yield from repository.skipped
        if repository is None or (repository.work_tree and not history):
            folder = _trees.FolderTree(target, is_dependency_file, repository)
            yield from match_tree(target, folder, wanted)
            inner = folder.inner
            if repository or folder.count or not inner:
                on_repository(target)
        else:
            yield from match_repository(target, repository, wanted, history)
            on_repository(target)
            if repository.work_tree:
                from detector.sources.worktree import list_submodules

                inner = [entry.path for entry in list_submodules(repository)]
    except SourceError as error:
        yield Skipped(target, str(error))
    for path in inner:
        below = os.path.join(target, os.path.relpath(path, real))
        yield from _search_target(below, wanted, history, on_repository, seen, depth + 1)
