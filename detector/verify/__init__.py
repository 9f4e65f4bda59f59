"""Ask the providers whether found credentials are live, safely and honestly.

`run.py` tells the story; `ssrf_guard.py` decides which address may be asked at all,
`http_client.py` asks, `declarative.py` reads the answer as the rule's probe table says,
`negative_control.py` makes the copy that must be refused.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from detector.config import Config
    from detector.model import Finding


def require_packages() -> None:
    """Raise `UsageError` when the optional part of the distribution is missing; asked before a scan begins."""
    from importlib.util import find_spec

    from detector.errors import UsageError

    if find_spec("httpx") is None or find_spec("h2") is None:
        raise UsageError("verification needs more packages: install leakfirst with the extra verify")


def verify_findings(
    findings: tuple[Finding, ...], config: Config, on_verdict: Callable[[Finding], None] | None = None
) -> tuple[tuple[Finding, ...], tuple[str, ...], bool]:
    """Ask about *findings* as *config* allows: findings with verdicts, notes, whether it was interrupted.

    With `dry_run` nothing is asked and the notes say what would be. Raises
    `UsageError` when the optional part of the distribution is missing.
    """
    from detector.fingerprint import load_project_key
    from detector.verify import run
    from detector.verify.settings import read_settings

    settings = read_settings(config)
    if config.dry_run:
        return (
            findings,
            tuple(run.describe_line(line) for line in run.plan_requests(findings, settings, load_project_key())),
            False,
        )
    require_packages()
    known, interrupted = run.verify(findings, settings, load_project_key(), on_verdict)
    return known, run.list_notes(known), interrupted
