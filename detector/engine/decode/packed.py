"""Compressed data, recognised by its first bytes and unpacked within bounds."""

from __future__ import annotations

from typing import Any

_MAGIC = ((b"\x1f\x8b\x08", "gzip"), (b"\x28\xb5\x2f\xfd", "zstd"), (b"\xfd7zXZ\x00", "xz"), (b"BZh", "bzip2"))


def kind(data: bytes) -> str:
    """Name the compression of *data*, or "" for none that we know."""
    for magic, name in _MAGIC:
        if data.startswith(magic):
            return name
    if len(data) > 8 and data[0] == 0x78 and data[1] in b"\x01\x5e\x9c\xda" and (data[0] << 8 | data[1]) % 31 == 0:
        return "zlib"
    return ""


def unpacked(data: bytes, name: str, limit: int) -> tuple[bytes, bool]:
    """Return up to *limit* bytes of what *data* holds, and whether that is everything that can be read.

    What comes before a fault counts; data that is no stream at all gives b"".
    """
    import lzma
    import zlib

    parts: list[bytes] = []
    size = 0
    rest = data
    while rest and size <= limit:
        try:
            stream = _stream(name)
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
    """The standard library's interface over `zstandard`."""

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


def _stream(name: str) -> Any:
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
