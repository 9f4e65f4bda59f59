"""Digests and addresses; the waits and retries are tested where they are used: test_api.py, test_npm.py."""

import io

import pytest

from detector.net.host_access import HostAccess
from detector.net.polite_client import (
    AnswerFailed,
    Digest,
    PoliteClient,
    choose_digest,
    is_same_host,
    make_site,
    quote_part,
)
from tests.fakes.registries import Answer, server


def test_the_strongest_digest_counts() -> None:
    values = {"sha1": "a" * 40, "sha512": "B" * 128, "sha256": "zz"}
    assert choose_digest(values) == Digest("sha512", "b" * 128)
    assert choose_digest({"sha256": "zz", "md5": 5, "crc": "00"}) is None


def test_a_part_of_a_path_stays_one() -> None:
    assert quote_part("@acme/ui") == "%40acme%2Fui"
    assert quote_part("..") == "%2E%2E"
    assert quote_part("a?b#c") == "a%3Fb%23c"


def test_the_host_includes_scheme_and_port() -> None:
    assert is_same_host("https://a.example:443/x", "https://A.example")
    for other in ("http://a.example/", "https://a.example:8443/", "https://a.example.org/", "https://[::1"):
        assert not is_same_host(other, "https://a.example")


def test_a_site_takes_along_what_it_needs_of_the_configuration() -> None:
    site = make_site("https://a.example/", {"sweep": {"host": {"a.example": {"token-env": "T"}}, "state": "x"}})
    assert site == ("https://a.example", {"a.example": {"token-env": "T"}}, (), True)


@pytest.mark.net
def test_a_download_is_written_from_the_beginning_and_checked() -> None:
    file = io.BytesIO()
    with server() as at:
        at.answers = {"/a": Answer(200, b"content"), "/there": Answer(302, headers={"Location": "/a"})}
        at.answers["/loop"] = Answer(302, headers={"Location": "/loop"})
        with PoliteClient(at.url, HostAccess("h"), {"X-Ours": "1"}) as client:
            assert client.download(f"{at.url}/there", file) == 7 and file.read() == b"content"
            assert client.received == 7
            with pytest.raises(AnswerFailed, match="md5"):
                client.download(f"{at.url}/a", file, Digest("md5", "0" * 32))
            with pytest.raises(AnswerFailed, match="no end"):
                client.download(f"{at.url}/loop", file)
            with pytest.raises(AnswerFailed, match="not found") as caught:
                client.download(f"{at.url}/none", file)
        assert caught.value.status == 404
        assert all(headers["x-ours"] == "1" for _, headers in at.asked)
