"""The findings of a repository: where they are, whose they are, what ignores them, and no value."""

from pathlib import Path

import pytest

from detector.fleet.inventory import list_repositories
from detector.fleet.lifecycle import ObservedFinding
from detector.fleet.object_ids import join_hex
from detector.fleet.repository_findings import BRANCH_HEAD, collect_findings
from detector.fleet.tasks import CollectFindings, RepositoryFindings
from detector.fleet.worker import Worker
from detector.rules.shapes import expand
from tests.detector.fleet import synthetic
from tests.detector.fleet.sweep_runner import SweepRunner


def line(number: int) -> str:
    return f"TOKEN={synthetic.make_secret(number)}\n"


@pytest.fixture
def bare(tmp_path: Path) -> Path:
    place = tmp_path / "fleet" / "r.git"
    place.mkdir(parents=True)
    synthetic.run_git(place, "init", "-q", "--bare", "-b", "main", ".")
    stream = synthetic.ImportStream(3)
    stream.commit("main", {"old.env": line(1), "src/app.env": line(2)}, "Begin")
    stream.commit("main", {"old.env": None, "src/new.env": f"# moved\n{line(2)}", "src/app.env": None}, "Move")
    stream.write_to(place)
    return place


def collect(bare: Path, worker: Worker, *paths: str) -> RepositoryFindings:
    (entry,) = list_repositories([str(bare)])
    names = [synthetic.run_git(bare, "rev-parse", path).decode().strip() for path in paths]
    *_, found = collect_findings(worker, CollectFindings(entry, join_hex(names), 20, join_hex(names)))
    assert isinstance(found, RepositoryFindings)
    return found


def by_path(found: RepositoryFindings) -> dict[str, ObservedFinding]:
    return {finding.locations[0].path: finding for finding in found.findings}


def test_first_and_current_locations_are_distinguished(bare):
    worker = Worker(SweepRunner(bare.parent, "").settings()[0])
    found = collect(bare, worker, "main~1:old.env", "main~1:src/app.env", "main:src/new.env")
    assert found.reread_objects == 3 and not found.skipped
    old, app = by_path(found)["old.env"], by_path(found)["src/app.env"]
    assert not old.at_head and [location.at_head for location in old.locations] == [False]
    assert app.at_head
    assert [(location.path, location.at_head) for location in app.locations][-1] == ("src/new.env", True)
    assert app.locations[-1].kind in ("blob", BRANCH_HEAD)
    assert synthetic.make_secret(1) not in repr(found) and synthetic.make_secret(2) not in repr(found)


def test_the_owner_is_that_of_the_current_location(bare):
    settings, _ = SweepRunner(bare.parent, "").settings()
    stream = synthetic.ImportStream(4)
    stream.commit("main", {"CODEOWNERS": "/src/ @app\n"}, "Owners", onto="refs/heads/main^0")
    stream.write_to(bare)
    found = collect(bare, Worker(settings), "main~2:old.env", "main~2:src/app.env", "main:src/new.env")
    assert by_path(found)["src/app.env"].owner == "@app"
    assert by_path(found)["old.env"].owner == "Ada Example <ada@example.test>"
    mapped = settings._replace(owners=(("fleet/r", "team-r"),))
    assert by_path(collect(bare, Worker(mapped), "main~2:old.env"))["old.env"].owner == "team-r"


def test_what_is_ignored_at_head_is_reported_with_the_reason_and_until_when(bare):
    worker = Worker(SweepRunner(bare.parent, "").settings()[0])
    stream = synthetic.ImportStream(4)
    stream.commit("main", {".leakfirstignore": "# until 2099-01-31\nsrc/\n"}, "Ignore", onto="refs/heads/main^0")
    stream.write_to(bare)
    found = collect(bare, worker, "main~2:src/app.env", "main:src/new.env")
    (finding,) = found.findings
    assert ".leakfirstignore" in finding.ignored and finding.owner == ""
    assert found.recheck_on == "2099-02-01"


def test_tokens_in_the_names_of_refs_and_files_are_open_findings_although_no_object_is_flagged(bare):
    worker = Worker(SweepRunner(bare.parent, "").settings()[0])
    (entry,) = list_repositories([str(bare)])
    nothing = CollectFindings(entry, b"", 20)
    assert list(collect_findings(worker, nothing)) == [RepositoryFindings(())]
    token = expand("ghp_{alnum:30}{check:github-crc32}", 7)
    synthetic.run_git(bare, "branch", f"fix-{token}", "main")
    stream = synthetic.ImportStream(4)
    stream.commit("side", {f"dump/{token}.txt": "x\n"}, "Dump", onto="refs/heads/main^0")
    stream.write_to(bare)
    (*_, found) = collect_findings(worker, nothing)
    assert isinstance(found, RepositoryFindings)
    (finding,) = found.findings
    assert finding.at_head and {location.kind for location in finding.locations} >= {"ref"}
    assert any(location.path.startswith("dump/") for location in finding.locations)
    assert all(location.at_head for location in finding.locations)
    assert token not in repr(found)
