"""How a probe is asked in these tests: through a whole run, with control, against this machine by name."""

from __future__ import annotations

import asyncio
from typing import Any

from detector.model import Finding, Location, Origin, Rule, Verdict
from detector.probes.core.client import ProbeClient
from detector.probes.core.contract import ProbeSettings
from detector.secret import Secret
from detector.verify import run
from detector.verify.public_keys import read_public_keys

HERE = ProbeSettings(allow_internal=("127.0.0.1",), timeout=30, rate=100, reach=True)


def finding(
    rule: str, secret: str, line: str = "", parts: dict[str, str] | None = None, repository: str = ""
) -> Finding:
    """Make a finding as a scan would; *line* holds SECRET where the secret stands."""
    value = Secret(secret.encode())
    snippet = line.replace("SECRET", value.redacted)
    place = Location(Origin("worktree", "a.env", repository), 0, 9, 1, 1, 1, 9, snippet=snippet)
    pairs = tuple((name, Secret(text.encode())) for name, text in (parts or {}).items())
    return Finding("lf1:x", _rules().get(rule) or Rule(rule, "x"), "high", "high", value, pairs, (place,))


def _rules() -> dict[str, Rule]:
    from detector.rules.loader import load_files
    from detector.rules.pack import list_rule_files, shipped_folder

    global _LOADED
    if _LOADED is None:
        _LOADED = {rule.id: rule for rule in load_files(list_rule_files(shipped_folder()))}
    return _LOADED


_LOADED: dict[str, Rule] | None = None


def verdict(found: Finding, settings: ProbeSettings = HERE, client: Any = None) -> Verdict:
    """Ask about one finding and return its verdict; *client* makes the client."""

    async def work() -> Verdict:
        used = client() if client else ProbeClient(settings, proxies={}, read_public_keys=read_public_keys)
        try:
            told = [entry async for entry in run.stream_verdicts([found], used, b"k" * 32)]
        finally:
            await used.close()
        assert len(told) == 1, "no probe serves this rule"
        return told[0][1]

    return asyncio.run(work())
