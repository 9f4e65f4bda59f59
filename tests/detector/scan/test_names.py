"""Credentials in the names of files."""

import pytest

from detector.engine.engine import Engine
from detector.model import Origin
from detector.rules import pack as packs
from detector.rules.loader import parse
from detector.rules.shapes import expand
from detector.scan.names import IN_NAME, examine_names

RULES = r"""
[[rule]]
id = "acme.key"
finds = "Acme key"
confidence = "high"
anchors = ["acme_"]
pattern = '\b(acme_[0-9a-f]{24})(?![0-9A-Za-z_])'

[[rule]]
id = "acme.guess"
finds = "something like an Acme key"
anchors = ["guess"]
pattern = 'guess([0-9a-f]{24})'
"""
TOKEN = expand("acme_{hex:24}", 3)


@pytest.fixture(scope="module")
def engine() -> Engine:
    return packs.build_engine(packs.compile_pack(parse(RULES)))


@pytest.mark.parametrize(
    "path", ["{}", "a/{}/b.txt", "dump_{}.sql", "{}_backup", "logs/of-{}-2026.txt", "my_old_{}_copy_2.tar"]
)
def test_a_token_in_a_name_is_found_once(engine: Engine, path: str) -> None:
    origins = [Origin("worktree", "src/a.py"), Origin("worktree", path.format(TOKEN))]
    (sighting,) = examine_names(engine, origins)
    assert sighting.secret.reveal() == TOKEN.encode()
    assert sighting.location.origin == origins[1] and sighting.evidence[-1] == IN_NAME


def test_a_guess_and_two_names_beside_each_other_are_nothing(engine: Engine) -> None:
    names = [expand("guess{hex:24}", 1), TOKEN[:14], TOKEN[14:]]
    assert list(examine_names(engine, [Origin("worktree", name) for name in names])) == []
