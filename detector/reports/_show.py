"""The only function through which a report may show a secret in full."""

from __future__ import annotations

from detector.reports._options import ReportOptions
from detector.secret import Secret


def reveal_on_request(secret: Secret, options: ReportOptions) -> bytes | None:
    """Return the value of *secret* if the user asked to see secrets, else None."""
    return secret.reveal() if options.show_secrets else None
