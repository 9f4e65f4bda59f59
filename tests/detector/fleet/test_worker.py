"""What a worker checks before it does anything."""

import pytest

from detector.errors import SourceError
from detector.fleet.worker import Worker
from tests.detector.fleet.sweep_runner import SweepRunner


def test_rules_and_key_must_be_those_of_the_coordinator(tmp_path):
    settings, _ = SweepRunner(tmp_path, "").settings()
    worker = Worker(settings)
    assert worker.load_rules() is worker.load_rules()
    with pytest.raises(SourceError, match="rules differ"):
        Worker(settings._replace(rules_digest="other")).load_rules()
    with pytest.raises(SourceError, match="key differs"):
        Worker(settings._replace(key_id="other")).load_rules()
