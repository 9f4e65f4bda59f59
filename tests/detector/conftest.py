"""One certificate authority and one provider, for all tests that send requests."""

from collections.abc import Iterator

import pytest

from tests.fakes.provider import Authority, Provider, Say, provider


@pytest.fixture(scope="session")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority(tmp_path_factory.mktemp("authority"))


@pytest.fixture(scope="session")
def _listening(authority: Authority) -> Iterator[Provider]:
    with provider(authority) as made:
        yield made


@pytest.fixture
def acme(_listening: Provider) -> Provider:
    _listening.heard.clear()
    _listening.names.clear()
    _listening.answer = lambda _: Say()
    return _listening
