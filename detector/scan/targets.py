"""What a target is, and which sources read it.

`-` is standard input, a URL is cloned, a git repository is its working tree
and its whole history, anything else is a file or a folder. A folder within a
repository is that folder alone; `unread` says so.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from typing import TYPE_CHECKING

from detector.config import Config
from detector.contracts import Inner, Share
from detector.errors import SourceError, UsageError
from detector.git.layout import find_root, is_repository
from detector.model import Skipped
from detector.registry import load_plugin

if TYPE_CHECKING:
    from detector.scan.state import ScanState

MAX_NESTING = 16
"""Repositories within repositories that are followed."""

_URL = re.compile(r"(?:https?|ssh|git|file)://|[\w.-]+@[\w.-]+:")


def split_target(
    target: str, config: Config, memory: ScanState | None = None, depth: int = 0
) -> Iterator[Share | Skipped]:
    """Split *target* into shares. Raises `SourceError` when it is nothing we can read.

    Repositories inside of it (submodules, or those below a plain folder) follow;
    one that cannot be read is skipped, the others are still looked at.
    """
    chosen = choose_sources(target, config)
    inside: list[Inner] = []
    for name in chosen:
        source = load_plugin("detector.sources", name, what="source")
        for entry in source.shares(target, config, memory) if name == "history" else source.shares(target, config):
            if isinstance(entry, Inner):
                inside.append(entry)
            else:
                yield entry
    if chosen == ["history"]:
        inside = _submodules(target, config)
    yield from _nested(target, inside, config, memory, depth)


def _submodules(target: str, config: Config) -> list[Inner]:
    from detector.git.repository import discover
    from detector.sources.worktree import list_submodules

    return list(list_submodules(discover(target, config.allow)))


def _nested(
    target: str, inside: list[Inner], config: Config, memory: ScanState | None, depth: int
) -> Iterator[Share | Skipped]:
    for path, history_only in inside:
        inner = os.path.relpath(path) if not os.path.isabs(target) else path
        if depth >= MAX_NESTING:
            yield Skipped(inner, f"more than {MAX_NESTING} repositories inside each other")
            continue
        try:
            if history_only:
                yield from load_plugin("detector.sources", "history", what="source").shares(inner, config, memory)
            else:
                yield from split_target(inner, config, memory, depth + 1)
        except SourceError as error:
            yield Skipped(inner, str(error))


def choose_sources(target: str, config: Config) -> list[str]:
    """Name the sources that read *target*. Raises `UsageError` where *config* leaves nothing of it."""
    if not config.worktree and not config.history:
        raise UsageError("--no-history and --no-worktree together leave nothing to look at; leave one of them out")
    if target == "-":
        return ["stdin"]
    if _URL.match(target) and not os.path.exists(target):
        return ["remote"]
    if config.as_published:
        return ["published"]
    if config.staged or config.since or config.range:
        return ["changes"]
    if not is_repository(target):
        if not config.worktree and os.path.exists(target):
            raise UsageError(f"{target}: --no-worktree is for the top of a git repository, and this is none")
        return ["files"]
    return [name for name, wanted in (("worktree", config.worktree), ("history", config.history)) if wanted]


def unread(target: str, config: Config) -> Iterator[str]:
    """Say so where *target* is a folder within a repository, whose history is then not read."""
    if not config.history or not os.path.isdir(target) or choose_sources(target, config) != ["files"]:
        return
    top = find_root(target)
    if top != os.path.abspath(target):
        top = top if os.path.isabs(target) else os.path.relpath(top)
        yield f"{target} is part of the repository at {top}: its history was not read; scan {top} for that"
