"""Images of a registry that answers as it is told, and of the distribution registry where it is installed."""

import hashlib
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.request import Request, urlopen

import pytest

from detector.config import Config
from detector.errors import UsageError
from detector.model import Origin, Scan, Skipped
from detector.net import polite_client
from detector.scan import pipeline
from detector.sources import oci
from tests.detector.sources.sample import RULE, TOKEN, Sample
from tests.fakes.registries import Answer, Server, answer_json, make_tgz, server
from tests.fakes.servers import free_port, program, running

pytestmark = pytest.mark.net
MANIFEST = "application/vnd.oci.image.manifest.v1+json"
INDEX = "application/vnd.oci.image.index.v1+json"


def digest(content: bytes) -> str:
    return f"sha256:{hashlib.sha256(content).hexdigest()}"


def describe(content: bytes, kind: str = "application/vnd.oci.image.layer.v1.tar+gzip") -> dict[str, Any]:
    return {"mediaType": kind, "digest": digest(content), "size": len(content)}


def make_manifest(config: bytes, *layers: bytes) -> bytes:
    blob = describe(config, "application/vnd.oci.image.config.v1+json")
    rows = [describe(layer) for layer in layers]
    return json.dumps({"schemaVersion": 2, "mediaType": MANIFEST, "config": blob, "layers": rows}).encode()


def make_index(*manifests: tuple[bytes, dict[str, Any]]) -> bytes:
    rows = [{**describe(manifest, MANIFEST), **more} for manifest, more in manifests]
    return json.dumps({"schemaVersion": 2, "mediaType": INDEX, "manifests": rows}).encode()


def add_image(at: Server, name: str, tag: str, manifest: bytes, *blobs: bytes, kind: str = MANIFEST) -> None:
    for reference in (tag, digest(manifest)):
        at.answers[f"/v2/{name}/manifests/{reference}"] = Answer(200, manifest, {"Content-Type": kind})
    for blob in blobs:
        at.answers[f"/v2/{name}/blobs/{digest(blob)}"] = Answer(200, blob)
    at.answers.setdefault(f"/v2/{name}/tags/list?n=1", answer_json({"tags": [tag]}))


CONFIG = json.dumps({"config": {"Env": [f"KEY={TOKEN}"]}, "history": [{"created_by": "RUN x"}]}).encode()
PLAIN = json.dumps({"config": {}, "history": []}).encode()
BASE = make_tgz({"etc/app.env": f"KEY={TOKEN}\n".encode()})
DELETED = make_tgz({"etc/.wh.app.env": b""})


def host_of(at: Server) -> str:
    return at.url.removeprefix("http://")


def make_sample(folder: Path) -> Sample:
    at = Server()
    add_image(at, "acme/app", "latest", make_manifest(PLAIN, BASE), PLAIN, BASE)
    return Sample(f"oci:{host_of(at)}/acme/app", Config(allow_internal=(host_of(at),)))


@pytest.fixture
def registry(monkeypatch: pytest.MonkeyPatch) -> Iterator[Server]:
    monkeypatch.setattr(polite_client, "sleep", lambda seconds: None)
    with server() as at:
        yield at


def scan(target: str, folder: Path, **config: object) -> Scan:
    rules = folder / "acme.toml"
    rules.write_text(RULE)
    wanted = Config(targets=(target,), patterns=(str(rules),), only=("acme.key", "exposure.*"), jobs=1)
    return pipeline.scan(wanted._replace(**config))


def list_places(result: Scan, host: str) -> list[str]:
    found = (f"{at.origin.path}:{at.line}" for finding in result.findings for at in finding.locations)
    return sorted(place.replace(host, "HOST") for place in found)


def read_reasons(result: Scan) -> list[str]:
    return [skip.reason for skip in result.skipped if not skip.expected]


def test_a_file_that_a_later_layer_deletes_is_found(registry: Server, tmp_path: Path) -> None:
    add_image(registry, "acme/app", "1.4", make_manifest(CONFIG, BASE, DELETED), CONFIG, BASE, DELETED)
    found = scan(f"oci:{host_of(registry)}/acme/app:1.4", tmp_path)
    assert list_places(found, host_of(registry)) == [
        "oci:HOST/acme/app:1.4 config:1",
        "oci:HOST/acme/app:1.4 layer 1!etc/app.env:1",
    ]
    assert found.complete


def test_every_platform_and_attestation_is_read_and_each_layer_once(registry: Server, tmp_path: Path) -> None:
    arm = make_tgz({"srv/.env": f"KEY={TOKEN}\n".encode()})
    proof = json.dumps({"predicate": {"invocation": {"environment": {"KEY": TOKEN}}}}).encode()
    one, two, three = make_manifest(PLAIN, BASE), make_manifest(PLAIN, BASE, arm), make_manifest(PLAIN, proof)
    index = make_index(
        (one, {"platform": {"os": "linux", "architecture": "amd64"}}),
        (two, {"platform": {"os": "linux", "architecture": "arm64", "variant": "v8"}}),
        (three, {"annotations": {"vnd.docker.reference.type": "attestation-manifest"}}),
    )
    for manifest in (one, two, three):
        add_image(registry, "acme/app", "none", manifest, PLAIN, BASE, arm, proof)
    add_image(registry, "acme/app", "1.4", index, kind=INDEX)
    found = scan(f"oci:{host_of(registry)}/acme/app:1.4", tmp_path)
    places = set(list_places(found, host_of(registry)))
    assert places == {
        "oci:HOST/acme/app:1.4 linux/amd64 layer 1!etc/app.env:1",
        "oci:HOST/acme/app:1.4 linux/arm64/v8 layer 2!srv/.env:1",
        f"oci:HOST/acme/app:1.4 attestation {digest(three)[7:19]} layer 1:1",
    }
    assert registry.paths.count(f"/v2/acme/app/blobs/{digest(BASE)}") == 1
    assert "exposure.env-file" in {one.rule.id for one in found.findings}


def test_all_tags_are_listed_page_by_page_and_remembered(registry: Server, tmp_path: Path) -> None:
    newer = make_tgz({"etc/b.env": b"clean"})
    add_image(registry, "acme/app", "1.0", make_manifest(PLAIN, newer), PLAIN, newer)
    add_image(registry, "acme/app", "1.1", make_manifest(PLAIN, BASE), PLAIN, BASE)
    more = {"Link": '</v2/acme/app/tags/list?n=1000&last=1.0>; rel="next"'}
    registry.answers["/v2/acme/app/tags/list?n=1000"] = answer_json({"tags": ["1.0"]}, **more)
    registry.answers["/v2/acme/app/tags/list?n=1000&last=1.0"] = answer_json({"tags": ["1.1", "../x"]})
    state = str(tmp_path / "state")
    target = f"oci:{host_of(registry)}/acme/app:all"
    assert len(scan(target, tmp_path, state=state).findings) == 1
    del registry.asked[:]
    assert len(scan(target, tmp_path, state=state).findings) == 1
    assert [path for path in registry.paths if "/blobs/" in path] == [f"/v2/acme/app/blobs/{digest(BASE)}"]


def test_every_repository_of_a_registry(registry: Server, tmp_path: Path) -> None:
    registry.answers["/v2/_catalog"] = answer_json({"repositories": ["acme/app", "b", "../../x"]})
    for name in ("acme/app", "b"):
        add_image(registry, name, "latest", make_manifest(CONFIG), CONFIG)
    found = scan(f"oci:{host_of(registry)}/*", tmp_path)
    assert list_places(found, host_of(registry)) == [
        "oci:HOST/acme/app:latest config:1",
        "oci:HOST/b:latest config:1",
    ]
    assert read_reasons(found) == ["'../../x' is no name of a repository"]


def challenge(realm: str) -> Answer:
    words = f'Bearer realm="{realm}",service="s",scope="repository:acme/app:pull"'
    return Answer(401, b"{}", {"WWW-Authenticate": words})


def guard_with_token(at: Server, realm: str) -> None:
    """Let every path want the token "pull-token"."""
    for path, answer in list(at.answers.items()):
        at.answers[path] = _Guarded(at, answer, realm)  # type: ignore[assignment, arg-type]


class _Guarded:
    def __init__(self, at: Server, answer: Answer, realm: str) -> None:
        self.at, self.answer, self.realm = at, answer, realm

    def __call__(self, path: str) -> Answer:
        allowed = self.at.asked[-1][1].get("authorization") == "Bearer pull-token"
        return self.answer if allowed else challenge(self.realm)


def test_a_token_is_fetched_from_the_realm_and_redirects_go_without_it(
    registry: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with server() as store:
        add_image(registry, "acme/app", "latest", make_manifest(PLAIN, BASE), PLAIN)
        moved = Answer(307, headers={"Location": f"{store.url}/layer"})
        registry.answers[f"/v2/acme/app/blobs/{digest(BASE)}"] = moved
        store.answers["/layer"] = Answer(200, BASE)
        guard_with_token(registry, f"{registry.url}/token")
        registry.answers["/token"] = answer_json({"token": "pull-token"})
        variable = f"LEAKFIRST_TOKEN_{host_of(registry).replace('.', '_').replace(':', '___')}"
        monkeypatch.setenv(variable, "operators-own")
        found = scan(f"oci:{host_of(registry)}/acme/app", tmp_path, allow_internal=(host_of(store),))
        assert len(found.findings) == 1 and found.complete
        asked = [headers for path, headers in registry.asked if path.startswith("/token")]
        assert asked and all(headers["authorization"].startswith("Basic ") for headers in asked)
        assert store.asked and all("authorization" not in headers for _, headers in store.asked)


def test_a_realm_on_another_host_gets_no_token_of_ours(
    registry: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with server() as other:
        add_image(registry, "acme/app", "latest", make_manifest(PLAIN, BASE), PLAIN, BASE)
        guard_with_token(registry, f"{other.url}/token")
        other.answers["/token"] = answer_json({"token": "pull-token"})
        variable = f"LEAKFIRST_TOKEN_{host_of(registry).replace('.', '_').replace(':', '___')}"
        monkeypatch.setenv(variable, "operators-own")
        refused = scan(f"oci:{host_of(registry)}/acme/app", tmp_path)
        assert "is a loopback address" in read_reasons(refused)[0] and not other.asked
        found = scan(f"oci:{host_of(registry)}/acme/app", tmp_path, allow_internal=(host_of(other),))
        assert len(found.findings) == 1
        assert other.asked and all("authorization" not in headers for _, headers in other.asked)


def test_an_internal_registry_that_stands_in_a_report_is_not_asked(registry: Server) -> None:
    add_image(registry, "acme/app", "latest", make_manifest(CONFIG), CONFIG)
    origin = Origin("oci", f"oci:{host_of(registry)}/acme/app:latest config", registry.url)
    (refused,) = oci.read_again([origin], Config())
    assert isinstance(refused, Skipped) and "is a loopback address" in refused.reason and not registry.asked


@pytest.mark.parametrize(
    ("manifest", "reason"),
    [
        (b"no json", "not JSON"),
        (b'{"fsLayers": []}', "not supported"),
        (b'{"layers": [{"digest": "sha256:../../x"}], "config": 5}', "has no usable digest"),
        (b'{"manifests": [{"digest": "sha256:zz"}]}', "without a usable digest"),
        (b'{"manifests": [{"digest": "sha256:' + b"0" * 64 + b'"}]}', "not found"),
    ],
)
def test_manifests_of_another_form(registry: Server, tmp_path: Path, manifest: bytes, reason: str) -> None:
    add_image(registry, "acme/app", "latest", manifest)
    found = scan(f"oci:{host_of(registry)}/acme/app", tmp_path)
    assert reason in " ".join(read_reasons(found)) and found.account.choose_exit_code() == 3


def test_what_has_another_digest_is_not_read(registry: Server, tmp_path: Path) -> None:
    manifest = make_manifest(PLAIN, BASE)
    add_image(registry, "acme/app", "latest", manifest, PLAIN)
    longer = BASE[:-1] + bytes([BASE[-1] ^ 1])
    registry.answers[f"/v2/acme/app/blobs/{digest(BASE)}"] = Answer(200, longer)
    found = scan(f"oci:{host_of(registry)}/acme/app", tmp_path)
    assert not found.findings and "does not have the sha256" in read_reasons(found)[0]
    registry.answers[f"/v2/acme/app/manifests/{digest(manifest)}"] = Answer(200, make_manifest(PLAIN))
    found = scan(f"oci:{host_of(registry)}/acme/app@{digest(manifest)}", tmp_path)
    assert "the manifest does not have the sha256" in read_reasons(found)[0]


def test_an_endless_layer_ends_at_the_size_that_its_manifest_names(registry: Server, tmp_path: Path) -> None:
    add_image(registry, "acme/app", "latest", make_manifest(PLAIN, BASE), PLAIN)
    registry.answers[f"/v2/acme/app/blobs/{digest(BASE)}"] = Answer(200, b"x" * 65536, endless=True)
    assert "the answer is longer than" in read_reasons(scan(f"oci:{host_of(registry)}/acme/app", tmp_path))[0]


@pytest.mark.parametrize(
    "target",
    ["oci:", "oci:app", "oci:host/", "oci:host/../x", "oci:host/A", "oci:host/a@sha256:1", "oci:u@host/a", "oci:docker.io/*"],
)  # fmt: skip
def test_a_target_that_names_no_image(target: str) -> None:
    with pytest.raises(UsageError):
        oci.parse_target(target)


def test_the_hub_has_another_host() -> None:
    wanted = oci.parse_target("oci:docker.io/acme/app:1")
    assert oci.find_site(wanted, Config()).base == "https://registry-1.docker.io"
    assert oci.find_site(oci.parse_target("oci:[::1]:5000/a"), Config()).base == "http://[::1]:5000"


# -- distribution ------------------------------------------------------------------


def push(url: str, name: str, tag: str, manifest: bytes, *blobs: bytes) -> None:
    for blob in blobs:
        with urlopen(Request(f"{url}/v2/{name}/blobs/uploads/", method="POST"), timeout=30) as reply:
            at = reply.headers["Location"]
        at += f"{'&' if '?' in at else '?'}digest={digest(blob)}"
        urlopen(Request(at, blob, {"Content-Type": "application/octet-stream"}, method="PUT"), timeout=30).close()
    request = Request(f"{url}/v2/{name}/manifests/{tag}", manifest, {"Content-Type": MANIFEST}, method="PUT")
    urlopen(request, timeout=30).close()


def test_distribution(tmp_path: Path) -> None:
    command, port = program("registry"), free_port()
    settings = {
        "version": 0.1,
        "storage": {"filesystem": {"rootdirectory": str(tmp_path / "store")}},
        "http": {"addr": f"127.0.0.1:{port}"},
    }
    (tmp_path / "config.yml").write_text(json.dumps(settings))
    with running([command, "serve", str(tmp_path / "config.yml")], port, tmp_path):
        url = f"http://127.0.0.1:{port}"
        push(url, "acme/app", "1.0", make_manifest(CONFIG, BASE), CONFIG, BASE)
        push(url, "acme/app", "1.1", make_manifest(CONFIG, BASE, DELETED), CONFIG, BASE, DELETED)
        found = scan(f"oci:127.0.0.1:{port}/*:all", tmp_path)
        assert list_places(found, f"127.0.0.1:{port}") == [
            "oci:HOST/acme/app:1.0 config:1",
            "oci:HOST/acme/app:1.0 layer 1!etc/app.env:1",
        ]
        assert found.complete
