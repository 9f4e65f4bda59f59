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
    sweep, nothing was pushed.
    """

    key: str
    name: str
    url: str
    kind: RepositoryKind = RepositoryKind.REPOSITORY
    archived: bool = False
    fork: bool = False
    default_branch: str = ""
    version: str = ""

    @property
    def local(self) -> bool:
        """Whether the repository is on this machine and read in place."""
        return os.path.isabs(self.url)


def _ignore(_line: str) -> None:
    """Do nothing."""


class InventoryOptions(NamedTuple):
    """What to list.

    `cache` is a folder for the pages of servers ("" caches nothing). With
    `pull_requests`, the version of a repository is unknown, because servers do not
    count pull requests as pushes. `operator` is the operator's configuration, whose
    ``[sweep.host."NAME"]`` tables name the tokens. A listing waits for rate limits
    at most `max_wait` seconds in total; `notify` gets one line about each long wait.
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
    options = options or InventoryOptions()
    listings = [_open_listing(spec, options) for spec in specs]
    return _remove_duplicates(listings)


def _open_listing(spec: str, options: InventoryOptions) -> Iterator[RepositoryEntry | Skipped]:
    kind, location = parse_spec(spec)
    module = load_plugin(__name__, kind, what="inventory")
    check_contract(module, InventoryModule, "inventory")
    listing: Iterator[RepositoryEntry | Skipped] = module.list_repositories(location, options)
    return listing


def _remove_duplicates(
    listings: Iterable[Iterator[RepositoryEntry | Skipped]],
) -> Iterator[RepositoryEntry | Skipped]:
    keys: set[str] = set()
    for listing in listings:
        for item in listing:
            if isinstance(item, Skipped):
                yield item
            elif item.key not in keys:
                keys.add(item.key)
                yield item


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
