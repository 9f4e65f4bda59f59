"""A baseline matches values, not locations; it merges line by line and reveals nothing about the values."""

import io
import json
from pathlib import Path

import pytest

from detector.errors import UsageError
from detector.ignores import baseline
from detector.ignores.baseline_review import ReviewSession
from detector.rules.shapes import expand
from tests.hooks.world import Repository, leakfirst, token


@pytest.fixture
def repo(tmp_path: Path) -> Repository:
    made = Repository(tmp_path / "repo")
    made.add("a.py", f"t = '{token()}'\n")
    made.commit("first", "--no-verify")
    return made


def scan(repo: Repository, *words: str) -> dict[str, object]:
    done = leakfirst("scan", "--format", "json", *words, ".", cwd=repo.path)
    assert done.returncode in (0, 1), done.stderr
    found: dict[str, object] = json.loads(done.stdout)
    return found


def create(repo: Repository, *words: str) -> str:
    done = leakfirst("baseline", "create", *words, cwd=repo.path)
    assert done.returncode == 0, done.stderr
    return (repo.path / baseline.NAME).read_text()


def test_it_holds_one_sorted_line_a_finding_and_no_value(repo: Repository) -> None:
    for seed in range(2, 6):
        repo.add(f"{seed}.py", f"t = '{token(seed)}'\n")
    text = create(repo, "--reason", "from before", "--owner", "ada", "--expires", "2999-01-01")
    head, *lines = text.splitlines()
    rows = [json.loads(line) for line in lines]
    assert json.loads(head)["baseline"] == baseline.FORMAT
    assert len(rows) == 5 and rows == sorted(rows, key=lambda row: row["fingerprint"])
    assert rows[0]["reason"] == "from before" and rows[0]["owner"] == "ada" and rows[0]["expires"] == "2999-01-01"
    assert not any(token(seed) in text for seed in range(1, 6))


def test_moved_lines_renames_and_squashes_stay_known_and_another_value_is_new(repo: Repository) -> None:
    create(repo)
    assert scan(repo)["findings"] == []
    repo.git("mv", "a.py", "b.py")
    repo.add("b.py", f"\n\n# moved\nt = '{token()}'\n")
    repo.commit("move", "--no-verify")
    repo.git("reset", "-q", "--soft", repo.git("rev-list", "--max-parents=0", "HEAD").strip())
    repo.git("commit", "-q", "--no-verify", "--amend", "-m", "squashed")
    assert scan(repo)["findings"] == []
    repo.add("b.py", f"\n\n# moved\nt = '{token(2)}'\n")
    (found,) = scan(repo)["findings"]  # type: ignore[misc]
    assert found["locations"][0]["line"] == 4  # type: ignore[index]


def test_it_lets_exactly_that_one_through_the_hook(repo: Repository) -> None:
    repo.install("pre-commit")
    repo.add("new.py", f"t = '{token(2)}'\n")
    assert repo.commit().returncode == 1
    create(repo)
    assert repo.commit().returncode == 0
    repo.add("new.py", f"t = '{token(3)}'\n")
    assert repo.commit().returncode == 1


def test_two_branches_that_add_entries_merge_without_conflict(repo: Repository) -> None:
    create(repo)
    repo.git("add", "-A")
    repo.commit("baseline", "--no-verify")
    for branch, seed in (("one", 10), ("two", 20)):
        repo.git("checkout", "-q", "-b", branch, "main")
        for more in range(3):
            repo.add(f"{branch}{more}.py", f"t = '{token(seed + more)}'\n")
        done = leakfirst("baseline", "update", "--no-history", "--reason", branch, cwd=repo.path)
        assert done.returncode == 0 and "3 added, 1 kept" in done.stdout
        repo.git("add", "-A")
        repo.commit(branch, "--no-verify")
    repo.git("merge", "-q", "-m", "both", "one")
    merged = baseline.read(str(repo.path / baseline.NAME))
    assert len(merged.entries) == 7 and len(merged.keys) == 1
    assert scan(repo)["findings"] == []


def test_targets_may_stand_behind_options(repo: Repository) -> None:
    done = leakfirst("baseline", "create", "--reason", "x", ".", "--no-history", cwd=repo.path)
    assert done.returncode == 0 and "1 added" in done.stdout, done.stderr
    done = leakfirst("scan", "a.py", "--baseline", "none", ".git/HEAD", "--no-progress", cwd=repo.path)
    assert done.returncode == 1, done.stderr


def test_what_matches_nothing_any_more_is_named_and_pruned(repo: Repository) -> None:
    repo.write("b.py", f"t = '{token(2)}'\n")
    create(repo, "--reason", "before")
    (repo.path / "b.py").unlink()
    (note,) = [note for note in scan(repo)["notes"] if "can be removed" in note]  # type: ignore[attr-defined]
    assert note.startswith(f"{baseline.NAME}: the entry for b.py (github.pat") and "ignores nothing" in note
    done = leakfirst("baseline", "prune", cwd=repo.path)
    assert "removed: b.py" in done.stdout and "1 removed, 1 kept" in done.stdout
    assert scan(repo)["findings"] == []


@pytest.mark.parametrize(
    ("words", "folder", "instead"),
    [
        ([], "sub", "on .."),
        (["--no-history"], "", "without --no-history"),
        (["--no-history"], "sub", "on .. and without --no-history"),
        (["sub"], "", "on ."),
        (["a.py"], "", "on ."),
        (["-"], "", "on ."),
        (["../other", "--baseline", baseline.NAME], "", "on . ../other"),
    ],
)
def test_a_scan_of_a_part_prunes_nothing(repo: Repository, words: list[str], folder: str, instead: str) -> None:
    repo.add("sub/b.py", f"t = '{token(2)}'\n")
    Repository(repo.path.parent / "other")
    before = create(repo)
    done = leakfirst("baseline", "prune", *words, cwd=repo.path / folder)
    assert done.returncode == 2 and done.stderr.count("\n") == 1, done.stderr
    assert done.stderr.endswith(f"run `leakfirst baseline prune` {instead}\n"), done.stderr
    assert (repo.path / baseline.NAME).read_text() == before
    done = leakfirst("baseline", "prune", "..", "--min-confidence", "high", cwd=repo.path / "sub")
    assert done.returncode == 0 and "0 removed, 2 kept" in done.stdout, done.stderr


def test_a_baseline_of_several_repositories_is_not_pruned_by_a_scan_of_one(repo: Repository) -> None:
    other = Repository(repo.path.parent / "other")
    other.add("b.py", f"t = '{token(2)}'\n")
    folder = repo.path.parent
    made = leakfirst("baseline", "create", "--baseline", "team.json", repo.path.name, "other", cwd=folder)
    assert "2 added" in made.stdout, made.stderr
    before = (folder / "team.json").read_text()
    done = leakfirst("baseline", "prune", "--baseline", "team.json", "other", cwd=folder)
    assert done.returncode == 2 and "may be the baseline of others" in done.stderr, done.stderr
    assert (folder / "team.json").read_text() == before


def test_an_entry_of_a_rule_that_is_not_applied_is_kept(repo: Repository) -> None:
    (repo.path.parent / "acme.toml").write_text(
        "[[rule]]\nid = 'acme.key'\nfinds = 'a key'\nanchors = ['acmekey_[0-9a-z]{6}']\n"
        "pattern = '(acmekey_[0-9a-z]{24})'\nconfidence = 'high'\n"
    )
    repo.write("c.py", f"t = '{expand('acmekey_{base36:24}', 3)}'\n")
    before = create(repo, "--patterns", "../acme.toml")
    done = leakfirst("baseline", "prune", cwd=repo.path)
    assert "kept, its rule was not applied: c.py (acme.key)" in done.stdout and "0 removed, 2 kept" in done.stdout
    assert (repo.path / baseline.NAME).read_text() == before


def test_what_is_unsure_is_not_gone(repo: Repository) -> None:
    repo.write("c.py", "password = 'root'\n")
    before = create(repo, "--min-confidence", "low")
    assert len(before.splitlines()) == 3, "a head, the token and the password"
    assert "0 removed, 2 kept" in leakfirst("baseline", "prune", cwd=repo.path).stdout
    assert (repo.path / baseline.NAME).read_text() == before


def test_an_expired_decision_counts_no_more(repo: Repository) -> None:
    create(repo, "--expires", "2020-01-01")
    assert len(scan(repo)["findings"]) == 1  # type: ignore[arg-type]


def test_the_key_can_stay_out_of_the_file(repo: Repository, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LEAKFIRST_KEY", "a key that only the pipeline knows")
    assert json.loads(create(repo).splitlines()[0])["salt"] == "LEAKFIRST_KEY"
    assert scan(repo)["findings"] == []
    monkeypatch.delenv("LEAKFIRST_KEY")
    assert len(scan(repo)["findings"]) == 1  # type: ignore[arg-type]
    done = leakfirst("scan", "--baseline", baseline.NAME, ".", cwd=repo.path)
    assert done.returncode == 2 and "LEAKFIRST_KEY" in done.stderr


def test_none_of_the_repositorys_own_is_used_when_told_so(repo: Repository) -> None:
    create(repo)
    assert len(scan(repo, "--baseline", "none")["findings"]) == 1  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "line",
    [
        '{"fingerprint": "x"}',
        "junk",
        '{"fingerprint": "lf1:1", "color": "red"}',
        "[]",
        '{"baseline": "leakfirst/baseline/1", "salt": 99999999999}',
    ],
)
def test_a_broken_line_is_named(tmp_path: Path, line: str) -> None:
    path = tmp_path / "base"
    path.write_text(baseline.format_baseline(baseline.create_empty()) + line + "\n")
    with pytest.raises(UsageError, match=r"base:2: "):
        baseline.read(str(path))


def test_two_keys_of_a_merge_are_both_tried() -> None:
    one, two = baseline.create_empty(), baseline.create_empty()
    both = baseline.parse((baseline.format_baseline(one) + baseline.format_baseline(two)).encode(), "x")
    assert set(both.keys) == {*one.keys, *two.keys}


def test_creating_does_not_overwrite(repo: Repository) -> None:
    before = create(repo)
    done = leakfirst("baseline", "create", cwd=repo.path)
    assert done.returncode == 2 and "--force" in done.stderr
    assert (repo.path / baseline.NAME).read_text() == before


def test_review_asks_about_each_finding_and_keeps_each_answer(repo: Repository, tmp_path: Path) -> None:
    from leakfirst import scan as look

    for seed in (2, 3):
        repo.add(f"{seed}.py", f"key = 1; t = '{token(seed)}'\n")
    found = look(str(repo.path)).findings
    assert len(found) == 3
    path = str(tmp_path / "base")
    answers = io.StringIO("f\ndocs\nada\nx\ns\na\n\n\nsoon\n2030-01-01\n")
    out = io.StringIO()
    added = ReviewSession(answers, out).decide(found, baseline.create_empty(), path, "2026-01-01", {})
    assert added == 2
    kept = {(entry.reason, entry.owner, entry.expires) for entry in baseline.read(path).entries}
    assert kept == {("docs", "ada", ""), ("", "", "2030-01-01")}
    assert not any(token(seed) in out.getvalue() for seed in (1, 2, 3))
    assert "key = 1; t = 'ghp_" in out.getvalue()


def test_review_can_be_quit_at_any_question(repo: Repository, tmp_path: Path) -> None:
    from leakfirst import scan as look

    found = look(str(repo.path)).findings
    for answers in ("q\n", "", "f\n", "f\nreason\n"):
        assert (
            ReviewSession(io.StringIO(answers), io.StringIO()).decide(
                found, baseline.create_empty(), "x", "2026-01-01", {}
            )
            == 0
        )


def test_review_needs_a_terminal(repo: Repository) -> None:
    done = leakfirst("baseline", "review", cwd=repo.path)
    assert done.returncode == 2 and "terminal" in done.stderr
