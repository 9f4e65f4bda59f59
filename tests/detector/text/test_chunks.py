"""A stream of any length becomes overlapping blobs."""

import io

import pytest

from detector.model import Origin
from detector.text import chunks


@pytest.mark.parametrize("size", [0, 1, 99, 100, 110, 111, 250, 1000])
def test_the_cores_are_the_stream_and_positions_are_counted(monkeypatch, size: int) -> None:
    monkeypatch.setattr(chunks, "CHUNK_BYTES", 100)
    monkeypatch.setattr(chunks, "MARGIN_BYTES", 10)
    text = ("ein wort, \u00fcber\n" * 100).encode()[:size]
    blobs = list(chunks.split_stream(io.BytesIO(text).read, Origin("stdin")))
    assert b"".join(blob.data[slice(*blob.core)] for blob in blobs if blob.core) == text
    for blob in blobs:
        assert text[blob.base :].startswith(blob.data) and len(blob.data) <= 120
        before = text[: blob.base]
        assert blob.base_line == before.count(b"\n")
        assert blob.base_column == len(before[before.rfind(b"\n") + 1 :].decode("utf-8", "replace"))
