"""Signatures by a key and by cosign."""

import base64
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat

from detector.incident.manifest import file_format
from tests.detector.incident.manifest.making import run


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


def test_a_missing_signature_is_refused_if_one_is_required(tree: Path, key: Path) -> None:
    run("create", cwd=tree)
    done = run("verify", "--public-key", str(key.with_suffix(".pub")), cwd=tree, code=1)
    assert "the manifest is not signed, and a signature is required" in done.stderr
    data = json.loads(
        run("verify", "--format", "json", "--public-key", str(key.with_suffix(".pub")), cwd=tree, code=1).stdout
    )
    assert data["signature"]["state"] == "missing" and not data["verified"]


def test_the_signature_of_another_manifest_is_refused(tree: Path, key: Path) -> None:
    run("create", "--key", str(key), cwd=tree)
    signature = (tree / file_format.NAME).read_bytes().splitlines(keepends=True)[-1]
    (tree / "plain.py").write_text("evil\n")
    run("create", cwd=tree)
    with open(tree / file_format.NAME, "ab") as stream:
        stream.write(signature)
    run("verify", cwd=tree)
    run("verify", "--public-key", str(key.with_suffix(".pub")), cwd=tree, code=1)


def test_openssl_verifies_a_detached_signature(tree: Path, key: Path) -> None:
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


def test_unsafe_and_wrong_keys_are_refused(tree: Path, key: Path, tmp_path: Path) -> None:
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
# a fake of cosign as documented: the bundle contains a digest with a key or an identity
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


@pytest.mark.parametrize("option", ["--cosign-key", "--bundle", "--cosign-option"])
def test_an_option_of_cosign_alone_is_refused(tree: Path, option: str) -> None:
    printed = run("create", option, "x", cwd=tree, code=2)
    assert f"{option} is of use with --cosign alone" in "".join(printed)


def test_a_cosign_signature_is_verified(tree: Path, cosign: str) -> None:
    identity = ("--cosign-identity", "me@example.test", "--cosign-issuer", "https://issuer.test")
    run("create", "--cosign", cwd=tree, path=cosign)
    assert "cosign: me@example.test" in run("verify", *identity, cwd=tree, path=cosign).stderr
    other = ("--cosign-identity", "you@example.test", "--cosign-issuer", "https://issuer.test")
    done = run("verify", *other, cwd=tree, path=cosign, code=1)
    assert done.stderr == "leakfirst: not verified: cosign rejects the signature: no matching signatures\n"
    os.unlink(tree / f"{file_format.NAME}.sigstore.json")
    assert "does not exist" in run("verify", *identity, cwd=tree, path=cosign, code=1).stderr
    run("create", "--cosign", "--cosign-key", "x.key", "--bundle", "../b.json", cwd=tree, path=cosign)
    run("verify", "--cosign-key", "x.pub", "--bundle", "../b.json", cwd=tree, path=cosign)
    run("verify", "--cosign-identity", "me", cwd=tree, path=cosign, code=2)


def test_a_missing_cosign_is_reported(tree: Path, tmp_path: Path) -> None:
    (tmp_path / "none").mkdir()
    assert "cosign is not on PATH" in run("create", "--cosign", cwd=tree, code=2, path=str(tmp_path / "none")).stderr


def test_the_real_cosign(tree: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
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


def test_a_folder_or_link_named_like_the_bundle_is_reported(tree: Path) -> None:
    run("create", cwd=tree)
    hidden = tree / "MANIFEST.sha256.sigstore.json"
    hidden.mkdir()
    (hidden / "module.py").write_text("added")
    data = run("verify", cwd=tree, code=1).stdout
    assert "added" in data and "MANIFEST.sha256.sigstore.json/module.py" in data
    shutil.rmtree(hidden)
    hidden.symlink_to("/etc")
    assert "(link)" in run("verify", cwd=tree, code=1).stdout
