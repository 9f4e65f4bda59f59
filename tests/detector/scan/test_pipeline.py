"""Each step of a scan alone: plan, examine, attribute, triage, verify."""

import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from detector.config import Config
from detector.errors import SourceError, UsageError
from detector.model import Location, Origin, Sighting, Skipped
from detector.rules.pack import Pack, load_pack
from detector.rules.shapes import expand
from detector.scan import pipeline
from detector.scan.attribution import Attributor
from detector.scan.messages import ExamineOptions
from detector.scan.policies import load_policies
from detector.scan.state import ScanState
from detector.secret import Secret
from tests.detector.git.building import Built

RULE = """
[[rule]]
id = "acme.key"
finds = "Acme key"
confidence = "medium"
anchors = ["acmekey_[0-9a-z]{6}"]
pattern = '(acmekey_[0-9a-z]{24})'
"""
TOKEN = expand("acmekey_{base36:24}", 1)


@pytest.fixture
def pack(tmp_path_factory: pytest.TempPathFactory) -> Pack:
    path = tmp_path_factory.mktemp("rules") / "acme.toml"
    path.write_text(RULE)
    return load_pack((str(path),), shipped=False)


@pytest.fixture
def config(tmp_path: Path) -> Config:
    return Config(targets=(str(tmp_path),), jobs=1)


def make_plan(config: Config, pack: Pack) -> pipeline.Plan:
    state = ScanState()
    with Attributor(config, state, pack) as attributor:
        return pipeline.plan(config, state, attributor)


def make_sighting(confidence: str = "medium", path: str = "a.py") -> Sighting:
    location = Location(Origin("worktree", path), 0, 32, 1, 1, 1, 33)
    return Sighting(0, location, Secret(TOKEN.encode()), confidence=confidence)  # type: ignore[arg-type]


def test_plan_splits_every_target_and_loads_the_policies(tmp_path: Path, pack: Pack, config: Config) -> None:
    (tmp_path / "a.py").write_text("x = 1\n")
    (tmp_path / ".leakfirstignore").write_text("a.py\n")
    planned = make_plan(config, pack)
    assert [share.weight > 0 for share in planned.shares] == [True]
    assert planned.skipped == () and planned.notes == ()
    assert planned.policies.find_reason(make_sighting(path=str(tmp_path / "a.py")), pack.rules[0])


def test_plan_refuses_a_target_that_does_not_exist(pack: Pack) -> None:
    with pytest.raises(SourceError, match="no such file or folder"):
        make_plan(Config(targets=("nowhere",)), pack)


def test_plan_refuses_a_revision_that_no_target_has(tmp_path: Path, pack: Pack) -> None:
    built = Built(tmp_path / "repo")
    built.commit("a.py", b"x")
    with pytest.raises(UsageError, match="nothing"):
        make_plan(Config(targets=(str(built.path),), since="nothing"), pack)


class ListedShare:
    """A share of given texts; after the last one it does what it was told."""

    weight = 10
    name = "a list"
    published = False
    read_before = False

    def __init__(self, *texts: str, then: BaseException | None = None) -> None:
        self._texts = texts
        self._then = then

    def read(self) -> Iterator[object]:
        from detector.model import Blob

        for number, text in enumerate(self._texts):
            yield Blob(text.encode(), Origin("worktree", f"{number}.py"))
        if self._then:
            raise self._then


def run(pack: Pack, config: Config, *shares: ListedShare, **options: object) -> pipeline.ExamineResult:
    return pipeline.examine(shares, pack, config, ExamineOptions(), **options)  # type: ignore[arg-type]


def test_examine_reports_sightings_progress_and_where_something_was_found(pack: Pack, config: Config) -> None:
    told: list[Origin] = []
    progress: list[pipeline.ScanProgress] = []
    result = run(pack, config, ListedShare("x = 1", TOKEN), on_sighting=told.append, on_progress=progress.append)
    assert [sighting.secret.reveal().decode() for sighting in result.sightings] == [TOKEN]
    assert [origin.path for origin in told] == ["1.py"]
    assert progress[-1] == (result.bytes, result.blobs, 10) and result.blobs == 2
    assert result.is_complete


def test_examine_keeps_what_was_found_before_an_interrupt(pack: Pack, config: Config) -> None:
    result = run(pack, config, ListedShare(TOKEN), ListedShare("x", then=KeyboardInterrupt()))
    assert result.interrupted and not result.is_complete
    assert len(result.sightings) == 1 and result.skipped == [pipeline.INTERRUPTED]


def test_examine_stops_at_the_deadline(pack: Pack, config: Config) -> None:
    late = config._replace(timeout=5.0)
    result = run(pack, late, ListedShare("x"), ListedShare(TOKEN), deadline=time.monotonic() - 1)
    assert result.skipped == [Skipped("the rest", "--timeout of 5 seconds is over")] and not result.sightings


def test_attribute_names_the_commit_and_keeps_what_was_skipped(tmp_path: Path, pack: Pack) -> None:
    built = Built(tmp_path / "repo")
    commit = built.commit("a.py", TOKEN.encode())
    config = Config(targets=(str(built.path),), worktree=False, jobs=1)
    state = ScanState()
    with Attributor(config, state, pack) as attributor:
        planned = pipeline.plan(config, state, attributor)
        planned = planned._replace(skipped=(Skipped("elsewhere", "too large", True),))
        examined = pipeline.examine(planned.shares, pack, config, ExamineOptions())
        attributed = pipeline.attribute(planned, examined, attributor)
        cut_short = pipeline.attribute(planned, examined._replace(interrupted=True), attributor)
    assert [sighting.location.origin.commit for sighting in attributed.sightings] == [commit]
    assert attributed.skipped == [Skipped("elsewhere", "too large", True)] and not attributed.interrupted
    assert [sighting.location.origin.commit for sighting in cut_short.sightings] == [None] and cut_short.interrupted


def test_triage_parts_findings_from_what_is_ignored(tmp_path: Path, pack: Pack, config: Config) -> None:
    (tmp_path / ".leakfirstignore").write_text("docs/\n")
    policies = load_policies(config)
    seen = [make_sighting(path=str(tmp_path / path)) for path in ("a.py", "docs/b.md")]
    result = pipeline.triage(seen, pack.rules, policies, config)
    (finding,) = result.findings
    assert [at.origin.path for at in finding.locations] == [str(tmp_path / "a.py")]
    assert [entry.by.startswith(".leakfirstignore") for entry in result.ignored] == [True]
    unsure = pipeline.triage(seen[:1], pack.rules, policies, config._replace(min_confidence="high"))
    assert not unsure.findings and unsure.ignored[0].by == "confidence medium is below high"


def test_verify_says_what_it_would_ask(tmp_path: Path, pack: Pack, config: Config) -> None:
    findings = pipeline.triage([make_sighting()], pack.rules, load_policies(config), config).findings
    result = pipeline.verify(findings, config._replace(verify=True, dry_run=True))
    assert result.findings == findings and not result.interrupted
