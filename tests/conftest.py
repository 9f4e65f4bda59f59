"""What every test shares: a private home, a private cache, no colour, no network proxies."""

import os
import random
import signal
import sys

import pytest
from hypothesis import HealthCheck, settings

from tests import compiled, program

settings.register_profile("any-machine", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("any-machine")


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--update-golden", action="store_true", help="rewrite tests/golden from what is printed now")
    parser.addoption(
        "--shuffle", type=int, metavar="SEED", help="run the test modules, and the tests of each, shuffled"
    )
    form = parser.getgroup("leakfirst", "the form of leakfirst that is tested")
    form.addoption("--installed", action="store_true", help="refuse to test anything but an installed leakfirst")
    form.addoption("--interpreted", action="store_true", help="refuse to test compiled modules")


def pytest_configure(config: pytest.Config) -> None:
    if config.getoption("installed") and not program.IS_INSTALLED:
        raise pytest.UsageError(f"--installed: leakfirst was imported from the checkout, {program.HOME}")
    if config.getoption("interpreted") and (found := compiled.loaded_as_compiled()):
        raise pytest.UsageError(f"--interpreted: these modules are compiled: {', '.join(found)}")
    if str(program.CHECKOUT) not in sys.path:
        # A process that a test spawns imports `tests`: at the end of the path it hides no installed package.
        sys.path.append(str(program.CHECKOUT))
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        # Started with `nohup ... &`: children would inherit it, and tests interrupt them.
        signal.signal(signal.SIGINT, signal.default_int_handler)


def pytest_report_header() -> str:
    form = "compiled" if compiled.loaded_as_compiled() else "interpreted"
    return f"leakfirst: {form}, from {program.HOME}"


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    seed = config.getoption("shuffle")
    if seed is None:
        return
    chance = random.Random(seed)
    modules: dict[str, list[pytest.Item]] = {}
    for item in items:
        modules.setdefault(item.nodeid.partition("::")[0], []).append(item)
    groups = list(modules.values())
    chance.shuffle(groups)
    for group in groups:
        chance.shuffle(group)
    items[:] = [item for group in groups for item in group]


@pytest.fixture(autouse=True)
def _private_folders(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> None:
    """Keep the user's own cache, state and configuration out of every test."""
    base = tmp_path_factory.getbasetemp()
    # LEAKFIRST_TEST_CACHE keeps the compiled rules between runs while one works on a few tests.
    monkeypatch.setenv("LEAKFIRST_CACHE", os.environ.get("LEAKFIRST_TEST_CACHE") or str(base / "cache"))
    monkeypatch.setenv("LEAKFIRST_HOME", str(base / "home"))
    monkeypatch.setenv("LEAKFIRST_CONFIG", "")
    monkeypatch.setenv("XDG_CONFIG_HOME", str(base / "config"))
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", str(base / "gitconfig"))
    monkeypatch.setenv("GIT_CONFIG_NOSYSTEM", "1")
    for name in ("author", "committer"):
        monkeypatch.setenv(f"GIT_{name.upper()}_NAME", "Ada Example")
        monkeypatch.setenv(f"GIT_{name.upper()}_EMAIL", "ada@example.test")
    monkeypatch.delenv("LEAKFIRST_KEY", raising=False)
