"""Every place in a repository where a credential can hide from `git log -p`."""

import os
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
PLACES = [
    "merge-only", "amended", "stashed", "dangling blob", "note", "tag message", "commit message", "author",
    "no-diff attribute", "binary file", "packed ref only", "linked worktree", "deleted branch", "utf-8 name",
]  # fmt: skip


def token(place: str) -> str:
    return expand("acmekey_{base36:24}", 100 + PLACES.index(place))


class Git:
    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.clock = 1_700_000_000

    def __call__(self, *words: str, given: str | None = None, **environment: str) -> str:
        self.clock += 60
        when = {"GIT_AUTHOR_DATE": f"{self.clock} +0000", "GIT_COMMITTER_DATE": f"{self.clock} +0000"}
        done = subprocess.run(
            ["git", "-c", "protocol.file.allow=always", *words],
            cwd=self.folder, input=given, check=True, capture_output=True, text=True, env={**os.environ, **when, **environment},
        )  # fmt: skip
        return done.stdout.strip()

    def write(self, name: str, text: str) -> None:
        (self.folder / name).write_text(text)

    def commit(self, message: str, **environment: str) -> str:
        self("add", "-A")
        self("commit", "-q", "--allow-empty", "-m", message, **environment)
        return self("rev-parse", "HEAD")


def hide_in_merge_and_amended_commit(git: Git) -> None:
    git("checkout", "-q", "-b", "side")
    git.write("side.txt", "side\n")
    git.commit("On the side")
    git("checkout", "-q", "main")
    git.write("b.txt", "main\n")
    git.commit("On main")
    git("merge", "-q", "--no-commit", "--no-ff", "side")
    git.write("merged.txt", token("merge-only"))
    git.commit("Merge side")
    git.write("merged.txt", "clean\n")
    git.commit("Clean the merge")

    git.write("amend.txt", token("amended"))
    git.commit("Too early")
    git.write("amend.txt", "clean\n")
    git("add", "-A")
    git("commit", "-q", "--amend", "-m", "Amended")


def hide_in_objects(git: Git, folder: Path) -> None:
    """Stash, notes, tags, messages, names, and files that a diff does not show."""
    git.write("a.txt", token("stashed"))
    git("stash", "-q")
    git("hash-object", "-w", "--stdin", given=token("dangling blob"))
    git("notes", "add", "-m", token("note"))
    git("tag", "-a", "v1", "-m", f"First\n\n{token('tag message')}")
    git.commit(f"Say too much {token('commit message')}")
    git.commit("Who is it", GIT_AUTHOR_NAME=token("author"))
    git.write("x.lock", token("no-diff attribute"))
    (folder / "bin").write_bytes(b"\x00\xff\x00" + token("binary file").encode() + b"\x00")
    git.write("café.txt", token("utf-8 name"))
    git.commit("Odd files")
    git("rm", "-q", "x.lock", "bin", "café.txt")
    git.commit("Remove them")


def hide_in_refs(git: Git, base: Path) -> None:
    """A packed ref, a branch that was deleted, a linked worktree."""
    for branch, place in (("kept", "packed ref only"), ("gone", "deleted branch")):
        git("checkout", "-q", "-b", branch, "main")
        git.write(f"{branch}.txt", token(place))
        git.commit(place)
        git("checkout", "-q", "main")
    git("branch", "-q", "-D", "gone")
    git("pack-refs", "--all")

    git("worktree", "add", "-q", "--detach", str(base / "linked"))
    linked = Git(base / "linked")
    linked.write("linked.txt", token("linked worktree"))
    linked.commit("In the linked worktree")


@pytest.fixture(scope="module")
def planted(tmp_path_factory) -> Path:
    base = tmp_path_factory.mktemp("planted")
    folder = base / "repo"
    folder.mkdir()
    patch = pytest.MonkeyPatch()
    patch.setenv("GIT_CONFIG_GLOBAL", os.devnull)
    for who in ("AUTHOR", "COMMITTER"):
        patch.setenv(f"GIT_{who}_NAME", "Ada Example")
        patch.setenv(f"GIT_{who}_EMAIL", "ada@example.test")
    git = Git(folder)
    git("init", "-q", "-b", "main")
    git("config", "uploadpack.allowFilter", "true")
    git.write("a.txt", "begin\n")
    git.write(".gitattributes", "*.lock -diff\n")
    git.commit("Begin")

    hide_in_merge_and_amended_commit(git)
    hide_in_objects(git, folder)
    hide_in_refs(git, base)
    patch.undo()
    return folder


@pytest.fixture(scope="module")
def rules(tmp_path_factory) -> dict:
    path = tmp_path_factory.mktemp("rules") / "acme.toml"
    path.write_text(RULE)
    return {"patterns": (str(path),), "only": ("acme.key",), "jobs": 1}


def where(result) -> dict[str, set[tuple[str, str]]]:
    names = {token(place): place for place in PLACES}
    return {
        names[finding.secret.reveal().decode()]: {(at.origin.kind, at.origin.path) for at in finding.locations}
        for finding in result.findings
    }


@pytest.mark.parametrize("packed", [False, True])
def test_each_is_found_and_labelled(planted: Path, rules: dict, packed: bool) -> None:
    if packed:
        subprocess.run(["git", "repack", "-adfq", "--keep-unreachable"], cwd=planted, check=True)
        subprocess.run(["git", "commit-graph", "write", "--reachable"], cwd=planted, check=True, capture_output=True)
    result = scan(planted, **rules)
    assert result.complete
    found = where(result)
    assert set(found) == set(PLACES)
    assert found["merge-only"] == {("blob", "merged.txt")}
    assert found["amended"] == {("unreachable", "amend.txt")}
    assert found["stashed"] == {("stash", "a.txt")}
    assert found["dangling blob"] == {("unreachable", "")}
    assert {kind for kind, _ in found["note"]} == {"note"}
    assert {kind for kind, _ in found["tag message"]} == {"tag"}
    assert {kind for kind, _ in found["commit message"]} == {"commit"}
    assert {kind for kind, _ in found["author"]} == {"commit"}
    assert found["no-diff attribute"] == {("blob", "x.lock")}
    assert found["binary file"] == {("blob", "bin")}
    assert found["packed ref only"] == {("blob", "kept.txt")}
    assert found["deleted branch"] == {("unreachable", "gone.txt")}
    assert found["utf-8 name"] == {("blob", "café.txt")}
    assert "linked.txt" in {path for _, path in found["linked worktree"]}


def test_commit_author_and_date_are_those_git_shows(planted: Path, rules: dict) -> None:
    for finding in scan(planted, **rules).findings:
        for at in finding.locations:
            origin = at.origin
            if origin.kind != "blob":
                continue
            shown = subprocess.run(
                ["git", "show", "--no-patch", "--format=%an <%ae>|%aI", str(origin.commit)],
                cwd=planted,
                check=True,
                capture_output=True,
                text=True,
            ).stdout.strip()
            assert shown.replace("Z", "+00:00") == f"{origin.author}|{origin.when}"
            text = subprocess.run(
                ["git", "show", f"{origin.commit}:{origin.path}"], cwd=planted, check=True, capture_output=True
            ).stdout
            assert text[at.start : at.end] == finding.secret.reveal()
            assert (
                text.split(b"\n")[at.line - 1]
                .decode("utf-8", "replace")[at.column - 1 :]
                .startswith(finding.secret.reveal().decode())
            )


def test_a_linked_worktree_is_a_repository_of_its_own(planted: Path, rules: dict) -> None:
    result = scan(planted.parent / "linked", **rules)
    assert result.complete
    assert set(where(result)) == set(PLACES)
    assert ("worktree", "linked.txt") in where(result)["linked worktree"]


def test_a_sha256_repository(tmp_path: Path, rules: dict) -> None:
    git = Git(tmp_path)
    git("init", "-q", "--object-format=sha256")
    git.write("a", token("amended"))
    commit = git.commit("Begin")
    git("rm", "-q", "a")
    git.commit("Remove")
    (finding,) = scan(tmp_path, **rules).findings
    assert finding.locations[0].origin.commit == commit
    assert len(commit) == 64


@pytest.mark.parametrize("how", [["--depth=1"], ["--filter=blob:none", "--no-checkout"]])
def test_what_is_not_there_to_be_read_is_never_called_clean(
    planted: Path, tmp_path: Path, rules: dict, how: list[str]
) -> None:
    subprocess.run(
        ["git", "-c", "protocol.file.allow=always", "clone", "-q", *how, planted.as_uri(), str(tmp_path / "part")],
        check=True,
    )  # fmt: skip
    result = scan(tmp_path / "part", **rules)
    assert not result.complete
    assert any(not skip.expected for skip in result.skipped), result.skipped


def test_generic_credentials_in_history_are_judged_by_the_kind_of_their_file(tmp_path: Path) -> None:
    git = Git(tmp_path)
    git("init", "-q")
    value = expand("{[a-z]:8}", 5)
    git.write("app.properties", f"db.password = {value}\n")
    git.write("app.py", f"db_password = {value}x\n")
    git.commit("Begin")
    git("rm", "-q", "app.properties", "app.py")
    git.commit("Remove")
    result = scan(tmp_path, jobs=1, only=("generic.*",), min_confidence="low")
    assert [(at.origin.path, at.line) for finding in result.findings for at in finding.locations] == [
        ("app.properties", 1)
    ]
