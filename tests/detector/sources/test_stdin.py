"""Standard input as a source."""

import gzip
import hashlib
import io
import json
import os
import subprocess
import sys
import tarfile
from pathlib import Path

import pytest

from detector.config import Config
from detector.contracts import Claim
from detector.model import Skipped
from detector.sources import stdin
from detector.text import chunks
from tests.detector.sources.sample import RULE, TOKEN, Sample


def make_sample(folder: Path) -> Sample:
    (folder / "stdin").write_text(f"key = {TOKEN}\n")
    return Sample("-")


def test_it_claims_the_dash_alone() -> None:
    assert stdin.claim("-", Config()) is Claim.ADDRESS
    assert stdin.claim("--", Config()) is Claim.NONE


def pipe(content: bytes, folder: Path, *options: str) -> tuple[int, list[str]]:
    """Run ``… | leakfirst scan -``; return the exit code and the places."""
    (folder / "acme.toml").write_text(RULE)
    words = ["scan", "-", "--patterns", str(folder / "acme.toml"), "--only", "acme.key", "--format", "json", *options]
    done = subprocess.run(
        [sys.executable, "-m", "leakfirst", *words], input=content, capture_output=True, cwd=Path(__file__).parents[3]
    )
    findings = json.loads(done.stdout)["findings"]
    return done.returncode, sorted(f"{at['path']}:{at['line']}" for one in findings for at in one["locations"])


def make_tar(files: dict[str, bytes]) -> bytes:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w") as archive:
        for name, content in files.items():
            entry = tarfile.TarInfo(name)
            entry.size = len(content)
            archive.addfile(entry, io.BytesIO(content))
    return out.getvalue()


def make_saved_image(padding: int) -> bytes:
    """Return what ``docker save`` writes: the first layer has the token, the second one deletes the file."""
    first = gzip.compress(make_tar({"pad": os.urandom(padding), "etc/app.env": f"KEY={TOKEN}\n".encode()}), 1)
    second = make_tar({"etc/.wh.app.env": b""})
    config = json.dumps({"config": {"Env": []}}).encode()
    names = [f"blobs/sha256/{hashlib.sha256(part).hexdigest()}" for part in (first, second, config)]
    manifest = json.dumps([{"Config": names[2], "RepoTags": ["acme:1"], "Layers": names[:2]}]).encode()
    return make_tar({**dict(zip(names, (first, second, config), strict=True)), "manifest.json": manifest})


@pytest.mark.parametrize("padding", [1000, 2 * chunks.CHUNK_BYTES], ids=["small", "large"])
def test_docker_save_is_piped(tmp_path: Path, padding: int) -> None:
    assert pipe(make_saved_image(padding), tmp_path) == (1, ["-!layer 1!etc/app.env:1"])


def test_the_environment_and_long_text_are_piped(tmp_path: Path) -> None:
    assert pipe(f"HOME=/root\nKEY={TOKEN}\n".encode(), tmp_path) == (1, ["-:2"])
    filler = b"x" * 99 + b"\n"
    lines = (2 * chunks.CHUNK_BYTES) // 100
    assert pipe(filler * lines + TOKEN.encode(), tmp_path) == (1, [f"-:{lines + 1}"])


def test_a_container_that_is_too_long_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stdin, "MAX_CONTAINER_BYTES", 1 << 20)
    (tmp_path / "image").write_bytes(make_saved_image(chunks.CHUNK_BYTES + (1 << 20)))
    saved = os.dup(0)
    with open(tmp_path / "image", "rb") as file:
        os.dup2(file.fileno(), 0)
        found = list(stdin.StdinShare().read())
    os.dup2(saved, 0)
    os.close(saved)
    assert [item for item in found if isinstance(item, Skipped) and "more than" in item.reason]
