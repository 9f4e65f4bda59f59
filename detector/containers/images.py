"""Container images as `docker save` writes them, in the old format or as an OCI layout.

A layer is an archive whose name is a digest. It is reported with its number in
the image instead: `image.tar!layer 3!etc/app.env`. Every layer is read, so a
file that a later layer deletes is found in the layer that added it. The
configuration contains the environment and the history with build arguments.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from typing import Any

from detector.containers.archives import read_tar
from detector.containers.contract import Member
from detector.model import Skipped

_MAX_MANIFESTS = 1000
_MAX_DOCUMENT_BYTES = 8 << 20


def read_image(file: Any) -> Iterator[Member | Skipped]:
    """Read a seekable image; layers and configurations get readable names."""
    names = _name_members(file)
    file.seek(0)
    for member in read_tar(file):
        if isinstance(member, Skipped):
            yield member
            continue
        name = member.name.removeprefix("./")
        yield member._replace(name=names.get(name, name))


def _name_members(file: Any) -> dict[str, str]:
    """Return the readable name of each layer and configuration."""
    import tarfile

    named: dict[str, str] = {}
    try:
        with tarfile.open(fileobj=file, mode="r:") as archive:
            entries = {entry.name.removeprefix("./"): entry for entry in archive if entry.isreg()}

            def read_document(name: str) -> Any:
                entry = entries.get(name)
                if entry is None or entry.size > _MAX_DOCUMENT_BYTES:
                    return None
                stream = archive.extractfile(entry)
                return json.load(stream) if stream else None

            images = [(image["Config"], image["Layers"]) for image in read_document("manifest.json") or ()]
            if not images:
                images = list(_read_oci_index(read_document))
            for number, (config, layers) in enumerate(images, 1):
                prefix = f"image {number} " if len(images) > 1 else ""
                named.setdefault(config, f"{prefix}config")
                for index, layer in enumerate(layers, 1):
                    named.setdefault(layer, f"{prefix}layer {index}")
    except (tarfile.TarError, ValueError, KeyError, TypeError, OSError):
        return named
    return named


def _read_oci_index(read_document: Callable[[str], Any]) -> Iterator[tuple[str, list[str]]]:
    """Yield configuration and layers of each image in an OCI layout."""
    pending = [entry["digest"] for entry in (read_document("index.json") or {}).get("manifests", ())]
    for digest in pending:
        found = read_document(_get_blob_path(digest)) or {}
        if len(pending) < _MAX_MANIFESTS:
            pending += [entry["digest"] for entry in found.get("manifests", ())]
        if "layers" in found:
            yield (
                _get_blob_path(found["config"]["digest"]),
                [_get_blob_path(layer["digest"]) for layer in found["layers"]],
            )


def _get_blob_path(digest: str) -> str:
    return f"blobs/{digest.replace(':', '/', 1)}"
