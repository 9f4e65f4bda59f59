"""The policies of all targets of a scan."""

from detector.ignores.policy import ExactEntry, IgnorePolicy
from detector.model import Origin
from detector.scan import policies


def test_of_many_entries_that_do_nothing_some_are_named() -> None:
    many = [ExactEntry(f"list:{number}", ("line", "a.py", number)) for number in range(25)]
    notes = policies.IgnorePolicies([IgnorePolicy(exact=many)]).notes(everything=True)
    assert len(notes) == 21 and notes[-1] == "5 more entries ignore nothing"


def test_where_a_policy_looks_from() -> None:
    relative = policies.make_path_mapper(".", "")
    assert relative(Origin("stdin", "-")) == "-"


def test_targets_that_leave_out_a_part_do_not_cover_their_roots(tmp_path) -> None:
    (tmp_path / ".git").mkdir()
    (tmp_path / "docs").mkdir()
    assert policies.covers_roots([str(tmp_path)])
    assert policies.covers_roots(["https://git.example.org/team/app.git"])
    assert not policies.covers_roots([str(tmp_path / "docs")])
    assert not policies.covers_roots(["-"])
