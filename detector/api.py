"""The face for other programs: scan a path, or bytes that you hold.

>>> from detector import Engine, scan
>>> [hit.rule.id for hit in Engine().scan(b"nothing to see")]
[]
"""

from __future__ import annotations

import os
from collections.abc import Iterable
from typing import Any

from detector.config import Config
from detector.engine import engine as core
from detector.errors import UsageError
from detector.model import Scan
from detector.rules import pack as packs
from detector.scan import pipeline


class Engine(core.Engine):
    """The shipped rules, ready to scan bytes: `Engine().scan(data)` gives hits.

    *patterns* are further rule files; *only* and *skip* are globs over rule ids.
    """

    def __init__(self, patterns: Iterable[str] = (), only: Iterable[str] = (), skip: Iterable[str] = ()) -> None:
        config = Config(patterns=tuple(patterns), only=tuple(only), skip=tuple(skip))
        pack = pipeline.rule_pack(config)
        super().__init__(
            pack.rules, pack.anchors, pack.users, packs.automaton_of(pack), pack.lengths, pack.marks, pack.judged
        )


def scan(*targets: str | os.PathLike[str], **options: Any) -> Scan:
    """Scan files, folders or repositories as `leakfirst scan` does.

    *options* are the fields of `detector.config.Config`, for example
    ``history=False`` or ``min_confidence="high"``. Raises `UsageError` for an
    unknown one, `SourceError` for a target that does not exist.
    """
    unknown = set(options) - set(Config._fields)
    if unknown:
        raise UsageError(f"unknown option {sorted(unknown)[0]!r}; known: {', '.join(Config._fields)}")
    return pipeline.scan(Config(targets=tuple(os.fspath(target) for target in targets) or (".",), **options))
