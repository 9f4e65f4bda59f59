"""Archives that a server has: downloaded when they are read, checked against their digest, and unpacked.

A share carries the addresses of archives, not their content. Each archive is stored in a temporary
file without a name, and read as any file is, with the same limits for containers.
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import NamedTuple, TypeVar

from detector.config import Config
from detector.contracts import Claim, HistoryState
from detector.errors import UsageError
from detector.model import Blob, Origin, Skipped
from detector.net.polite_client import AnswerFailed, Digest, PoliteClient, Site, make_site, open_client
from detector.sources._files import read_descriptor

MAX_ARCHIVE_BYTES = 2 << 30
SHARE_BYTES = 16 << 20
SHARE_ARCHIVES = 50
GUESSED_BYTES = 256 << 10
"""What an archive is taken to have if the server does not say it."""

_COLLIDING = ("sha1", "md5")


S = TypeVar("S")


class Archive(NamedTuple):
    """One archive of a server: its place in reports, its URL, its size in bytes (0 if unknown) and its digest.

    More than `limit` bytes are not downloaded.
    """

    place: str
    url: str
    size: int = 0
    digest: Digest | None = None
    limit: int = MAX_ARCHIVE_BYTES

    @property
    def memory_key(self) -> str:
        """What a state remembers the content by; "" if the server names nothing that identifies it."""
        if self.digest is None:
            return ""
        return f"{self.digest} {self.url}" if self.digest.kind in _COLLIDING else str(self.digest)


def weigh_archives(archives: Sequence[Archive]) -> int:
    """Return the estimated cost of *archives* in bytes."""
    return sum(archive.size or GUESSED_BYTES for archive in archives)


def name_archives(archives: Sequence[Archive]) -> str:
    """Name *archives* by the first of them."""
    first = archives[0].place
    return first if len(archives) == 1 else f"{first} and {len(archives) - 1} more"


def claim_scheme(target: str, scheme: str) -> Claim:
    """Claim what begins with *scheme*, but not an existing path."""
    return Claim.ADDRESS if target.startswith(scheme) and not os.path.lexists(target) else Claim.NONE


class ArchiveShare(NamedTuple):
    """Some archives of one server."""

    site: Site
    kind: str
    archives: tuple[Archive, ...]
    published: bool = True
    read_before: bool = False

    @property
    def weight(self) -> int:
        """Return the estimated cost in bytes."""
        return weigh_archives(self.archives)

    @property
    def name(self) -> str:
        """Name the share by its first archive."""
        return name_archives(self.archives)

    def read(self) -> Iterator[Blob | Skipped]:
        """Download and read the archives."""
        with open_client(self.site) as client:
            for archive in self.archives:
                yield from read_archive(client, archive, Origin(self.kind, archive.place, self.site.base))


def read_archive(client: PoliteClient, archive: Archive, origin: Origin) -> Iterator[Blob | Skipped]:
    """Download *archive*, check its digest and yield its content; what cannot be had is skipped."""
    with tempfile.TemporaryFile(prefix="leakfirst-") as file:
        try:
            size = client.download(archive.url, file, archive.digest, max_bytes=archive.limit)
        except AnswerFailed as failure:
            yield Skipped(archive.place, str(failure))
            return
        if archive.digest is None:
            yield Skipped(archive.place, "the server names no digest: its content was read, but not checked", True)
        yield from read_descriptor(file.fileno(), size, origin)


def group_archives(
    archives: Iterable[Archive | Skipped],
    kind: str,
    config: Config,
    state: HistoryState,
    make_share: Callable[[tuple[Archive, ...]], S],
) -> Iterator[S | Skipped]:
    """Put the archives that *state* does not know together into shares; each content is read once."""
    batch: list[Archive] = []
    total = 0
    seen: set[str] = set()
    for archive in archives:
        if isinstance(archive, Skipped):
            yield archive
            continue
        if config.max_size and archive.size > config.max_size:
            yield Skipped(archive.place, f"larger than --max-size ({archive.size} bytes)", expected=True)
            continue
        key = archive.memory_key
        if key and (key in seen or not state.needs_reading(f"{kind} {key}", archive.place)):
            continue
        seen.add(key)
        batch.append(archive)
        total += archive.size or GUESSED_BYTES
        if total >= SHARE_BYTES or len(batch) >= SHARE_ARCHIVES:
            yield make_share(tuple(batch))
            batch, total = [], 0
    if batch:
        yield make_share(tuple(batch))


def find_reported_site(base: str, config: Config) -> Site:
    """Return the server at *base*, which stands in a report: an internal one is asked only if *config* names it."""
    site = make_site(base, config.operator, config.allow_internal)
    return site._replace(is_named=site.base == config.registry.rstrip("/"))


def check_registry(config: Config, default: str) -> str:
    """Return the URL of the registry that *config* names, or *default*. Raises `UsageError`."""
    url = config.registry or default
    if not url.isprintable() or not url.startswith(("https://", "http://")) or "@" in url.split("/")[2]:
        raise UsageError(
            "--registry: give an https URL without user and password, such as https://registry.example.org"
        )
    return url.rstrip("/")
