"""What ignores findings, what reports that it does, and what is not obeyed."""

import json
import os
from pathlib import Path

import pytest

from detector.errors import UsageError
from detector.ignores import allowlist
from detector.ignores.policy import AllowEntry, IgnorePolicy, is_same_rule
from detector.model import Rule, Scan
from leakfirst import scan
from tests.detector.ignores.test_formats import RULE, seen
from tests.hooks.world import Repository, leakfirst, token


def hides(allow: AllowEntry, rule: Rule = RULE, **facts: object) -> bool:
    return bool(IgnorePolicy([allow]).find_reason(seen(**facts), rule))  # type: ignore[arg-type]


def allow_of(text: str) -> AllowEntry:
    (allow,) = allowlist.parse_allowlist(allowlist.parse_settings(text.encode(), "leakfirst.toml"), "leakfirst.toml")
    return allow


@pytest.mark.parametrize(
    ("condition", "fitting", "other"),
    [
        ('rules = ["github.*"]', {}, {"rule": Rule("aws.key", "x")}),
        ('paths = ["src/*.py"]', {}, {"path": "src/deep/a.txt"}),
        ('path-patterns = ["^src/"]', {}, {"path": "a/src/b"}),
        ('values = ["^s3cr"]', {}, {"value": "other"}),
        ('words = ["VALUE"]', {}, {"value": "other"}),
        ('commits = ["ABC"]', {"commit": "abcdef"}, {"commit": "fedcba"}),
        ('lines = ["x"]', {"nearby_ignores": ("line:x",)}, {"nearby_ignores": ("line:y", "match:x")}),
        ('matches = ["x"]', {"nearby_ignores": ("match:x",)}, {"nearby_ignores": ("line:x",)}),
    ],
)
def test_each_condition_alone(condition: str, fitting: dict[str, object], other: dict[str, object]) -> None:
    allow = allow_of(f"[[allow]]\n{condition}\n")
    assert hides(allow, **fitting)  # type: ignore[arg-type]
    assert not hides(allow, **other)  # type: ignore[arg-type]


def test_all_kinds_must_fit_unless_any_may() -> None:
    text = '[[allow]]\npaths = ["src/"]\nvalues = ["^nothing"]\n'
    assert not hides(allow_of(text))
    assert hides(allow_of(text + 'match = "any"\n'))
    bound = allow_of(text + 'match = "any"\nrules = ["aws.*"]\n')
    assert not hides(bound), "rules always hold"


def test_a_day_that_is_over_sets_nothing_aside_and_is_named() -> None:
    allow = allow_of('[[allow]]\nreason = "for now"\nrules = ["*"]\nuntil = 2026-01-31\n')
    assert IgnorePolicy([allow], today="2026-01-31").find_reason(seen(), RULE)
    late = IgnorePolicy([allow], today="2026-02-01")
    assert not late.find_reason(seen(), RULE) and "expired on 2026-01-31" in late.notes[0]


@pytest.mark.parametrize(
    "text",
    [
        "[[allow]]\nreason = 'everything'\n",
        "[[allow]]\ncolour = 'red'\n",
        "[[allow]]\nvalues = ['(']\n",
        "[[allow]]\nrules = [3]\n",
        "[[allow]]\nrules = ['a.*']\nuntil = 'soon'\n",
        "[[allow]]\nrules = ['a.*']\nmatch = 'some'\n",
        "allow = 3\n",
        "allow = [3]\n",
        "[[allow",
    ],
)
def test_mistakes_are_usage_errors(text: str) -> None:
    with pytest.raises(UsageError, match=r"leakfirst\.toml"):
        allowlist.parse_allowlist(allowlist.parse_settings(text.encode(), "leakfirst.toml"), "leakfirst.toml")


def test_rules_of_other_tools_mean_those_for_the_same_service() -> None:
    assert is_same_rule("aws-access-token", "aws.access-key") and is_same_rule("gcp-api-key", "google.api-key")
    assert not is_same_rule("aws-access-token", "github.pat") and not is_same_rule("generic-api-key", "github.pat")


def test_an_expression_that_never_ends_does_not_hide_and_does_not_hang() -> None:
    assert not hides(AllowEntry("x", values=("(a|aa)+$b",)), value="a" * 3000)


@pytest.fixture
def repo(tmp_path: Path) -> Repository:
    made = Repository(tmp_path / "repo")
    made.write("a.py", f"t = '{token(1)}'\n")
    made.write("docs/b.py", f"t = '{token(2)}'  # leakfirst:allow sample\n")
    made.write("vendor/c.py", f"t = '{token(3)}'\n")
    made.write(".leakfirstignore", "vendor/\n")
    return made


def look(repo: Repository, **options: object) -> Scan:
    return scan(str(repo.path), **options)


def test_a_report_names_what_was_ignored_and_why(repo: Repository) -> None:
    found = look(repo)
    assert [finding.locations[0].origin.path for finding in found.findings] == ["a.py"]
    assert {entry.by for entry in found.ignored} == {".leakfirstignore", "leakfirst:allow in the file"}
    assert any("the repository's .leakfirstignore is applied" in note for note in found.notes)
    shown = leakfirst("scan", "--show-ignored", ".", cwd=repo.path)
    assert "by .leakfirstignore" in shown.stdout and token(3) not in shown.stdout


def test_what_does_nothing_is_named(repo: Repository) -> None:
    repo.write("clean.py", "x = 1  # leakfirst:allow\ny = 2  # gitleaks:allow\n")
    repo.write("leakfirst.toml", '[[allow]]\nreason = "old"\nrules = ["acme.*"]\n')
    notes = look(repo, show_ignored=True).notes
    assert "clean.py:1: leakfirst:allow ignores nothing and can be removed" in notes
    assert any(note.startswith("1 marks of other tools") or "gitleaks:allow, clean.py:2" in note for note in notes)
    assert "leakfirst.toml: allow 1 (old) ignores nothing and can be removed" in notes
    assert not any("ignores nothing and can be removed" in note for note in look(repo, history=False).notes)


def test_a_scan_of_a_part_says_nothing_of_entries_for_the_rest(repo: Repository) -> None:
    repo.write("leakfirst.toml", '[[allow]]\nreason = "old"\nrules = ["acme.*"]\n')
    top = str(repo.path)
    for targets in ((f"{top}/docs",), (f"{top}/a.py",), (f"{top}/docs", f"{top}/vendor")):
        assert not any("ignores nothing and can be removed" in note for note in scan(*targets).notes), targets
    assert any("ignores nothing and can be removed" in note for note in scan(f"{top}/docs", f"{top}/").notes)
    assert not any("ignores nothing and can be removed" in note for note in look(repo, max_size=1 << 20).notes)


def test_a_mistake_in_a_file_of_the_repository_ignores_nothing_and_is_noted(repo: Repository) -> None:
    repo.write("leakfirst.toml", "[[allow]]\nvalues = ['(']\n")
    repo.write(".secrets.baseline", "{")
    found = look(repo)
    assert len(found.findings) == 1
    assert sum("not applied" in note for note in found.notes) == 2


@pytest.mark.parametrize(
    ("name", "content"),
    [
        (".leakfirstignore", "!\n\\\nother\n"),
        ("leakfirst.toml", "[[allow]]\nother-rules = 5\n"),
        ("pyproject.toml", "tool = 'tool.leakfirst'\n"),
        (".secrets.baseline", "[" * 200_000),
    ],
)
def test_nothing_that_a_repository_carries_ends_a_scan(repo: Repository, name: str, content: str) -> None:
    repo.write(name, content)
    assert "a.py" in {place.origin.path for place in look(repo, history=False).findings[0].locations}


def test_a_path_that_is_not_utf8_meets_globs(tmp_path: Path) -> None:
    odd = os.fsdecode(b"odd\xff.py")
    for name in (odd, "plain.py"):
        (tmp_path / name).write_text(f"t = '{token(1)}'\n")
    (tmp_path / ".leakfirstignore").write_bytes(b"odd\xff.*\n")
    found = scan(str(tmp_path))
    assert [os.path.basename(place.origin.path) for place in found.findings[0].locations] == ["plain.py"]


def test_a_credential_may_be_ignored_in_one_place_and_shown_in_another(repo: Repository) -> None:
    repo.write("vendor/again.py", f"t = '{token(1)}'\n")
    found = look(repo)
    assert [place.origin.path for place in found.findings[0].locations] == ["a.py"]
    assert any(entry.finding.locations[0].origin.path == "vendor/again.py" for entry in found.ignored)


def test_paths_are_those_below_the_root_wherever_one_stands(repo: Repository, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(repo.path / "docs")
    for target in ("..", str(repo.path), str(repo.path / "vendor"), "../vendor/c.py"):
        paths = [finding.locations[0].origin.path for finding in scan(target).findings]
        assert not any("vendor" in path for path in paths), target


def test_the_settings_may_stand_in_pyproject(repo: Repository) -> None:
    repo.write("pyproject.toml", '[tool.leakfirst]\n[[tool.leakfirst.allow]]\npaths = ["a.py"]\n')
    assert not look(repo).findings


def test_further_files_are_named_by_read(repo: Repository) -> None:
    repo.write("leakfirst.toml", 'read = ["trufflehog:ci/exclude.txt"]\n')
    repo.write("ci/exclude.txt", "^a\\.py$\n")
    assert not look(repo).findings
    repo.write("leakfirst.toml", 'read = ["trufflehog:../outside.txt"]\n')
    (repo.path.parent / "outside.txt").write_text("^a\\.py$\n")
    assert len(look(repo).findings) == 1


def test_a_link_out_of_the_repository_is_not_followed(repo: Repository, tmp_path: Path) -> None:
    (tmp_path / "outside").write_text("a.py\n")
    (repo.path / ".leakfirstignore").unlink()
    (repo.path / ".leakfirstignore").symlink_to(tmp_path / "outside")
    assert len(look(repo).findings) == 2


def test_fingerprints_of_a_report_can_be_allowed(repo: Repository) -> None:
    done = leakfirst("scan", "--format", "json", ".", cwd=repo.path)
    (found,) = json.loads(done.stdout)["findings"]
    repo.write("leakfirst.toml", f'[[allow]]\nfingerprints = ["{found["fingerprint"]}"]\n')
    assert leakfirst("scan", ".", cwd=repo.path).returncode == 0
