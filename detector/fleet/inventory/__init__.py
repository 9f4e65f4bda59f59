"""Which repositories there are: the list that a sweep goes through.

A specification is ``kind:place`` (``github:acme``, ``folder:/srv/git``), and a
kind is a module of this folder. What has no kind is a URL, a repository, a
folder of them or a file with a list. A listing that fails part of the way says
so and ends nothing: the other specifications are read, and so is what could
be listed.

Names and URLs come from servers, which may be hostile: an `Entry` carries none
with control characters, options, passwords or transports that run programs.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any, NamedTuple

from detector.errors import UsageError
from detector.model import Skipped
from detector.registry import load, names


class Entry(NamedTuple):
    """One repository of the fleet.

    `key` stays the same when a repository is renamed, where its server has a
    number for it (``github.com#12345``); otherwise it is the URL. `url` is
    what to clone, or an absolute path that is read in place. `kind` is one of
    repository, wiki, gist, snippet. While `version` stays the same and is not
    empty, nothing was pushed; compare it with the one of the last sweep that
    came to its end.
    """

    key: str
    name: str
    url: str
    kind: str = "repository"
    archived: bool = False
    fork: bool = False
    default_branch: str = ""
    version: str = ""

    @property
    def local(self) -> bool:
        """Whether the repository is on this machine and read in place."""
        return os.path.isabs(self.url)


def _silent(_line: str) -> None:
    """Tell nobody."""


class Options(NamedTuple):
    """What to list, and how.

    `cache` is a folder for what was listed ("" keeps nothing). `pulls` says
    that pull requests are fetched too, of which no version knows. `operator`
    is the operator's file, whose ``[sweep.host."NAME"]`` tables say where
    tokens come from. `longest_wait` bounds, in seconds, how long a rate limit
    is waited for; `tell` gets a line for the person when that takes long.
    """

    cache: str = ""
    forks: bool = False
    archived: bool = False
    wikis: bool = False
    snippets: bool = False
    pulls: bool = False
    operator: Mapping[str, Any] = {}
    longest_wait: float = 900.0
    tell: Callable[[str], None] = _silent


def entries(specs: Iterable[str], options: Options | None = None) -> Iterator[Entry | Skipped]:
    """List the repositories of *specs*, each once.

    A specification that means nothing raises `UsageError` before anything is
    asked; what cannot be listed is a `Skipped`.
    """
    options = options or Options()
    listings = [_listed_by(spec, options) for spec in specs]
    return _each_once(listings)


def _listed_by(spec: str, options: Options) -> Iterator[Entry | Skipped]:
    kind, place = kind_of(spec)
    module = load(__name__, kind, what="inventory")
    listing: Iterator[Entry | Skipped] = module.entries(place, options)
    return listing


def _each_once(listings: Iterable[Iterator[Entry | Skipped]]) -> Iterator[Entry | Skipped]:
    seen: set[str] = set()
    for listing in listings:
        for found in listing:
            if isinstance(found, Skipped):
                yield found
            elif found.key not in seen:
                seen.add(found.key)
                yield found


def kind_of(spec: str) -> tuple[str, str]:
    """Split *spec* into its kind and place.

    >>> kind_of("github:acme")
    ('github', 'acme')
    >>> kind_of("https://git.example.org/team/app.git")
    ('repository', 'https://git.example.org/team/app.git')
    """
    if not spec or not spec.isprintable():
        raise UsageError(f"{spec!r} names no inventory")
    kind, colon, place = spec.partition(":")
    if colon and kind in names(__name__) and not spec.startswith("file://"):
        if not place:
            raise UsageError(f"{spec}: name what to list, such as {kind}:PLACE")
        return kind, place
    if "://" in spec or ("@" in kind and colon):
        return "repository", spec
    if os.path.isdir(spec):
        from detector.git.layout import is_repository

        return ("repository" if is_repository(spec) else "folder"), spec
    if os.path.exists(spec):
        return "file", spec
    if os.path.isabs(os.path.expanduser(spec)):
        return "folder", spec  # perhaps not mounted today
    if colon and kind.isalnum():
        raise UsageError(f"unknown inventory {kind!r}; known: {', '.join(names(__name__))}")
    raise UsageError(f"{spec}: no such file, folder or inventory")
