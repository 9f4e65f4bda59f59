"""A package with a source map full of credentials, in a real registry: found in every version, and made an incident."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from detector.rules.shapes import expand
from leakfirst._program import main
from tests.fakes.registries import make_tgz, publish_npm, verdaccio

pytestmark = [pytest.mark.net, pytest.mark.slow]

SOURCES = 60
LINES = 700
TOKENS = [expand("ghp_{alnum:30}{check:github-crc32}", seed) for seed in range(20)]


def make_source_map() -> bytes:
    """Return a map of some megabytes; each third of its sources has one credential."""
    filler = "".join(f"  const value{number} = compute(offset, {number * 7919});\n" for number in range(LINES))
    contents = [
        filler + (f'export const token = "{TOKENS[number // 3]}";\n' if number % 3 == 0 else "") + filler
        for number in range(SOURCES)
    ]
    names = [f"../src/module{number}.ts" for number in range(SOURCES)]
    document = {"version": 3, "sources": names, "sourcesContent": contents, "names": [], "mappings": "A" * 10_000}
    return json.dumps(document).encode()


@pytest.fixture(scope="module")
def registry(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with verdaccio(tmp_path_factory.mktemp("registry")) as url:
        publish_npm(url, "acme-widgets", "1.1.0", make_tgz({"package/dist/cli.js": b"run()\n"}))
        leaked = make_tgz({"package/dist/cli.js": b"run()\n", "package/dist/cli.js.map": make_source_map()})
        publish_npm(url, "acme-widgets", "1.2.0", leaked)
        yield url


def test_every_credential_is_found_with_the_place_in_its_source(registry: str, tmp_path: Path) -> None:
    report = tmp_path / "out.json"
    words = ["scan", "npm:acme-widgets@all", "--registry", registry, "--jobs", "1", "--quiet", "--show-secrets"]
    assert main([*words, "--report", f"json={report}"]) == 1
    findings = json.loads(report.read_text())["findings"]
    found = {one["secret"]: one["locations"] for one in findings if one["rule"].startswith("github.")}
    assert set(found) == set(TOKENS)
    for number, token in enumerate(TOKENS):
        at = found[token][0]
        inner = f"../src/module{3 * number}.ts"
        assert (at["path"], at["line"]) == (f"npm:acme-widgets@1.2.0!package/dist/cli.js.map!{inner}", LINES + 1)
    assert "exposure.source-map" in {one["rule"] for one in findings}


def test_an_incident_is_opened_for_the_version_that_leaked(
    registry: str, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LEAKFIRST_HOME", str(tmp_path / "home"))
    state = ["--state", str(tmp_path / "incident.db")]
    main(["respond", "open", "npm:acme-widgets@1.2.0", "--registry", registry, "--only-open", *state])
    main(["respond", "run", "detect", "--json", *state])
    capsys.readouterr()
    main(["respond", "report", "--markdown", "-", *state])
    text = capsys.readouterr().out
    assert "npm:acme-widgets@1.2.0" in text and not any(token in text for token in TOKENS)
    main(["respond", "log", *state])
    log = capsys.readouterr().out
    assert log.count("ghp_") >= len(TOKENS) and not any(token in log for token in TOKENS)
