"""What the ignore files of another tool ignore, we ignore too, before and after the migration."""

import hashlib
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from detector.ignores import baseline
from detector.rules.shapes import expand
from tests.hooks.world import Repository, leakfirst, token

BIN = os.path.dirname(sys.executable)


def program(name: str) -> str:
    path = shutil.which(name, path=os.pathsep.join((BIN, os.environ["PATH"])))
    if path is None:
        pytest.skip(f"{name} is not installed")
    return path


def places(repo: Repository, *words: str) -> set[str]:
    """Return path:line of all findings in the working tree."""
    done = leakfirst("scan", "--no-history", "--format", "json", *words, ".", cwd=repo.path)
    assert done.returncode in (0, 1), done.stderr
    found = json.loads(done.stdout)["findings"]
    return {f"{place['path']}:{place['line']}" for finding in found for place in finding["locations"]}


def migrate(repo: Repository, *words: str, code: int = 0) -> str:
    done = leakfirst("migrate", "--no-history", *words, cwd=repo.path)
    assert done.returncode == code, done.stdout + done.stderr
    return done.stdout


def planted(repo: Repository) -> list[str]:
    """Write secrets of several kinds, each in a file of its own."""
    aws = expand("AKIA{base32:16}", 7)
    lines = {
        "src/github.py": f'TOKEN = "{token(1)}"\n',
        "src/second.py": f'# note\nOTHER = "{token(2)}"\nMORE = "{token(3)}"\n',
        "conf/aws.ini": f"aws_access_key_id = {aws}\n",
        "src/wrapped.py": f'HEADER = "token {token(4)}"\n',
    }
    for name, text in lines.items():
        repo.add(name, text)
    return sorted(lines)


@pytest.fixture
def repo(tmp_path: Path) -> Repository:
    made = Repository(tmp_path / "repo")
    planted(made)
    made.commit("planted", "--no-verify")
    return made


def test_a_baseline_of_detect_secrets_hides_the_same_before_and_after(repo: Repository) -> None:
    peer = program("detect-secrets")
    ours = places(repo)
    assert len(ours) >= 5
    listed = subprocess.run([peer, "scan"], cwd=repo.path, capture_output=True, text=True, check=True).stdout
    theirs = {f"{path}:{row['line_number']}" for path, rows in json.loads(listed)["results"].items() for row in rows}
    assert len(theirs & ours) >= 4
    (repo.path / ".secrets.baseline").write_text(listed)
    new = f'TOKEN = "{token(9)}"\n'
    repo.add("src/new.py", new)
    left = places(repo)
    assert "src/new.py:1" in left and len(left & theirs) <= 1, "of what the peer knows only a wrapped value is left"

    said = migrate(repo)
    (repo.path / ".secrets.baseline").unlink()
    assert places(repo) == (ours - theirs) | {"src/new.py:1"}
    assert "migrated: .secrets.baseline: src/github.py" in said
    assert token(1) not in said + (repo.path / baseline.NAME).read_text()
    hook = os.path.join(os.path.dirname(peer), "detect-secrets-hook")
    (repo.path / "again").write_text(listed)
    again = subprocess.run([hook, "--baseline", "again", "src/new.py"], cwd=repo.path, capture_output=True, check=False)
    assert again.returncode == 1, "the peer finds the new one too"


def test_a_baseline_of_kingfisher_hides_the_same_before_and_after(repo: Repository, tmp_path: Path) -> None:
    peer = program("kingfisher")
    ours = places(repo)
    command = [peer, "scan", "--no-validate", "--git-history", "none", "--no-update-check", "-f", "json"]
    known = str(tmp_path / "known.yaml")
    subprocess.run(
        [*command, "--manage-baseline", "--baseline-file", known, "."], cwd=repo.path, capture_output=True, check=False
    )
    rows = Path(known).read_text()
    theirs = {place for place in ours if f"path: {place.rpartition(':')[0]}" in rows.replace("./", "")}
    assert "src/github.py:1" in theirs
    repo.add("src/new.py", f'TOKEN = "{token(9)}"\n')
    assert places(repo, "--baseline", f"kingfisher:{known}") == (ours - theirs) | {"src/new.py:1"}
    migrate(repo, "--from", f"kingfisher:{known}")
    assert places(repo) == (ours - theirs) | {"src/new.py:1"}


def test_locations_of_gitleaks_become_values(repo: Repository) -> None:
    repo.write(".gitleaksignore", "src/second.py:github-pat:2\nsrc/gone.py:github-pat:9\n")
    said = migrate(repo)
    assert "not needed: .gitleaksignore:2" in said
    (repo.path / ".gitleaksignore").unlink()
    assert "src/second.py:2" not in places(repo) and "src/second.py:3" in places(repo)
    repo.write("src/second.py", f'# note\n\nOTHER = "{token(2)}"\nMORE = "{token(5)}"\n')
    assert "src/second.py:3" not in places(repo) and "src/second.py:4" in places(repo)


def test_a_location_in_a_commit_is_found_in_history(repo: Repository) -> None:
    commit = repo.git("rev-parse", "HEAD").strip()
    repo.git("rm", "-q", "src/github.py")
    repo.commit("gone", "--no-verify")
    repo.write(".gitleaksignore", f"{commit}:src/github.py:github-pat:1\n")
    done = leakfirst("migrate", cwd=repo.path)
    assert done.returncode == 0 and "migrated: .gitleaksignore:1 -> github.pat-classic" in done.stdout


def test_allowlists_become_equivalent_tables(repo: Repository) -> None:
    repo.write(
        ".gitleaks.toml",
        "[[allowlists]]\ndescription = \"it's \\\"quoted\\\"\"\ncondition = 'AND'\npaths = ['''^src/''']\n"
        "regexTarget = 'line'\nregexes = ['''TOKEN\\s*=''']\n"
        "[[allowlists]]\ntargetRules = ['aws-key']\npaths = ['''\\.ini$''']\n"
        "[extend]\ndisabledRules = ['jwt']\n",
    )
    before = places(repo)
    assert "src/github.py:1" not in before and "conf/aws.ini:1" not in before and "src/second.py:2" in before
    said = migrate(repo, code=4)
    assert "not migrated: .gitleaks.toml: extend.disabledRules" in said
    (repo.path / ".gitleaks.toml").unlink()
    assert places(repo) == before
    text = (repo.path / "leakfirst.toml").read_text()
    repo.write(".gitleaks.toml", "[[allowlists]]\npaths = ['''^src/''']\n")
    migrate(repo)
    migrate(repo)
    assert (repo.path / "leakfirst.toml").read_text().count("[[allow]]") == text.count("[[allow]]") + 1


def test_path_files_and_ggshield_are_migrated(repo: Repository) -> None:
    repo.write("exclude.txt", "^conf/\n")
    repo.write(
        ".gitguardian.yaml",
        f"version: 2\nsecret:\n  ignored_paths: ['src/second.py']\n  ignored_matches: [{{name: a, match: {token(1)}}}]\n",
    )
    migrate(repo, "--from", "trufflehog:exclude.txt", "--from", ".gitguardian.yaml")
    (repo.path / ".gitguardian.yaml").unlink()
    assert places(repo) == {"src/wrapped.py:1"}


def test_a_dry_run_changes_nothing(repo: Repository) -> None:
    digest = hashlib.sha1(token(1).encode()).hexdigest()
    repo.write(".secrets.baseline", json.dumps({"results": {"src/github.py": [{"hashed_secret": digest}]}}))
    assert "migrated" in migrate(repo, "--dry-run")
    assert not {baseline.NAME, "leakfirst.toml", ".gitattributes"} & set(os.listdir(repo.path))


def test_nothing_to_migrate_is_a_usage_error(repo: Repository) -> None:
    assert leakfirst("migrate", cwd=repo.path).returncode == 2
    assert leakfirst("migrate", "--from", "unknown.txt", cwd=repo.path).returncode == 2
