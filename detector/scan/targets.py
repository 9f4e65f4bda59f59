"""Which sources read a target, and what they make of it.

Each source says how specifically it claims a target (`contracts.Claim`); those
with the highest claim read it. A target ``NAME:…`` belongs to the source NAME, which
may come from another distribution. All other targets are offered to our own
sources alone.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from functools import cache
from typing import Any

from detector.config import Config
from detector.contracts import Claim, HistoryState, NestedRepository, Share, Source, TargetNote
from detector.errors import SourceError, UsageError
from detector.model import Origin, Skipped
from detector.registry import check_contract, find_installed, import_installed, list_names, load_plugin

PACKAGE = "detector.sources"
ENTRY_POINTS = "leakfirst.sources"

BY_NAME_ALONE = frozenset({"npm", "oci", "pypi", "s3"})
"""Sources that claim nothing but ``NAME:…``. They are not imported to be asked about other targets."""

MAX_NESTING = 16
"""Repositories within repositories that are followed."""

_SCHEME = re.compile(r"([a-z][a-z0-9-]+):")


def split_target(
    target: str, config: Config, state: HistoryState, depth: int = 0
) -> Iterator[Share | Skipped | TargetNote]:
    """Split *target* into shares. Raises `SourceError` if it cannot be read at all.

    Repositories inside it (submodules, or those below a plain folder) follow; one
    that cannot be read is skipped.
    """
    nested: list[NestedRepository] = []
    for source in choose_sources(target, config):
        for item in source.split(target, config, state):
            if isinstance(item, NestedRepository):
                nested.append(item)
            else:
                yield item
    for repository in nested:
        path = repository.path if os.path.isabs(target) else os.path.relpath(repository.path)
        yield from _split_nested(path, repository.history_only, config, state, depth + 1)


def _split_nested(
    path: str, history_only: bool, config: Config, state: HistoryState, depth: int
) -> Iterator[Share | Skipped | TargetNote]:
    if depth > MAX_NESTING:
        yield Skipped(path, f"more than {MAX_NESTING} repositories inside each other")
        return
    try:
        if not history_only:
            yield from split_target(path, config, state, depth)
            return
        alone = config._replace(worktree=False)
        for source in choose_sources(path, alone):
            for item in source.split(path, alone, state):
                if not isinstance(item, NestedRepository):  # the walk that met this one meets those as well
                    yield item
    except SourceError as error:
        yield Skipped(path, str(error))


def choose_sources(target: str, config: Config) -> list[Source]:
    """Return the sources that read *target*.

    Raises `UsageError` if *config* leaves nothing to read, `SourceError` if no source claims the target.
    """
    if not config.worktree and not config.history:
        raise UsageError("--no-history and --no-worktree together leave nothing to look at; leave one of them out")
    scheme = parse_scheme(target)
    if scheme in list_names(PACKAGE):
        source = load_source(scheme)
        if source.claim(target, config) is Claim.ADDRESS:
            return [source]
    others = (load_source(name) for name in list_names(PACKAGE) if name not in BY_NAME_ALONE)
    claims = [(source.claim(target, config), source) for source in others]
    best = max(claim for claim, _ in claims)
    if scheme and best is not Claim.ADDRESS:
        added = _load_installed(scheme)
        if added is None or added.claim(target, config) is not Claim.ADDRESS:
            raise SourceError(f"{target}: no such file or folder, and no source is called {scheme!r}")
        return [added]
    return [source for claim, source in claims if claim is best]


def parse_scheme(target: str) -> str:
    """Return the part of *target* before the first colon, if it may name a source; "" for an existing path.

    >>> parse_scheme("npm:left-pad"), parse_scheme("docs/a:b"), parse_scheme("C:/src")
    ('npm', '', '')
    """
    found = _SCHEME.match(target)
    return found[1] if found and not os.path.lexists(target) else ""


def find_source(origin: Origin) -> Source | None:
    """Return the source that can read the content of *origin* again, or None."""
    config = Config()
    if origin.kind in list_names(PACKAGE):
        return load_source(origin.kind)
    ours = list(map(load_source, list_names(PACKAGE)))
    for source in ours:
        if source.claim(origin.repository, config) is Claim.ADDRESS:
            return source
    for source in ours:
        if origin.kind in source.ORIGIN_KINDS:
            return source
    return _load_installed(parse_scheme(origin.repository) or origin.kind)


@cache
def load_source(name: str) -> Source:
    """Import our own source *name*. Raises `UsageError` if it does not fulfil `Source`."""
    return _check_source(load_plugin(PACKAGE, name, what="source"))


def _load_installed(name: str) -> Source | None:
    """Import the source *name* of another distribution, if one is installed. Raises `UsageError` if it is unusable."""
    entry = find_installed(PACKAGE, ENTRY_POINTS).get(name)
    return _check_source(import_installed(entry, "source")) if entry else None


def _check_source(module: Any) -> Source:
    check_contract(module, Source, "source")
    source: Source = module
    return source
