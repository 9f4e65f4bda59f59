"""Sightings of scored rules are examined again once the path of their object is known."""

from pathlib import Path

import pytest

from detector.config import Config
from detector.model import Location, Origin, Sighting, Skipped
from detector.rules.pack import Pack, load_pack
from detector.rules.shapes import expand
from detector.scan import recheck
from detector.scan.recheck import recheck_with_paths
from detector.secret import Secret
from tests.detector.git.building import Built

VALUE = expand("{alnum:16}", 5)


@pytest.fixture(scope="module")
def pack() -> Pack:
    return load_pack(())


def find_rule(pack: Pack, scored: bool) -> int:
    return next(index for index, rule in enumerate(pack.rules) if rule.scored is scored)


def make_sighting(rule: int, built: Built, path: str, name: str) -> Sighting:
    origin = Origin("blob", path, str(built.path), built.git("rev-parse", f"HEAD:{name}"))
    location = Location(origin, 12, 12 + len(VALUE), 1, 13, 1, 13 + len(VALUE))
    return Sighting(rule, location, Secret(VALUE.encode()))


@pytest.fixture
def built(tmp_path: Path) -> Built:
    built = Built(tmp_path / "repo")
    built.commit("app.env", f"DB_PASSWORD={VALUE}\n".encode())
    built.commit("app.py", f"DB_PASSWORD={VALUE}\n".encode())
    return built


def test_the_path_decides_whether_it_still_is_a_credential(built: Built, pack: Pack) -> None:
    scored = find_rule(pack, True)
    skipped: list[Skipped] = []
    seen = [make_sighting(scored, built, name, name) for name in ("app.env", "app.py")]
    kept = recheck_with_paths(seen, pack, Config(), skipped)
    assert [one.location.origin.path for one in kept] == ["app.env"] and not skipped
    assert kept[0].secret == seen[0].secret and kept[0].location.origin == seen[0].location.origin


def test_other_rules_and_members_of_archives_are_kept_as_they_are(built: Built, pack: Pack) -> None:
    seen = [
        make_sighting(find_rule(pack, False), built, "app.py", "app.py"),
        make_sighting(find_rule(pack, True), built, "a.zip!app.py", "app.py"),
        make_sighting(find_rule(pack, True), built, "", "app.py"),
    ]
    assert recheck_with_paths(seen, pack, Config(), []) == seen


def test_what_cannot_be_read_again_is_kept_and_reported(built: Built, pack: Pack, tmp_path: Path) -> None:
    nowhere = str(tmp_path / "nowhere")
    gone = make_sighting(find_rule(pack, True), built, "app.py", "app.py")
    gone = gone._replace(location=gone.location._replace(origin=gone.location.origin._replace(repository=nowhere)))
    skipped: list[Skipped] = []
    assert recheck_with_paths([gone], pack, Config(), skipped) == [gone]
    assert [skip.where for skip in skipped] == [nowhere]


def test_several_processes_answer_as_one(built: Built, pack: Pack, monkeypatch: pytest.MonkeyPatch) -> None:
    scored = find_rule(pack, True)
    seen = [make_sighting(scored, built, f"{name}/app.env", "app.env") for name in "abcdef"]
    alone = recheck_with_paths(seen, pack, Config(), [])
    monkeypatch.setattr(recheck, "MIN_PARALLEL_OBJECTS", 4)
    assert len(alone) == 6 and recheck_with_paths(seen, pack, Config(), [], workers=2) == alone
