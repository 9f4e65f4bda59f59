"""Which files are read, which entries count, and what is reported of files that cannot be read."""

import os
from pathlib import Path

import pytest

from detector.incident.dependents import DependencyMatch, search
from detector.model import Skipped
from tests.detector.incident.dependents.making import commit, found, git, unread, write

LOCK = {
    "lockfileVersion": 3,
    "packages": {
        "": {"dependencies": {"outer": "^1.0.0"}},
        "node_modules/outer": {"version": "1.4.0", "dependencies": {"inner": "2.x"}},
        "node_modules/inner": {"version": "2.1.0"},
    },
}


def test_a_folder_a_bare_repository_and_a_clone_give_the_same_result(tmp_path: Path) -> None:
    tip = commit(tmp_path / "work", {"package-lock.json": LOCK})
    git(tmp_path, "clone", "-q", "--bare", "work", "bare.git")
    write(tmp_path / "plain", {"package-lock.json": LOCK})
    entries = found(tmp_path, "inner@2.1.0")
    places = [(os.path.relpath(entry.repository, tmp_path), entry.path, entry.commit) for entry in entries]
    assert places == [
        (".", "plain/package-lock.json", ""),
        ("bare.git", "package-lock.json", tip),
        ("work", "package-lock.json", tip),
    ]
    assert {(entry.version, entry.direct, entry.via, entry.match) for entry in entries} == {
        ("2.1.0", False, ("outer@1.4.0",), DependencyMatch.LOCKED)
    }


def test_a_lock_file_overrides_its_manifest(tmp_path: Path) -> None:
    manifest = {"dependencies": {"outer": "^1.0.0", "unlocked": "~3.1"}}
    write(tmp_path, {"package.json": manifest, "package-lock.json": LOCK, "sub/package.json": manifest})
    (entry,) = found(tmp_path, "outer@1.5.0")
    assert (entry.path, entry.match) == ("sub/package.json", DependencyMatch.ALLOWED), "no lock file covers this folder"
    (entry, _) = found(tmp_path, "outer@1.4.0")
    assert (entry.path, entry.match, entry.direct) == ("package-lock.json", DependencyMatch.LOCKED, True)
    assert {(entry.path, entry.match) for entry in found(tmp_path, "unlocked@3.1.9")} == {
        ("package.json", DependencyMatch.ALLOWED),
        ("sub/package.json", DependencyMatch.ALLOWED),
    }
    (tmp_path / "package-lock.json").unlink()
    assert {entry.match for entry in found(tmp_path, "outer@1.5.0")} == {DependencyMatch.ALLOWED}


WORKSPACES: dict[str, tuple[str, dict[str, object]]] = {
    "npm": ("package.json", {"package-lock.json": {**LOCK, "packages": {**LOCK["packages"], "sub/one": {}}}}),
    "pnpm": (
        "package.json",
        {
            "pnpm-lock.yaml": "lockfileVersion: '9.0'\nimporters:\n  sub/one:\n    dependencies:\n"
            "      outer: {specifier: ^1.0.0, version: 1.4.0}\npackages:\n  outer@1.4.0: {}\n"
        },
    ),
    "bun": (
        "package.json",
        {
            "bun.lock": {
                "lockfileVersion": 1,
                "workspaces": {"": {}, "sub/one": {"dependencies": {"outer": "^1.0.0"}}},
                "packages": {"outer": ["outer@1.4.0", "", {}, ""]},
            }
        },
    ),
    "yarn": (
        "package.json",
        {
            "yarn.lock": '# yarn lockfile v1\nouter@^1.0.0:\n  version "1.4.0"\n',
            "package.json": {"workspaces": ["./sub/*"]},
        },
    ),
    "berry": (
        "package.json",
        {
            "yarn.lock": '__metadata:\n  version: 8\n"outer@npm:^1.0.0":\n  version: 1.4.0\n  resolution: "outer@npm:1.4.0"\n'
            '"one@workspace:sub/one":\n  version: 0.0.0-use.local\n  resolution: "one@workspace:sub/one"\n'
        },
    ),
    "uv": (
        "pyproject.toml",
        {
            "uv.lock": 'version = 1\n[[package]]\nname = "one"\nsource = { editable = "sub/one" }\n'
            '[[package]]\nname = "outer"\nversion = "1.4.0"\nsource = { registry = "x" }\n'
        },
    ),
    "cargo": (
        "Cargo.toml",
        {
            "Cargo.lock": 'version = 3\n[[package]]\nname = "one"\nversion = "0.1.0"\n'
            '[[package]]\nname = "outer"\nversion = "1.4.0"\nsource = "registry+x"\n'
        },
    ),
    "gem": (
        "one.gemspec",
        {"Gemfile.lock": "PATH\n  remote: sub/one\n  specs:\n    one (1)\n\nGEM\n  specs:\n    outer (1.4.0)\n"},
    ),
}
MANIFESTS: dict[str, object] = {
    "package.json": {"name": "one", "dependencies": {"outer": "^1.0.0"}},
    "pyproject.toml": '[project]\nname = "one"\ndependencies = ["outer>=1,<2"]\n',
    "Cargo.toml": '[package]\nname = "one"\n[dependencies]\nouter = "1"\n',
    "one.gemspec": 's.add_dependency "outer", "~> 1.0"\n',
}


@pytest.mark.parametrize("kind", WORKSPACES)
def test_a_lock_file_overrides_only_manifests_of_its_workspace(kind: str, tmp_path: Path) -> None:
    manifest, locks = WORKSPACES[kind]
    write(tmp_path, {**locks, f"sub/one/{manifest}": MANIFESTS[manifest]})
    assert found(tmp_path, "outer@1.5.0") == []
    write(tmp_path, {f"apart/{manifest}": str(MANIFESTS[manifest]).replace("one", "apart").replace("'", '"')})
    (entry,) = found(tmp_path, "outer@1.5.0")
    assert (entry.path, entry.match) == (f"apart/{manifest}", DependencyMatch.ALLOWED)


def test_a_token_in_a_url_is_not_shown(tmp_path: Path) -> None:
    secret = "".join(["s3", "cr", "3t"])
    write(tmp_path, {"package.json": {"dependencies": {"inner": f"git+https://me:{secret}@example.test/inner.git"}}})
    (entry,) = found(tmp_path, "inner@1.0.0")
    assert entry.match == "unknown"
    assert secret not in repr(entry)


def test_a_file_that_cannot_be_read_is_one_line(tmp_path: Path) -> None:
    write(tmp_path, {"package-lock.json": '{"packages": ', "a/package.json": "[" * 100_000})
    skipped = unread(tmp_path)
    assert [skip.where.rpartition(":")[2] for skip in skipped] == ["package-lock.json", "a/package.json"]
    assert all("\n" not in skip.reason for skip in skipped)
    assert list(search([str(tmp_path / "nothing")], "x")) == [
        Skipped(str(tmp_path / "nothing"), "no such file or folder")
    ]


def test_history_names_the_adding_and_the_removing_commit(tmp_path: Path) -> None:
    repo = tmp_path / "repo"
    first = commit(repo, {"package.json": {"dependencies": {"inner": "1.0.0"}}})
    commit(repo, {"package.json": {"dependencies": {"inner": "1.0.0", "more": "1"}}})
    second = commit(repo, {"package.json": {"dependencies": {"inner": "2.0.0"}}})
    (old, new) = found(repo, "inner", history=True)
    assert (old.constraint, old.since, old.until) == ("1.0.0", first, second)
    assert (new.constraint, new.since, new.until, new.commit) == ("2.0.0", second, "", second)
    assert [entry.constraint for entry in found(repo, "inner@1.0.0", history=True)] == ["1.0.0"]
    third = commit(repo, {"x": ""}, "package.json")
    assert [entry.until for entry in found(repo, "inner", history=True)] == [second, third]
    assert found(repo, "inner") == []


def test_history_includes_merges(tmp_path: Path) -> None:
    repo = tmp_path / "repo"
    first = commit(repo, {"package.json": {"dependencies": {"inner": "1.0.0"}}})
    git(repo, "checkout", "-qb", "side")
    commit(repo, {"other": "x"})
    git(repo, "checkout", "-q", "main")
    second = commit(repo, {"package.json": {"dependencies": {"inner": "2.0.0"}}})
    git(repo, "merge", "-q", "--no-edit", "side")
    git(repo, "merge", "-q", "--no-ff", "--no-commit", "-s", "ours", "side")
    third = commit(repo, {"package.json": {"dependencies": {"inner": "3.0.0"}}, "sub/package.json": {}})
    entries = found(repo, "inner", history=True)
    assert [(entry.constraint, entry.since, entry.until) for entry in entries] == [
        ("1.0.0", first, second),
        ("2.0.0", second, third),
        ("3.0.0", third, ""),
    ]


def test_history_includes_other_branches(tmp_path: Path) -> None:
    repo = tmp_path / "repo"
    commit(repo, {"a": ""})
    git(repo, "checkout", "-qb", "other")
    since = commit(repo, {"package.json": {"dependencies": {"inner": "1.0.0"}}})
    git(repo, "checkout", "-q", "main")
    (entry,) = found(repo, "inner", history=True)
    assert (entry.since, entry.until) == (since, "elsewhere")


def test_an_empty_file_has_no_entries(tmp_path: Path) -> None:
    write(tmp_path, {"package-lock.json": "", "pnpm-lock.yaml": "", "go.mod": ""})
    assert found(tmp_path, "inner") == []


def test_a_shallow_clone_is_reported(tmp_path: Path) -> None:
    repo = tmp_path / "repo"
    commit(repo, {"package.json": {"dependencies": {"inner": "1.0.0"}}})
    tip = commit(repo, {"package.json": {"dependencies": {"inner": "2.0.0"}}})
    git(tmp_path, "clone", "-q", "--depth", "1", repo.as_uri(), "shallow")
    skipped, entry = search([str(tmp_path / "shallow")], "inner", history=True)
    assert isinstance(skipped, Skipped) and "shallow" in skipped.reason
    assert (entry.constraint, entry.since) == ("2.0.0", tip)  # type: ignore[union-attr]
    assert len(found(tmp_path / "shallow", "inner")) == 1


def test_a_head_without_a_commit_is_reported(tmp_path: Path) -> None:
    commit(tmp_path / "repo", {"package.json": {"dependencies": {"inner": "1.0.0"}}})
    git(tmp_path, "clone", "-q", "--bare", "repo", "bare.git")
    git(tmp_path / "bare.git", "symbolic-ref", "HEAD", "refs/heads/gone")
    (skipped,) = unread(tmp_path / "bare.git", "inner")
    assert "HEAD names no commit" in skipped.reason
    assert len(found(tmp_path / "bare.git", "inner", history=True)) == 1
