"""Detect compressed data by its first bytes, and decompress it within limits."""

from __future__ import annotations

from typing import Any

_MAGIC = ((b"\x1f\x8b\x08", "gzip"), (b"\x28\xb5\x2f\xfd", "zstd"), (b"\xfd7zXZ\x00", "xz"), (b"BZh", "bzip2"))


def detect_compression(data: bytes) -> str:
    """Return the name of the compression of *data*, "" for none that is known."""
    for magic, name in _MAGIC:
        if data.startswith(magic):
            return name
    if len(data) > 8 and data[0] == 0x78 and data[1] in b"\x01\x5e\x9c\xda" and (data[0] << 8 | data[1]) % 31 == 0:
        return "zlib"
    return ""


def decompress(data: bytes, name: str, limit: int) -> tuple[bytes, bool]:
    """Return up to *limit* bytes of decompressed *data*, and whether that is all that can be read.

    Data up to an error counts; data that is not a stream of this kind gives b"".
    """
    import lzma
    import zlib

    parts: list[bytes] = []
    size = 0
    rest = data
    while rest and size <= limit:
        try:
            stream = _open_stream(name)
            if stream is None:
                return b"", True
            part = stream.decompress(rest, limit + 1 - size)
        except (zlib.error, OSError, EOFError, ValueError, lzma.LZMAError):
            break
        parts.append(part)
        size += len(part)
        if not stream.eof:
            break
        rest = stream.unused_data
    return b"".join(parts)[:limit], size <= limit


class _Zstd:
    """A decompressor with the interface of the standard library on top of `zstandard`."""

    def __init__(self, zstandard: Any) -> None:
        self._zstandard = zstandard
        self.eof = True
        self.unused_data = b""

    def decompress(self, data: bytes, limit: int) -> bytes:
        try:
            with self._zstandard.ZstdDecompressor(max_window_size=1 << 27).stream_reader(
                data, read_across_frames=True
            ) as reader:
                return bytes(reader.read(limit))
        except self._zstandard.ZstdError as error:
            raise ValueError(str(error)) from None


def _open_stream(name: str) -> Any:
    import bz2
    import lzma
    import zlib

    if name == "gzip":
        return zlib.decompressobj(wbits=31)
    if name == "zlib":
        return zlib.decompressobj()
    if name == "bzip2":
        return bz2.BZ2Decompressor()
    if name == "xz":
        return lzma.LZMADecompressor(memlimit=256 << 20)
    try:
        import zstandard
    except ImportError:
        return None
    return _Zstd(zstandard)
