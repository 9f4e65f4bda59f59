"""The contract of a probe: what it gets, what it returns, and how it says that there is no verdict."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import TYPE_CHECKING, NamedTuple, Protocol

from detector.model import Rule, VerdictState
from detector.secret import Secret

if TYPE_CHECKING:
    from detector.probes.core.client import ProbeClient

_ADDRESS = re.compile(
    r"(?:([a-z][a-z0-9+.-]{1,20}):)?//(?:[^\s/@'\"]*@)?(\[[0-9a-fA-F:.]+\]|[A-Za-z0-9._-]+)(:\d{1,5})?"
)


class NoVerdict(Exception):
    """There is no verdict. The text says why in one line and never contains a part of a credential."""


class ProbeSettings(NamedTuple):
    """What the operator allows. Times in seconds, rates in requests per second.

    `hosts` are globs: hosts that may be asked when the line that holds a
    credential names them. `partner_pause` lies between two requests with one
    key id and different secrets, which otherwise refuse each other. `allow_internal` names hosts or addresses that may
    be asked although they are not public. `host_for` gives, by rule glob, the
    host to ask where the line names none. `per_provider` and `per_run` are how many
    credentials are asked about at most: whoever writes what is scanned can plant
    twenty thousand, and each is a request from the operator's address.
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
    per_provider: int = 1_000
    per_run: int = 5_000
    partner_pause: float = 6.0


class ProbeInput(NamedTuple):
    """One distinct credential to ask about.

    `lines` are the redacted lines that contain it, `repositories` the targets
    where it was found.
    """

    rule: Rule
    secret: Secret
    parts: Mapping[str, Secret] = {}
    lines: tuple[str, ...] = ()
    repositories: tuple[str, ...] = ()

    def text(self, name: str = "secret") -> str:
        """Return the plain text of a part. Raises `NoVerdict` where it is missing or no text."""
        secret = self.secret if name == "secret" else self.parts.get(name)
        if secret is None:
            raise NoVerdict(f"its {name.replace('-', ' ')} was not found beside it")
        try:
            return secret.reveal().decode()
        except UnicodeDecodeError:
            pass
        raise NoVerdict(f"its {name.replace('-', ' ')} is no text")

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


class ProbeResult(NamedTuple):
    """What a probe found out: a `Verdict` without the time.

    `refused` says that the provider itself did not accept the credential, also
    where that does not prove it dead: enough for a negative control. `settled`
    says that another partner would not change the answer.
    """

    state: VerdictState = VerdictState.UNKNOWN
    why: str = ""
    owner: str = ""
    facts: tuple[tuple[str, str], ...] = ()
    refused: bool = False
    settled: bool = False


class PlannedRequest(NamedTuple):
    """The request that would be sent, for ``--dry-run``: nothing here is secret."""

    host: str
    request: str
    note: str = ""


class Probe(Protocol):
    """Asks a provider about one credential."""

    async def check(self, credential: ProbeInput, client: ProbeClient) -> ProbeResult:
        """Ask, and read the answer. Raises `NoVerdict`."""

    def plan(self, credential: ProbeInput, settings: ProbeSettings) -> PlannedRequest:
        """Return what `check` would ask, without asking. Raises `NoVerdict`."""


class ProbeModule(Probe, Protocol):
    """detector/probes/<name>.py: a probe for the rules that `SERVES` names by globs of their ids.

    Two more names are optional. ``alter(credential) -> ProbeInput`` makes the copy
    for the negative control, where a changed secret is not enough;
    ``CONTROL = False`` says that no control is needed.
    """

    @property
    def SERVES(self) -> tuple[str, ...]:
        """Globs over rule ids."""
