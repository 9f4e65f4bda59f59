"""Buckets of moto, a server with the API of S3, and of one that answers as it is told."""

import atexit
import io
import os
import zipfile
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import boto3
import pytest

from detector.config import Config
from detector.errors import UsageError
from detector.model import Scan
from detector.scan import pipeline
from detector.sources import s3
from tests.detector.sources.sample import RULE, TOKEN, Sample
from tests.fakes.registries import Answer, server
from tests.rotators import world

pytestmark = pytest.mark.net
LEAK = f"key = {TOKEN}\n".encode()
_stack = ExitStack()
_bucket = 0
_moto = ""


def make_sample(folder: Path) -> Sample:
    url = start_moto()
    bucket = make_bucket(url)
    bucket.put_object(Key="settings.ini", Body=LEAK)
    return Sample(f"s3://{bucket.name}")


def start_moto() -> str:
    """Start moto once for this process, and let every client use it."""
    global _moto
    if not _moto:
        _moto = _stack.enter_context(world.moto())
        atexit.register(_stack.close)
    use_endpoint(_moto)
    return _moto


def use_endpoint(url: str) -> None:
    values = {"AWS_ENDPOINT_URL": url, "AWS_ACCESS_KEY_ID": "test", "AWS_SECRET_ACCESS_KEY": "test"}
    os.environ.update({**values, "AWS_EC2_METADATA_DISABLED": "true", "AWS_DEFAULT_REGION": "us-east-1"})
    s3.open_client.cache_clear()


def make_bucket(url: str) -> Any:
    global _bucket
    _bucket += 1
    bucket = boto3.resource("s3", endpoint_url=url, region_name="us-east-1").Bucket(f"acme-{os.getpid()}-{_bucket}")
    bucket.create()
    return bucket


@pytest.fixture
def environment() -> Iterator[None]:
    before = dict(os.environ)
    yield
    os.environ.clear()
    os.environ.update(before)
    s3.open_client.cache_clear()


@pytest.fixture
def bucket(environment: None) -> Any:
    return make_bucket(start_moto())


def scan(target: str, folder: Path, **config: object) -> Scan:
    rules = folder / "acme.toml"
    rules.write_text(RULE)
    wanted = Config(targets=(target,), patterns=(str(rules),), only=("acme.key",), jobs=1)
    return pipeline.scan(wanted._replace(**config))


def list_places(result: Scan) -> list[str]:
    return sorted(f"{at.origin.path}:{at.line}" for finding in result.findings for at in finding.locations)


def read_reasons(result: Scan) -> list[str]:
    return [skip.reason for skip in result.skipped if not skip.expected]


def test_objects_are_listed_page_by_page_and_archives_are_looked_into(
    bucket: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(s3, "SMALL_BYTES", 4096)
    monkeypatch.setattr(s3, "RANGE_BYTES", 10_000)
    for number in range(1005):
        bucket.put_object(Key=f"many/{number:05}.txt", Body=b"clean")
    bucket.put_object(Key="many/99999.txt", Body=LEAK)
    bucket.put_object(Key="many/empty", Body=b"")
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        archive.writestr("a/b.env", os.urandom(50_000).hex() + "\n" + LEAK.decode())
    bucket.put_object(Key="many/backup.zip", Body=packed.getvalue())
    bucket.put_object(Key="other/x", Body=LEAK)
    found = scan(f"s3://{bucket.name}/many/", tmp_path)
    assert list_places(found) == [
        f"s3://{bucket.name}/many/99999.txt:1",
        f"s3://{bucket.name}/many/backup.zip!a/b.env:2",
    ]
    assert found.complete


def test_a_second_run_requests_only_what_is_new(bucket: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[str] = []
    fetch = s3._fetch
    monkeypatch.setattr(s3, "_fetch", lambda client, name, one: asked.append(one.key) or fetch(client, name, one))
    for key, body in (("a", b"clean"), ("b", LEAK), ("c", b"clean too")):
        bucket.put_object(Key=key, Body=body)
    state = str(tmp_path / "state")
    scan(f"s3://{bucket.name}", tmp_path, state=state)
    assert sorted(asked) == ["a", "b", "c"]
    del asked[:]
    bucket.put_object(Key="c", Body=b"changed")
    assert len(scan(f"s3://{bucket.name}", tmp_path, state=state).findings) == 1
    assert sorted(asked) == ["b", "c"]


def test_every_version_is_read(bucket: Any, tmp_path: Path) -> None:
    bucket.Versioning().enable()
    first = bucket.meta.client.put_object(Bucket=bucket.name, Key="settings.ini", Body=LEAK)["VersionId"]
    bucket.put_object(Key="settings.ini", Body=b"key = none\n")
    assert not scan(f"s3://{bucket.name}", tmp_path).findings
    found = scan(f"s3://{bucket.name}?versions", tmp_path)
    assert list_places(found) == [f"s3://{bucket.name}/settings.ini?versionId={first}:1"]


def test_a_bucket_that_does_not_exist(environment: None, tmp_path: Path) -> None:
    start_moto()
    found = scan("s3://no-such-bucket-here", tmp_path)
    assert read_reasons(found) == ["the list is incomplete: NoSuchBucket (HTTP 404)"]
    assert found.account.choose_exit_code() == 3


def test_what_changes_after_it_was_listed_is_told(bucket: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for size in (10, 5000):
        bucket.put_object(Key=f"x{size}", Body=b"x" * size)
    monkeypatch.setattr(s3, "SMALL_BYTES", 4096)
    listed = list(s3.list_objects(bucket.name, "", False))
    bucket.put_object(Key="x10", Body=b"y")
    bucket.put_object(Key="x5000", Body=b"y")
    share = s3.BucketShare(bucket.name, tuple(listed))  # type: ignore[arg-type]
    assert [item.reason for item in share.read()] == ["has changed since it was listed"] * 2  # type: ignore[union-attr]


def test_a_server_that_sends_more_than_it_listed(environment: None, tmp_path: Path) -> None:
    with server() as at:
        use_endpoint(at.url)
        rows = "<Contents><Key>a</Key><Size>5</Size></Contents><Contents><Key>../b</Key><Size>9000000</Size></Contents>"
        page = f"<ListBucketResult><IsTruncated>false</IsTruncated>{rows}</ListBucketResult>"
        at.answers["/acme-bucket"] = Answer(200, page.encode(), {"Content-Type": "application/xml"})
        at.answers["/acme-bucket/a"] = Answer(200, b"x" * 65536, endless=True)
        at.answers["/acme-bucket/../b"] = Answer(403, b"<Error><Code>AccessDenied</Code></Error>")
        found = scan("s3://acme-bucket", tmp_path)
        assert read_reasons(found) == ["AccessDenied (HTTP 403)", "does not have the size that was listed"]


@pytest.mark.parametrize("target", ["s3://", "s3:bucket", "s3:///key", "s3://a b/c"])
def test_a_target_that_names_no_bucket(target: str) -> None:
    with pytest.raises(UsageError):
        s3.parse_target(target)
