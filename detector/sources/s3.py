"""Objects of an S3 bucket: `s3://BUCKET`, `s3://BUCKET/PREFIX`, with `?versions` every version.

boto3 signs the requests, with the operator's own credentials as boto3 finds them; without any, a
public bucket is read unsigned. ``AWS_ENDPOINT_URL`` names another service with the same API. Objects
are listed page by page, small ones are requested several at a time, large ones in ranges, all of the
version (ETag) that was listed. Archives are looked into. A place reads ``s3://BUCKET/PATH:3``.
"""

from __future__ import annotations

import os
import re
import tempfile
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import cache, partial
from typing import IO, Any, NamedTuple

from detector.config import Config
from detector.contracts import Claim, HistoryState
from detector.errors import UsageError
from detector.model import Blob, Origin, Skipped
from detector.net.log_silencing import silence_client_logs
from detector.sources._files import read_descriptor

ORIGIN_KINDS = ("s3",)
MAX_OBJECT_BYTES = 16 << 30
SMALL_BYTES = 1 << 20
"""Objects up to this size are requested several at a time and kept in memory."""

RANGE_BYTES = 32 << 20
SHARE_BYTES = 32 << 20
SHARE_OBJECTS = 1000
REQUESTS_AT_ONCE = 16
_VERSIONS = "?versions"
_TARGET = re.compile(r"s3://(?P<bucket>[A-Za-z0-9][\w.-]{1,254})(?:/(?P<prefix>.*))?", re.DOTALL)


class BucketObject(NamedTuple):
    """One object as it was listed. `version` is "" for the current one."""

    key: str
    size: int
    etag: str
    version: str = ""


class BucketShare(NamedTuple):
    """Some objects of one bucket."""

    bucket: str
    objects: tuple[BucketObject, ...]
    published: bool = False
    read_before: bool = False

    @property
    def weight(self) -> int:
        """Return the bytes to read, a little extra for each request."""
        return sum(one.size + 4096 for one in self.objects)

    @property
    def name(self) -> str:
        """Name the share by its first object."""
        first = make_place(self.bucket, self.objects[0])
        return first if len(self.objects) == 1 else f"{first} and {len(self.objects) - 1} more"

    def read(self) -> Iterator[Blob | Skipped]:
        """Read the objects in their order: small ones are requested ahead."""
        small = [one for one in self.objects if one.size <= SMALL_BYTES]
        large = [one for one in self.objects if one.size > SMALL_BYTES]
        with silence_client_logs():
            client = open_client(os.getpid())
            with ThreadPoolExecutor(REQUESTS_AT_ONCE) as threads:
                for at in range(0, len(small), 4 * REQUESTS_AT_ONCE):
                    some = small[at : at + 4 * REQUESTS_AT_ONCE]
                    answers = threads.map(partial(_fetch, client, self.bucket), some)
                    for one, got in zip(some, answers, strict=True):
                        place = make_place(self.bucket, one)
                        if isinstance(got, str):
                            yield Skipped(place, got)
                        elif got:
                            yield Blob(got, Origin("s3", place))
            for one in large:
                yield from _read_large(client, self.bucket, one)


def make_place(bucket: str, one: BucketObject) -> str:
    """Return the path of an object in reports."""
    return f"s3://{bucket}/{one.key}" + (f"?versionId={one.version}" if one.version else "")


def claim(target: str, config: Config) -> Claim:
    """Claim ``s3://…``."""
    del config
    return Claim.ADDRESS if target.startswith("s3://") else Claim.NONE


def parse_target(target: str) -> tuple[str, str, bool]:
    """Return bucket, prefix, and whether every version is wanted. Raises `UsageError`.

    >>> parse_target("s3://acme-logs/2024/?versions")
    ('acme-logs', '2024/', True)
    """
    found = _TARGET.fullmatch(target.removesuffix(_VERSIONS))
    if not found:
        raise UsageError(f"{target}: write s3://BUCKET or s3://BUCKET/PREFIX")
    return found["bucket"], found["prefix"] or "", target.endswith(_VERSIONS)


def split(target: str, config: Config, state: HistoryState) -> Iterator[BucketShare | Skipped]:
    """List the objects of *target* and split those that *state* does not know into shares."""
    bucket, prefix, versions = parse_target(target)
    endpoint = os.environ.get("AWS_ENDPOINT_URL_S3") or os.environ.get("AWS_ENDPOINT_URL", "")
    batch: list[BucketObject] = []
    total = 0
    for one in list_objects(bucket, prefix, versions):
        if isinstance(one, Skipped):
            yield one
            continue
        place = make_place(bucket, one)
        if config.max_size and one.size > config.max_size:
            yield Skipped(place, f"larger than --max-size ({one.size} bytes)", expected=True)
            continue
        if one.size > MAX_OBJECT_BYTES:
            yield Skipped(place, f"has {one.size} bytes, more than the limit of {MAX_OBJECT_BYTES}")
            continue
        identity = f"s3 {endpoint} {place} {one.etag} {one.size}"
        if not one.size or (one.etag and not state.needs_reading(identity, place)):
            continue
        batch.append(one)
        total += one.size
        if total >= SHARE_BYTES or len(batch) >= SHARE_OBJECTS:
            yield BucketShare(bucket, tuple(batch))
            batch, total = [], 0
    if batch:
        yield BucketShare(bucket, tuple(batch))


def list_objects(bucket: str, prefix: str, versions: bool) -> Iterator[BucketObject | Skipped]:
    """Yield the objects below *prefix*, page by page; a list that breaks off ends with a `Skipped`."""
    call, field = ("list_object_versions", "Versions") if versions else ("list_objects_v2", "Contents")
    with silence_client_logs():
        pages = iter(open_client(os.getpid()).get_paginator(call).paginate(Bucket=bucket, Prefix=prefix))
        while True:
            try:
                page = next(pages, None)
            except Exception as problem:
                yield Skipped(f"s3://{bucket}/{prefix}", f"the list is incomplete: {_explain(problem)}")
                return
            if page is None:
                return
            for row in page.get(field, ()):
                version = row.get("VersionId", "") if versions else ""
                version = "" if version == "null" else version
                yield BucketObject(row["Key"], int(row["Size"]), row.get("ETag", ""), version)


# -- requests ------------------------------------------------------------------------


@cache
def open_client(process: int) -> Any:
    """Return the client of this *process*. Raises `UsageError` where boto3 is not installed."""
    del process
    try:
        import boto3
        from botocore import UNSIGNED
        from botocore.config import Config as ClientConfig
    except ImportError:
        raise UsageError("s3:// needs boto3: install leakfirst with the extra aws") from None
    session = boto3.Session()
    options: dict[str, Any] = {
        "retries": {"mode": "standard", "max_attempts": 5},
        "connect_timeout": 10,
        "read_timeout": 60,
        "max_pool_connections": REQUESTS_AT_ONCE,
    }
    if session.get_credentials() is None:
        options["signature_version"] = UNSIGNED
    region = session.region_name or "us-east-1"
    return session.client("s3", region_name=region, config=ClientConfig(**options))


def _fetch(client: Any, bucket: str, one: BucketObject) -> bytes | str:
    """Return the content of a small object, or why it cannot be had."""
    try:
        with client.get_object(**_address(bucket, one))["Body"] as body:
            content: bytes = body.read(one.size + 1)
    except Exception as problem:
        return _explain(problem)
    return content if len(content) == one.size else "does not have the size that was listed"


def _read_large(client: Any, bucket: str, one: BucketObject) -> Iterator[Blob | Skipped]:
    place = make_place(bucket, one)
    with tempfile.TemporaryFile(prefix="leakfirst-") as file:
        try:
            _download(client, bucket, one, file)
        except Exception as problem:
            yield Skipped(place, _explain(problem))
            return
        if file.tell() != one.size:
            yield Skipped(place, "does not have the size that was listed")
            return
        file.seek(0)
        yield from read_descriptor(file.fileno(), one.size, Origin("s3", place))


def _download(client: Any, bucket: str, one: BucketObject, file: IO[bytes]) -> None:
    """Write an object range by range; a range that is cut off is requested again, from where it ended."""
    failures = 0
    while file.tell() < one.size:
        start, end = file.tell(), min(file.tell() + RANGE_BYTES, one.size)
        try:
            with client.get_object(**_address(bucket, one), Range=f"bytes={start}-{end - 1}")["Body"] as body:
                while file.tell() < end and (part := body.read(min(1 << 20, end - file.tell()))):
                    file.write(part)
        except Exception:
            failures += 1
            if failures > 3 or file.tell() == start:
                raise
        if file.tell() == start:
            return


def _address(bucket: str, one: BucketObject) -> dict[str, str]:
    version = {"VersionId": one.version} if one.version else {}
    return {"Bucket": bucket, "Key": one.key, **version, **({"IfMatch": one.etag} if one.etag else {})}


def _explain(problem: Exception) -> str:
    """Say why a request failed, without the library's message."""
    found = getattr(problem, "response", None)
    if isinstance(found, dict):
        code = str(found.get("Error", {}).get("Code", ""))[:64]
        status = found.get("ResponseMetadata", {}).get("HTTPStatusCode", 0)
        words = {"PreconditionFailed": "has changed since it was listed", "InvalidObjectState": "is in an archive tier"}
        shown = code if code.isprintable() and code else "refused"
        return words.get(code, f"{shown} (HTTP {status})")
    return f"cannot be reached ({type(problem).__name__})"


def read_again(origins: Sequence[Origin], config: Config) -> Iterator[Blob | Skipped]:
    """Read the objects of *origins* once more, as they are now."""
    del config
    for origin in dict.fromkeys(origins):
        place, _, version = origin.path.partition("?versionId=")
        bucket, key, _ = parse_target(place)
        try:
            with silence_client_logs():
                client = open_client(os.getpid())
                wanted = {"VersionId": version} if version else {}
                head = client.head_object(Bucket=bucket, Key=key, **wanted)
        except UsageError:
            raise
        except Exception as problem:
            yield Skipped(origin.path, _explain(problem))
            continue
        one = BucketObject(key, int(head["ContentLength"]), head.get("ETag", ""), version)
        yield from BucketShare(bucket, (one,)).read()
