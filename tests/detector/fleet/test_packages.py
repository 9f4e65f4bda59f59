"""A sweep of published packages: every version, each archive once, and what was found before again."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from detector.fleet.inventory import list_repositories
from detector.fleet.state import open_state
from detector.fleet.sweep import SweepOptions, sweep
from detector.fleet.tally import SweepSummary
from detector.net import polite_client
from tests.detector.fleet import synthetic
from tests.detector.fleet.sweep_runner import SweepRunner
from tests.fakes.registries import Answer, Server, add_npm_package, answer_json, make_tgz, server

pytestmark = pytest.mark.net


def leak(number: int) -> bytes:
    return make_tgz({"package/app.env": f"TOKEN={synthetic.make_secret(number)}\n".encode()})


def clean(number: int) -> bytes:
    return make_tgz({"package/index.js": f"module.exports = {number}\n".encode()})


class Published(SweepRunner):
    """Sweeps over what a registry has."""

    def __init__(self, registry: Server, folder: Path) -> None:
        super().__init__(folder / "none", str(folder / "sweep.db"), jobs=1)
        self.registry = registry

    def sweep(self, watch=None, retry_incomplete: bool = False) -> SweepSummary:
        del self.registry.asked[:]
        settings, rules = self.settings()
        with open_state(self.place) as state, self.executor(settings) as executor:
            listed = list_repositories([f"npm:{self.registry.url}/*"])
            return sweep(listed, state, SweepOptions(settings, fetchers=1), executor, rules, watch)

    def count_archives(self) -> int:
        return sum(path.endswith(".tgz") for path in self.registry.paths)


@pytest.fixture
def published(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Published]:
    monkeypatch.setattr(polite_client, "sleep", lambda seconds: None)
    with server() as registry:
        add_npm_package(registry, "one", {"1.0.0": clean(1), "1.1.0": leak(1), "1.2.0": clean(2)})
        add_npm_package(registry, "two", {"1.0.0": clean(1)})
        rows = [{"package": {"name": name}} for name in ("one", "two")]
        registry.answers["/-/v1/search"] = answer_json({"objects": rows, "total": 2})
        yield Published(registry, tmp_path)


def test_every_version_is_read_once(published: Published) -> None:
    first = published.sweep()
    assert (first.swept, first.unchanged, first.failed) == (2, 0, ())
    assert published.count_archives() == 4
    (row,) = published.read_findings()[f"npm+{published.registry.url}/one"]
    assert row[5:7] == ("npm", "npm:one@1.1.0!package/app.env") and row[9] == 1
    assert (published.sweep().unchanged, published.count_archives()) == (2, 0)
    add_npm_package(
        published.registry, "one", {"1.0.0": clean(1), "1.1.0": leak(1), "1.2.0": clean(2), "1.3.0": leak(2)}
    )
    third = published.sweep()
    assert (third.swept, third.unchanged) == (1, 1)
    assert published.count_archives() == 2, "the new one and the one with a finding"
    add_npm_package(published.registry, "two", {"1.0.0": clean(1), "1.0.1": clean(2)})
    assert (published.sweep().swept, published.count_archives()) == (1, 0), "another package has the same archive"
    assert set(published.read_states("one").values()) == {"open"} and len(published.read_states()) == 2


def test_a_finding_is_gone_when_its_version_is(published: Published) -> None:
    published.sweep()
    add_npm_package(published.registry, "one", {"1.0.0": clean(1), "1.2.0": clean(2)})
    published.sweep()
    assert set(published.read_states("one").values()) == {"absent"}


def test_an_archive_that_cannot_be_read_is_read_next_time(published: Published) -> None:
    path = "/one/-/one-1.2.0.tgz"
    good = published.registry.answers[path]
    published.registry.answers[path] = Answer(200, b"something else")
    first = published.sweep()
    assert first.incomplete == ("npm:one",) and len(published.read_states()) == 1
    published.registry.answers[path] = good
    add_npm_package(
        published.registry, "one", {"1.0.0": clean(1), "1.1.0": leak(1), "1.2.0": clean(2), "2.0.0": clean(9)}
    )
    assert not published.sweep().incomplete
    assert path in published.registry.paths


def test_a_registry_that_does_not_answer_fails_its_packages(published: Published) -> None:
    published.registry.answers["/one"] = Answer(500)
    done = published.sweep()
    assert [name for name, _ in done.failed] == ["npm:one"] and done.swept == 1
