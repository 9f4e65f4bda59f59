"""What the tests of a scan share: an engine with one rule."""

from __future__ import annotations

import pytest

from detector.engine.engine import Engine
from detector.rules.pack import Pack, build_engine, load_pack

RULE = """
[[rule]]
id = "acme.key"
finds = "Acme key"
confidence = "high"
anchors = ["acmekey_[0-9a-z]{6}"]
pattern = '(acmekey_[0-9a-z]{24})'
"""


@pytest.fixture(scope="session")
def acme_pack(tmp_path_factory: pytest.TempPathFactory) -> Pack:
    path = tmp_path_factory.mktemp("rules") / "acme.toml"
    path.write_text(RULE)
    return load_pack((str(path),), shipped=False)


@pytest.fixture
def engine(acme_pack: Pack) -> Engine:
    return build_engine(acme_pack)
