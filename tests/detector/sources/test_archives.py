"""What the sources of archives share; test_npm.py and test_pypi.py read archives with it."""

from functools import partial

import pytest

from detector.config import Config
from detector.errors import UsageError
from detector.git.history import NoState
from detector.model import Skipped
from detector.net import polite_client
from detector.net.polite_client import Digest, Site
from detector.sources._archives import Archive, ArchiveShare, check_registry, group_archives

SITE = Site("https://registry.example.org")
SHARES = partial(ArchiveShare, SITE, "npm")


def test_archives_are_grouped_by_size_and_read_once() -> None:
    large = [Archive(f"npm:a@{n}", f"u{n}", 9 << 20, Digest("sha256", f"{n:064x}")) for n in range(4)]
    twice = Archive("npm:b@1", "v", 1, large[0].digest)
    shares = list(group_archives([*large, twice], "npm", Config(), NoState(), SHARES))
    assert [len(one.archives) for one in shares if isinstance(one, ArchiveShare)] == [2, 2]
    assert shares[0].weight == 18 << 20  # type: ignore[union-attr]


def test_what_is_larger_than_wanted_is_left_out() -> None:
    found = list(group_archives([Archive("npm:a@1", "u", 100)], "npm", Config(max_size=10), NoState(), SHARES))
    assert found == [Skipped("npm:a@1", "larger than --max-size (100 bytes)", expected=True)]


def test_a_digest_that_collides_is_remembered_with_the_address() -> None:
    assert Archive("p", "u", 0, Digest("sha1", "00")).memory_key == "sha1:00 u"
    assert Archive("p", "u", 0, Digest("sha256", "00")).memory_key == "sha256:00"
    assert Archive("p", "u").memory_key == ""


@pytest.mark.parametrize("url", ["ftp://x", "https://user:pw@host/", "file:///etc", "https://a\nb/", "registry"])
def test_a_registry_that_is_no_address(url: str) -> None:
    with pytest.raises(UsageError, match="--registry"):
        check_registry(Config(registry=url), "")


def test_the_time_for_a_download_is_limited() -> None:
    assert polite_client.open_client(SITE)._total == polite_client.DOWNLOAD_SECONDS
