"""Choose and compile the rules that a scan applies."""

from __future__ import annotations

import fnmatch
import os
from collections.abc import Callable, Sequence

from detector.config import Config
from detector.errors import UsageError
from detector.model import Rule
from detector.rules import pack as packs


def load_rule_pack(config: Config) -> packs.Pack:
    """Return the rules that *config* asks for, compiled. Raises `RuleError`, `UsageError`."""
    files: list[str] = []
    for path in config.patterns:
        files += packs.list_rule_files(path) if os.path.isdir(path) else [path]
    return packs.load_pack(files, select=_make_selector(config), engine=config.engine)


def _make_selector(config: Config) -> Callable[[Sequence[Rule]], Sequence[Rule]] | None:
    if not config.only and not config.skip:
        return None

    def fits(rule: Rule, *globs: str) -> bool:
        return any(fnmatch.fnmatchcase(rule.id, glob) for glob in globs)

    def wanted(rules: Sequence[Rule]) -> Sequence[Rule]:
        idle = [repr(glob) for glob in (*config.only, *config.skip) if not any(fits(rule, glob) for rule in rules)]
        if idle:
            raise UsageError(f"no rule fits {', '.join(idle)}; see `leakfirst rules list`")
        return [rule for rule in rules if fits(rule, *(config.only or ("*",))) and not fits(rule, *config.skip)]

    return wanted
