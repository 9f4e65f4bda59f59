"""Private keys: against what lies beside them, and against a real SSH server."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519

from detector.model import VerdictState
from detector.probes.core.contract import ProbeSettings
from tests.detector.probes.conftest import HERE, finding, verdict
from tests.fakes import servers
from tests.fakes.provider import Authority

PEM, PLAIN = serialization.Encoding.PEM, serialization.NoEncryption()


def openssh_pair() -> tuple[str, str]:
    key = ed25519.Ed25519PrivateKey.generate()
    public = key.public_key().public_bytes(serialization.Encoding.OpenSSH, serialization.PublicFormat.OpenSSH)
    return key.private_bytes(PEM, serialization.PrivateFormat.OpenSSH, PLAIN).decode(), public.decode()


def test_a_certificate_beside_it_says_whose_key_it_is(tmp_path: Path, authority: Authority) -> None:
    certificate, key = authority.files("www.acme.test")
    (tmp_path / "deep").mkdir()
    (tmp_path / "deep" / "www.crt").write_bytes(certificate.read_bytes())
    told = verdict(finding("private-key.pem", key.read_text(), repository=str(tmp_path)))
    assert told.state == VerdictState.VALID_FORMAT and "certificate of CN=server" in told.why
    assert dict(told.facts)["valid until"].startswith("20")


def test_a_certificate_in_history_counts_too(tmp_path: Path, authority: Authority) -> None:
    certificate, key = authority.files("old.acme.test")

    def git(*words: str) -> None:
        subprocess.run(["git", "-C", str(tmp_path), *words], check=True, capture_output=True)

    (tmp_path / "www.pem").write_bytes(certificate.read_bytes())
    git("init", "-q")
    git("add", ".")
    git("commit", "-qm", "add")
    (tmp_path / "www.pem").unlink()
    told = verdict(finding("private-key.pem", key.read_text(), repository=str(tmp_path)))
    assert told.state == VerdictState.VALID_FORMAT


def test_an_ssh_public_key_beside_it_fits(tmp_path: Path) -> None:
    private, public = openssh_pair()
    (tmp_path / "id.pub").write_text(f"{public} ada@acme\n")
    told = verdict(finding("private-key.openssh", private, repository=str(tmp_path)))
    assert told.state == VerdictState.VALID_FORMAT and told.owner == "the SSH public key ada@acme"


def test_without_another_half_nothing_is_known(tmp_path: Path, authority: Authority) -> None:
    certificate, _ = authority.files("other.acme.test")
    (tmp_path / "other.crt").write_bytes(certificate.read_bytes())
    key = ec.generate_private_key(ec.SECP256R1()).private_bytes(PEM, serialization.PrivateFormat.PKCS8, PLAIN)
    assert verdict(finding("private-key.pem", key.decode(), repository=str(tmp_path))).state == VerdictState.UNKNOWN


@pytest.mark.net
def test_a_named_ssh_server_lets_the_right_key_in(tmp_path: Path) -> None:
    private, public = openssh_pair()
    stranger, _ = openssh_pair()
    with servers.ssh(public) as (user, port):
        settings = HERE._replace(ssh_hosts=(f"{user}@127.0.0.1:{port}",))
        live = verdict(finding("private-key.openssh", private, repository=str(tmp_path)), settings)
        assert live.state == VerdictState.LIVE and live.owner == f"{user}@127.0.0.1:{port}", live
        assert (
            verdict(finding("private-key.openssh", stranger, repository=str(tmp_path)), settings).state
            == VerdictState.DEAD
        )
        shut = ProbeSettings(ssh_hosts=settings.ssh_hosts)
        told = verdict(finding("private-key.openssh", private, repository=str(tmp_path)), shut)
        assert told.state == VerdictState.UNKNOWN and "loopback" in told.why
