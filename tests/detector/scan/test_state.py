"""`--state`: what was read is not read again, and nothing is forgotten for it."""

import subprocess
from pathlib import Path

import pytest

from detector.rules.shapes import expand
from leakfirst import scan

RULE = """
[[rule]]
id = "acme.key"
finds = "Acme key"
confidence = "high"
anchors = ["acmekey_[0-9a-z]{6}"]
pattern = '(acmekey_[0-9a-z]{24})'
"""
OTHER = RULE.replace("acme.key", "acme.other").replace("acmekey", "acmeother")


def token(name: str = "key", seed: int = 0) -> str:
    return expand(f"acme{name}_{{base36:24}}", seed)


def git(folder: Path, *words: str) -> None:
    subprocess.run(["git", *words], cwd=folder, check=True, capture_output=True)


@pytest.fixture
def repository(tmp_path) -> Path:
    folder = tmp_path / "repo"
    folder.mkdir()
    git(folder, "init", "-q")
    for number in range(30):
        (folder / "a.txt").write_text("line\n" * number + (token() if number == 20 else ""))
        (folder / "b.txt").write_text(token("other") if number == 5 else "none")
        git(folder, "add", ".")
        git(folder, "commit", "-qm", f"Change {number}")
    git(folder, "repack", "-adq")
    return folder


@pytest.fixture
def asked(tmp_path) -> dict:
    rules = tmp_path / "acme.toml"
    rules.write_text(RULE)
    state = str(tmp_path / "state")
    return {"patterns": (str(rules),), "only": ("acme.*",), "jobs": 1, "worktree": False, "state": state}


def ids(result) -> list[str]:
    return sorted(finding.rule.id for finding in result.findings)


def test_a_second_scan_reads_what_had_a_finding_and_tells_it_again(repository, asked) -> None:
    first = scan(repository, **asked)
    again = scan(repository, **asked)
    assert first.stats.blobs > 60
    assert again.stats.blobs == 1
    assert again.findings == first.findings
    assert ids(again) == ["acme.key"]


def test_after_a_commit_only_its_objects_are_read(repository, asked) -> None:
    scan(repository, **asked)
    (repository / "new.txt").write_text(token(seed=2))
    git(repository, "add", ".")
    git(repository, "commit", "-qm", "One more")
    result = scan(repository, **asked)
    assert len(result.findings) == 2
    assert result.stats.blobs <= 1 + 3, "the flagged blob, the new blob and the commit"


def test_a_new_rule_is_applied_to_old_objects(repository, asked) -> None:
    scan(repository, **asked)
    with open(asked["patterns"][0], "a") as file:
        file.write(OTHER)
    result = scan(repository, **asked)
    assert ids(result) == ["acme.key", "acme.other"]
    assert scan(repository, **asked).stats.blobs == 2


def test_another_text_for_people_changes_nothing(repository, asked) -> None:
    scan(repository, **asked)
    Path(asked["patterns"][0]).write_text(RULE.replace("Acme key", "Key of Acme"))
    assert scan(repository, **asked).stats.blobs == 1


def test_a_scan_that_met_trouble_is_not_remembered(repository, asked, monkeypatch) -> None:
    from detector.git import shares

    read = shares.read_share

    def stop(share, skipped, *rest, **more):
        yield from read(share, skipped, *rest, **more)
        raise MemoryError

    monkeypatch.setattr(shares, "read_share", stop)
    assert not scan(repository, **asked).complete
    monkeypatch.undo()
    assert scan(repository, **asked).stats.blobs > 60


def test_a_damaged_state_is_said_and_read_over(repository, asked) -> None:
    scan(repository, **asked)
    Path(asked["state"]).write_bytes(b"leakfirst-state 1\nnonsense")
    result = scan(repository, **asked)
    assert result.stats.blobs > 60
    assert "cannot be used" in result.notes[0]


def test_a_later_version_is_told_once_the_oldest_is_gone(repository, asked) -> None:
    for text in ("later\n", "last\n"):
        (repository / "a.txt").write_text(text + token(seed=7))
        git(repository, "commit", "-qam", text)
    old = scan(repository, **asked)
    git(repository, "checkout", "-q", "--orphan", "fresh")
    git(repository, "commit", "-qm", "All that there is")
    for branch in ("master", "main"):
        subprocess.run(["git", "branch", "-qD", branch], cwd=repository, check=False, capture_output=True)
    git(repository, "reflog", "expire", "--expire=now", "--all")
    git(repository, "gc", "-q", "--prune=now")
    again = scan(repository, **asked)
    assert len(old.findings) == 2
    assert [finding.secret.reveal() for finding in again.findings] == [token(seed=7).encode()]


@pytest.fixture
def versions(repository) -> Path:
    """The repository, with a credential in ten more versions of a file."""
    for number in range(10):
        (repository / "c.txt").write_text("more\n" * number + token(seed=3))
        git(repository, "add", ".")
        git(repository, "commit", "-qm", f"More {number}")
    return repository


def test_later_versions_are_not_read_again_while_the_refs_stay(versions, asked) -> None:
    first = scan(versions, **asked)
    for _ in range(2):
        again = scan(versions, **asked)
        assert again.stats.blobs == 2 == len(first.findings)
        assert again.findings == first.findings
    every = scan(versions, **asked, every_commit=True)
    assert every.stats.blobs == 11
    git(versions, "commit", "-q", "--allow-empty", "-m", "Nothing")
    assert scan(versions, **asked).findings == first.findings
    assert scan(versions, **asked).stats.blobs == 2


def test_a_later_version_is_read_once_the_oldest_is_no_longer_there(versions, asked) -> None:
    """What no ref reaches goes without a change of the refs."""
    git(versions, "checkout", "-q", "-b", "side")
    for text in ("one\n", "two\n"):
        (versions / "d.txt").write_text(text + token(seed=9))
        git(versions, "add", "d.txt")
        git(versions, "commit", "-qm", text)
    git(versions, "checkout", "-q", "-")
    git(versions, "branch", "-qD", "side")
    git(versions, "reflog", "expire", "--expire=now", "--all")
    first = scan(versions, **asked)
    (oldest,) = [
        place.origin for finding in first.findings for place in finding.locations if "d.txt" in place.origin.path
    ]
    assert scan(versions, **asked).stats.blobs == 3
    name = str(oldest.object_id)
    (versions / ".git" / "objects" / name[:2] / name[2:]).unlink()
    again = scan(versions, **asked)
    assert again.stats.blobs == 12, "the two that are still there, and all versions that gave way to an older one"
    assert [finding.secret for finding in again.findings] == [finding.secret for finding in first.findings]
    assert name not in {place.origin.object_id for finding in again.findings for place in finding.locations}
