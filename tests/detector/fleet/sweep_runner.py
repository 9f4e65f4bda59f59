"""Sweeps over a folder of repositories, and what the state then contains."""

from pathlib import Path

from sqlalchemy import select

from detector.config import Config
from detector.fingerprint import load_project_key
from detector.fleet.clones import Clones
from detector.fleet.digests import digest_rules, identify_key
from detector.fleet.executors import ExecutorBackend
from detector.fleet.executors.local import LocalExecutor
from detector.fleet.inventory import list_repositories
from detector.fleet.state import open_state
from detector.fleet.state.store import count_rows
from detector.fleet.state.tables import events, findings, locations, repositories
from detector.fleet.sweep import SweepOptions, sweep
from detector.fleet.tally import SweepSummary
from detector.fleet.tasks import WorkerSettings
from detector.scan import pipeline
from detector.scan.rule_pack import load_rule_pack
from detector.scan.state import digest_rule


class SweepRunner:
    """Sweeps the repositories in *folder* with the state at *place*; *options* are those of `SweepOptions`."""

    def __init__(self, folder: Path, place: str, jobs: int = 2, **options: object) -> None:
        self.folder, self.place, self.jobs = folder, place, jobs
        self.options = options
        self.config = Config(worktree=False)

    def settings(self) -> tuple[WorkerSettings, dict[str, str]]:
        rules = {rule.id: digest_rule(rule) for rule in load_rule_pack(self.config).rules}
        clones = Clones(str(self.folder.parent / "clones"))
        return WorkerSettings(self.config, clones, digest_rules(rules), identify_key(load_project_key())), rules

    def executor(self, settings: WorkerSettings) -> ExecutorBackend:
        return LocalExecutor(settings, self.jobs, 0)

    def sweep(self, watch=None, retry_incomplete: bool = False) -> SweepSummary:
        settings, rules = self.settings()
        with open_state(self.place) as state, self.executor(settings) as executor:
            options = SweepOptions(settings, retry_incomplete=retry_incomplete, **self.options)
            return sweep(list_repositories([str(self.folder)]), state, options, executor, rules, watch)

    def read_findings(self) -> dict[str, set[tuple[object, ...]]]:
        """Return the unresolved findings of each repository in the state, one row for each location."""
        with open_state(self.place) as state, state.read() as db:
            rows: dict[str, set[tuple[object, ...]]] = {row.url: set() for row in db.execute(select(repositories))}
            query = (
                select(repositories.c.url, findings, locations)
                .join(findings, findings.c.repository_id == repositories.c.id)
                .join(locations, locations.c.finding_id == findings.c.id)
                .where(locations.c.kind != "branch-head", findings.c.state.in_(["open", "history"]))
            )
            for row in db.execute(query):
                what = row.fingerprint, row.rule, row.severity, row.confidence, row.redacted
                where = row.kind, row.path, row.object_id, row.commit_id, row.line, row.column, row.author, row.date
                rows[row.url].add((*what, *where))
            return rows

    def scan_separately(self) -> dict[str, set[tuple[object, ...]]]:
        """Return what `read_findings` should return, by a scan of each repository alone."""
        rows: dict[str, set[tuple[object, ...]]] = {}
        for path in sorted(self.folder.iterdir()):
            found = rows[str(path)] = set()
            for finding in pipeline.scan(self.config._replace(targets=(str(path),), jobs=1)).findings:
                what = finding.fingerprint, finding.rule.id, finding.severity, finding.confidence
                for at in finding.locations:
                    origin = at.origin
                    where = origin.kind, origin.path, origin.object_id or "", origin.commit or "", at.line, at.column
                    found.add((*what, finding.secret.redacted, *where, origin.author or "", origin.when or ""))
        return rows

    def read_states(self, url: str = "") -> dict[str, str]:
        """Return the state of each finding in the repositories whose path ends with *url*."""
        with open_state(self.place) as state, state.read() as db:
            query = select(findings.c.fingerprint, findings.c.state).join(repositories)
            return {row.fingerprint: row.state for row in db.execute(query.where(repositories.c.url.endswith(url)))}

    def count_flagged(self) -> int:
        """Return the number of flagged objects in all repositories."""
        with open_state(self.place) as state:
            return sum(len(state.load_checkpoint(key).flagged) // 20 for key in state.list_repositories())

    def count_rows(self) -> tuple[int, ...]:
        """Return the number of rows in each table of findings."""
        with open_state(self.place) as state, state.read() as db:
            return tuple(count_rows(db, table) for table in (repositories, findings, locations, events))
