"""The configuration of one run, from the command line, the environment and the operator's file.

A configuration file in the scanned repository can only narrow what is reported
(paths, allowlists), never add rules, requests, rotators or destinations. Those come
only from the operator's file.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Any, NamedTuple

from detector.errors import UsageError
from detector.files.trusted import find_operator_file, find_unknown_key, parse_toml, read_operator_file

OPERATOR_TABLES = ("allow", "incident", "notify", "sweep", "verify")
"""The tables of the operator's configuration; who uses one checks its keys."""


class ReportTarget(NamedTuple):
    """One report: its format and its file; ``-`` is standard output."""

    format: str
    file: str = "-"


class Config(NamedTuple):
    """The options of one run. Sizes are in bytes, times in seconds; 0 means no limit."""

    targets: tuple[str, ...] = (".",)
    history: bool = True
    worktree: bool = True
    staged: bool = False
    include_ignored: bool = False
    as_published: bool = False
    every_commit: bool = False
    head_only: bool = False
    allow: tuple[str, ...] = ()
    since: str = ""
    range: str = ""
    patterns: tuple[str, ...] = ()
    only: tuple[str, ...] = ()
    skip: tuple[str, ...] = ()
    min_confidence: str = "medium"
    fail_on: str = "medium"
    baseline: str = ""
    repository_ignores: bool = True
    ignores_from: str = ""
    inline_marks: bool | None = None
    show_ignored: bool = False
    explain: bool = False
    details: bool = False
    shown: Mapping[str, Any] = {}
    verify: bool = False
    verify_hosts: tuple[str, ...] = ()
    registry: str = ""
    allow_internal: tuple[str, ...] = ()
    ssh_hosts: tuple[str, ...] = ()
    reach: bool = False
    dry_run: bool = False
    reports: tuple[ReportTarget, ...] = (ReportTarget("text"),)
    show_secrets: bool = False
    quiet: bool = False
    progress: bool = True
    verbose: int = 0
    jobs: int = 0
    max_size: int = 0
    timeout: float = 0.0
    state: str = ""
    exit_zero: bool = False
    engine: str = ""
    operator: Mapping[str, Any] = {}

    @property
    def obeys_marks(self) -> bool:
        """Whether inline marks set findings aside: not those of a change that is judged by the rules of its base."""
        wanted = not self.ignores_from if self.inline_marks is None else self.inline_marks
        return wanted and self.repository_ignores

    @property
    def workers(self) -> int:
        """The number of processes to use: ``--jobs``, else one for each usable processor."""
        return self.jobs or count_processors()


def count_processors() -> int:
    """Return the number of processors this process may run on."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0)) or 1
    return os.cpu_count() or 1


def load_operator_file(path: str = "") -> Mapping[str, Any]:
    """Read the operator's configuration file.

    *path* (``--config``), else ``LEAKFIRST_CONFIG``, else ``leakfirst/config.toml``
    in the user's configuration folder if that file exists. Raises `UsageError`.
    """
    wanted = path or os.environ.get("LEAKFIRST_CONFIG", "")
    wanted = wanted or find_operator_file("config.toml")
    tables = parse_toml(read_operator_file(wanted), wanted) if wanted else {}
    if problem := find_unknown_key(tables, OPERATOR_TABLES):
        raise UsageError(f"{wanted}: {problem}")
    return tables
