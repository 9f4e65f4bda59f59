"""This repository holds no credential: not in its files, not in its history."""

from pathlib import Path

from leakfirst import scan

ROOT = Path(__file__).parent.parent.parent


def test_a_scan_of_this_repository_is_clean(monkeypatch) -> None:
    monkeypatch.chdir(ROOT)
    result = scan(".", history=(ROOT / ".git").exists())
    assert [
        (finding.rule.id, finding.locations[0].origin.path, finding.locations[0].line) for finding in result.findings
    ] == []
    assert result.complete, result.skipped
    assert result.stats.blobs > 500
