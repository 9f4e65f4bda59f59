"""Archives: zip and its family, tar, compressed files, Debian and RPM packages, 7z.

Each function takes a binary file (seekable for zip and 7z, any stream for the
others) and yields its members in order; a member is read before the next one
is asked for. Links, devices and folders hold no content and are passed over.
"""

from __future__ import annotations

import hashlib
import io
from collections.abc import Callable, Iterator
from typing import Any

from detector.containers.contract import Member, Stream
from detector.containers.limits import LOCKED, OverLimit
from detector.model import Skipped

LARGEST_7Z = 1 << 30
LARGEST_AT_ONCE = 64 << 20
"""An entry of a zip file up to this size is inflated in one go, twice as fast as piece by piece."""

_DEFLATE_RATIO = 1032
"""Deflate cannot make one byte into more than this."""


def zip_members(file: Any) -> Iterator[Member | Skipped]:
    """Read a zip file: jar, war, whl, docx, xlsx, pptx, apk, nupkg, vsix and whatever else is one."""
    import zipfile

    from detector.containers.documents import office_text

    with zipfile.ZipFile(file) as archive:
        for entry in archive.infolist():
            if entry.is_dir():
                continue
            if entry.flag_bits & 1:
                yield Skipped(entry.filename, LOCKED)
                continue
            try:
                stream: Stream = archive.open(entry)
            except (zipfile.BadZipFile, NotImplementedError, RuntimeError) as problem:
                yield Skipped(entry.filename, f"cannot be unpacked: {problem}")
                continue
            packed = _packed(file, entry)
            if packed is None:
                yield Member(entry.filename, office_text(entry.filename, stream))
            else:
                unpacked = _Inflated(packed, entry.file_size, entry.CRC, stream)
                yield Member(entry.filename, office_text(entry.filename, unpacked), mark=_mark(entry, packed))


def _packed(file: Any, entry: Any) -> bytes | None:
    """Return the compressed bytes of an entry that may be inflated at once, else None."""
    deflated, most = 8, _DEFLATE_RATIO * entry.compress_size
    if entry.compress_type != deflated or not entry.file_size <= min(most, LARGEST_AT_ONCE):
        return None
    if entry.compress_size > LARGEST_AT_ONCE:
        return None
    file.seek(entry.header_offset + 26)
    lengths: bytes = file.read(4)
    file.seek(int.from_bytes(lengths[:2], "little") + int.from_bytes(lengths[2:], "little"), 1)
    packed: bytes = file.read(entry.compress_size)
    return packed


def _mark(entry: Any, packed: bytes) -> bytes:
    digest = hashlib.sha256(packed)
    digest.update(b"%d %d" % (entry.file_size, entry.CRC))
    return digest.digest()


class _Inflated:
    """A deflated entry, inflated at once when it is first read; as a stream, if it is not what it announces."""

    def __init__(self, packed: bytes, size: int, checksum: int, stream: Stream) -> None:
        self._packed = packed
        self._size = size
        self._checksum = checksum
        self._slow = stream
        self._stream: Stream | None = None

    def read(self, size: int = -1, /) -> bytes:
        if self._stream is None:
            self._stream = self._unpack() or self._slow
            self._packed = b""
        return self._stream.read(size)

    def _unpack(self) -> Stream | None:
        import deflate

        try:
            content = deflate.deflate_decompress(self._packed, self._size)
        except deflate.DeflateError:
            return None
        whole = len(content) == self._size and deflate.crc32(content) == self._checksum
        return io.BytesIO(content) if whole else None


def tar_members(file: Any) -> Iterator[Member]:
    """Read a tar archive as a stream."""
    import tarfile

    with tarfile.open(fileobj=file, mode="r|", bufsize=1 << 16) as archive:
        for entry in archive:
            if entry.isreg():
                stream = archive.extractfile(entry)
                assert stream is not None
                yield Member(entry.name, stream)
            archive.members = []  # type: ignore[attr-defined]  # a stream never goes back, and a million entries would be kept


class _Unpacked:
    """What a compressed stream holds; all that can be unpacked is given out before a fault is raised.

    The readers of the standard library lose what they hold when a stream breaks off.
    """

    def __init__(self, file: Any, start: Callable[[], Any]) -> None:
        self._file = file
        self._start = start
        self._stream = start()
        self._rest = b""
        self._first = True

    def read(self, size: int = -1, /) -> bytes:
        size = size if size >= 0 else 1 << 20
        while size:
            if self._stream.eof:
                self._rest = self._stream.unused_data
                self._stream, self._first = self._start(), False
            wanted = getattr(self._stream, "needs_input", True)
            data = self._rest or (self._file.read(1 << 16) if wanted else b"")
            if not data and wanted:
                break
            try:
                part: bytes = self._stream.decompress(data, size)
            except Exception:
                if self._first:
                    raise
                break  # rubbish behind the last stream
            self._rest = getattr(self._stream, "unconsumed_tail", b"")
            if part:
                return part
        return b""


def gzip_member(file: Any) -> Iterator[Member]:
    """Read a gzip file."""
    import zlib

    yield Member("", _Unpacked(file, lambda: zlib.decompressobj(wbits=31)))


def bzip2_member(file: Any) -> Iterator[Member]:
    """Read a bzip2 file."""
    import bz2

    yield Member("", _Unpacked(file, bz2.BZ2Decompressor))


def xz_member(file: Any) -> Iterator[Member]:
    """Read an xz file."""
    import lzma

    yield Member("", _Unpacked(file, lambda: lzma.LZMADecompressor(memlimit=256 << 20)))


def zstd_member(file: Any) -> Iterator[Member | Skipped]:
    """Read a zstd file, where the library is installed."""
    try:
        import zstandard
    except ImportError:
        yield Skipped("", "zstd needs `pip install leakfirst[archives]`")
        return
    unpacker = zstandard.ZstdDecompressor(max_window_size=1 << 27)
    yield Member("", unpacker.stream_reader(file, read_across_frames=True))


class _Part:
    """The next *size* bytes of a stream."""

    def __init__(self, file: Any, size: int) -> None:
        self._file = file
        self.left = size

    def read(self, size: int = -1, /) -> bytes:
        part: bytes = self._file.read(self.left if size < 0 else min(size, self.left))
        self.left -= len(part)
        return part

    def skip(self, more: int = 0) -> None:
        """Pass over what was not read, and *more* bytes of padding."""
        left = self.left + more
        while left > 0 and (part := self._file.read(min(left, 1 << 20))):
            left -= len(part)
        self.left = 0


def ar_members(file: Any) -> Iterator[Member]:
    """Read an `ar` archive: a Debian package, a static library."""
    file.read(8)
    while len(header := file.read(60)) == 60 and header[58:] == b"`\n":
        size = int(header[48:58])
        name = header[:16].decode("latin-1").rstrip().rstrip("/")
        part = _Part(file, size)
        if header.startswith(b"#1/"):  # BSD: the name stands in front of the content
            name = part.read(int(header[3:16])).rstrip(b"\0").decode("utf-8", "replace")
        yield Member(name or "names", part)
        part.skip(size & 1)


def cpio_members(file: Any) -> Iterator[Member]:
    """Read a cpio archive, in the new form or the portable old one."""
    while magic := file.read(6):
        if magic in (b"070701", b"070702"):
            fields = [int(digits, 16) for digits in _cut(file.read(104), 8)]
            mode, size, length = fields[1], fields[6], fields[11]
            pads = -(110 + length) % 4, -size % 4
        elif magic == b"070707":
            header = file.read(70)
            mode, length, size = int(header[12:18], 8), int(header[53:59], 8), int(header[59:70], 8)
            pads = 0, 0
        else:
            return
        name = _Part(file, length).read().rstrip(b"\0").decode("utf-8", "replace")
        _Part(file, 0).skip(pads[0])
        if name == "TRAILER!!!":
            return
        part = _Part(file, size)
        if mode & 0o170000 == 0o100000:
            yield Member(name, part)
        part.skip(pads[1])


def _cut(text: bytes, width: int) -> list[bytes]:
    return [text[at : at + width] for at in range(0, len(text), width)]


def rpm_member(file: Any) -> Iterator[Member]:
    """Read an RPM package: two headers (scripts stand in the second), then a compressed cpio archive."""
    file.read(96)
    for padded in (True, False):
        start = file.read(16)
        if start[:3] != b"\x8e\xad\xe8":
            raise ValueError("no header where one is expected")
        entries, size = int.from_bytes(start[8:12]), int.from_bytes(start[12:16])
        _Part(file, 16 * entries).skip()
        part = _Part(file, size)
        if padded:
            part.skip(-size % 8)
        else:
            yield Member("header", part)
            part.skip()
    yield Member("", file)


def sevenzip_members(file: Any) -> Iterator[Member | Skipped]:
    """Read a 7z archive, where the library is installed; it unpacks into memory, all at once."""
    try:
        import py7zr
    except ImportError:
        yield Skipped("", "7z needs `pip install leakfirst[archives]`")
        return
    from py7zr.io import BytesIOFactory

    try:
        with py7zr.SevenZipFile(file) as archive:
            if archive.needs_password():
                yield Skipped("", LOCKED)
                return
            total = sum(entry.uncompressed for entry in archive.list())
            if total > LARGEST_7Z:
                raise OverLimit(f"unpacks to {total} bytes, more than are held in memory")
            factory = BytesIOFactory(LARGEST_7Z)
            archive.extractall(factory=factory)  # noqa: S202 - into memory
    except py7zr.PasswordRequired:
        yield Skipped("", LOCKED)
        return
    for name, content in factory.products.items():
        content.seek(0)
        yield Member(name, content)


def rar_members(file: Any) -> Iterator[Skipped]:
    """Say that RAR, a format without a free reader, was not looked at."""
    del file
    yield Skipped("", "RAR archives cannot be read")
