"""A sweep finds what scanning each repository alone finds, and reads what is new."""

import os
import shutil
from pathlib import Path

import pytest
from sqlalchemy import select

from detector.config import Config
from detector.fingerprint import load_project_key
from detector.fleet import claims
from detector.fleet import sweep as sweeping
from detector.fleet.clones import Clones
from detector.fleet.digests import digest_rules, identify_key
from detector.fleet.executors import ExecutorBackend
from detector.fleet.executors.local import LocalExecutor
from detector.fleet.inventory import list_repositories
from detector.fleet.state import open_state
from detector.fleet.state.store import count_rows
from detector.fleet.state.tables import events, findings, locations, repositories
from detector.fleet.sweep import SweepOptions
from detector.fleet.tally import SweepSummary
from detector.fleet.tasks import WorkerSettings
from detector.scan import attribution, pipeline
from detector.scan.rule_pack import load_rule_pack
from detector.scan.state import digest_rule
from tests.detector.fleet import making


class Bench:
    """A fleet, a state, and sweeps over them."""

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
            return sweeping.sweep(list_repositories([str(self.folder)]), state, options, executor, rules, watch)

    def told(self) -> dict[str, set[tuple[object, ...]]]:
        """What the state says of each repository: credentials and where they came in."""
        with open_state(self.place) as state, state.read() as db:
            told: dict[str, set[tuple[object, ...]]] = {row.url: set() for row in db.execute(select(repositories))}
            query = (
                select(repositories.c.url, findings, locations)
                .join(findings, findings.c.repository_id == repositories.c.id)
                .join(locations, locations.c.finding_id == findings.c.id)
                .where(locations.c.kind != "branch-head", findings.c.state.in_(["open", "history"]))
            )
            for row in db.execute(query):
                what = row.fingerprint, row.rule, row.severity, row.confidence, row.redacted
                where = row.kind, row.path, row.object_id, row.commit_id, row.line, row.column, row.author, row.date
                told[row.url].add((*what, *where))
            return told

    def alone(self) -> dict[str, set[tuple[object, ...]]]:
        """What scans of each repository alone say."""
        told: dict[str, set[tuple[object, ...]]] = {}
        for path in sorted(self.folder.iterdir()):
            found = told[str(path)] = set()
            for finding in pipeline.scan(self.config._replace(targets=(str(path),), jobs=1)).findings:
                what = finding.fingerprint, finding.rule.id, finding.severity, finding.confidence
                for at in finding.locations:
                    origin = at.origin
                    where = origin.kind, origin.path, origin.object_id or "", origin.commit or "", at.line, at.column
                    found.add((*what, finding.secret.redacted, *where, origin.author or "", origin.when or ""))
        return told

    def states(self, url: str = "") -> dict[str, str]:
        with open_state(self.place) as state, state.read() as db:
            query = select(findings.c.fingerprint, findings.c.state).join(repositories)
            return {row.fingerprint: row.state for row in db.execute(query.where(repositories.c.url.endswith(url)))}

    def flagged(self) -> int:
        with open_state(self.place) as state:
            return sum(len(state.load_checkpoint(key).flagged) // 20 for key in state.list_repositories())

    def counts(self) -> tuple[int, ...]:
        with open_state(self.place) as state, state.read() as db:
            return tuple(count_rows(db, table) for table in (repositories, findings, locations, events))


@pytest.fixture
def bench(made, tmp_path) -> Bench:
    shutil.copytree(made, tmp_path / "fleet")
    return Bench(tmp_path / "fleet", str(tmp_path / "sweep.db"))


def test_a_worker_judges_again_by_itself(bench, monkeypatch):
    monkeypatch.setattr(attribution, "MIN_PARALLEL_OBJECTS", 0)  # it may have no processes of its own
    summary = bench.sweep()
    assert (summary.failed, summary.incomplete) == ((), ())
    assert bench.told() == bench.alone()


def test_findings_equal_those_of_scanning_each_alone_and_forks_cost_once(bench):
    first = bench.sweep()
    assert (first.swept, first.failed, first.incomplete) == (7, (), ())
    told = bench.told()
    assert told == bench.alone()
    assert all(told.values())
    listed = [making.git(path, "cat-file", "--batch-all-objects", "--batch-check") for path in bench.folder.iterdir()]
    stored = [line for lines in listed for line in lines.splitlines() if b" tree " not in line]
    assert len(set(stored)) <= first.objects <= len(set(stored)) + bench.flagged() + claims.MAX_SHARED < len(stored)

    second = bench.sweep()
    assert (second.unchanged, second.swept, second.objects, second.reread, second.events) == (7, 0, 0, 0, ())

    grown = bench.folder / "r0001.git"
    stream = making.Stream(77)
    for number in range(20):
        text = f"key: {making.secret(5000)}\n" if number == 7 else stream.text(3)
        stream.commit(
            "main", {f"new/{number}.txt": text}, f"New {number}", onto="refs/heads/main^0" if not number else ""
        )
    stream.into(grown)
    third = bench.sweep()
    assert (third.unchanged, third.swept) == (6, 1)
    assert third.objects == 40  # twenty commits and their files
    assert [(what, where) for what, _, where in third.events] == [("opened", "r0001")]
    assert bench.told() == bench.alone()


def test_a_repository_divided_among_workers_says_the_same(bench):
    bench.options = {"large_objects": 10}
    summary = bench.sweep()
    assert (summary.swept, summary.failed) == (7, ())
    assert bench.told() == bench.alone()
    assert bench.sweep().unchanged == 7


def test_a_changed_rule_is_asked_of_what_was_read_before(bench, tmp_path):
    for place in sorted(bench.folder.iterdir())[:3]:
        shutil.rmtree(place)
    bench.sweep()
    before = bench.told()
    rule = tmp_path / "more.toml"
    rule.write_text(
        '[[rule]]\nid = "acme.word"\nfinds = "A word"\nanchors = ["alpha beta gamma [a-z]{3}"]\n'
        "pattern = '(alpha beta gamma [a-z]+)'\n"
    )
    bench.config = bench.config._replace(patterns=(str(rule),))
    again = bench.sweep()
    assert again.swept == 4
    told = bench.told()
    assert told == bench.alone()
    assert told != before
    assert bench.sweep().unchanged == 4


def test_what_cannot_be_read_is_reported_tried_again_and_ends_nothing(bench):
    (bench.folder / "r0000.git" / "HEAD").rename(bench.folder / "HEAD-of-r0000")
    name = making.git(bench.folder / "r0002.git", "rev-parse", "main:src/0.txt").decode().strip()
    broken = bench.folder / "r0002.git" / "objects" / name[:2] / name[2:]
    broken.chmod(0o600)
    whole = broken.read_bytes()
    broken.write_bytes(whole[:50])
    first = bench.sweep()
    assert first.swept == 6
    assert first.incomplete == ("r0002",)
    assert any(bench.states("r0002.git"))
    (bench.folder / "HEAD-of-r0000").rename(bench.folder / "r0000.git" / "HEAD")
    second = bench.sweep()
    assert (second.swept, second.incomplete) == (1, ("r0002",))  # nothing in r0002 has changed
    assert second.events
    assert {where for _, _, where in second.events} == {"r0000"}
    broken.write_bytes(whole)
    third = bench.sweep(retry_incomplete=True)
    assert (third.swept, third.objects, third.incomplete) == (1, 1, ())
    assert any(bench.states("r0000.git"))


def test_gone_from_the_tip_and_back_and_gone_altogether(bench):
    bench.sweep()
    place = bench.folder / "r0001.git"
    opened = {name for name, state in bench.states("r0001.git").items() if state == "open"}
    stream = making.Stream(99)
    stream.commit("main", {"config/app.env": None}, "Remove", onto="refs/heads/main^0")
    stream.commit("side", {"config/app.env": None}, "Remove", onto="refs/heads/side^0")
    stream.into(place)
    assert [what for what, _, _ in bench.sweep().events] == ["removed"]
    (gone,) = opened - {name for name, state in bench.states("r0001.git").items() if state == "open"}
    stream.commit("main", {"config/old.env": f"TOKEN={making.secret(2)}\n"}, "Put it back", onto="refs/heads/main^0")
    stream.into(place)
    assert [what for what, _, _ in bench.sweep().events] == ["returned"]
    assert bench.states("r0001.git")[gone] == "open"
    shutil.rmtree(place)
    making.git(bench.folder, "init", "-q", "--bare", "-b", "main", str(place))
    assert {what for what, _, _ in bench.sweep().events} == {"absent"}
    assert set(bench.states("r0001.git").values()) == {"absent"}


def test_ignores_at_head_close_a_finding_and_open_it_again_without_them(bench):
    bench.sweep()
    place = bench.folder / "r0001.git"
    stream = making.Stream(98)
    stream.commit("main", {".leakfirstignore": "config/\n"}, "Ignore it", onto="refs/heads/main^0")
    stream.into(place)
    assert [what for what, _, _ in bench.sweep().events] == ["closed"]
    stream.commit("main", {".leakfirstignore": None}, "Do not", onto="refs/heads/main^0")
    stream.into(place)
    assert [what for what, _, _ in bench.sweep().events] == ["reopened"]


def test_no_value_is_kept(bench):
    bench.sweep()
    values = [making.secret(number).encode() for number in range(40)] + [making.secret(9999).encode()]
    for path in Path(bench.place).parent.glob("sweep.db*"):
        content = path.read_bytes()
        assert not [value for value in values if value in content or value[4:-4] in content]


def test_every_event_belongs_to_the_run_that_saw_it(bench):
    first = bench.sweep()
    with open_state(bench.place) as state, state.read() as db:
        rows = list(db.execute(select(events)))
    assert {row.run_id for row in rows} == {first.run}
    assert len(rows) == len(first.events)
    assert os.path.exists(bench.place)


def test_both_databases_hold_the_same(made, place, tmp_path):
    bench, other = Bench(made, place), Bench(made, str(tmp_path / "other.db"))
    assert bench.sweep().swept == other.sweep().swept == 7
    assert (bench.told(), bench.states(), bench.counts()) == (other.told(), other.states(), other.counts())
    assert bench.sweep().unchanged == 7
