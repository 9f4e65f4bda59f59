"""Packages of a registry that answers as it is told, and of a verdaccio where it is installed."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from detector.config import Config
from detector.contracts import Share
from detector.errors import SourceError, UsageError
from detector.git.history import NoState
from detector.model import Blob, Origin, Scan, Skipped
from detector.net import polite_client
from detector.scan import pipeline
from detector.sources import _archives, npm
from tests.detector.sources.sample import RULE, TOKEN, Sample
from tests.fakes.registries import (
    Answer,
    Server,
    add_npm_package,
    answer_json,
    make_integrity,
    make_tgz,
    publish_npm,
    server,
    verdaccio,
)

pytestmark = pytest.mark.net
LEAK = {"package/cli.js": f"const key = '{TOKEN}'\n".encode()}
CLEAN = {"package/index.js": b"module.exports = 1\n"}


def make_sample(folder: Path) -> Sample:
    at = Server()
    add_npm_package(at, "acme-ui", {"1.0.0": make_tgz(CLEAN), "1.1.0": make_tgz(LEAK)})
    return Sample("npm:acme-ui", Config(registry=at.url))


@pytest.fixture(autouse=True)
def waits(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    waited: list[float] = []
    monkeypatch.setattr(polite_client, "sleep", waited.append)
    return waited


@pytest.fixture
def registry() -> Iterator[Server]:
    with server() as at:
        yield at


def scan(target: str, folder: Path, **config: object) -> Scan:
    rules = folder / "acme.toml"
    rules.write_text(RULE)
    wanted = Config(targets=(target,), patterns=(str(rules),), only=("acme.key", "exposure.*"), jobs=1)
    return pipeline.scan(wanted._replace(**config))


def list_places(result: Scan) -> list[str]:
    return sorted(f"{at.origin.path}:{at.line}" for finding in result.findings for at in finding.locations)


def read_reasons(result: Scan) -> list[str]:
    return [skip.reason for skip in result.skipped if not skip.expected]


# -- what is read --------------------------------------------------------------------


@pytest.mark.parametrize(
    ("target", "versions"),
    [
        ("npm:acme-ui", ["2.0.0"]),
        ("npm:acme-ui@1.0.0", ["1.0.0"]),
        ("npm:acme-ui@next", ["3.0.0-rc.1"]),
        ("npm:acme-ui@all", ["1.0.0", "1.1.0", "2.0.0", "3.0.0-rc.1"]),
        ("npm:acme-ui@^1.0.0", ["1.0.0", "1.1.0"]),
    ],
)
def test_a_target_names_versions(registry: Server, target: str, versions: list[str]) -> None:
    listed = {
        version: {"dist": {"tarball": f"{registry.url}/x-{version}.tgz"}}
        for version in ("1.0.0", "1.1.0", "2.0.0", "3.0.0-rc.1")
    }
    tags = {"latest": "2.0.0", "next": "3.0.0-rc.1"}
    registry.answers["/acme-ui"] = answer_json({"dist-tags": tags, "versions": listed})
    shares = [
        item
        for item in npm.split(target, Config(registry=registry.url), NoState())
        if isinstance(item, _archives.ArchiveShare)
    ]
    assert [one.place for share in shares for one in share.archives] == [f"npm:acme-ui@{one}" for one in versions]


def test_a_source_map_in_a_package_is_read_and_should_not_be_there(registry: Server, tmp_path: Path) -> None:
    content = {"version": 3, "sources": ["../src/a.ts"], "sourcesContent": [f"\n\nlet key = '{TOKEN}'"], "mappings": ""}
    old = make_tgz({"package/cli.js.map": json.dumps(content).encode(), "package/a.js": b"1"})
    new = make_tgz({"package/cli.js.map": json.dumps(content).encode(), "package/a.js": b"2"})
    add_npm_package(registry, "acme-ui", {"1.2.0": old, "1.3.0": new})
    found = scan("npm:acme-ui@all", tmp_path, registry=registry.url)
    assert list_places(found) == [
        "npm:acme-ui@1.2.0!package/cli.js.map!../src/a.ts:3",
        "npm:acme-ui@1.2.0!package/cli.js.map:1",
        "npm:acme-ui@1.3.0!package/cli.js.map!../src/a.ts:3",
        "npm:acme-ui@1.3.0!package/cli.js.map:1",
    ]
    assert sorted(finding.rule.id for finding in found.findings) == ["acme.key", "exposure.source-map"]
    assert found.complete


def test_a_second_run_reads_only_what_is_new(registry: Server, tmp_path: Path) -> None:
    versions = {"1.0.0": make_tgz(CLEAN), "1.1.0": make_tgz({**CLEAN, **LEAK})}
    add_npm_package(registry, "acme-ui", versions)
    state = str(tmp_path / "state")
    first = scan("npm:acme-ui@all", tmp_path, registry=registry.url, state=state)
    assert len(registry.asked) == 3 and len(first.findings) == 1
    del registry.asked[:]
    versions["1.2.0"] = make_tgz({"package/new.js": b"2"})
    add_npm_package(registry, "acme-ui", versions)
    again = scan("npm:acme-ui@all", tmp_path, registry=registry.url, state=state)
    assert registry.paths == ["/acme-ui", "/acme-ui/-/acme-ui-1.1.0.tgz", "/acme-ui/-/acme-ui-1.2.0.tgz"]
    assert [one.fingerprint for one in again.findings] == [one.fingerprint for one in first.findings]


def test_what_was_read_with_other_rules_is_read_again(registry: Server, tmp_path: Path) -> None:
    for name in ("one", "two"):
        add_npm_package(registry, name, {"1.0.0": make_tgz({"package/x.js": name.encode()})})
    state = str(tmp_path / "state")
    for target in ("npm:one", "npm:two"):
        scan(target, tmp_path, registry=registry.url, state=state)
    rules = {"only": ("acme.key", "exposure.*", "github.*"), "state": state, "registry": registry.url}
    scan("npm:one", tmp_path, **rules)
    del registry.asked[:]
    scan("npm:one", tmp_path, **rules)
    scan("npm:two", tmp_path, **rules)
    assert registry.paths == ["/one", "/two", "/two/-/two-1.0.0.tgz"]


def test_an_archive_without_integrity_is_checked_by_its_sha1(registry: Server, tmp_path: Path) -> None:
    add_npm_package(registry, "acme-ui", {"1.0.0": make_tgz(LEAK)})
    dist = {"tarball": f"{registry.url}/acme-ui/-/acme-ui-1.0.0.tgz", "shasum": "0" * 40}
    registry.answers["/acme-ui"] = answer_json({"versions": {"1.0.0": {"dist": dist}}})
    found = scan("npm:acme-ui@all", tmp_path, registry=registry.url)
    assert read_reasons(found) == ["the content does not have the sha1 that the server names"]


def test_an_address_at_the_public_registry_is_asked_of_our_own(registry: Server, tmp_path: Path) -> None:
    content = make_tgz(LEAK)
    registry.answers["/acme-ui/-/a.tgz"] = Answer(200, content)
    dist = {"tarball": f"{npm.PUBLIC}/acme-ui/-/a.tgz", "integrity": make_integrity(content)}
    registry.answers["/acme-ui"] = answer_json({"versions": {"1.0.0": {"dist": dist}}})
    assert len(scan("npm:acme-ui", tmp_path, registry=registry.url).findings) == 1


@pytest.mark.parametrize(
    "target", ["npm:", "npm:../x", "npm:a/b", "npm:@a", "npm:a@", "npm:a b", "npm:a/-/b.tgz", "npm:@../x", "npm:a?b"]
)
def test_a_target_that_names_no_package(target: str) -> None:
    with pytest.raises(UsageError):
        npm.parse_target(target)


def test_the_whole_public_registry_is_not_read() -> None:
    with pytest.raises(UsageError, match="--registry"):
        list(npm.split("npm:*", Config(), NoState()))


def test_a_range_that_cannot_be_understood() -> None:
    with pytest.raises(SourceError):
        npm.choose_versions({"1.0.0": {}}, {}, "no range at all")


# -- what somebody has published -------------------------------------------------------


def test_the_packages_of_an_organisation(registry: Server, tmp_path: Path) -> None:
    registry.answers["/-/org/acme/package"] = answer_json({"one": "write", "two": "read", "../three": "read"})
    add_npm_package(registry, "one", {"1.0.0": make_tgz(LEAK)})
    add_npm_package(registry, "two", {"1.0.0": make_tgz(CLEAN), "1.0.1": make_tgz(CLEAN)})
    found = scan("npm:@acme/*@all", tmp_path, registry=registry.url)
    assert list_places(found) == ["npm:one@1.0.0!package/cli.js:1"]
    assert read_reasons(found) == ["'../three' is no name of a package"]


def test_the_packages_of_a_user_are_searched_page_by_page(
    registry: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(npm, "PAGE", 2)
    rows = [{"package": {"name": name, "maintainers": [{"username": who}]}} for name, who in
            (("one", "alice"), ("two", "bob"), ("three", "alice"))]  # fmt: skip
    registry.answers["/-/v1/search?text=maintainer%3Aalice&size=2&from=0"] = answer_json({"objects": rows[:2]})
    registry.answers["/-/v1/search?text=maintainer%3Aalice&size=2&from=2"] = answer_json({"objects": rows[2:]})
    for name in ("one", "two", "three"):
        add_npm_package(registry, name, {"1.0.0": make_tgz({"package/x.js": f"{name} = '{TOKEN}'".encode()})})
    found = scan("npm:~alice", tmp_path, registry=registry.url)
    assert list_places(found) == ["npm:one@1.0.0!package/x.js:1", "npm:three@1.0.0!package/x.js:1"]


# -- hostile and broken registries -------------------------------------------------------


def offer(registry: Server, archive: Answer | list[Answer], content: bytes = b"") -> None:
    add_npm_package(registry, "acme-ui", {"1.0.0": content or make_tgz(LEAK)})
    registry.answers["/acme-ui/-/acme-ui-1.0.0.tgz"] = archive


def test_a_wrong_digest(registry: Server, tmp_path: Path) -> None:
    offer(registry, Answer(200, make_tgz({**LEAK, "package/b.js": b"other"})))
    found = scan("npm:acme-ui", tmp_path, registry=registry.url)
    assert not found.findings
    assert read_reasons(found) == ["the content does not have the sha512 that the server names"]
    assert found.account.choose_exit_code() == 3


def test_an_endless_archive(registry: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_archives.Archive.__new__, "__defaults__", (0, None, 1 << 20))
    offer(registry, Answer(200, b"x" * 65536, endless=True))
    assert read_reasons(scan("npm:acme-ui", tmp_path, registry=registry.url)) == ["the answer is longer than 1 MiB"]


def test_an_endless_list_of_versions(registry: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(polite_client, "MAX_PAGE_BYTES", 1 << 20)
    registry.answers["/acme-ui"] = Answer(200, b"[" * 65536, endless=True)
    assert read_reasons(scan("npm:acme-ui", tmp_path, registry=registry.url)) == ["the answer is longer than 1 MiB"]


def test_a_body_that_is_cut_off_is_requested_again(registry: Server, tmp_path: Path, waits: list[float]) -> None:
    content = make_tgz(LEAK)
    offer(registry, [Answer(200, content[:50], cut=True), Answer(503), Answer(200, content)])
    assert len(scan("npm:acme-ui", tmp_path, registry=registry.url).findings) == 1
    assert len(waits) == 2


def test_a_body_that_is_always_cut_off(registry: Server, tmp_path: Path) -> None:
    offer(registry, Answer(200, make_tgz(LEAK)[:50], cut=True))
    (reason,) = read_reasons(scan("npm:acme-ui", tmp_path, registry=registry.url))
    assert "cannot be reached" in reason and len(registry.asked) == 1 + polite_client.MAX_TRIES


def test_waits_that_the_registry_asks_for_are_kept(registry: Server, tmp_path: Path, waits: list[float]) -> None:
    content = make_tgz(LEAK)
    offer(registry, [Answer(429, headers={"Retry-After": "7"}), Answer(200, content)])
    assert len(scan("npm:acme-ui", tmp_path, registry=registry.url).findings) == 1
    assert waits == [7.0]


def test_a_rate_limit_without_end(registry: Server, tmp_path: Path) -> None:
    offer(registry, Answer(429, headers={"Retry-After": "100000"}))
    (reason,) = read_reasons(scan("npm:acme-ui", tmp_path, registry=registry.url))
    assert reason.startswith("rate limit until ")


def test_the_token_goes_to_the_registry_alone(
    registry: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    content = make_tgz(LEAK)
    with server() as other:
        other.answers["/a.tgz"] = Answer(200, content)
        host = registry.url.removeprefix("http://")
        monkeypatch.setenv(f"LEAKFIRST_TOKEN_{host.replace('.', '_').replace(':', '___')}", "npm-token-of-ours")
        offer(registry, Answer(302, headers={"Location": f"{other.url}/a.tgz"}), content)
        refused = scan("npm:acme-ui", tmp_path, registry=registry.url)
        assert "is a loopback address" in read_reasons(refused)[0] and not other.asked
        allowed = (other.url.removeprefix("http://"),)
        found = scan("npm:acme-ui", tmp_path, registry=registry.url, allow_internal=allowed)
        assert len(found.findings) == 1
        assert all(headers["authorization"] == "Bearer npm-token-of-ours" for _, headers in registry.asked)
        assert other.asked and all("authorization" not in headers for _, headers in other.asked)


@pytest.mark.parametrize("target", ["file:///etc/passwd", "http://user:pw@127.0.0.1/x", "gopher://x/", "http://[::1/"])
def test_a_redirect_that_cannot_be_used(registry: Server, tmp_path: Path, target: str) -> None:
    offer(registry, Answer(302, headers={"Location": target}))
    (reason,) = read_reasons(scan("npm:acme-ui", tmp_path, registry=registry.url))
    assert reason == "is redirected to an address that cannot be used"


def test_a_bomb_and_names_that_lead_out_are_limited(registry: Server, tmp_path: Path) -> None:
    bomb = make_tgz({"package/zeros": bytes(300 << 20)})
    paths = make_tgz({"../../etc/cron.d/x": LEAK["package/cli.js"], "/abs": b"1"})
    add_npm_package(registry, "acme-ui", {"1.0.0": bomb, "1.0.1": paths})
    found = scan("npm:acme-ui@all", tmp_path, registry=registry.url)
    assert list_places(found) == ["npm:acme-ui@1.0.1!../../etc/cron.d/x:1"]
    assert any("more bytes than the limit" in reason for reason in read_reasons(found))


@pytest.mark.parametrize(
    "document",
    [[], {"versions": []}, {"versions": {"1/..": {}}}, {"versions": {"1.0.0": {"dist": {"tarball": 5}}}},
     {"versions": {"1.0.0": 7}}, "text"],
)  # fmt: skip
def test_answers_of_another_form(registry: Server, tmp_path: Path, document: object) -> None:
    registry.answers["/acme-ui"] = answer_json(document)
    found = scan("npm:acme-ui@all", tmp_path, registry=registry.url)
    assert len(read_reasons(found)) == 1 and found.account.choose_exit_code() == 3


def test_a_share_carries_addresses_and_no_token(registry: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    import pickle

    host = registry.url.removeprefix("http://")
    monkeypatch.setenv(f"LEAKFIRST_TOKEN_{host.replace('.', '_').replace(':', '___')}", "npm-token-of-ours")
    add_npm_package(registry, "acme-ui", {"1.0.0": make_tgz(LEAK)})
    (share,) = npm.split("npm:acme-ui", Config(registry=registry.url), NoState())
    assert not isinstance(share, Skipped)
    packed = pickle.dumps(share)
    assert b"npm-token-of-ours" not in packed and len(packed) < 1000
    copy: Share = pickle.loads(packed)
    assert copy.name == "npm:acme-ui@1.0.0"


def test_an_internal_registry_that_stands_in_a_report_is_not_asked(registry: Server) -> None:
    add_npm_package(registry, "acme-ui", {"1.0.0": make_tgz(LEAK)})
    origin = Origin("npm", "npm:acme-ui@1.0.0", registry.url)
    (refused,) = npm.read_again([origin], Config())
    assert isinstance(refused, Skipped) and "is a loopback address" in refused.reason and not registry.asked
    (blob,) = npm.read_again([origin], Config(registry=registry.url))
    assert isinstance(blob, Blob)


# -- verdaccio -----------------------------------------------------------------------------


@pytest.fixture(scope="module")
def real(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with verdaccio(tmp_path_factory.mktemp("verdaccio")) as url:
        publish_npm(url, "acme-ui", "1.0.0", make_tgz(CLEAN))
        publish_npm(url, "acme-ui", "1.1.0", make_tgz(LEAK))
        publish_npm(url, "@acme/core", "0.1.0", make_tgz({"package/.env": f"KEY={TOKEN}\n".encode()}))
        publish_npm(url, "other", "1.0.0", make_tgz({"package/o.js": f"k = '{TOKEN}'".encode()}))
        yield url


def test_all_versions_of_a_package_at_verdaccio(real: str, tmp_path: Path) -> None:
    found = scan("npm:acme-ui@all", tmp_path, registry=real)
    assert list_places(found) == ["npm:acme-ui@1.1.0!package/cli.js:1"]
    assert found.complete


def test_an_organisation_at_verdaccio(real: str, tmp_path: Path) -> None:
    found = scan("npm:@acme/*@all", tmp_path, registry=real)
    assert list_places(found) == ["npm:@acme/core@0.1.0!package/.env:1"] * 2
    assert sorted(one.rule.id for one in found.findings) == ["acme.key", "exposure.env-file"]


def test_the_whole_registry_at_verdaccio(real: str, tmp_path: Path) -> None:
    found = scan("npm:*", tmp_path, registry=real)
    assert {place.partition("!")[0] for place in list_places(found)} == {
        "npm:@acme/core@0.1.0",
        "npm:acme-ui@1.1.0",
        "npm:other@1.0.0",
    }
