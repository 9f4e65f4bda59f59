"""The inventory: the repositories that a sweep scans.

A specification is ``kind:location`` (``github:acme``, ``folder:/srv/git``), and a
kind is a module of this folder that fulfils `InventoryModule`. A specification
without a kind is a URL, a repository, a folder of repositories or a file with a
list. If one listing fails, the sweep reports it and goes on with the others and
with what could be listed.

Names and URLs come from servers, which may be hostile: a `RepositoryEntry` never
contains control characters, options, passwords or transports that run programs.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator, Mapping
from enum import StrEnum
from typing import Any, NamedTuple, Protocol

from detector.errors import UsageError
from detector.model import Skipped
from detector.registry import check_contract, list_names, load_plugin


class RepositoryKind(StrEnum):
    """What a repository is for. Wikis, gists and snippets are listed on request.

    A package is read in all its versions (packages.py), not cloned.
    """

    REPOSITORY = "repository"
    WIKI = "wiki"
    GIST = "gist"
    SNIPPET = "snippet"
    PACKAGE = "package"


class RepositoryEntry(NamedTuple):
    """One repository of the inventory.

    `key` identifies the repository. Where its server has a number for it, the key
    is host and number (``github.com#12345``), which a renamed repository keeps;
    otherwise it is the URL. `url` is the URL to clone, or an absolute path that is
    read in place. If `version` is not empty and equal to that of the last complete
    sweep, nothing was pushed. `spec` is the specification that listed it.
    """

    key: str
    name: str
    url: str
    kind: RepositoryKind = RepositoryKind.REPOSITORY
    archived: bool = False
    fork: bool = False
    default_branch: str = ""
    version: str = ""
    spec: str = ""

    @property
    def local(self) -> bool:
        """Whether the repository is on this machine and read in place."""
        return os.path.isabs(self.url)


class RefusedRow(Skipped):
    """One row of a list that names no repository we would clone. The list itself is complete."""

    __slots__ = ()


class LeftOut(NamedTuple):
    """A repository that is listed but not wanted: a fork or an archived one; `reason` says which."""

    entry: RepositoryEntry
    reason: str


class EndOfListing(NamedTuple):
    """A specification is listed to its end.

    With `complete`, a repository that it has not named is not in it. `repositories` is their number, with those
    that are left out. Repositories of the kinds in `without` were not asked for.
    """

    spec: str
    complete: bool
    repositories: int
    without: tuple[RepositoryKind, ...] = ()


ListedItem = RepositoryEntry | Skipped | LeftOut | EndOfListing


def _ignore(*_: object) -> None:
    """Do nothing."""


class InventoryOptions(NamedTuple):
    """What to list.

    `cache` is a folder for the pages of servers ("" caches nothing). With
    `pull_requests`, the version of a repository is unknown, because servers do not
    count pull requests as pushes. `operator` is the operator's configuration, whose
    ``[sweep.host."NAME"]`` tables name the tokens. A listing waits for rate limits
    at most `max_wait` seconds in total; `notify` gets one line about each long wait,
    `leave_out` each repository that is left out.
    """

    cache: str = ""
    forks: bool = False
    archived: bool = False
    wikis: bool = False
    snippets: bool = False
    pull_requests: bool = False
    operator: Mapping[str, Any] = {}
    max_wait: float = 900.0
    notify: Callable[[str], None] = _ignore
    leave_out: Callable[[LeftOut], None] = _ignore


class InventoryModule(Protocol):
    """detector/fleet/inventory/<name>.py: one kind of specification."""

    def list_repositories(self, location: str, options: InventoryOptions, /) -> Iterator[RepositoryEntry | Skipped]:
        """Return the repositories at *location*.

        Raises `UsageError` at once if *location* is invalid; what cannot be listed is
        yielded as a `Skipped`.
        """


def list_repositories(
    specs: Iterable[str], options: InventoryOptions | None = None
) -> Iterator[RepositoryEntry | Skipped]:
    """Return the repositories of all *specs*, each once.

    An invalid specification raises `UsageError` before any server is asked; what
    cannot be listed is yielded as a `Skipped`.
    """
    items = list_inventory(specs, options)
    return (item for item in items if isinstance(item, RepositoryEntry | Skipped))


def list_inventory(specs: Iterable[str], options: InventoryOptions | None = None) -> Iterator[ListedItem]:
    """Return what `list_repositories` returns, what was left out, and the end of each specification.

    That of a specification follows everything that it lists, so that a caller knows which repositories it
    does not list any more.
    """
    options = options or InventoryOptions()
    left_out: list[LeftOut] = []
    options = options._replace(leave_out=left_out.append)
    listings = [(_normalize_spec(spec), _open_listing(spec, options)) for spec in specs]
    return _remove_duplicates(listings, left_out, _find_unwanted_kinds(options))


def _find_unwanted_kinds(options: InventoryOptions) -> tuple[RepositoryKind, ...]:
    """Return the kinds of repositories that a server lists on request only, and that are not requested."""
    return (
        *(() if options.wikis else (RepositoryKind.WIKI,)),
        *(() if options.snippets else (RepositoryKind.GIST, RepositoryKind.SNIPPET)),
    )


def _normalize_spec(spec: str) -> str:
    """Return one spelling for all ways to write a specification of something on this machine."""
    kind, location = parse_spec(spec)
    if kind in _NAMED_ONE_BY_ONE and location != "-" and "://" not in location:
        expanded = os.path.expanduser(location)
        if os.path.exists(expanded) or os.path.isabs(expanded):
            return f"{kind}:{os.path.abspath(expanded)}"
    return f"{kind}:{location}"


def _open_listing(spec: str, options: InventoryOptions) -> Iterator[RepositoryEntry | Skipped]:
    kind, location = parse_spec(spec)
    module = load_plugin(__name__, kind, what="inventory")
    check_contract(module, InventoryModule, "inventory")
    listing: Iterator[RepositoryEntry | Skipped] = module.list_repositories(location, options)
    return listing


def _remove_duplicates(
    listings: Iterable[tuple[str, Iterator[RepositoryEntry | Skipped]]],
    left_out: list[LeftOut],
    without: tuple[RepositoryKind, ...],
) -> Iterator[ListedItem]:
    keys: set[str] = set()
    for spec, listing in listings:
        complete, count = True, 0
        for item in listing:
            count += not isinstance(item, Skipped)
            if isinstance(item, Skipped):
                complete = complete and (item.expected or isinstance(item, RefusedRow))
                yield item
            elif item.key not in keys:
                keys.add(item.key)
                yield item._replace(spec=spec)
        count += len(left_out)
        yield from left_out
        left_out.clear()
        yield EndOfListing(spec, complete, count, () if spec.partition(":")[0] in _NAMED_ONE_BY_ONE else without)


_NAMED_ONE_BY_ONE = ("folder", "file", "repository")
"""The kinds of specification whose repositories the operator names or stores."""


def parse_spec(spec: str) -> tuple[str, str]:
    """Return kind and location of a specification.

    >>> parse_spec("github:acme")
    ('github', 'acme')
    >>> parse_spec("https://git.example.org/team/app.git")
    ('repository', 'https://git.example.org/team/app.git')
    """
    if not spec or not spec.isprintable():
        raise UsageError(f"{spec!r} is not an inventory")
    kind, colon, location = spec.partition(":")
    if colon and kind in list_names(__name__) and not spec.startswith("file://"):
        if not location:
            raise UsageError(f"{spec}: name what to list, such as {kind}:LOCATION")
        return kind, location
    if "://" in spec or ("@" in kind and colon):
        return "repository", spec
    if os.path.isdir(spec):
        from detector.git.layout import is_repository

        return ("repository" if is_repository(spec) else "folder"), spec
    if os.path.exists(spec):
        return "file", spec
    if os.path.isabs(os.path.expanduser(spec)):
        return "folder", spec  # it may not be mounted today
    if colon and kind.isalnum():
        raise UsageError(f"unknown inventory {kind!r}; known: {', '.join(list_names(__name__))}")
    raise UsageError(f"{spec}: no such file, folder or inventory")
