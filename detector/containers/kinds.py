"""Which bytes are a container: asked of every blob there is, so it has to be cheap for what is none."""

from __future__ import annotations

import re

from detector.model import Blob

UNPACKED = ("archive", "image")
"""Kinds of origin that came out of a container; those within it were opened with it."""

_MAGIC = (
    (b"PK\x03\x04", "zip"),
    (b"PK\x05\x06", "zip"),
    (b"\x1f\x8b\x08", "gzip"),
    (b"BZh", "bzip2"),
    (b"\xfd7zXZ\x00", "xz"),
    (b"\x28\xb5\x2f\xfd", "zstd"),
    (b"7z\xbc\xaf\x27\x1c", "7z"),
    (b"Rar!\x1a\x07", "rar"),
    (b"!<arch>\n", "ar"),
    (b"070701", "cpio"),
    (b"070702", "cpio"),
    (b"070707", "cpio"),
    (b"\xed\xab\xee\xdb", "rpm"),
    (b"%PDF-", "pdf"),
    (b"SQLite format 3\x00", "sqlite"),
)
_STARTS = frozenset(magic[0] for magic, _ in _MAGIC)
_IMAGE = re.compile(rb"(?:\./)?(?:blobs/|oci-layout\0|index\.json\0|manifest\.json\0|repositories\0|[0-9a-f]{64}[/.])")
"""The first member of an archive that `docker save` writes."""
_OLE = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"
FIRST = _STARTS | {_OLE[0], ord("{")}
"""With which bytes a container begins, where it is known by them (see `portions.doubtful` for the others)."""


def recognised(data: bytes) -> str:
    """Name the kind of container that *data* begins, or is; "" for anything else. Cheap for anything else.

    >>> recognised(b"PK\\x03\\x04..."), recognised(b"plain text")
    ('zip', '')
    """
    if not data:
        return ""
    first = data[0]
    if first in _STARTS:
        for magic, kind in _MAGIC:
            if data.startswith(magic):
                return kind if kind != "bzip2" or data[4:10] in (b"1AY&SY", b"\x17rE8P\x90") else ""
    if first == 123:  # {
        if data.find(b'"sourcesContent"') >= 0:
            return "source map"
        if data.find(b'"nbformat"') >= 0 and data.find(b'"cells"') >= 0:
            return "notebook"
        return ""
    if data[257:262] == b"ustar":
        return "image" if _IMAGE.match(data) else "tar"
    if first == 0xD0 and data.startswith(_OLE) and data.find("EncryptedPackage".encode("utf-16-le")) >= 0:
        return "encrypted office"
    if data[2:4] == b"\r\n" and 0x0C <= data[1] <= 0x0F and len(data) > 16:
        return "pyc"
    if data[-22:-18] == b"PK\x05\x06":
        return "zip"  # behind a program that unpacks it
    return ""


def container(blob: Blob) -> str:
    """Name the kind of container that *blob* is as a whole, "" for anything else and for a piece of a larger file."""
    kind = recognised(blob.data)
    if not kind or blob.origin.kind in UNPACKED or blob.base:
        return ""
    return "" if blob.core and blob.core != (0, len(blob.data)) else kind


_PACKAGE = re.compile(
    r"\.(?:whl|egg|tgz|tar\.gz|tar\.bz2|tar\.xz|crate|gem|jar|war|ear|aar|nupkg|vsix|xpi|crx|apk|ipa|deb|rpm|conda|pyz|phar)$",
    re.IGNORECASE,
)


def is_package(path: str) -> bool:
    """Tell from its name whether the file at *path* is made to be published.

    >>> is_package("dist/acme-1.0-py3-none-any.whl"), is_package("fixtures/data.zip")
    (True, False)
    """
    return _PACKAGE.search(path) is not None
