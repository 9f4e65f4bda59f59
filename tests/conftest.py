"""What every test shares: a private home, a private cache, no colour, no network proxies."""

import pytest


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--update-golden", action="store_true", help="rewrite tests/golden from what is printed now")


@pytest.fixture(autouse=True)
def _private_folders(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> None:
    """Keep the user's own cache, state and configuration out of every test."""
    base = tmp_path_factory.getbasetemp()
    monkeypatch.setenv("LEAKFIRST_CACHE", str(base / "cache"))
    monkeypatch.setenv("LEAKFIRST_HOME", str(base / "home"))
    monkeypatch.setenv("LEAKFIRST_CONFIG", "")
    monkeypatch.setenv("XDG_CONFIG_HOME", str(base / "config"))
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", str(base / "gitconfig"))
    monkeypatch.setenv("GIT_CONFIG_NOSYSTEM", "1")
    for name in ("author", "committer"):
        monkeypatch.setenv(f"GIT_{name.upper()}_NAME", "Ada Example")
        monkeypatch.setenv(f"GIT_{name.upper()}_EMAIL", "ada@example.test")
    monkeypatch.delenv("LEAKFIRST_KEY", raising=False)
