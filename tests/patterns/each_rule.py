"""Run a test for every shipped rule: one test per rule file, which names all rules that fail.

A test per rule would be eight thousand tests, and collecting and reporting them cost more than running them.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from detector.model import Rule
from detector.rules.loader import load_files
from detector.rules.pack import list_rule_files, shipped_folder

RULES = {rule.id: rule for rule in load_files(list_rule_files(shipped_folder()))}


def for_each_rule(chosen: Callable[[Rule], object]) -> Callable[[Callable[[Rule], None]], Callable[[str], None]]:
    """Return a decorator that runs a test with each rule for which *chosen* is true."""
    files: dict[str, list[Rule]] = {}
    for rule in filter(chosen, RULES.values()):
        files.setdefault(Path(rule.source.rpartition(":")[0]).stem, []).append(rule)

    def decorate(test: Callable[[Rule], None]) -> Callable[[str], None]:
        @pytest.mark.parametrize("rule_file", sorted(files))
        def run(rule_file: str) -> None:
            failed = []
            for rule in files[rule_file]:
                try:
                    test(rule)
                except AssertionError as problem:
                    failed.append(f"{rule.id}: {problem}")
            assert not failed, "\n".join(failed)

        run.__doc__ = test.__doc__
        return run

    return decorate
