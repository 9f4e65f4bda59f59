"""The name under which a service remembers a credential in a file, and what it does not depend on."""

from collections import Counter

from detector.model import Finding, Location, Origin
from detector.reports._places import count_places, list_places
from detector.secret import Secret
from tests.golden.sample import GITHUB

KEY = b"k" * 32


def at(path: str, line: int = 1, kind: str = "blob", snippet: str = "p = '...'", **origin: str) -> Location:
    return Location(Origin(kind, path, **origin), line * 100, line * 100 + 9, line, 5, line, 14, (), snippet)


def finding(*locations: Location, value: bytes = b"hunter2hunter2") -> Finding:
    return Finding("lf1:of-this-machine", GITHUB, "high", "high", Secret(value), (), locations)


def names(found: Finding, key: bytes = KEY) -> list[str]:
    return [place.identity for place in list_places(found, {"": key} if key else {}, Counter())]


def test_lines_versions_and_the_key_of_this_machine_do_not_change_a_name() -> None:
    first = names(finding(at("a.py")))
    assert first == names(finding(at("a.py", 7, snippet="moved"))._replace(fingerprint="lf1:another"))
    assert first == names(finding(at("a.py", 3, "worktree"), at("a.py", 1, commit="c" * 40, object_id="d" * 40)))
    assert len(names(finding(at("a.py"), at("b.py")))) == count_places(finding(at("a.py"), at("b.py"))) == 2


def test_another_value_path_rule_or_repository_is_another_name() -> None:
    first = names(finding(at("a.py")))
    assert first != names(finding(at("a.py"), value=b"hunter3hunter3"))
    assert first != names(finding(at("b.py")))
    assert first != names(finding(at("a.py"))._replace(rule=GITHUB._replace(id="other")))
    assert first != names(finding(at("a.py")), b"j" * 32)


def test_without_a_key_the_value_has_no_part_in_the_name() -> None:
    first, other = finding(at("a.py"), value=b"hunter2-abcdefgh"), finding(at("a.py"), value=b"hunter3-abcdefgh")
    assert first.secret.redacted == other.secret.redacted
    assert names(first, b"") == names(other, b"")
    assert names(first, b"") != names(finding(at("a.py", snippet="q = '...'"), value=b"hunter2-abcdefgh"), b"")
    assert names(first, b"") == names(finding(at("a.py", 9, snippet="  p = '...'"), value=b"hunter2-abcdefgh"), b"")


def test_what_is_shown_is_the_newest() -> None:
    old, new, current = at("a.py", 1, commit="1" * 40), at("a.py", 2, commit="2" * 40), at("a.py", 3, "worktree")
    (place,) = list_places(finding(old, new), {}, Counter())
    assert place.location == new and place.others == (old,)
    (place,) = list_places(finding(current, old, new), {}, Counter())
    assert place.location == current


def test_each_line_is_a_place_and_an_insertion_moves_none() -> None:
    old, first, second = at("a.py", 1, commit="1" * 40), at("a.py", 2, "worktree"), at("a.py", 9, "worktree")
    places = list_places(finding(second, old, first), {"": KEY}, Counter())
    assert [place.location for place in places] == [first, second]
    assert [place.others for place in places] == [(old,), ()]
    moved = finding(at("a.py", 5, "worktree"), at("a.py", 12, "worktree"))
    assert [place.identity for place in places] == names(moved) and len(set(names(moved))) == count_places(moved) == 2


def test_objects_without_a_path_are_places_of_their_own() -> None:
    found = finding(at("", kind="commit", object_id="1" * 40), at("", kind="commit", object_id="2" * 40))
    assert len(set(names(found))) == 2


def test_equal_names_of_one_report_are_told_apart() -> None:
    seen: Counter[str] = Counter()
    found = finding(at("a.py"))
    assert list_places(found, {}, seen)[0].identity != list_places(found, {}, seen)[0].identity
