"""Archives: zip and its family, tar, compressed files, Debian and RPM packages, 7z.

Each function takes a binary file (seekable for zip and 7z, any stream for the
others) and yields its members in order. The caller reads a member before it
requests the next one. Links, devices and folders are skipped.
"""

from __future__ import annotations

import hashlib
import io
import re
from collections.abc import Callable, Iterator
from typing import Any

from detector.containers.contract import Member, Stream
from detector.containers.limits import ENCRYPTED, LimitExceeded
from detector.containers.streams import MAX_STRAY_BYTES, READ_BYTES, BoundedStream, DecompressedStream
from detector.containers.zip_gaps import read_gap
from detector.model import Skipped

MAX_7Z_BYTES = 1 << 30
MAX_BYTES_AT_ONCE = 64 << 20
"""An entry of a zip file up to this size in bytes is inflated in one call, which is twice as fast as in chunks."""

_PIECE_OF_UNCOPIABLE = 512
"""Bytes given at once to a decompressor that loses the output of a damaged piece."""

_ENDS_OF_TAR = ("EOFHeaderError", "EmptyHeaderError")
"""The errors of `tarfile` for a block of zeros and for the end of the file; these are no damage."""

_DEFLATE_RATIO = 1032
"""Deflate expands one byte to at most this many."""


def read_zip(file: Any) -> Iterator[Member | Skipped]:
    """Read a zip file: also jar, war, whl, docx, xlsx, pptx, apk, nupkg, vsix and other formats based on zip.

    Entries that its directory does not list, because it is damaged or was written
    to hide them, are found by their own headers.
    """
    import zipfile

    size = file.seek(0, io.SEEK_END)
    try:
        archive = zipfile.ZipFile(file)
    except Exception as problem:  # its parser raises all kinds of errors for hostile files
        yield Skipped("", f"its directory cannot be read ({problem}); what was found in it without it was scanned")
        yield from read_gap(file, 0, size)
        return
    with archive:
        listed = []
        for entry in archive.infolist():
            data = _find_data(file, entry)
            listed.append((entry.header_offset, data + entry.compress_size))
            if not entry.is_dir():
                yield _read_entry(archive, file, entry, data)
        at = 0
        for start, end in sorted(listed):
            yield from read_gap(file, at, start)
            at = max(at, end)
        yield from read_gap(file, at, archive.start_dir)
        if archive.comment:
            yield Member("", io.BytesIO(archive.comment), is_remainder=True)


def _read_entry(archive: Any, file: Any, entry: Any, data: int) -> Member | Skipped:
    """Return the member of *entry*, whose compressed bytes begin at *data*."""
    import zipfile

    from detector.containers.documents import extract_office_text

    if entry.flag_bits & 1:
        return Skipped(entry.filename, ENCRYPTED)
    try:
        stream: Stream = archive.open(entry)
    except (zipfile.BadZipFile, NotImplementedError, RuntimeError) as problem:
        return Skipped(entry.filename, f"cannot be unpacked: {problem}")
    packed = _read_packed(file, entry, data)
    if packed is None:
        return Member(entry.filename, extract_office_text(entry.filename, stream))
    unpacked = _InflatedStream(packed, entry.file_size, entry.CRC, stream)
    return Member(entry.filename, extract_office_text(entry.filename, unpacked), digest=_compute_digest(entry, packed))


def _find_data(file: Any, entry: Any) -> int:
    """Return the offset of the compressed bytes of *entry*, behind its own header."""
    file.seek(entry.header_offset + 26)
    lengths: bytes = file.read(4)
    return int(entry.header_offset) + 30 + int.from_bytes(lengths[:2], "little") + int.from_bytes(lengths[2:], "little")


def _read_packed(file: Any, entry: Any, data: int) -> bytes | None:
    """Return the compressed bytes of an entry that can be inflated in one call, else None."""
    deflated, most = 8, _DEFLATE_RATIO * entry.compress_size
    if entry.compress_type != deflated or not entry.file_size <= min(most, MAX_BYTES_AT_ONCE):
        return None
    if entry.compress_size > MAX_BYTES_AT_ONCE:
        return None
    file.seek(data)
    packed: bytes = file.read(entry.compress_size)
    return packed


def _compute_digest(entry: Any, packed: bytes) -> bytes:
    digest = hashlib.sha256(packed)
    digest.update(b"%d %d" % (entry.file_size, entry.CRC))
    return digest.digest()


class _InflatedStream:
    """A deflated entry, inflated in one call on the first read; read as a stream if its header is wrong."""

    def __init__(self, packed: bytes, size: int, checksum: int, stream: Stream) -> None:
        self._packed = packed
        self._size = size
        self._checksum = checksum
        self._fallback = stream
        self._stream: Stream | None = None

    def read(self, size: int = -1, /) -> bytes:
        if self._stream is None:
            self._stream = self._inflate() or self._fallback
            self._packed = b""
        return self._stream.read(size)

    def _inflate(self) -> Stream | None:
        import deflate

        try:
            content = deflate.deflate_decompress(self._packed, self._size)
        except deflate.DeflateError:
            return None
        valid = len(content) == self._size and deflate.crc32(content) == self._checksum
        return io.BytesIO(content) if valid else None


def read_tar(file: Any) -> Iterator[Member | Skipped]:
    """Read a tar archive as a stream, and further archives and members behind its end or behind damaged headers."""
    import tarfile

    damaged = 0

    class Entry(tarfile.TarInfo):
        """Counts the headers that are none."""

        @classmethod
        def fromtarfile(cls, archive: tarfile.TarFile) -> Entry:
            nonlocal damaged
            try:
                return super().fromtarfile(archive)
            except tarfile.HeaderError as problem:
                damaged += type(problem).__name__ not in _ENDS_OF_TAR
                raise

    with tarfile.open(fileobj=file, mode="r|", bufsize=1 << 16, tarinfo=Entry, ignore_zeros=True) as archive:
        for entry in archive:
            if entry.isreg():
                stream = archive.extractfile(entry)
                assert stream is not None
                yield Member(entry.name, stream)
            archive.members = []  # type: ignore[attr-defined]  # otherwise all entries stay in memory
    if damaged:
        yield Skipped("", f"{damaged} blocks of 512 bytes are no headers of a tar archive and were not read")


def _read_compressed(
    file: Any, start: Callable[[], Any], signature: bytes, piece: int = READ_BYTES
) -> Iterator[Member | Skipped]:
    stream = DecompressedStream(file, start, re.compile(signature), piece)
    yield Member("", stream)
    if stream.stray:
        yield Member("", io.BytesIO(stream.stray), is_remainder=True)
    if len(stream.stray) >= MAX_STRAY_BYTES:
        yield Skipped("", "contains more bytes outside of its compressed data than are scanned")


def read_gzip(file: Any) -> Iterator[Member | Skipped]:
    """Read a gzip file."""
    import zlib

    yield from _read_compressed(file, lambda: zlib.decompressobj(wbits=31), rb"\x1f\x8b\x08[\x00-\x1f]")


def read_bzip2(file: Any) -> Iterator[Member | Skipped]:
    """Read a bzip2 file."""
    import bz2

    yield from _read_compressed(file, bz2.BZ2Decompressor, rb"BZh[1-9](?:1AY&SY|\x17rE8P\x90)", _PIECE_OF_UNCOPIABLE)


def read_xz(file: Any) -> Iterator[Member | Skipped]:
    """Read an xz file."""
    import lzma

    yield from _read_compressed(
        file, lambda: lzma.LZMADecompressor(memlimit=256 << 20), rb"\xfd7zXZ\x00", _PIECE_OF_UNCOPIABLE
    )


def read_zstd(file: Any) -> Iterator[Member | Skipped]:
    """Read a zstd file, if the library is installed."""
    try:
        import zstandard
    except ImportError:
        yield Skipped("", "zstd needs the extra archives")
        return
    unpacker = zstandard.ZstdDecompressor(max_window_size=1 << 27)
    yield Member("", unpacker.stream_reader(file, read_across_frames=True))


def read_ar(file: Any) -> Iterator[Member]:
    """Read an `ar` archive: a Debian package, a static library."""
    file.read(8)
    while len(header := file.read(60)) == 60 and header[58:] == b"`\n":
        size = int(header[48:58])
        name = header[:16].decode("latin-1").rstrip().rstrip("/")
        part = BoundedStream(file, size)
        if header.startswith(b"#1/"):  # BSD: the content starts with the name
            name = part.read(int(header[3:16])).rstrip(b"\0").decode("utf-8", "replace")
        yield Member(name or "names", part)
        part.skip(size & 1)


def read_cpio(file: Any) -> Iterator[Member]:
    """Read a cpio archive, in the new or the old portable format."""
    while magic := file.read(6):
        if magic in (b"070701", b"070702"):
            fields = [int(digits, 16) for digits in _split(file.read(104), 8)]
            mode, size, length = fields[1], fields[6], fields[11]
            pads = -(110 + length) % 4, -size % 4
        elif magic == b"070707":
            header = file.read(70)
            mode, length, size = int(header[12:18], 8), int(header[53:59], 8), int(header[59:70], 8)
            pads = 0, 0
        else:
            return
        name = BoundedStream(file, length).read().rstrip(b"\0").decode("utf-8", "replace")
        BoundedStream(file, 0).skip(pads[0])
        if name == "TRAILER!!!":
            return
        part = BoundedStream(file, size)
        if mode & 0o170000 == 0o100000:
            yield Member(name, part)
        part.skip(pads[1])


def _split(text: bytes, width: int) -> list[bytes]:
    return [text[at : at + width] for at in range(0, len(text), width)]


def read_rpm(file: Any) -> Iterator[Member]:
    """Read an RPM package: two headers (the second contains scripts), then a compressed cpio archive."""
    file.read(96)
    for padded in (True, False):
        start = file.read(16)
        if start[:3] != b"\x8e\xad\xe8":
            raise ValueError("header expected")
        entries, size = int.from_bytes(start[8:12]), int.from_bytes(start[12:16])
        BoundedStream(file, 16 * entries).skip()
        part = BoundedStream(file, size)
        if padded:
            part.skip(-size % 8)
        else:
            yield Member("header", part)
            part.skip()
    yield Member("", file)


def read_7z(file: Any) -> Iterator[Member | Skipped]:
    """Read a 7z archive, if the library is installed; it is unpacked into memory as a whole."""
    try:
        import py7zr
    except ImportError:
        yield Skipped("", "7z needs the extra archives")
        return
    from py7zr.io import BytesIOFactory

    try:
        with py7zr.SevenZipFile(file) as archive:
            if archive.needs_password():
                yield Skipped("", ENCRYPTED)
                return
            total = sum(entry.uncompressed for entry in archive.list())
            if total > MAX_7Z_BYTES:
                raise LimitExceeded(f"unpacks to {total} bytes, more than the limit of {MAX_7Z_BYTES}")
            factory = BytesIOFactory(MAX_7Z_BYTES)
            archive.extractall(factory=factory)  # noqa: S202 - into memory
    except py7zr.PasswordRequired:
        yield Skipped("", ENCRYPTED)
        return
    for name, content in factory.products.items():
        content.seek(0)
        yield Member(name, content)


def skip_rar(file: Any) -> Iterator[Skipped]:
    """Report that RAR is not supported: there is no free library that reads it."""
    del file
    yield Skipped("", "RAR archives are not supported")
