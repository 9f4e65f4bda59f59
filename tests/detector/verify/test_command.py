"""The commands, from the outside: scan --verify and verify, against a provider on this machine."""

import io
import json
import os
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest

from detector.rules.shapes import expand
from leakfirst._program import main
from tests.fakes.provider import Authority, Provider, Say, by_credential

RULES = """
[[rule]]
id = "acme.key"
finds = "Acme key"
confidence = "high"
anchors = ["acme_live_"]
pattern = 'acme_live_[0-9A-Za-z]{24}'
probe = { get = "https://{host}/me", bearer = "{secret}", host = "line", owner = "login" }
"""
LIVE, DEAD = (expand("acme_live_{alnum:24}", seed) for seed in (1, 2))


@pytest.fixture
def place(tmp_path: Path, acme: Provider, authority: Authority, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("SSL_CERT_FILE", str(authority.certificate))
    monkeypatch.chdir(tmp_path)
    (tmp_path / "rules.toml").write_text(RULES)
    folder = tmp_path / "src"
    folder.mkdir()
    (folder / "a.env").write_text(f"url=https://127.0.0.1:{acme.port}/x key={LIVE}\n")
    (folder / "b.env").write_text(f"url=https://127.0.0.1:{acme.port}/x key={DEAD}\n")
    acme.answer = by_credential(LIVE, Say(200, {"login": "ada"}), Say(401))
    return tmp_path


def states(path: Path) -> dict[str, str]:
    report = json.loads(path.read_text())
    return {row["locations"][0]["path"][-5:]: row["verdict"]["state"] for row in report["findings"]}


def scan(*more: str) -> int:
    return main(["scan", "--patterns", "rules.toml", "--only", "acme.key", "-j", "1", "src", *more])


def test_a_scan_asks_nobody_unless_told(place: Path, acme: Provider) -> None:
    assert scan("-f", "json", "-o", "r.json") == 1
    assert states(place / "r.json") == {"a.env": "unchecked", "b.env": "unchecked"}
    assert not acme.heard


def test_a_scan_with_verify_asks(place: Path, acme: Provider) -> None:
    assert scan("--verify", "--allow-internal", "127.0.0.1", "-f", "json", "-o", "r.json") == 1
    assert states(place / "r.json") == {"a.env": "live", "b.env": "dead"}


def test_without_the_operators_word_the_host_is_not_asked(place: Path, acme: Provider) -> None:
    scan("--verify", "-f", "json", "-o", "r.json")
    assert set(states(place / "r.json").values()) == {"unknown"}
    scan("--verify", "--host", "*", "-f", "json", "-o", "r.json")
    assert set(states(place / "r.json").values()) == {"unknown"}
    assert not acme.heard


def test_a_report_is_verified_later(place: Path, acme: Provider, capsys: pytest.CaptureFixture[str]) -> None:
    scan("-f", "json", "-o", "r.json")
    assert LIVE not in (place / "r.json").read_text()
    code = main(["verify", "--patterns", "rules.toml", "--allow-internal", "127.0.0.1", "r.json"])
    out = capsys.readouterr().out
    assert code == 1
    assert [line.split()[0] for line in sorted(out.splitlines())] == ["dead", "live"]
    assert "owner: ada" in out and LIVE not in out and DEAD not in out


def test_what_moved_is_found_by_its_fingerprint_and_what_went_is_said(
    place: Path, acme: Provider, capsys: pytest.CaptureFixture[str]
) -> None:
    scan("-f", "json", "-o", "r.json")
    moved = place / "src" / "a.env"
    moved.write_text("\n\n" + moved.read_text())
    (place / "src" / "b.env").write_text("nothing here\n")
    main(
        ["verify", "--patterns", "rules.toml", "--allow-internal", "127.0.0.1", "r.json", "-f", "json", "-o", "c.json"]
    )
    assert states(place / "c.json") == {"a.env": "live"}
    assert "not found again" in capsys.readouterr().err


def test_what_stood_in_an_archive_is_read_there_again(place: Path, acme: Provider) -> None:
    import zipfile

    for name in ("a.env", "b.env"):
        with zipfile.ZipFile(place / "src" / f"{name}.zip", "w") as archive:
            archive.write(place / "src" / name, "inner/x.env")
        (place / "src" / name).unlink()
    assert scan("-f", "json", "-o", "r.json") == 1
    code = main(
        ["verify", "--patterns", "rules.toml", "--allow-internal", "127.0.0.1", "-f", "json", "-o", "v.json", "r.json"]
    )
    assert code == 1
    report = json.loads((place / "v.json").read_text())
    assert sorted(row["verdict"]["state"] for row in report["findings"]) == ["dead", "live"]


def test_a_dry_run_asks_nobody(place: Path, acme: Provider, capsys: pytest.CaptureFixture[str]) -> None:
    scan("-f", "json", "-o", "r.json")
    capsys.readouterr()
    main(["verify", "--patterns", "rules.toml", "--allow-internal", "127.0.0.1", "--dry-run", "r.json"])
    out = capsys.readouterr().out
    assert f"would ask 127.0.0.1:{acme.port} about 2 credentials of acme.key: GET https://" in out
    main(["verify", "--patterns", "rules.toml", "--dry-run", "r.json"])
    assert "would not ask about 2 credentials of acme.key: 127.0.0.1 is named beside it" in capsys.readouterr().out
    assert not acme.heard


def test_one_credential_from_standard_input(
    place: Path, acme: Provider, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (place / "op.toml").write_text(
        f'[verify]\nallow-internal = ["127.0.0.1"]\nhost = {{ "acme.*" = "127.0.0.1:{acme.port}" }}\n'
    )
    monkeypatch.setattr(sys, "stdin", SimpleNamespace(buffer=io.BytesIO(LIVE.encode() + b"\n")))
    assert main(["verify", "--patterns", "rules.toml", "--rule", "acme.key", "--config", "op.toml"]) == 1
    assert capsys.readouterr().out.startswith("live ")


def test_a_credential_in_history_is_read_from_its_object(
    place: Path, acme: Provider, capsys: pytest.CaptureFixture[str]
) -> None:
    import subprocess

    def git(*words: str) -> None:
        subprocess.run(["git", "-C", "src", *words], check=True, capture_output=True)

    git("init", "-q")
    git("add", ".")
    git("commit", "-qm", "add")
    git("rm", "-q", "a.env")
    git("commit", "-qm", "remove")
    scan("-f", "json", "-o", "r.json")
    main(["verify", "--patterns", "rules.toml", "--allow-internal", "127.0.0.1", "r.json"])
    assert sorted(line.split()[0] for line in capsys.readouterr().out.splitlines()) == ["dead", "live"]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("[verify]\nhots = []", "verify.hots"),
        ('[verify]\nhosts = "x"', "list of texts"),
        ("[verify]\nrate = 0", "number above 0"),
        ('[verify]\ncanary-accounts = ["12"]', "12 digits"),
        ("verify = 1", "must be a table"),
        ("[verify]\nhost = 3", "verify.host"),
    ],
)
def test_a_wrong_operators_file_is_named(
    text: str, words: str, place: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (place / "op.toml").write_text(text)
    assert scan("--verify", "--config", "op.toml") == 2
    assert words in capsys.readouterr().err


def test_a_report_that_is_none_is_a_usage_error(place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (place / "r.json").write_text("{}")
    assert main(["verify", "r.json"]) == 2
    assert main(["verify", "missing.json"]) == 2
    assert main(["verify"]) == 2
    assert "leakfirst scan --report json=" in capsys.readouterr().err


def test_a_place_that_became_a_pipe_is_named_and_keeps_nobody_waiting(
    place: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    scan("-f", "json", "-o", "r.json")
    (place / "src" / "a.env").unlink()
    os.mkfifo(place / "src" / "a.env")
    main(["verify", "r.json", "--patterns", "rules.toml"])
    assert "no regular file" in capsys.readouterr().err
