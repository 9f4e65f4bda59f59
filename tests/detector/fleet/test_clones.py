"""Bare clones are updated and lose nothing."""

import os
import pickle
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Event

import pytest

from detector.errors import SourceError
from detector.fleet.clones import KEPT, Clones, UnreachableRepository
from detector.fleet.inventory import RepositoryEntry
from detector.fleet.inventory._entries import make_path_entry, make_url_entry
from tests.fakes.git_server import GitServer, commit, git, git_server, remove, repository

pytestmark = pytest.mark.net


@pytest.fixture
def server(tmp_path: Path) -> Iterator[GitServer]:
    root = tmp_path / "served"
    root.mkdir()
    with git_server(root) as served:
        yield served


@pytest.fixture
def clones(tmp_path: Path) -> Clones:
    return Clones(str(tmp_path / "clones"), lock_timeout=0.2)


def entry(server: GitServer, name: str) -> RepositoryEntry:
    return make_url_entry(f"{server.url}/{name}")


def refs(path: str) -> dict[str, str]:
    lines = git(Path(path), "for-each-ref", "--format=%(refname) %(objectname)").splitlines()
    return dict(line.split(" ") for line in lines)


def test_a_clone_has_every_ref_and_no_remote(server: GitServer, clones: Clones) -> None:
    bare = repository(server.root, "team/app.git")
    commit(bare, "work/one", a="1")
    git(bare, "tag", "-a", "v1", "-m", "one", "main")
    git(bare, "update-ref", "refs/notes/commits", "main")
    made = clones.refresh(entry(server, "team/app.git"))
    assert made.changed
    assert refs(made.path) == refs(str(bare))
    assert Path(made.path, "HEAD").read_text() == "ref: refs/heads/main\n"
    assert "remote" not in Path(made.path, "config").read_text()
    assert not Path(made.path, "hooks").exists()


def test_a_refresh_fetches_only_what_is_new(server: GitServer, clones: Clones) -> None:
    bare = repository(server.root, "app.git")
    first = clones.refresh(entry(server, "app.git"))
    second = clones.refresh(entry(server, "app.git"))
    assert (second.changed, second.refs_digest) == (False, first.refs_digest)
    new = commit(bare, b="2")
    third = clones.refresh(entry(server, "app.git"))
    assert third.changed and third.refs_digest != first.refs_digest
    assert refs(third.path) == {"refs/heads/main": new}


def test_commits_of_a_force_pushed_or_deleted_branch_are_kept(server: GitServer, clones: Clones) -> None:
    bare = repository(server.root, "app.git")
    side = commit(bare, "side", leak="x")
    old = commit(bare, leak="y")
    clones.refresh(entry(server, "app.git"))
    new = commit(bare, root=True, clean="z")
    git(bare, "update-ref", "-d", "refs/heads/side")
    made = clones.refresh(entry(server, "app.git"))
    assert refs(made.path) == {"refs/heads/main": new, KEPT + old: old, KEPT + side: side}
    assert git(Path(made.path), "cat-file", "-p", f"{old}:leak") == "y"


def test_a_branch_can_replace_a_branch_with_its_name_as_prefix(server: GitServer, clones: Clones) -> None:
    bare = repository(server.root, "app.git")
    commit(bare, "a", one="1")
    clones.refresh(entry(server, "app.git"))
    git(bare, "update-ref", "-d", "refs/heads/a")
    commit(bare, "a/b", two="2")
    made = clones.refresh(entry(server, "app.git"))
    assert "refs/heads/a/b" in refs(made.path)


def test_pull_requests_are_fetched_on_request(server: GitServer, clones: Clones, tmp_path: Path) -> None:
    bare = repository(server.root, "app.git")
    for ref in ("refs/pull/1/head", "refs/pull/1/merge", "refs/merge-requests/2/head"):
        git(bare, "update-ref", ref, "main")
    assert set(refs(clones.refresh(entry(server, "app.git")).path)) == {"refs/heads/main"}
    all_of_it = Clones(str(tmp_path / "more"), pull_requests=True).refresh(entry(server, "app.git"))
    assert set(refs(all_of_it.path)) == {"refs/heads/main", "refs/pull/1/head", "refs/merge-requests/2/head"}


def test_a_sha256_repository_is_cloned_as_one(server: GitServer, clones: Clones) -> None:
    bare = server.root / "long.git"
    bare.mkdir()
    git(bare, "init", "--quiet", "--bare", "--initial-branch=main", "--object-format=sha256")
    commit(bare, a="1")
    clones.refresh(entry(server, "long.git"))
    new = commit(bare, root=True, b="2")
    made = clones.refresh(entry(server, "long.git"))
    assert len(new) == 64 and refs(made.path)["refs/heads/main"] == new and len(refs(made.path)) == 2


def test_a_server_cannot_write_refs_that_are_ours(server: GitServer, clones: Clones) -> None:
    bare = repository(server.root, "app.git")
    git(bare, "update-ref", KEPT + "0" * 40, "main")
    assert set(refs(clones.refresh(entry(server, "app.git")).path)) == {"refs/heads/main"}


def test_a_deleted_repository_keeps_its_clone_and_is_reported(server: GitServer, clones: Clones) -> None:
    repository(server.root, "app.git")
    made = clones.refresh(entry(server, "app.git"))
    remove(server.root, "app.git")
    with pytest.raises(UnreachableRepository, match=r"app: .*not found.*the earlier clone is kept") as error:
        clones.refresh(entry(server, "app.git"))
    assert error.value.missing and error.value.clone == made._replace(changed=False)
    assert pickle.loads(pickle.dumps(error.value)).clone == error.value.clone


def test_a_repository_that_never_existed_leaves_no_clone(server: GitServer, clones: Clones) -> None:
    with pytest.raises(UnreachableRepository, match="not found") as error:
        clones.refresh(entry(server, "none.git"))
    assert error.value.clone is None
    assert [name for name in os.listdir(clones.folder) if not name.endswith(".lock")] == []


def test_a_wiki_without_a_page_is_empty(server: GitServer, clones: Clones) -> None:
    made = clones.refresh(entry(server, "app.wiki.git"))
    assert refs(made.path) == {}


def test_a_renamed_repository_keeps_its_clone(server: GitServer, clones: Clones) -> None:
    bare = repository(server.root, "old.git")
    listed = entry(server, "old.git")._replace(key="git.example.org#7")
    first = clones.refresh(listed)
    git(bare.parent, "--git-dir", "old.git", "config", "x.y", "z")
    bare.rename(server.root / "new.git")
    server.moved["old.git"] = "/new.git"
    assert clones.refresh(listed).path == first.path
    renamed = entry(server, "new.git")._replace(key=listed.key)
    assert clones.refresh(renamed) == first._replace(changed=False)
    assert Path(first.path, "description").read_text().startswith("new\n")


def test_local_repositories_are_read_in_place(tmp_path: Path, clones: Clones) -> None:
    bare = repository(tmp_path, "here.git")
    made = clones.refresh(make_path_entry(str(bare)))
    assert made.path == str(bare) and made.changed
    assert not os.path.exists(clones.folder)


def test_folder_names_contain_no_path_from_the_server(clones: Clones) -> None:
    hostile = clones.find_path(RepositoryEntry("../../etc/x#1\n", "../x", "https://git.example.org/x"))
    assert os.path.dirname(hostile) == clones.folder
    assert os.path.basename(hostile).isprintable()


@pytest.mark.parametrize("url", ["ext::sh -c id", "file:///etc", "-u./x", "https://u:p@git.example.org/x", "fd::3"])
def test_a_url_with_an_option_or_a_program_is_refused(url: str, clones: Clones) -> None:
    with pytest.raises(SourceError) as error:
        clones.refresh(RepositoryEntry("k", "n", url))
    assert "\n" not in str(error.value) and "u:p" not in str(error.value)


# -- credentials ---------------------------------------------------------------


def token_for(server: GitServer, monkeypatch: pytest.MonkeyPatch, token: str) -> None:
    monkeypatch.setenv("LEAKFIRST_TOKEN_127_0_0_1___" + server.url.rpartition(":")[2], token)


def test_a_private_repository_is_read_with_the_operators_token(
    server: GitServer, clones: Clones, monkeypatch: pytest.MonkeyPatch
) -> None:
    repository(server.root, "secret.git")
    server.private["secret.git"] = "sesame-sesame"
    with pytest.raises(SourceError, match=r"terminal prompts disabled|could not read Username"):
        clones.refresh(entry(server, "secret.git"))
    token_for(server, monkeypatch, "wrong-wrong-wrong")
    with pytest.raises(SourceError) as error:
        Clones(clones.folder).refresh(entry(server, "secret.git"))
    assert "Authentication failed" in str(error.value) and "wrong-wrong" not in str(error.value)
    token_for(server, monkeypatch, "sesame-sesame")
    made = Clones(clones.folder).refresh(entry(server, "secret.git"))
    kept = b"".join(path.read_bytes() for path in Path(made.path).rglob("*") if path.is_file())
    assert b"sesame-sesame" not in kept


def test_a_token_does_not_follow_a_redirect_to_another_host(
    server: GitServer, clones: Clones, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "other").mkdir()
    with git_server(tmp_path / "other") as thief:
        repository(thief.root, "app.git")
        thief.private["app.git"] = "sesame-sesame"
        server.moved["app.git"] = f"{thief.url}/app.git"
        token_for(server, monkeypatch, "sesame-sesame")
        with pytest.raises(SourceError):
            clones.refresh(entry(server, "app.git"))
        assert {password for _, password in thief.asked} == {""}


def test_the_configuration_of_the_user_and_of_the_clone_is_not_read(
    server: GitServer, clones: Clones, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    repository(server.root, "app.git")
    (tmp_path / ".gitconfig").write_text(f'[url "{tmp_path}/none"]\n\tinsteadOf = {server.url}\n')
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("GIT_CONFIG_COUNT", "1")
    monkeypatch.setenv("GIT_CONFIG_KEY_0", f"url.{tmp_path}/none.insteadOf")
    monkeypatch.setenv("GIT_CONFIG_VALUE_0", server.url)
    monkeypatch.setenv("GIT_DIR", str(tmp_path / "none"))
    assert refs(clones.refresh(entry(server, "app.git")).path)


def test_ssh_uses_the_operators_command(tmp_path: Path, clones: Clones, monkeypatch: pytest.MonkeyPatch) -> None:
    bare = repository(tmp_path, "app.git")
    program = tmp_path / "ssh"
    program.write_text('#!/bin/sh\nfor last; do :; done\nexec sh -c "$last"\n')
    program.chmod(0o700)
    monkeypatch.setenv("GIT_SSH_COMMAND", str(program))
    monkeypatch.setenv("GIT_SSH_VARIANT", "simple")
    made = clones.refresh(make_url_entry(f"git@git.example.org:{bare}"))
    assert refs(made.path) == refs(str(bare))


# -- trouble -------------------------------------------------------------------


def test_an_error_of_the_server_is_one_line(server: GitServer, clones: Clones) -> None:
    repository(server.root, "app.git")
    server.broken.add("app.git")
    with pytest.raises(SourceError, match=r"^app: unable to access .*503$"):
        clones.refresh(entry(server, "app.git"))


def test_a_repository_that_is_corrupt_on_the_server_is_reported_as_such(server: GitServer, clones: Clones) -> None:
    bare = repository(server.root, "app.git")
    lost = git(bare, "rev-parse", "main:readme")
    (bare / "objects" / lost[:2] / lost[2:]).unlink()
    with pytest.raises(SourceError, match=rf"^app: remote: unable to read {lost}$"):
        clones.refresh(entry(server, "app.git"))


def test_two_sweeps_at_once_wait_for_each_other(server: GitServer, clones: Clones) -> None:
    repository(server.root, "app.git")
    patient = Clones(clones.folder, lock_timeout=30)
    with ThreadPoolExecutor(4) as pool:
        made = list(pool.map(lambda _: patient.refresh(entry(server, "app.git")), range(4)))
    assert sorted(clone.changed for clone in made) == [False, False, False, True]
    assert len({clone._replace(changed=True) for clone in made}) == 1


def test_files_of_a_killed_fetch_are_removed(server: GitServer, clones: Clones) -> None:
    bare = repository(server.root, "app.git")
    made = Path(clones.refresh(entry(server, "app.git")).path)
    new = commit(bare, b="2")
    left = [made / "refs/heads/main.lock", made / "packed-refs.lock", made / "objects/pack/tmp_pack_a1"]
    for path in left:
        path.write_bytes(b"torn")
    (Path(f"{made}.new") / "objects").mkdir(parents=True)
    assert refs(clones.refresh(entry(server, "app.git")).path) == {"refs/heads/main": new}
    assert not any(path.exists() for path in left) and not Path(f"{made}.new").exists()


def killed_in_the_middle(server: GitServer, clones: Clones, name: str) -> None:
    """Start a refresh in another process and kill it once the pack is asked for; git itself lives on."""
    server.held[name] = Event()
    del server.asked[:]
    code = (
        "import sys; from detector.fleet.clones import Clones; "
        "from detector.fleet.inventory._entries import make_url_entry; "
        "Clones(sys.argv[1]).refresh(make_url_entry(sys.argv[2]))"
    )
    process = subprocess.Popen([sys.executable, "-c", code, clones.folder, f"{server.url}/{name}"])
    until = time.monotonic() + 30
    while (f"/{name}/git-upload-pack", "fetch") not in server.asked and time.monotonic() < until:
        time.sleep(0.02)
    assert (f"/{name}/git-upload-pack", "fetch") in server.asked
    os.kill(process.pid, signal.SIGKILL)
    process.wait()


def test_a_clone_and_a_fetch_that_are_killed_are_completed_later(server: GitServer, clones: Clones) -> None:
    bare = repository(server.root, "app.git")
    listed = entry(server, "app.git")
    killed_in_the_middle(server, clones, "app.git")
    assert not os.path.exists(clones.find_path(listed))
    with pytest.raises(SourceError, match="another sweep is fetching it"):
        clones.refresh(listed)
    server.held.pop("app.git").set()
    patient = Clones(clones.folder, lock_timeout=30)
    assert refs(patient.refresh(listed).path) == refs(str(bare))

    old = refs(str(bare))["refs/heads/main"]
    new = commit(bare, root=True, clean="1")
    killed_in_the_middle(server, clones, "app.git")
    server.held.pop("app.git").set()
    assert refs(patient.refresh(listed).path) == {"refs/heads/main": new, KEPT + old: old}
    assert [name for name in os.listdir(clones.folder) if name.endswith(".new")] == []


def test_a_fetch_that_takes_too_long_is_killed(server: GitServer, clones: Clones) -> None:
    repository(server.root, "app.git")
    server.held["app.git"] = Event()
    with pytest.raises(SourceError, match="took longer than 0 s"):
        Clones(clones.folder, timeout=0.1).refresh(entry(server, "app.git"))
    server.held.pop("app.git").set()
    assert os.listdir(clones.folder) == [os.path.basename(clones.find_path(entry(server, "app.git"))) + ".lock"]


def test_a_repository_that_is_too_large_is_not_kept(server: GitServer, clones: Clones) -> None:
    repository(server.root, "app.git", big=os.urandom(40_000).hex())
    with pytest.raises(SourceError, match="is larger than 20000 bytes"):
        Clones(clones.folder, max_size=20_000).refresh(entry(server, "app.git"))
    assert not os.path.exists(clones.find_path(entry(server, "app.git")))


def test_a_full_disk_is_one_line_and_damages_nothing(server: GitServer, tmp_path: Path) -> None:
    small = tmp_path / "small"
    small.mkdir()
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=200k", "none", small], capture_output=True)
    if mounted.returncode:
        pytest.skip("a small file system cannot be mounted here")
    try:
        clones = Clones(str(small / "clones"))
        bare = repository(server.root, "app.git", readme="small")
        clones.refresh(entry(server, "app.git"))
        was = refs(str(bare))["refs/heads/main"]
        commit(bare, big=os.urandom(300_000).hex())
        with pytest.raises(UnreachableRepository, match=r"the disk of .* is full; the earlier clone is kept"):
            clones.refresh(entry(server, "app.git"))
        assert refs(clones.find_path(entry(server, "app.git")))["refs/heads/main"] == was
        repository(server.root, "large.git", big=os.urandom(300_000).hex())
        with pytest.raises(SourceError, match=r"the disk of .* is full$"):
            clones.refresh(entry(server, "large.git"))
        assert not any("large" in name and not name.endswith(".lock") for name in os.listdir(clones.folder))
    finally:
        subprocess.run(["umount", small], check=True)


def test_many_packs_are_combined_and_nothing_is_lost(
    server: GitServer, clones: Clones, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("detector.fleet.clones.MAX_PACKS", 3)
    bare = repository(server.root, "app.git")
    seen = []
    for number in range(6):
        seen.append(commit(bare, root=True, a=str(number)))
        made = Path(clones.refresh(entry(server, "app.git")).path)
    assert len(list((made / "objects" / "pack").glob("*.pack"))) <= 3
    assert {git(made, "cat-file", "-t", tip) for tip in seen} == {"commit"}


def test_invalid_refs_of_a_server_are_not_written(
    server: GitServer, clones: Clones, monkeypatch: pytest.MonkeyPatch
) -> None:
    from detector.fleet.clones import _Git

    repository(server.root, "app.git")
    true = _Git.list_remote
    tip = "1" * 40
    forged = f"ref: refs/heads/../../../x\tHEAD\n{tip}\trefs/heads/../../../x\n{tip}\trefs/heads/\x1b[2J\n{tip}\t../x\nnone\n"
    monkeypatch.setattr(_Git, "list_remote", lambda self: true(self) + forged.encode())
    made = Path(clones.refresh(entry(server, "app.git")).path)
    assert ".." not in (made / "HEAD").read_text()
    assert set(refs(str(made))) == {"refs/heads/main"}


def find_only_pack(path: str) -> Path:
    (pack,) = Path(path, "objects", "pack").glob("*.pack")
    pack.chmod(0o600)
    return pack


def cut(path: str) -> None:
    pack = find_only_pack(path)
    pack.write_bytes(pack.read_bytes()[:-30])


def change_a_byte(path: str) -> None:
    pack = find_only_pack(path)
    content = bytearray(pack.read_bytes())
    content[len(content) // 2] ^= 0xFF
    pack.write_bytes(content)


def lose_the_head(path: str) -> None:
    Path(path, "HEAD").unlink()


@pytest.mark.parametrize("damage", [cut, change_a_byte, lose_the_head])
def test_a_damaged_clone_is_cloned_again(server: GitServer, clones: Clones, damage: Callable[[str], None]) -> None:
    repository(server.root, "app.git", **{f"f{number}": os.urandom(500).hex() for number in range(5)})
    path = clones.refresh(entry(server, "app.git")).path
    before = refs(path)
    damage(path)
    again = clones.refresh(entry(server, "app.git"), verify=True)
    assert (again.path, again.changed) == (path, True)
    assert refs(path) == before
    git(Path(path), "fsck", "--full")
    assert not clones.refresh(entry(server, "app.git"), verify=True).changed


def test_commits_that_only_a_damaged_clone_has_are_kept(server: GitServer, clones: Clones) -> None:
    bare = repository(server.root, "app.git", readme="first")
    path = clones.refresh(entry(server, "app.git")).path
    lost = refs(path)["refs/heads/main"]
    commit(bare, root=True, readme="replaced")
    clones.refresh(entry(server, "app.git"))
    assert f"{KEPT}{lost}" in refs(path)
    newest = max(Path(path, "objects", "pack").glob("*.pack"), key=lambda pack: pack.stat().st_mtime_ns)
    newest.chmod(0o600)
    newest.write_bytes(newest.read_bytes()[:-1])
    clones.refresh(entry(server, "app.git"))
    assert f"{KEPT}{lost}" in refs(path)
    assert git(Path(path), "cat-file", "-t", lost) == "commit"
    assert not os.path.exists(f"{path}.damaged")


def test_a_clone_whose_own_commits_cannot_be_read_stays_beside_the_new_one(server: GitServer, clones: Clones) -> None:
    bare = repository(server.root, "app.git", readme="first")
    path = clones.refresh(entry(server, "app.git")).path
    oldest = find_only_pack(path)
    commit(bare, root=True, readme="replaced")
    clones.refresh(entry(server, "app.git"))
    oldest.write_bytes(b"")
    clones.refresh(entry(server, "app.git"))
    git(Path(path), "fsck", "--full")
    assert os.path.isdir(f"{path}.damaged")


def test_a_damaged_clone_stays_if_the_server_cannot_be_reached(server: GitServer, clones: Clones) -> None:
    repository(server.root, "app.git", readme="first")
    path = clones.refresh(entry(server, "app.git")).path
    cut(path)
    server.broken.add("app.git")
    with pytest.raises(SourceError, match="the clone on this machine is damaged: the pack"):
        clones.refresh(entry(server, "app.git"))
    assert os.path.isdir(path)
    assert not os.path.exists(f"{path}.old")


@pytest.mark.parametrize("cloned", [True, False])
def test_a_replacement_that_was_killed_is_completed(server: GitServer, clones: Clones, cloned: bool) -> None:
    bare = repository(server.root, "app.git", readme="first")
    path = clones.refresh(entry(server, "app.git")).path
    lost = refs(path)["refs/heads/main"]
    commit(bare, root=True, readme="replaced")
    os.rename(path, f"{path}.old")
    if cloned:
        shutil.copytree(f"{path}.old", path)
        git(Path(path), "update-ref", "-d", "refs/heads/main")
    clones.refresh(entry(server, "app.git"))
    assert f"{KEPT}{lost}" in refs(path)
    assert not os.path.exists(f"{path}.old")
