"""Scan a path, or bytes that the caller holds."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from difflib import get_close_matches
from typing import Any, Literal, TypedDict, Unpack

from detector.config import Config
from detector.engine import engine as core
from detector.errors import UsageError
from detector.model import CONFIDENCES, SEVERITIES, Scan
from detector.rules import pack as packs
from detector.scan import pipeline
from detector.scan.rule_pack import load_rule_pack

Texts = tuple[str, ...] | list[str]


class ScanOptions(TypedDict, total=False):
    """Options of `scan`: those of ``leakfirst scan`` that do not concern its output, under the same names.

    Sizes are in bytes, times in seconds; 0 means no limit (for `jobs`: one process per processor).
    """

    history: bool
    worktree: bool
    staged: bool
    since: str
    range: str
    every_commit: bool
    as_published: bool
    include_ignored: bool
    head_only: bool
    allow: Texts
    max_size: int
    patterns: Texts
    only: Texts
    skip: Texts
    min_confidence: Literal["low", "medium", "high"]
    fail_on: Literal["info", "low", "medium", "high", "critical"]
    baseline: str
    repository_ignores: bool
    ignores_from: str
    inline_marks: bool | None
    show_ignored: bool
    explain: bool
    verify: bool
    verify_hosts: Texts
    registry: str
    allow_internal: Texts
    ssh_hosts: Texts
    reach: bool
    dry_run: bool
    jobs: int
    timeout: float
    state: str
    operator: Mapping[str, Any]


class Engine(core.Engine):
    """The shipped rules, ready to scan bytes: `Engine().scan(data)` gives hits.

    *patterns* are further rule files; *only* and *skip* are globs over rule ids.
    """

    def __init__(self, patterns: Iterable[str] = (), only: Iterable[str] = (), skip: Iterable[str] = ()) -> None:
        config = Config(patterns=tuple(patterns), only=tuple(only), skip=tuple(skip))
        pack = load_rule_pack(config)
        super().__init__(
            pack.rules,
            pack.anchors,
            pack.anchor_rules,
            packs.take_automaton(pack),
            pack.lengths,
            pack.marks,
            pack.scored_indexes,
        )


def scan(*targets: str | os.PathLike[str], **options: Unpack[ScanOptions]) -> Scan:
    """Scan files, folders or repositories as `leakfirst scan` does; the default target is the current directory.

    No configuration of the user is read; *operator* takes the content of such a
    file. Raises `UsageError` for an option that does not exist or has an
    impossible value, `SourceError` for a target that does not exist; both are
    `LeakfirstError`.
    """
    config = Config(targets=tuple(os.fspath(target) for target in targets) or (".",), **_checked(options))
    if config.verify and not config.dry_run:
        from detector.verify import require_packages

        require_packages()
    return pipeline.scan(config)


def _checked(options: Mapping[str, Any]) -> dict[str, Any]:
    """Return *options* as fields of `Config`. Raises `UsageError`."""
    checked = dict(options)
    for name, value in options.items():
        if name not in ScanOptions.__annotations__:
            raise UsageError(f"unknown option {name!r}{_suggestion(name)}")
        if isinstance(Config._field_defaults[name], tuple):
            if isinstance(value, str):
                raise UsageError(f"{name} takes a list of texts: write {name}=[{value!r}]")
            checked[name] = tuple(value)
    if options.get("min_confidence", "medium") not in CONFIDENCES:
        raise UsageError(f"min_confidence {options['min_confidence']!r}: known: {', '.join(CONFIDENCES)}")
    if options.get("fail_on", "medium") not in SEVERITIES:
        raise UsageError(f"fail_on {options['fail_on']!r}: known: {', '.join(SEVERITIES)}")
    if sum(bool(options.get(name)) for name in ("staged", "since", "range")) > 1:
        raise UsageError("staged, since and range exclude each other")
    checked["allow"] = tuple(map(os.path.realpath, checked.get("allow", ())))
    checked["verify"] = bool(options.get("verify") or options.get("dry_run"))
    return checked


def _suggestion(name: str) -> str:
    known = sorted(ScanOptions.__annotations__)
    close = get_close_matches(name, known, n=1)
    return f"; did you mean {close[0]!r}?" if close else f"; known: {', '.join(known)}"
