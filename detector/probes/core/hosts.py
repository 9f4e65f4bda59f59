"""Which host to ask where the provider has no fixed one: a registry, a self-hosted service, a tenant.

The line that holds the credential may say which host it belongs to, and a part
of the credential may fill in a host. Neither may decide that it is asked: the
rule's own table or the operator has to name it as well. Otherwise a scanned
repository could send the scanner wherever it liked.
"""

from __future__ import annotations

import fnmatch
from typing import NamedTuple
from urllib.parse import urlsplit

from detector.probes.core.contract import NoVerdict, ProbeInput, ProbeSettings

PARTS = ("host", "url", "server", "endpoint", "address", "domain", "instance", "registry")
"""Names of companions that may say where a credential belongs."""


class HostAddress(NamedTuple):
    """Where to ask: `netloc` is the host, with the port if it is no usual one."""

    scheme: str
    name: str
    port: int | None

    @property
    def netloc(self) -> str:
        """The host as it stands in a URL."""
        host = f"[{self.name}]" if ":" in self.name else self.name
        return f"{host}:{self.port}" if self.port else host


def parse_host(text: str) -> HostAddress | None:
    """Read ``host``, ``host:port`` or a URL; None where it is none."""
    try:
        address = urlsplit(text if "//" in text else f"https://{text}")
        name, port = (address.hostname or "").lower().rstrip("."), address.port
    except ValueError:
        return None
    if not name or not all(c.isascii() and (c.isalnum() or c in ".-_:") for c in name):
        return None
    return HostAddress(address.scheme or "https", name, port)


def is_allowed(place: HostAddress, settings: ProbeSettings, globs: tuple[str, ...] = ()) -> bool:
    """Tell whether the rule (*globs*) or the operator names this host."""
    if place.name in settings.allow_internal or place.netloc in settings.allow_internal:
        return True
    return any(fnmatch.fnmatchcase(place.name, glob.lower()) for glob in (*globs, *settings.hosts))


def choose_host(credential: ProbeInput, settings: ProbeSettings, globs: tuple[str, ...] = ()) -> HostAddress:
    """Return where to ask about *credential*. Raises `NoVerdict` when nobody who may decide names a host."""
    texts = [credential.text(name) for name in PARTS if name in credential.parts]
    places = [place for text in (*texts, *credential.named_hosts()) if (place := parse_host(text))]
    for place in places:
        if is_allowed(place, settings, globs):
            return place
    for glob, text in settings.host_for:
        chosen = parse_host(text)
        if chosen and fnmatch.fnmatchcase(credential.rule.id, glob):
            return chosen
    if places:
        raise NoVerdict(
            f"{places[0].name} is named beside it; to have it asked, name it with --host or in verify.hosts"
        )
    raise NoVerdict("no host is named beside it; give one in the operator's file (verify.host)")


def require_tls(scheme: str, place: HostAddress, settings: ProbeSettings) -> None:
    """Refuse to ask without TLS, except where the operator named an internal host."""
    named = place.name in settings.allow_internal or place.netloc in settings.allow_internal
    if scheme != "https" and not (scheme == "http" and named):
        raise NoVerdict(
            f"{place.name} would be asked without TLS, which is done only for hosts named with --allow-internal"
        )
