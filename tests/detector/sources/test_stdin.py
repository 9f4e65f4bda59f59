"""Standard input as a source."""

from pathlib import Path

from detector.config import Config
from detector.contracts import Claim
from detector.sources import stdin
from tests.detector.sources.sample import TOKEN, Sample


def make_sample(folder: Path) -> Sample:
    (folder / "stdin").write_text(f"key = {TOKEN}\n")
    return Sample("-")


def test_it_claims_the_dash_alone() -> None:
    assert stdin.claim("-", Config()) is Claim.ADDRESS
    assert stdin.claim("--", Config()) is Claim.NONE
