"""A credential is found in every kind of container and encoding, and its location names the way to it."""

import pytest

from tests.detector.containers.reading import STORED, find_locations, plant_all, scan_file


@pytest.mark.parametrize("where", ["files", "worktree", "history"])
def test_the_credential_is_found_in_every_place(rules: str, repository: str, where: str) -> None:
    """In a working tree and in history, each token is found once, with its line and its path."""
    result = scan_file(
        rules, repository, history=where == "history", worktree=where != "history", include_ignored=where == "files"
    )
    found = find_locations(result)
    wrong = {}
    for place, token in plant_all():
        locations = found.get(token, [])
        paths = {(at.origin.path.removeprefix(repository + "/"), at.line if place.line else 0) for at in locations}
        expected = f"{place.path}!{place.inner}" if place.inner else place.path
        if paths != {(expected, place.line)}:
            wrong[place.name] = paths
    assert wrong == {}
    assert [skip for skip in result.skipped if not skip.expected] == []
    assert len(plant_all()) >= 90


@pytest.mark.parametrize("index", range(len(STORED)), ids=[place.name for place in STORED])
def test_every_place_can_be_a_target(rules: str, tmp_path, index: int) -> None:
    place, token = plant_all()[index]
    (tmp_path / place.path).write_bytes(place.content)
    locations = find_locations(scan_file(rules, str(tmp_path / place.path)))[token]
    assert len({(at.origin.path, at.line) for at in locations}) == 1
