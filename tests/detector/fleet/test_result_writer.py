"""What is written to the state, and when."""

import pytest

from detector.fleet import result_writer
from detector.fleet.inventory import RepositoryEntry
from detector.fleet.lifecycle import DEADLINES
from detector.fleet.repository_work import RepositoryWork
from detector.fleet.result_writer import ResultWriter
from detector.fleet.state import open_state
from detector.fleet.state.run_status import RunStatus
from detector.fleet.state.store import Checkpoint
from detector.fleet.tasks import RepositoryFindings, ShareResult, SurveyResult
from detector.model import Skipped
from tests.detector.fleet.conftest import KEY
from tests.detector.fleet.state.test_store import finding

ENTRY = RepositoryEntry("file:/a", "a", "/a", version="1")
TODAY = "2026-01-01"


@pytest.fixture
def state(tmp_path):
    with open_state(str(tmp_path / "sweep.db"), KEY) as opened:
        yield opened


@pytest.fixture
def writer(state) -> ResultWriter:
    return ResultWriter(state, state.save_ruleset({"a": "1"}), DEADLINES, TODAY)


def make_work(row=None) -> RepositoryWork:
    work = RepositoryWork(ENTRY, row, Checkpoint())
    work.survey = SurveyResult("digest")
    work.packs = b"packs"
    work.flag(b"1" * 20)
    return work


def test_a_complete_result_leaves_a_checkpoint_for_the_next_sweep(state, writer):
    found = RepositoryFindings((finding("1"),), recheck_on="2026-03-01", attributions=b"snapshot")
    written = writer.write_result(make_work(), ShareResult(20, objects=3), found)
    assert [kind for kind, _ in written.events] == ["opened"]
    assert not written.incomplete and not written.superseded
    row = state.list_repositories()["file:/a"]
    assert (row.state_digest, row.recheck_on, row.version, row.complete) == ("digest", "2026-03-01", "1", True)
    assert state.load_checkpoint("file:/a") == (b"packs", b"1" * 20, b"snapshot")


@pytest.mark.parametrize(
    ("scan", "found", "digest", "packs", "attributions"),
    [
        (ShareResult(20, skipped=(Skipped("a.zip", "has a password"),)), (), "digest", b"", b"snapshot"),
        (ShareResult(20, failed=True, skipped=(Skipped("a share", "died"),)), (), "", b"", b""),
        (ShareResult(20), (Skipped("1" * 40, "could not be read again"),), "", b"", b""),
        (
            ShareResult(20, skipped=(Skipped("x", "is a submodule", expected=True),)),
            (),
            "digest",
            b"packs",
            b"snapshot",
        ),
    ],
)
def test_what_could_not_be_read_is_tried_again_within_a_week(state, writer, scan, found, digest, packs, attributions):
    written = writer.write_result(make_work(), scan, RepositoryFindings((), found, attributions=b"snapshot"))
    row = state.list_repositories()["file:/a"]
    assert row.state_digest == digest
    assert state.load_checkpoint("file:/a") == (packs, b"1" * 20, attributions)
    assert row.recheck_on == ("2026-01-08" if written.incomplete else "")


def test_a_result_is_superseded_if_another_sweep_has_written_one(state, writer):
    assert not writer.write_result(make_work(), ShareResult(20), RepositoryFindings(())).superseded
    assert writer.write_result(make_work(), ShareResult(20), RepositoryFindings(())).superseded
    work = make_work(state.list_repositories()["file:/a"])
    assert not writer.write_result(work, ShareResult(20), RepositoryFindings(())).superseded


def test_unchanged_repositories_are_written_in_batches_with_what_the_inventory_has_changed(state, writer, monkeypatch):
    monkeypatch.setattr(result_writer, "BATCH", 2)
    writer.write_failure(ENTRY, "unreachable")
    row = state.list_repositories()["file:/a"]
    writer.write_unchanged(ENTRY._replace(name="renamed"), row)
    assert state.list_repositories()["file:/a"].failures == 1
    writer.write_unchanged(ENTRY._replace(key="file:/b"), row)
    row = state.list_repositories()["file:/a"]
    assert (row.failures, row.name) == (0, "renamed")
    writer.flush()
    writer.end_run(RunStatus.COMPLETED, {})
