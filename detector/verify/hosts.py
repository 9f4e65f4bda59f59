"""Which host to ask where the issuer has no fixed one: a registry, a self-hosted service, a tenant.

The line that holds the credential may say which host it belongs to, and a part
of the credential may fill in a host. Neither may decide that it is asked: the
rule's own table or the operator has to name it as well. Otherwise a scanned
repository could send the scanner wherever it liked.
"""

from __future__ import annotations

import fnmatch
from typing import NamedTuple
from urllib.parse import urlsplit

from detector.probes._contract import Question, Settings, Unclear

PARTS = ("host", "url", "server", "endpoint", "address", "domain", "instance", "registry")
"""Names of companions that may say where a credential belongs."""


class Place(NamedTuple):
    """Where to ask: `netloc` is the host, with the port if it is no usual one."""

    scheme: str
    name: str
    port: int | None

    @property
    def netloc(self) -> str:
        """The host as it stands in a URL."""
        host = f"[{self.name}]" if ":" in self.name else self.name
        return f"{host}:{self.port}" if self.port else host


def place_of(text: str) -> Place | None:
    """Read ``host``, ``host:port`` or a URL; None where it is none."""
    try:
        address = urlsplit(text if "//" in text else f"https://{text}")
        name, port = (address.hostname or "").lower().rstrip("."), address.port
    except ValueError:
        return None
    if not name or not all(c.isascii() and (c.isalnum() or c in ".-_:") for c in name):
        return None
    return Place(address.scheme or "https", name, port)


def is_named(place: Place, settings: Settings, globs: tuple[str, ...] = ()) -> bool:
    """Tell whether the rule (*globs*) or the operator names this host."""
    if place.name in settings.allow_internal or place.netloc in settings.allow_internal:
        return True
    return any(fnmatch.fnmatchcase(place.name, glob.lower()) for glob in (*globs, *settings.hosts))


def place_for(question: Question, settings: Settings, globs: tuple[str, ...] = ()) -> Place:
    """Return where to ask about *question*. Raises `Unclear` when nobody who may decide names a host."""
    texts = [question.text(name) for name in PARTS if name in question.parts]
    places = [place for text in (*texts, *question.named_hosts()) if (place := place_of(text))]
    for place in places:
        if is_named(place, settings, globs):
            return place
    for glob, text in settings.host_for:
        chosen = place_of(text)
        if chosen and fnmatch.fnmatchcase(question.rule.id, glob):
            return chosen
    if places:
        raise Unclear(f"{places[0].name} is named beside it; to have it asked, name it with --host or in verify.hosts")
    raise Unclear("no host is named beside it; give one in the operator's file (verify.host)")


def check_scheme(scheme: str, place: Place, settings: Settings) -> None:
    """Refuse to ask without TLS, except where the operator named an internal host."""
    named = place.name in settings.allow_internal or place.netloc in settings.allow_internal
    if scheme != "https" and not (scheme == "http" and named):
        raise Unclear(
            f"{place.name} would be asked without TLS, which is done only for hosts named with --allow-internal"
        )
