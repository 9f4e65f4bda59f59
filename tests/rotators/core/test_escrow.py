from __future__ import annotations

import os
import pathlib
import shutil

import pytest

from detector.secret import Secret
from rotators.core.escrow import Escrow, LocalSealer, make_sealer
from rotators.core.model import UnexpectedState
from tests.fakes import servers
from tests.rotators.world import Aws

VALUES = {"value": Secret(b"canary-in-escrow"), "user": Secret(bytes(range(256)))}


def test_what_is_kept_comes_back_and_is_never_plain_on_disk(tmp_path: pathlib.Path) -> None:
    escrow = Escrow(str(tmp_path), LocalSealer(b"k" * 32))
    escrow.keep("run/prod", VALUES)
    assert escrow.open("run/prod") == VALUES
    (path,) = (tmp_path / "escrow").iterdir()
    assert b"canary" not in path.read_bytes()
    assert os.stat(path).st_mode & 0o077 == 0
    escrow.drop("run/prod")
    escrow.drop("run/prod")
    assert escrow.open("run/prod") is None


def test_a_sealed_file_opens_for_its_own_run_only(tmp_path: pathlib.Path) -> None:
    escrow = Escrow(str(tmp_path), LocalSealer(b"k" * 32))
    escrow.keep("run/prod", VALUES)
    escrow.keep("run/other", VALUES)
    first, second = (tmp_path / "escrow").iterdir()
    first.write_bytes(second.read_bytes())
    with pytest.raises(UnexpectedState, match="does not open"):
        [escrow.open(name) for name in ("run/prod", "run/other")]


def test_another_key_does_not_open_it(tmp_path: pathlib.Path) -> None:
    Escrow(str(tmp_path), LocalSealer(b"k" * 32)).keep("run/prod", VALUES)
    with pytest.raises(UnexpectedState, match="does not open"):
        Escrow(str(tmp_path), LocalSealer(b"x" * 32)).open("run/prod")


@pytest.mark.net
def test_a_kms_key_seals_and_alone_opens(aws: Aws, tmp_path: pathlib.Path) -> None:
    kms = aws.client("kms")
    first, second = (kms.create_key()["KeyMetadata"]["KeyId"] for _ in range(2))
    escrow = Escrow(str(tmp_path), make_sealer(aws.settings(key="kms", name=first), b""))
    escrow.keep("run/prod", VALUES)
    assert escrow.open("run/prod") == VALUES
    with pytest.raises(Exception, match="Decrypt"):
        Escrow(str(tmp_path), make_sealer(aws.settings(key="kms", name=second), b"")).open("run/prod")


@pytest.mark.net
@pytest.mark.skipif(not (shutil.which("bao") or shutil.which("vault")), reason="neither bao nor vault is installed")
def test_a_transit_key_seals_and_alone_opens(monkeypatch: pytest.MonkeyPatch, tmp_path: pathlib.Path) -> None:
    import hvac

    with servers.vault() as (address, token):
        monkeypatch.setenv("OPERATOR_TOKEN", token)
        root = hvac.Client(url=address, token=token)
        root.sys.enable_secrets_engine("transit")
        for name in ("first", "second"):
            root.secrets.transit.create_key(name)
        settings = {"key": "transit", "address": address, "token_env": "OPERATOR_TOKEN"}
        escrow = Escrow(str(tmp_path), make_sealer({**settings, "name": "first"}, b""))
        escrow.keep("run/prod", VALUES)
        assert escrow.open("run/prod") == VALUES
        with pytest.raises(Exception, match=r"authentication failed|decrypt"):
            Escrow(str(tmp_path), make_sealer({**settings, "name": "second"}, b"")).open("run/prod")
