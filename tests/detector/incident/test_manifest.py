"""A manifest notices everything, says it clearly, and can be trusted only as far as its signature."""

import base64
import contextlib
import io
import json
import os
import shutil
import signal
import stat
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple
from unittest import mock

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat
from hypothesis import given
from hypothesis import strategies as st

from detector.errors import StateError
from detector.incident.manifest import Entry, file_format
from leakfirst._program import main
from tests.program import environment

ROOT = Path(__file__).parents[3]
NAMES = [
    "plain.py",
    "sub/a b.js",
    "sub/new\nline",
    "back\\slash",
    "cr\rname",
    os.fsdecode(b"not-utf8-\xff"),
    "#remark",
    "ü",
]


class Done(NamedTuple):
    stdout: str
    stderr: str


def run(*words: str, cwd: Path, code: int = 0, path: str = "") -> Done:
    out, err = io.StringIO(), io.StringIO()
    environment = {"PATH": path} if path else {}
    with contextlib.ExitStack() as stack:
        stack.enter_context(contextlib.chdir(cwd))
        stack.enter_context(mock.patch.dict(os.environ, environment))
        stack.enter_context(contextlib.redirect_stdout(out))
        stack.enter_context(contextlib.redirect_stderr(err))
        returned = main(["manifest", *words])
    assert returned == code, out.getvalue() + err.getvalue()
    return Done(out.getvalue(), err.getvalue())


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    root = tmp_path / "tree"
    for name in NAMES:
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(f"content of {name!r}\n")
    (root / "sub" / "tool.sh").write_text("#!/bin/sh\n")
    (root / "sub" / "tool.sh").chmod(0o755)
    (root / "link").symlink_to("sub/tool.sh")
    (root / ".git").mkdir()
    (root / ".git" / "HEAD").write_text("ref: refs/heads/main\n")
    (root / "empty").write_bytes(b"")
    (root / "large").write_bytes(os.urandom(3 << 20))
    return root


def test_sha256sum_reads_it_and_it_reads_the_tree(tree: Path) -> None:
    run("create", cwd=tree)
    assert "all as it should be" in run("verify", cwd=tree).stderr
    assert b".git/" not in (tree / file_format.NAME).read_bytes()
    if shutil.which("sha256sum"):
        done = subprocess.run(["sha256sum", "-c", "--strict", file_format.NAME], cwd=tree, capture_output=True)
        assert done.returncode == 0, done.stderr
        assert done.stdout.count(b": OK") == len(NAMES) + 3


def test_the_same_tree_gives_the_same_bytes(tree: Path, tmp_path: Path) -> None:
    run("create", "-o", str(tmp_path / "one"), cwd=tree)
    shutil.copytree(tree, tmp_path / "copy", symlinks=True)
    run("create", "-o", str(tmp_path / "two"), cwd=tmp_path / "copy")
    assert (tmp_path / "one").read_bytes() == (tmp_path / "two").read_bytes()
    lines = [line for line in (tmp_path / "one").read_bytes().splitlines() if b"  " in line and line[:1] != b"#"]
    assert lines == sorted(lines, key=lambda line: line.lstrip(b"\\")[66:].replace(b"\\n", b"\n"))


def test_every_difference_is_told(tree: Path) -> None:
    run("create", cwd=tree)
    (tree / "plain.py").write_text("other\n")
    (tree / "sub" / "new\nline").unlink()
    (tree / "sub" / "tool.sh").chmod(0o644)
    (tree / "ü").chmod(0o755)
    (tree / "link").unlink()
    (tree / "link").symlink_to("plain.py")
    (tree / "empty").unlink()
    (tree / "empty").symlink_to("plain.py")
    (tree / "more").mkdir()
    (tree / "more" / "new\x1b[2J").write_text("x")
    os.mkfifo(tree / "pipe")
    done = run("verify", cwd=tree, code=1)
    lines = done.stdout.splitlines()
    assert [line.split()[0] for line in lines] == [
        "kind",
        "link",
        "added",
        "added",
        "changed",
        "missing",
        "mode",
        "mode",
    ]
    assert lines[1] == "link        link: plain.py, should be sub/tool.sh"
    assert lines[2].endswith("more/new\\x1b[2J") and lines[3].endswith("pipe (pipe)")
    assert lines[6] == "mode        sub/tool.sh: plain, should be executable"
    told = json.loads(run("verify", "--format", "json", cwd=tree, code=1).stdout)
    assert not told["verified"] and len(told["differences"]) == 8
    assert {"path": "empty", "what": "kind", "expected": "file", "found": "link"} in told["differences"]
    subprocess.run(
        [sys.executable, "-m", "json.tool"], input=json.dumps(told), text=True, check=True, capture_output=True
    )


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_what_cannot_be_read_is_no_difference(tree: Path) -> None:
    run("create", cwd=tree)
    (tree / "plain.py").chmod(0)
    done = run("verify", cwd=tree, code=3)
    assert done.stdout.startswith("unreadable")


def test_parts_and_exclusions_hold_for_both(tree: Path) -> None:
    (tree / "sub" / "cache").mkdir()
    (tree / "sub" / "cache" / "x.pyc").write_text("x")
    run("create", "sub", "plain.py", "--exclude", "cache/", "--exclude", "*.tmp", "-o", "m", cwd=tree)
    (tree / "elsewhere").write_text("x")
    (tree / "sub" / "y.tmp").write_text("x")
    (tree / "sub" / "cache" / "y.pyc").write_text("x")
    run("verify", "m", cwd=tree)
    (tree / "sub" / "z").write_text("x")
    assert run("verify", "m", cwd=tree, code=1).stdout == "added       sub/z\n"


def test_the_root_is_found(tree: Path, tmp_path: Path) -> None:
    (tmp_path / "other").mkdir()
    run("create", "../tree", cwd=tmp_path / "other")
    run("verify", "tree", cwd=tmp_path)
    run("verify", "tree/MANIFEST.sha256", cwd=tmp_path)
    run("verify", cwd=tree)
    (tree / file_format.NAME).unlink()
    run("create", "tree", "-o", "here", cwd=tmp_path)
    assert b"  tree/plain.py" in (tmp_path / "here").read_bytes()
    run("verify", "here", cwd=tmp_path)
    run("create", "--root", "tree", "-o", "there", cwd=tmp_path)
    run("verify", "there", "--root", "tree", cwd=tmp_path)
    run("verify", "--root", "nowhere", cwd=tmp_path, code=2)


def test_nothing_outside_is_looked_at(tree: Path, tmp_path: Path) -> None:
    (tmp_path / "outside").mkdir()
    (tmp_path / "outside" / "x").write_text("x")
    (tree / "way").symlink_to(tmp_path / "outside")
    run("create", "-o", "m", cwd=tree)
    assert b"way/x" not in (tree / "m").read_bytes()
    run("create", "../outside", "sub", cwd=tree, code=2)
    run("create", "../outside", "--root", ".", cwd=tree, code=2)
    for path in ("/etc/passwd", "../x", "a/../../x", "./x", ""):
        with pytest.raises(StateError, match=r"leads out|neither"):
            file_format.parse(file_format.render({path: Entry(path, "file", "0" * 64)}))


def test_a_manifest_that_was_altered_is_refused(tree: Path) -> None:
    run("create", "-o", "m", cwd=tree)
    whole = (tree / "m").read_bytes()
    for altered in (
        whole[:-70],
        whole[:-1],
        whole.replace(b"plain.py", b"plane.py"),
        whole + b'# executable "large"\n',
        whole[:60],
        b"",
        whole.replace(b"manifest 1", b"manifest 2"),
    ):
        (tree / "m").write_bytes(altered)
        done = run("verify", "m", cwd=tree, code=2)
        assert done.stderr.count("\n") == 1
    twice = file_format.render({"a": Entry("a", "file", "0" * 64), "b": Entry("a", "file", "1" * 64)})
    with pytest.raises(StateError, match="there twice"):
        file_format.parse(twice)


TEXT = st.text(st.characters(exclude_characters="/\0", exclude_categories=["Cs"]), min_size=1, max_size=8)
PATHS = st.lists(TEXT.filter(lambda part: part not in (".", "..")), min_size=1, max_size=3).map("/".join)


@given(
    st.dictionaries(PATHS, st.sampled_from(["file", "link"])),
    st.sets(st.sampled_from(file_format.MODES)),
    st.lists(TEXT, max_size=2),
)
def test_what_is_written_is_read_again(paths: dict[str, str], mode: set[str], excluded: list[str]) -> None:
    words = tuple(word for word in file_format.MODES if word in mode)
    entries = {
        path: Entry(path, "file", "ab" * 32, mode=words) if kind == "file" else Entry(path, "link", target=path[::-1])
        for path, kind in paths.items()
    }
    read = file_format.parse(file_format.render(entries, (), tuple(excluded)))
    assert read.entries == entries and read.excluded == tuple(excluded)


# -- signatures --------------------------------------------------------------


@pytest.fixture
def key(tmp_path: Path) -> Path:
    made = Ed25519PrivateKey.generate()
    path = tmp_path / "signing.pem"
    path.write_bytes(made.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    path.chmod(0o600)
    path.with_suffix(".pub").write_bytes(
        made.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    )
    path.with_suffix(".ssh").write_bytes(made.public_key().public_bytes(Encoding.OpenSSH, PublicFormat.OpenSSH))
    other = Ed25519PrivateKey.generate().public_key()
    path.with_suffix(".other").write_bytes(other.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo))
    return path


def test_a_signed_manifest_is_verified(tree: Path, key: Path) -> None:
    run("create", "--key", str(key), cwd=tree)
    for suffix in (".pub", ".ssh"):
        assert "signed with key" in run("verify", "--public-key", str(key.with_suffix(suffix)), cwd=tree).stderr
    run(
        "verify", "--public-key", str(key.with_suffix(".other")), "--public-key", str(key.with_suffix(".pub")), cwd=tree
    )
    done = run("verify", "--public-key", str(key.with_suffix(".other")), cwd=tree, code=1)
    assert "not verified: the signature is not by this key" in done.stderr
    assert "no key was given" in run("verify", cwd=tree).stderr
    if shutil.which("sha256sum"):
        assert (
            subprocess.run(["sha256sum", "-c", "--strict", file_format.NAME], cwd=tree, capture_output=True).returncode
            == 0
        )
    text = (tree / file_format.NAME).read_bytes()
    (tree / file_format.NAME).write_bytes(text.replace(text[-20:-10], base64.b64encode(b"1234567")[:10]))
    assert "not verified" in run("verify", "--public-key", str(key.with_suffix(".pub")), cwd=tree, code=1).stderr


def test_an_unsigned_manifest_is_no_signed_one(tree: Path, key: Path) -> None:
    run("create", cwd=tree)
    done = run("verify", "--public-key", str(key.with_suffix(".pub")), cwd=tree, code=1)
    assert "the manifest is not signed, and a signature was asked for" in done.stderr
    told = json.loads(
        run("verify", "--format", "json", "--public-key", str(key.with_suffix(".pub")), cwd=tree, code=1).stdout
    )
    assert told["signature"]["state"] == "missing" and not told["verified"]


def test_a_forger_cannot_write_a_manifest_anew(tree: Path, key: Path) -> None:
    run("create", "--key", str(key), cwd=tree)
    signature = (tree / file_format.NAME).read_bytes().splitlines(keepends=True)[-1]
    (tree / "plain.py").write_text("evil\n")
    run("create", cwd=tree)
    with open(tree / file_format.NAME, "ab") as stream:
        stream.write(signature)
    run("verify", cwd=tree)
    run("verify", "--public-key", str(key.with_suffix(".pub")), cwd=tree, code=1)


def test_a_detached_signature_is_one_that_openssl_knows(tree: Path, key: Path) -> None:
    run("create", "--key", str(key), "--detached", "m.sig", cwd=tree)
    public = str(key.with_suffix(".pub"))
    run("verify", "--public-key", public, "--detached", "m.sig", cwd=tree)
    if shutil.which("openssl"):
        words = [
            "openssl",
            "pkeyutl",
            "-verify",
            "-rawin",
            "-pubin",
            "-inkey",
            public,
            "-sigfile",
            "m.sig",
            "-in",
            file_format.NAME,
        ]
        assert b"Success" in subprocess.run(words, cwd=tree, capture_output=True).stdout
    run("verify", "--public-key", public, cwd=tree, code=1)
    (tree / "m.sig").write_bytes(b"x" * 64)
    run("verify", "--public-key", public, "--detached", "m.sig", cwd=tree, code=1)


def test_keys_are_handled_with_care(tree: Path, key: Path, tmp_path: Path) -> None:
    key.chmod(0o644)
    assert "others can read this key" in run("create", "--key", str(key), cwd=tree, code=2).stderr
    key.chmod(0o600)
    run("create", cwd=tree)
    assert "is a private key" in run("verify", "--public-key", str(key), cwd=tree, code=2).stderr
    (tmp_path / "rubbish").write_text("rubbish")
    (tmp_path / "rubbish").chmod(0o600)
    for name in ("rubbish", "nothing"):
        done = run("create", "--key", str(tmp_path / name), cwd=tree, code=2)
        assert done.stderr.count("\n") == 1
    secret = key.read_text().splitlines()[1]
    assert secret not in run("create", "--key", str(key), cwd=tree).stderr + (tree / file_format.NAME).read_text(
        errors="replace"
    )


COSIGN = """#!{python}
# plays the documented part of cosign: a bundle that vouches for a digest, by a key or an identity
import hashlib, json, sys
words = sys.argv[1:]
verb, blob = words[0], words[-1]
value = lambda name: words[words.index(name) + 1] if name in words else ""
digest = hashlib.sha256(open(blob, "rb").read()).hexdigest()
bundle = value("--bundle")
if verb == "sign-blob":
    assert "--yes" in words
    json.dump({{"digest": digest, "by": value("--key") or "me@example.test"}}, open(bundle, "w"))
    print("Wrote bundle to file", bundle, file=sys.stderr)
elif verb == "verify-blob":
    told = json.load(open(bundle))
    by = value("--key").replace(".pub", ".key") or value("--certificate-identity")
    assert value("--key") or value("--certificate-oidc-issuer")
    if told != {{"digest": digest, "by": by}}:
        print("Error: no matching signatures", file=sys.stderr)
        print("error during command execution: no matching signatures", file=sys.stderr)
        sys.exit(1)
    print("Verified OK", file=sys.stderr)
"""


@pytest.fixture
def cosign(tmp_path: Path) -> str:
    folder = tmp_path / "bin"
    folder.mkdir()
    (folder / "cosign").write_text(COSIGN.format(python=sys.executable))
    (folder / "cosign").chmod(0o755)
    return f"{folder}{os.pathsep}{os.environ['PATH']}"


def test_cosign_vouches(tree: Path, cosign: str) -> None:
    identity = ("--cosign-identity", "me@example.test", "--cosign-issuer", "https://issuer.test")
    run("create", "--cosign", cwd=tree, path=cosign)
    assert "cosign: me@example.test" in run("verify", *identity, cwd=tree, path=cosign).stderr
    other = ("--cosign-identity", "you@example.test", "--cosign-issuer", "https://issuer.test")
    done = run("verify", *other, cwd=tree, path=cosign, code=1)
    assert done.stderr == "leakfirst: not verified: cosign does not vouch for it: no matching signatures\n"
    os.unlink(tree / f"{file_format.NAME}.sigstore.json")
    assert "is not there" in run("verify", *identity, cwd=tree, path=cosign, code=1).stderr
    run("create", "--cosign", "--cosign-key", "x.key", "--bundle", "../b.json", cwd=tree, path=cosign)
    run("verify", "--cosign-key", "x.pub", "--bundle", "../b.json", cwd=tree, path=cosign)
    run("verify", "--cosign-identity", "me", cwd=tree, path=cosign, code=2)


def test_cosign_has_to_be_installed(tree: Path, tmp_path: Path) -> None:
    (tmp_path / "none").mkdir()
    assert "cosign is not on PATH" in run("create", "--cosign", cwd=tree, code=2, path=str(tmp_path / "none")).stderr


def test_the_real_cosign_vouches(tree: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    program = shutil.which("cosign")
    if not program:
        pytest.skip("cosign is not installed")
    monkeypatch.setenv("COSIGN_PASSWORD", "")
    subprocess.run([program, "generate-key-pair"], cwd=tmp_path, check=True, capture_output=True)
    key, public = str(tmp_path / "cosign.key"), str(tmp_path / "cosign.pub")
    run("create", "--cosign", "--cosign-key", key, "--cosign-option=--tlog-upload=false", cwd=tree)
    offline = "--cosign-option=--insecure-ignore-tlog=true"
    run("verify", "--cosign-key", public, offline, cwd=tree)
    (tree / "plain.py").write_text("evil\n")
    os.replace(tree / f"{file_format.NAME}.sigstore.json", tmp_path / "bundle")
    run("create", cwd=tree)
    run("verify", "--cosign-key", public, "--bundle", str(tmp_path / "bundle"), offline, cwd=tree, code=1)


# -- watching ----------------------------------------------------------------


class Watched:
    """A watch in a process of its own, and what it said, line by line."""

    def __init__(self, root: Path) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-m", "detector", "manifest", "verify", "--watch", "--format", "json"],
            cwd=root,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env=environment(),
        )
        self.told: set[tuple[str, str, bool]] = set()
        self._more = threading.Condition()
        self._reader = threading.Thread(target=self._read)
        self._reader.start()

    def _read(self) -> None:
        assert self.process.stdout
        for line in self.process.stdout:
            row = json.loads(line)
            with self._more:
                self.told.add((row["what"], row["path"], row["now"]))
                self._more.notify()
        with self._more:
            self._more.notify()

    def wait_for(self, *rows: tuple[str, str, bool]) -> None:
        """Wait until all *rows* were told; fail after a time that nobody waits for."""
        with self._more:
            self._more.wait_for(lambda: self.told.issuperset(rows) or self.process.poll() is not None, 30)
            assert self.told.issuperset(rows), (set(rows) - self.told, self.process.poll())

    def end(self, number: int = signal.SIGTERM) -> int:
        self.process.send_signal(number)
        self._reader.join(30)
        self.process.wait(30)
        assert self.process.stderr
        said = self.process.stderr.read()
        assert "Traceback" not in said and "stopped watching" in said
        return self.process.returncode


@pytest.fixture(params=["told by the system", "looked for"])
def watched(request: pytest.FixtureRequest, tree: Path) -> Iterator[Watched]:
    """A watch; of a tree with a name that is not UTF-8 the system cannot tell."""
    if request.param == "told by the system":
        (tree / NAMES[5]).unlink()
    run("create", cwd=tree)
    (tree / "early").write_text("there before the watch\n")
    watch = Watched(tree)
    watch.wait_for(("added", "early", True))
    yield watch
    if watch.process.poll() is None:
        watch.process.kill()
        watch._reader.join(30)
        watch.process.wait(30)


def test_a_watch_tells_what_comes_and_goes(watched: Watched, tree: Path) -> None:
    before = (tree / "plain.py").read_bytes()
    (tree / "plain.py").write_text("evil\n")
    (tree / "sub" / "tool.sh").chmod(0o600)
    watched.wait_for(("changed", "plain.py", True), ("mode", "sub/tool.sh", True))
    (tree / "plain.py").write_bytes(before)
    (tree / "early").unlink()
    watched.wait_for(("changed", "plain.py", False), ("added", "early", False))
    (tree / "deep" / "er").mkdir(parents=True)
    (tree / "deep" / "er" / "x").write_text("x")
    watched.wait_for(("added", "deep/er/x", True))
    shutil.rmtree(tree / "deep")
    os.rename(tree / "sub", tree / "moved")
    watched.wait_for(("added", "deep/er/x", False), ("missing", "sub/a b.js", True), ("added", "moved/a b.js", True))
    assert watched.end(signal.SIGINT) == 1


def test_a_storm_ends_with_the_truth(watched: Watched, tree: Path) -> None:
    (tree / "storm").mkdir()
    for number in range(2500):
        (tree / "storm" / str(number)).write_text("x")
    watched.wait_for(*(("added", f"storm/{number}", True) for number in range(2500)))
    shutil.rmtree(tree / "storm")
    watched.wait_for(*(("added", f"storm/{number}", False) for number in range(2500)))
    assert watched.end() == 1


def test_a_root_may_go_and_come_back(watched: Watched, tree: Path) -> None:
    os.rename(tree, tree.with_name("away"))
    watched.wait_for(("root", ".", True))
    tree.mkdir()
    watched.wait_for(("root", ".", False), ("missing", "plain.py", True))
    (tree / "new").write_text("x")
    watched.wait_for(("added", "new", True))
    shutil.rmtree(tree)
    assert watched.end() == 1


def test_a_watch_without_a_difference_ends_well(tree: Path) -> None:
    run("create", cwd=tree)
    watch = Watched(tree)
    (tree / ".git" / "index").write_text("changes all the time")
    assert watch.process.stderr
    assert "watching" in watch.process.stderr.readline()
    assert watch.end() == 0


def test_a_manifest_is_readable_for_others(tree: Path) -> None:
    run("create", cwd=tree)
    assert stat.S_IMODE((tree / file_format.NAME).stat().st_mode) & 0o400
    assert [name for name in os.listdir(tree) if name.endswith(".part")] == []


def test_nothing_hides_behind_the_name_of_a_signature(tree: Path) -> None:
    run("create", cwd=tree)
    hidden = tree / "MANIFEST.sha256.sigstore.json"
    hidden.mkdir()
    (hidden / "module.py").write_text("added")
    told = run("verify", cwd=tree, code=1).stdout
    assert "added" in told and "MANIFEST.sha256.sigstore.json/module.py" in told
    shutil.rmtree(hidden)
    hidden.symlink_to("/etc")
    assert "(link)" in run("verify", cwd=tree, code=1).stdout


def test_a_file_is_read_to_its_end_however_little_comes_at_once(tree: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    run("create", cwd=tree)
    whole = os.read
    with monkeypatch.context() as slow:
        slow.setattr("os.read", lambda descriptor, size: whole(descriptor, min(size, 3)))
        run("verify", cwd=tree)
