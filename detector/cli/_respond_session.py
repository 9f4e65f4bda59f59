"""What every action of `leakfirst respond` works with: the state, the configuration and the options."""

from __future__ import annotations

import argparse
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from detector.fleet.state.store import State
    from detector.incident.context import Context, Tools
    from detector.incident.ledger import Ledger
    from detector.incident.model import Exposure, Incident
    from detector.incident.settings import IncidentSettings
    from detector.incident.spread import Fleet


class Session:
    """One call of `leakfirst respond`."""

    def __init__(self, state: State, operator: Any, settings: IncidentSettings, args: argparse.Namespace) -> None:
        from rotators.core.model import Clock

        self.state, self.operator, self.settings, self.args = state, operator, settings, args
        self.clock = Clock(time.time, time.sleep)

    @property
    def by(self) -> str:
        """The person who works on the incident."""
        import getpass
        import socket

        return self.args.by or f"{getpass.getuser()}@{socket.gethostname()}"

    def open_ledger(self, name: str) -> Ledger:
        """Return the log of the incident that *name* means. Raises `UsageError`."""
        from detector.incident.ledger import Ledger, resolve_incident

        return Ledger(self.state, resolve_incident(self.state, name), self.clock, self.by)

    def load_incident(self, name: str) -> Incident:
        """Return the present state of an incident. Raises `UsageError`."""
        from detector.incident.model import fold_log

        ledger = self.open_ledger(name)
        return fold_log(ledger.incident_id, ledger.lines, self.settings.owners)

    @contextmanager
    def open_context(self, name: str) -> Iterator[Context]:
        """Lock an incident and yield the context for its steps. Raises `IncidentLocked`."""
        from detector.incident.context import Context
        from detector.incident.ledger import IncidentLock
        from detector.incident.model import fold_log

        ledger = self.open_ledger(name)
        exposure = fold_log(ledger.incident_id, ledger.lines, self.settings.owners).exposure
        with IncidentLock(self.state, ledger.incident_id) as lock:
            yield Context(ledger, self.make_tools(exposure), lock)

    def make_tools(self, exposure: Exposure) -> Tools:
        """Return what the steps work with. Raises `UsageError` if a configuration file is wrong."""
        from detector.config import Config
        from detector.incident.context import Tools
        from detector.incident.leaked_material import load_pack
        from detector.incident.ledger import SentMessages
        from detector.incident.messages.outbox import Outbox, read_destinations
        from detector.incident.messages.redact import make_redactor
        from detector.incident.spread import EmptyFleet
        from rotators.core.policy import load_policy
        from rotators.core.service import RotationService

        destinations = read_destinations(self.operator)
        redact = make_redactor(lambda: load_pack(exposure))
        return Tools(
            config=Config(verify=True, operator=self.operator, progress=False),
            settings=self.settings,
            fleet=self._make_fleet(exposure) if exposure.inventory else EmptyFleet(),
            rotations=RotationService(load_policy(self.args.policy), self.args.rotations),
            outbox=Outbox(destinations, SentMessages(self.state), self.clock, redact),
            clock=self.clock,
            jobs=self.args.jobs,
        )

    def _make_fleet(self, exposure: Exposure) -> Fleet:
        """Return the inventory, listed and swept as `leakfirst sweep` does it."""
        from detector.cli.sweep import make_worker_settings, read_sweep_table
        from detector.config import count_processors
        from detector.fleet.inventory import InventoryOptions, list_repositories
        from detector.incident.spread import InventoryFleet
        from detector.rules.pack import find_cache_folder

        table = read_sweep_table(self.operator)
        settings, rules = make_worker_settings(
            self.operator, table, patterns=exposure.patterns, clones=self.args.clones
        )
        which = {name: table.get(name, False) for name in ("forks", "archived", "wikis", "snippets")}
        pulls = table.get("pull-requests", False)
        cache = find_cache_folder("inventory")
        listing = InventoryOptions(cache=cache, operator=self.operator, pull_requests=pulls, **which)
        jobs = self.args.jobs or table.get("jobs", 0) or count_processors()
        return InventoryFleet(lambda: list_repositories(exposure.inventory, listing), self.state, settings, rules, jobs)
