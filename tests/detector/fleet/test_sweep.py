"""A sweep has the findings of a scan of each repository, and reads only what is new."""

import os
import shutil
from pathlib import Path

import pytest
from sqlalchemy import select

from detector.fleet import claims
from detector.fleet.state import open_state
from detector.fleet.state.tables import events
from detector.scan import recheck
from tests.detector.fleet import synthetic
from tests.detector.fleet.sweep_runner import SweepRunner


@pytest.fixture
def runner(made, tmp_path) -> SweepRunner:
    shutil.copytree(made, tmp_path / "fleet")
    return SweepRunner(tmp_path / "fleet", str(tmp_path / "sweep.db"))


def test_a_worker_scores_candidates_without_processes_of_its_own(runner, monkeypatch):
    monkeypatch.setattr(recheck, "MIN_PARALLEL_OBJECTS", 0)  # it may have no processes of its own
    summary = runner.sweep()
    assert (summary.failed, summary.incomplete) == ((), ())
    assert runner.read_findings() == runner.scan_separately()


def test_findings_equal_those_of_separate_scans_and_shared_objects_are_read_once(runner):
    first = runner.sweep()
    assert (first.swept, first.failed, first.incomplete) == (7, (), ())
    found = runner.read_findings()
    assert found == runner.scan_separately()
    assert all(found.values())
    listed = [
        synthetic.run_git(path, "cat-file", "--batch-all-objects", "--batch-check") for path in runner.folder.iterdir()
    ]
    stored = [line for lines in listed for line in lines.splitlines() if b" tree " not in line]
    assert (
        len(set(stored)) <= first.objects <= len(set(stored)) + runner.count_flagged() + claims.MAX_SHARED < len(stored)
    )

    second = runner.sweep()
    assert (second.unchanged, second.swept, second.objects, second.reread, second.events) == (7, 0, 0, 0, ())

    grown = runner.folder / "r0001.git"
    stream = synthetic.ImportStream(77)
    for number in range(20):
        text = f"key: {synthetic.make_secret(5000)}\n" if number == 7 else stream.make_text(3)
        stream.commit(
            "main", {f"new/{number}.txt": text}, f"New {number}", onto="refs/heads/main^0" if not number else ""
        )
    stream.write_to(grown)
    third = runner.sweep()
    assert (third.unchanged, third.swept) == (6, 1)
    assert third.objects == 40  # twenty commits and their files
    assert [(what, where) for what, _, where in third.events] == [("opened", "r0001")]
    assert runner.read_findings() == runner.scan_separately()


def test_a_repository_that_is_divided_has_the_same_findings(runner):
    runner.options = {"large_objects": 10}
    summary = runner.sweep()
    assert (summary.swept, summary.failed) == (7, ())
    assert runner.read_findings() == runner.scan_separately()
    assert runner.sweep().unchanged == 7


def test_a_changed_rule_is_applied_to_objects_that_were_read_before(runner, tmp_path):
    for place in sorted(runner.folder.iterdir())[:3]:
        shutil.rmtree(place)
    runner.sweep()
    before = runner.read_findings()
    rule = tmp_path / "more.toml"
    rule.write_text(
        '[[rule]]\nid = "acme.word"\nfinds = "A word"\nanchors = ["alpha beta gamma [a-z]{3}"]\n'
        "pattern = '(alpha beta gamma [a-z]+)'\n"
    )
    runner.config = runner.config._replace(patterns=(str(rule),))
    again = runner.sweep()
    assert again.swept == 4
    found = runner.read_findings()
    assert found == runner.scan_separately()
    assert found != before
    assert runner.sweep().unchanged == 4


def test_what_cannot_be_read_is_reported_and_tried_again_while_the_others_are_scanned(runner):
    (runner.folder / "r0000.git" / "HEAD").rename(runner.folder / "HEAD-of-r0000")
    name = synthetic.run_git(runner.folder / "r0002.git", "rev-parse", "main:src/0.txt").decode().strip()
    broken = runner.folder / "r0002.git" / "objects" / name[:2] / name[2:]
    broken.chmod(0o600)
    whole = broken.read_bytes()
    broken.write_bytes(whole[:50])
    first = runner.sweep()
    assert first.swept == 6
    assert first.incomplete == ("r0002",)
    assert any(runner.read_states("r0002.git"))
    (runner.folder / "HEAD-of-r0000").rename(runner.folder / "r0000.git" / "HEAD")
    second = runner.sweep()
    assert (second.swept, second.incomplete) == (1, ("r0002",))  # nothing in r0002 has changed
    assert second.events
    assert {where for _, _, where in second.events} == {"r0000"}
    broken.write_bytes(whole)
    third = runner.sweep(retry_incomplete=True)
    assert (third.swept, third.objects, third.incomplete) == (1, 1, ())
    assert any(runner.read_states("r0000.git"))


def test_a_credential_that_is_removed_from_branch_heads_and_returns_and_is_removed_from_the_history(runner):
    runner.sweep()
    place = runner.folder / "r0001.git"
    opened = {name for name, state in runner.read_states("r0001.git").items() if state == "open"}
    stream = synthetic.ImportStream(99)
    stream.commit("main", {"config/app.env": None}, "Remove", onto="refs/heads/main^0")
    stream.commit("side", {"config/app.env": None}, "Remove", onto="refs/heads/side^0")
    stream.write_to(place)
    assert [what for what, _, _ in runner.sweep().events] == ["removed"]
    (gone,) = opened - {name for name, state in runner.read_states("r0001.git").items() if state == "open"}
    stream.commit(
        "main", {"config/old.env": f"TOKEN={synthetic.make_secret(2)}\n"}, "Put it back", onto="refs/heads/main^0"
    )
    stream.write_to(place)
    assert [what for what, _, _ in runner.sweep().events] == ["returned"]
    assert runner.read_states("r0001.git")[gone] == "open"
    shutil.rmtree(place)
    synthetic.run_git(runner.folder, "init", "-q", "--bare", "-b", "main", str(place))
    assert {what for what, _, _ in runner.sweep().events} == {"absent"}
    assert set(runner.read_states("r0001.git").values()) == {"absent"}


def test_an_ignore_file_at_head_closes_a_finding_which_is_reopened_without_it(runner):
    runner.sweep()
    place = runner.folder / "r0001.git"
    stream = synthetic.ImportStream(98)
    stream.commit("main", {".leakfirstignore": "config/\n"}, "Ignore it", onto="refs/heads/main^0")
    stream.write_to(place)
    assert [what for what, _, _ in runner.sweep().events] == ["closed"]
    stream.commit("main", {".leakfirstignore": None}, "Do not", onto="refs/heads/main^0")
    stream.write_to(place)
    assert [what for what, _, _ in runner.sweep().events] == ["reopened"]


def test_the_state_contains_no_credential(runner):
    runner.sweep()
    values = [synthetic.make_secret(number).encode() for number in range(40)] + [synthetic.make_secret(9999).encode()]
    for path in Path(runner.place).parent.glob("sweep.db*"):
        content = path.read_bytes()
        assert not [value for value in values if value in content or value[4:-4] in content]


def test_every_event_belongs_to_its_run(runner):
    first = runner.sweep()
    with open_state(runner.place) as state, state.read() as db:
        rows = list(db.execute(select(events)))
    assert {row.run_id for row in rows} == {first.run}
    assert len(rows) == len(first.events)
    assert os.path.exists(runner.place)


def test_both_databases_contain_the_same(made, place, tmp_path):
    runner, other = SweepRunner(made, place), SweepRunner(made, str(tmp_path / "other.db"))
    assert runner.sweep().swept == other.sweep().swept == 7
    assert (runner.read_findings(), runner.read_states(), runner.count_rows()) == (
        other.read_findings(),
        other.read_states(),
        other.count_rows(),
    )
    assert runner.sweep().unchanged == 7
