"""Images of an OCI registry: `oci:HOST/NAME`, one tag, one digest or all tags, over HTTP.

    oci:ghcr.io/acme/app            the tag latest
    oci:ghcr.io/acme/app:1.4        a tag; oci:ghcr.io/acme/app@sha256:… a digest
    oci:docker.io/acme/app:all      every tag
    oci:registry.example.org/*:all  every tag of every repository that the registry lists

No container runs and nothing is unpacked on disk. Every platform of an image is read, with its
configuration (environment, build arguments, history) and attestations. A layer is read by itself,
so that a file is found which a later layer deletes, and once for all images that have it. A place
reads ``oci:ghcr.io/acme/app:1.4 linux/arm64 layer 3!etc/app.env``.
"""

from __future__ import annotations

import hashlib
import io
import json
import re
from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from typing import Any, NamedTuple
from urllib.parse import urlencode, urljoin, urlsplit

from detector.config import Config
from detector.contracts import Claim, HistoryState
from detector.errors import UsageError
from detector.model import Blob, Origin, Skipped
from detector.net.http_client import Reply
from detector.net.polite_client import (
    AnswerFailed,
    PoliteClient,
    Site,
    choose_digest,
    is_same_host,
    make_site,
    open_client,
)
from detector.net.ssrf_guard import is_loopback
from detector.sources._archives import (
    Archive,
    claim_scheme,
    group_archives,
    name_archives,
    read_archive,
    weigh_archives,
)

ORIGIN_KINDS = ("oci",)
MAX_LAYER_BYTES = 16 << 30
MAX_MANIFESTS = 1000
"""Manifests of one image: its platforms and attestations, also nested ones."""

MAX_TAGS = 50_000
PAGE = 1000
_HUB = ("docker.io", "index.docker.io", "registry.hub.docker.com")
_MANIFESTS = {
    "Accept": ", ".join(
        (
            "application/vnd.oci.image.index.v1+json",
            "application/vnd.docker.distribution.manifest.list.v2+json",
            "application/vnd.oci.image.manifest.v1+json",
            "application/vnd.docker.distribution.manifest.v2+json",
        )
    )
}
_NAME = r"[a-z0-9]+(?:(?:[._]|__|-+|/)[a-z0-9]+)*"
_TAG = re.compile(r"\w[\w.-]{0,127}")
_DIGEST = re.compile(r"(sha256|sha512):([0-9a-f]{64,128})")
_TARGET = re.compile(
    rf"oci:(?P<host>(?:[\w.-]+|\[[0-9a-f:.]+\])(?::\d+)?)/(?P<name>\*|{_NAME})"
    r"(?::(?P<tag>\w[\w.-]{0,127})|@(?P<digest>sha(?:256|512):[0-9a-f]{64,128}))?"
)


class Wanted(NamedTuple):
    """What a target asks for: the repository (``*`` for all) of a host, and a tag, a digest or "all"."""

    host: str
    name: str
    reference: str = "latest"

    def describe(self, reference: str) -> str:
        """Return how reports call the image with this *reference*."""
        return f"oci:{self.host}/{self.name}{'@' if ':' in reference else ':'}{reference}"


class LayerShare(NamedTuple):
    """Some layers and configurations of the repository *name*. A worker gets a token for them itself."""

    site: Site
    name_of_repository: str
    archives: tuple[Archive, ...]
    published: bool = True
    read_before: bool = False

    @property
    def weight(self) -> int:
        """Return the estimated cost in bytes."""
        return weigh_archives(self.archives)

    @property
    def name(self) -> str:
        """Name the share by its first layer."""
        return name_archives(self.archives)

    def read(self) -> Iterator[Blob | Skipped]:
        """Download and read the layers."""
        with open_client(self.site) as client:
            yield from _read_layers(client, self.site, self.name_of_repository, self.archives)


def _read_layers(
    client: PoliteClient, site: Site, repository: str, archives: Sequence[Archive]
) -> Iterator[Blob | Skipped]:
    for archive in archives:
        try:  # a token lasts for minutes, and a request for a layer may be redirected
            authorize(client, site, f"{site.base}/v2/{repository}/tags/list?n=1")
        except AnswerFailed as failure:
            yield Skipped(archive.place, str(failure))
            continue
        yield from read_archive(client, archive, Origin("oci", archive.place, site.base))


def claim(target: str, config: Config) -> Claim:
    """Claim ``oci:…``."""
    del config
    return claim_scheme(target, "oci:")


def parse_target(target: str) -> Wanted:
    """Return what *target* asks for. Raises `UsageError`.

    >>> parse_target("oci:docker.io/alpine:3.20")
    Wanted(host='docker.io', name='library/alpine', reference='3.20')
    """
    found = _TARGET.fullmatch(target)
    if not found:
        raise UsageError(
            f"{target}: write oci:HOST/NAME, oci:HOST/NAME:TAG, oci:HOST/NAME@sha256:… or oci:HOST/NAME:all"
        )
    name = found["name"]
    if found["host"] in _HUB and name == "*":
        raise UsageError(f"{target}: the hub is not read as a whole; name a repository")
    if found["host"] in _HUB and "/" not in name:
        name = f"library/{name}"
    return Wanted(found["host"], name, found["digest"] or found["tag"] or "latest")


def find_site(wanted: Wanted, config: Config) -> Site:
    """Return the registry; it is asked over TLS unless it is on this machine."""
    host = "registry-1.docker.io" if wanted.host in _HUB else wanted.host
    scheme = "http" if is_loopback(urlsplit(f"//{host}").hostname or "") else "https"
    return make_site(f"{scheme}://{host}", config.operator, config.allow_internal)


def split(target: str, config: Config, state: HistoryState) -> Iterator[LayerShare | Skipped]:
    """List the layers of what *target* names and split those that *state* does not know into shares."""
    wanted = parse_target(target)
    site = find_site(wanted, config)
    with open_client(site) as client:
        for name in _list_repositories(client, site, wanted):
            if isinstance(name, Skipped):
                yield name
                continue
            layers = list_layers(client, site, wanted._replace(name=name))
            yield from group_archives(layers, "oci", config, state, partial(LayerShare, site, name))


def _list_repositories(client: PoliteClient, site: Site, wanted: Wanted) -> Iterator[str | Skipped]:
    if wanted.name != "*":
        yield wanted.name
        return
    try:
        for name in _list_names(client, site, f"{site.base}/v2/_catalog?{urlencode({'n': PAGE})}", "repositories"):
            usable = re.fullmatch(_NAME, name)
            yield name if usable else Skipped(f"oci:{wanted.host}", f"{name[:80]!r} is no name of a repository")
    except AnswerFailed as failure:
        yield Skipped(f"oci:{wanted.host}/*", f"its repositories cannot be listed: {failure}")


def list_layers(client: PoliteClient, site: Site, wanted: Wanted) -> Iterator[Archive | Skipped]:
    """Yield configurations and layers of the images that *wanted* names."""
    try:
        references = [wanted.reference]
        if wanted.reference == "all":
            url = f"{site.base}/v2/{wanted.name}/tags/list?{urlencode({'n': PAGE})}"
            references = [tag for tag in _list_names(client, site, url, "tags") if _TAG.fullmatch(tag)]
    except AnswerFailed as failure:
        yield Skipped(f"oci:{wanted.host}/{wanted.name}", str(failure))
        return
    seen: set[str] = set()
    for reference in references:
        place = wanted.describe(reference)
        try:
            yield from _list_image(client, site, wanted.name, reference, place, seen)
        except AnswerFailed as failure:
            yield Skipped(place, str(failure))


def _list_image(
    client: PoliteClient, site: Site, name: str, reference: str, place: str, seen: set[str]
) -> Iterator[Archive | Skipped]:
    """Yield what belongs to one image; manifests in *seen* were read for another tag."""
    pending = [(reference, place)]
    count = 0
    while pending:
        reference, shown = pending.pop(0)
        if reference in seen:
            continue
        count += 1
        if count > MAX_MANIFESTS:
            yield Skipped(place, f"has more than {MAX_MANIFESTS} manifests; the remaining ones were not read")
            return
        digest, manifest = _read_manifest(client, site, name, reference)
        if digest in seen:
            continue
        seen |= {digest, reference} if ":" in reference else {digest}
        if isinstance(manifest.get("manifests"), list):
            pending += [(one, f"{place}{mark}") for one, mark in _list_platforms(manifest["manifests"])]
        elif isinstance(manifest.get("layers"), list):
            blobs = [("config", manifest.get("config"))]
            blobs += [(f"layer {number}", layer) for number, layer in enumerate(manifest["layers"], 1)]
            for part, blob in blobs:
                yield _make_archive(f"{shown} {part}", blob, f"{site.base}/v2/{name}/blobs/")
        else:
            yield Skipped(shown, "its manifest has a form that is not supported")


def _list_platforms(rows: Sequence[Any]) -> Iterator[tuple[str, str]]:
    """Yield digest and name of each manifest of an index."""
    for row in rows:
        digest = row.get("digest") if isinstance(row, dict) else None
        if not isinstance(digest, str) or not _DIGEST.fullmatch(digest):
            raise AnswerFailed("the index names a manifest without a usable digest")
        platform, notes = row.get("platform"), row.get("annotations")
        if isinstance(notes, dict) and notes.get("vnd.docker.reference.type") == "attestation-manifest":
            yield digest, f" attestation {digest[7:19]}"
        elif isinstance(platform, dict):
            words = [platform.get(name) for name in ("os", "architecture", "variant")]
            shown = "/".join(word for word in words if isinstance(word, str) and re.fullmatch(r"[\w.-]{1,32}", word))
            yield digest, f" {shown or digest[7:19]}"
        else:
            yield digest, f" {digest[7:19]}"


def _make_archive(place: str, blob: Any, base: str) -> Archive | Skipped:
    digest = blob.get("digest") if isinstance(blob, dict) else None
    found = _DIGEST.fullmatch(digest) if isinstance(digest, str) else None
    checked = choose_digest({found[1]: found[2]}) if found else None
    if checked is None:
        return Skipped(place, "has no usable digest")
    size = blob.get("size")
    size = size if isinstance(size, int) and 0 <= size <= MAX_LAYER_BYTES else 0
    return Archive(place, f"{base}{checked}", size, checked, size or MAX_LAYER_BYTES)


def _read_manifest(client: PoliteClient, site: Site, name: str, reference: str) -> tuple[str, Mapping[str, Any]]:
    """Return digest and content of a manifest. Raises `AnswerFailed`."""
    content = authorize(client, site, f"{site.base}/v2/{name}/manifests/{reference}", _MANIFESTS).body
    kind = reference.partition(":")[0] if ":" in reference else "sha256"
    digest = f"{kind}:{hashlib.new(kind, content).hexdigest()}"
    if ":" in reference and digest != reference:
        raise AnswerFailed(f"the manifest does not have the {kind} that it is asked by")
    try:
        found = json.loads(content)
    except (ValueError, RecursionError):
        found = None
    if not isinstance(found, dict):
        raise AnswerFailed("the manifest is not JSON")
    return digest, found


def _list_names(client: PoliteClient, site: Site, url: str, field: str) -> Iterator[str]:
    """Yield the names in a list of several pages. Raises `AnswerFailed`."""
    visited: set[str] = set()
    count = 0
    while url and url not in visited and count < MAX_TAGS:
        visited.add(url)
        reply = authorize(client, site, url)
        found = reply.json()
        rows = found.get(field) if isinstance(found, dict) else None
        if not isinstance(rows, list):
            raise AnswerFailed("the list does not have the expected form")
        yield from (row for row in rows if isinstance(row, str))
        count += len(rows)
        link = re.search(r'<([^>]*)>\s*;\s*rel="?next"?', reply.headers.get("link", ""))
        url = urljoin(url, link[1]) if link else ""
        if url and not is_same_host(url, site.base):
            raise AnswerFailed("the list continues on another host, which is not asked")


# -- tokens ------------------------------------------------------------------------


def authorize(client: PoliteClient, site: Site, url: str, headers: Mapping[str, str] | None = None) -> Reply:
    """Request *url*; if the registry wants a token, get one and request it again. Raises `AnswerFailed`."""
    try:
        return client.request(url, headers)
    except AnswerFailed as failure:
        wanted = failure.headers.get("www-authenticate", "") if failure.status == 401 else ""
        if not wanted:
            raise
    client.headers["Authorization"] = _answer_challenge(client, site, wanted)
    return client.request(url, headers)


def _answer_challenge(client: PoliteClient, site: Site, challenge: str) -> str:
    """Return the header that the registry asks for. Raises `AnswerFailed`."""
    scheme, _, rest = challenge.partition(" ")
    if scheme.lower() == "basic":
        if client.access.token is None:
            raise AnswerFailed("needs a token", 401)
        return client.access.make_basic_header()
    fields = dict(re.findall(r'(\w+)="([^"]*)"', rest))
    realm = fields.get("realm", "")
    if scheme.lower() != "bearer" or urlsplit(realm).scheme not in ("https", "http"):
        raise AnswerFailed("asks for a token in a way that is not supported", 401)
    query = urlencode({name: fields[name] for name in ("service", "scope") if name in fields})
    # The realm is named by the registry: it gets the token that the operator has for its host, and no other.
    try:
        access = client.access if is_same_host(realm, site.base) else site._replace(base=realm).find_access()
    except UsageError as error:
        raise AnswerFailed(f"no token can be had: {error}", 401) from None
    sent = {"Authorization": access.make_basic_header()} if access.token else {}
    file = io.BytesIO()
    before, client.headers = client.headers, {}
    try:
        client.download(f"{realm}{'&' if '?' in realm else '?'}{query}", file, headers=sent, max_bytes=1 << 20)
    except AnswerFailed as failure:
        raise AnswerFailed(f"no token can be had: {failure}", failure.status) from None
    finally:
        client.headers = before
    try:
        found = json.load(file)
        token = found.get("token") or found.get("access_token")
    except (ValueError, AttributeError, RecursionError):
        token = None
    if not isinstance(token, str) or not re.fullmatch(r"[!-~]{1,16384}", token):
        raise AnswerFailed("no token can be had: the answer does not have the expected form", 401)
    return f"Bearer {token}"


def read_again(origins: Sequence[Origin], config: Config) -> Iterator[Blob | Skipped]:
    """Read the layers of *origins* once more."""
    for origin in dict.fromkeys(origins):
        wanted = parse_target(origin.path.partition(" ")[0])
        site = find_site(wanted, config)._replace(is_named=False)
        with open_client(site) as client:
            for archive in list_layers(client, site, wanted):
                if isinstance(archive, Skipped):
                    yield archive
                elif archive.place == origin.path:
                    yield from _read_layers(client, site, wanted.name, [archive])
