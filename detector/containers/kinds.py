"""The kinds of containers: how each is recognised, and the function that reads it.

`detect_kind` runs for every blob, so it must be cheap for blobs that are none. The
readers are imported when a container was found.
"""

from __future__ import annotations

import re
from typing import NamedTuple

from detector.containers import key_files
from detector.model import UNPACKED_KINDS, Blob

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


class Opener(NamedTuple):
    """The function that reads one kind of container; it needs a seekable file unless `streams`."""

    module: str
    function: str
    streams: bool = False


def _make_archive_opener(function: str, streams: bool = False) -> Opener:
    return Opener("detector.containers.archives", function, streams)


def _make_document_opener(function: str) -> Opener:
    return Opener("detector.containers.documents", function)


def _make_key_opener(function: str) -> Opener:
    return Opener("detector.containers.key_files", function, True)


OPENERS = {
    "zip": _make_archive_opener("read_zip"),
    "tar": _make_archive_opener("read_tar", True),
    "image": Opener("detector.containers.images", "read_image"),
    "gzip": _make_archive_opener("read_gzip", True),
    "bzip2": _make_archive_opener("read_bzip2", True),
    "xz": _make_archive_opener("read_xz", True),
    "zstd": _make_archive_opener("read_zstd", True),
    "ar": _make_archive_opener("read_ar", True),
    "cpio": _make_archive_opener("read_cpio", True),
    "rpm": _make_archive_opener("read_rpm", True),
    "7z": _make_archive_opener("read_7z"),
    "rar": _make_archive_opener("skip_rar", True),
    "pdf": _make_document_opener("read_pdf"),
    "sqlite": _make_document_opener("read_sqlite"),
    "pyc": _make_document_opener("read_pyc"),
    "encrypted office": _make_document_opener("skip_encrypted_office"),
    "notebook": _make_document_opener("read_notebook"),
    "source map": _make_document_opener("read_source_map"),
    "DER key": _make_key_opener("read_der_key"),
    "PKCS#12": _make_key_opener("read_pkcs12"),
    "key store": _make_key_opener("read_key_store"),
    "bare secret": _make_key_opener("read_bare_secret"),
}


PARTLY_READ = ("pdf", "sqlite", "pyc")
"""Kinds that contain more than their readers extract."""

_MAGIC_FIRST_BYTES = frozenset(magic[0] for magic, _ in _MAGIC)
_IMAGE_MEMBER = re.compile(
    rb"(?:\./)?(?:blobs/|oci-layout\0|index\.json\0|manifest\.json\0|repositories\0|[0-9a-f]{64}[/.])"
)
"""The name of the first member of an archive that `docker save` writes."""
_OLE = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"
FIRST_BYTES = _MAGIC_FIRST_BYTES | key_files.FIRST_BYTES | {_OLE[0], ord("{")}
"""The first bytes of containers; for kinds without a fixed first byte see `detector.scan.batching`."""


def detect_kind(data: bytes) -> str:
    """Return the kind of container that *data* is or begins with; "" if it is none.

    >>> detect_kind(b"PK\\x03\\x04..."), detect_kind(b"plain text")
    ('zip', '')
    """
    if not data:
        return ""
    first = data[0]
    if first in _MAGIC_FIRST_BYTES:
        for magic, kind in _MAGIC:
            if data.startswith(magic):
                return kind if kind != "bzip2" or data[4:10] in (b"1AY&SY", b"\x17rE8P\x90") else ""
    if first in key_files.FIRST_BYTES and (kind := key_files.detect_key_file(data)):
        return kind
    if first == 123:  # {
        if data.find(b'"sourcesContent"') >= 0:
            return "source map"
        if data.find(b'"nbformat"') >= 0 and data.find(b'"cells"') >= 0:
            return "notebook"
        return ""
    if data[257:262] == b"ustar":
        return "image" if _IMAGE_MEMBER.match(data) else "tar"
    if first == 0xD0 and data.startswith(_OLE) and data.find("EncryptedPackage".encode("utf-16-le")) >= 0:
        return "encrypted office"
    if data[2:4] == b"\r\n" and 0x0C <= data[1] <= 0x0F and len(data) > 16:
        return "pyc"
    if data[-22:-18] == b"PK\x05\x06":
        return "zip"  # appended to a program, as in self-extracting archives
    return ""


def detect_container(blob: Blob) -> str:
    """Return the kind of container that *blob* is; "" if it is none or only a chunk of a larger file."""
    kind = detect_kind(blob.data)
    if not kind and key_files.is_bare_secret(blob.origin.path, blob.data):
        kind = "bare secret"
    if not kind or blob.origin.kind in UNPACKED_KINDS or blob.unpacked or blob.base:
        return ""
    return "" if blob.core and blob.core != (0, len(blob.data)) else kind


_PACKAGE = re.compile(
    r"\.(?:whl|egg|tgz|tar\.gz|tar\.bz2|tar\.xz|crate|gem|jar|war|ear|aar|nupkg|vsix|xpi|crx|apk|ipa|deb|rpm|conda|pyz|phar)$",
    re.IGNORECASE,
)


def is_package(path: str) -> bool:
    """Return whether the file at *path* is a package made to be published, judging by its name.

    >>> is_package("dist/acme-1.0-py3-none-any.whl"), is_package("fixtures/data.zip")
    (True, False)
    """
    return _PACKAGE.search(path) is not None
