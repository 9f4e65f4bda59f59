"""What a worker process keeps from task to task: settings, rules, and how it opens repositories."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, NamedTuple

from detector.containers.unpack import CleanMembers
from detector.errors import SourceError
from detector.fleet.tasks import WorkerSettings
from detector.scan.state import digest_refs, digest_rule

if TYPE_CHECKING:
    from detector.engine.engine import Engine
    from detector.fleet.inventory import RepositoryEntry
    from detector.git.repository import Repository
    from detector.rules.pack import Pack


class LoadedRules(NamedTuple):
    """The rules, their engine, and the key of the fingerprints."""

    pack: Pack
    engine: Engine
    key: bytes


class Worker:
    """The resources of one worker process."""

    def __init__(self, settings: WorkerSettings) -> None:
        self.settings = settings
        self.clean = CleanMembers()
        self._rules: LoadedRules | None = None

    def load_rules(self) -> LoadedRules:
        """Return the rules, loaded once. Raises `SourceError` if rules or key differ from the coordinator's."""
        if self._rules is None:
            from detector.fingerprint import load_project_key
            from detector.fleet.digests import digest_rules, identify_key
            from detector.rules.pack import build_engine
            from detector.scan.rule_pack import load_rule_pack

            pack, key = load_rule_pack(self.settings.config), load_project_key()
            if digest_rules({rule.id: digest_rule(rule) for rule in pack.rules}) != self.settings.rules_digest:
                raise SourceError("this worker's rules differ from the coordinator's: install the same version")
            if identify_key(key) != self.settings.key_id:
                raise SourceError("this worker's key differs from the coordinator's: set LEAKFIRST_KEY for both")
            self._rules = LoadedRules(pack, build_engine(pack), key)
        return self._rules

    def open_repository(self, entry: RepositoryEntry, expected_refs: str = "") -> Repository:
        """Return the repository of *entry* on this machine.

        A clone that is missing, or whose refs do not have the digest *expected_refs*, is fetched first.
        """
        from detector.git.repository import discover

        path, allow = self.settings.clones.find_path(entry), self.settings.config.allow
        if not entry.local and not os.path.isdir(path):
            return discover(self.settings.clones.refresh(entry).path, allow)
        repository = discover(path, allow)
        if not entry.local and expected_refs and digest_refs(repository) != expected_refs:
            self.settings.clones.refresh(entry)
            return discover(path, allow)
        return repository
