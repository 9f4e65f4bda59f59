"""Container images: what `docker save` writes, in its old form or as an OCI layout.

A layer is an archive named by a digest, which tells nobody anything. Its
number in the image does: `image.tar!layer 3!etc/app.env`. Every layer is read,
so a file that a later layer deletes is found in the one that brought it. The
configuration holds the environment and the history with its build arguments.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from detector.containers.archives import tar_members
from detector.containers.contract import Member

_MANIFESTS = 1000
_LARGEST = 8 << 20


def image_members(file: Any) -> Iterator[Member]:
    """Read a seekable image, its layers and configurations named by what they are."""
    names = _names(file)
    file.seek(0)
    for member in tar_members(file):
        name = member.name.removeprefix("./")
        yield member._replace(name=names.get(name, name))


def _names(file: Any) -> dict[str, str]:
    """Say what the digests in the image stand for."""
    import tarfile

    named: dict[str, str] = {}
    try:
        with tarfile.open(fileobj=file, mode="r:") as archive:
            sizes = {entry.name.removeprefix("./"): entry for entry in archive if entry.isreg()}

            def document(name: str) -> Any:
                entry = sizes.get(name)
                if entry is None or entry.size > _LARGEST:
                    return None
                stream = archive.extractfile(entry)
                return json.load(stream) if stream else None

            images = [(image["Config"], image["Layers"]) for image in document("manifest.json") or ()]
            if not images:
                images = list(_oci(document))
            for number, (config, layers) in enumerate(images, 1):
                which = f"image {number} " if len(images) > 1 else ""
                named.setdefault(config, f"{which}config")
                for index, layer in enumerate(layers, 1):
                    named.setdefault(layer, f"{which}layer {index}")
    except (tarfile.TarError, ValueError, KeyError, TypeError, OSError):
        return named
    return named


def _oci(document: Any) -> Iterator[tuple[str, list[str]]]:
    """Follow an OCI layout from its index to the manifests of images."""
    pending = [entry["digest"] for entry in (document("index.json") or {}).get("manifests", ())]
    for digest in pending:
        found = document(_blob(digest)) or {}
        if len(pending) < _MANIFESTS:
            pending += [entry["digest"] for entry in found.get("manifests", ())]
        if "layers" in found:
            yield _blob(found["config"]["digest"]), [_blob(layer["digest"]) for layer in found["layers"]]


def _blob(digest: str) -> str:
    return f"blobs/{digest.replace(':', '/', 1)}"
