"""The nouns of verification: what is asked, what came back, why there is no answer."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import NamedTuple

from detector.model import Rule, VerdictState
from detector.secret import Secret

_ADDRESS = re.compile(
    r"(?:([a-z][a-z0-9+.-]{1,20}):)?//(?:[^\s/@'\"]*@)?(\[[0-9a-fA-F:.]+\]|[A-Za-z0-9._-]+)(:\d{1,5})?"
)


class Unclear(Exception):
    """There is no verdict; the text says why, and never holds a part of a credential."""


class Settings(NamedTuple):
    """What the operator allows. Times in seconds, rates in requests per second.

    `hosts` are globs: hosts that may be asked when the line that holds a
    credential names them. `allow_internal` names hosts or addresses that may
    be asked although they are not public. `host_for` gives, by rule glob, the
    host to ask where the line names none.
    """

    hosts: tuple[str, ...] = ()
    allow_internal: tuple[str, ...] = ()
    host_for: tuple[tuple[str, str], ...] = ()
    ssh_hosts: tuple[str, ...] = ()
    canary_accounts: frozenset[str] = frozenset()
    reach: bool = False
    timeout: float = 15.0
    rate: float = 5.0
    together: int = 4
    total_rate: float = 50.0
    total_together: int = 48


class Question(NamedTuple):
    """One distinct credential to ask about.

    `lines` are the redacted lines where it stands, `repositories` the targets
    that hold it.
    """

    rule: Rule
    secret: Secret
    parts: Mapping[str, Secret] = {}
    lines: tuple[str, ...] = ()
    repositories: tuple[str, ...] = ()

    def text(self, name: str = "secret") -> str:
        """Return the plain text of a part. Raises `Unclear` where it is missing or no text."""
        secret = self.secret if name == "secret" else self.parts.get(name)
        if secret is None:
            raise Unclear(f"its {name.replace('-', ' ')} was not found beside it")
        try:
            return secret.reveal().decode()
        except UnicodeDecodeError:
            pass
        raise Unclear(f"its {name.replace('-', ' ')} is no text")

    def first(self, *names: str) -> str:
        """Return the first part that is there, or the empty text."""
        for name in names:
            if name in self.parts:
                return self.text(name)
        return ""

    @property
    def values(self) -> tuple[str, ...]:
        """Every value that must not be shown, as text."""
        shown = {part.name for part in self.rule.companions if not part.secret}
        secrets = (self.secret, *(part for name, part in self.parts.items() if name not in shown))
        return tuple(secret.reveal().decode("utf-8", "replace") for secret in secrets)

    def named_hosts(self) -> list[str]:
        """List the hosts that the lines name, as ``scheme://host:port``, nearest first."""
        found: dict[str, None] = {}
        for line in self.lines:
            at = max(line.find(self.secret.redacted), 0)
            for match in sorted(_ADDRESS.finditer(line), key=lambda match: abs(match.start() - at)):
                scheme, host, port = match.groups()
                found[f"{scheme or 'https'}://{host.lower()}{port or ''}"] = None
        return list(found)


class Answer(NamedTuple):
    """What one question came to; like a `Verdict`, without the time."""

    state: VerdictState = VerdictState.UNKNOWN
    why: str = ""
    owner: str = ""
    facts: tuple[tuple[str, str], ...] = ()


class Asked(NamedTuple):
    """What would be asked, for ``--dry-run``: nothing here is secret."""

    host: str
    request: str
    note: str = ""
