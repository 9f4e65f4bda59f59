"""Vault and OpenBao clients, and what their answers mean.

Several answers look like success and are none: revoking an unknown token is
204, revoking an unknown lease 202, looking an unknown secret-id up 204 with
no body (hvac then returns a response object instead of a dict). So rotators
here look before they act and prove afterwards.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from detector.errors import UsageError
from detector.secret import Secret
from rotators.core import operator_credentials
from rotators.core.model import Ambiguous, Surprise, Throttled


def client(settings: Mapping[str, Any], token: Secret | None = None) -> Any:
    """Return an hvac client: the responder's, or one that tries *token*."""
    try:
        import hvac
    except ImportError:
        raise UsageError("rotating Vault credentials needs hvac: pip install 'leakfirst[vault]'") from None

    mine = token or operator_credentials.credential(settings)
    return hvac.Client(
        url=address(settings),
        token=mine.reveal().decode(),
        namespace=settings.get("namespace") or None,
        verify=settings.get("ca_file") or True,
        timeout=float(settings.get("timeout", 30)),
    )


def address(settings: Mapping[str, Any]) -> str:
    """Return where the server is."""
    return operator_credentials.needed(settings, "address").rstrip("/")


def account(settings: Mapping[str, Any]) -> str:
    """Return the name of the server for the policy's allow-list."""
    namespace = settings.get("namespace")
    host = address(settings).partition("://")[2]
    return f"vault:{host}/{namespace}" if namespace else f"vault:{host}"


@contextmanager
def answers(what: str = "Vault") -> Iterator[None]:
    """Translate hvac's and requests' errors; hvac quotes request paths, never bodies."""
    import hvac.exceptions as hv
    import requests

    try:
        yield
    except hv.RateLimitExceeded:
        raise Throttled(f"{what}: the server's rate limit") from None
    except (hv.InternalServerError, hv.BadGateway, hv.VaultDown) as error:
        raise Ambiguous(f"{what}: the server failed ({type(error).__name__}); it may have acted") from None
    except hv.Forbidden:
        raise Surprise(f"{what}: permission denied; does the responder's policy allow it?") from None
    except requests.ConnectionError as error:
        if isinstance(error, requests.ConnectTimeout) or "refused" in str(error):
            raise Surprise(f"{what}: no connection to the server") from None
        raise Ambiguous(f"{what}: the answer was lost; it may have acted") from None
    except requests.RequestException as error:
        raise Ambiguous(f"{what}: no answer ({type(error).__name__}); it may have acted") from None


def alive(settings: Mapping[str, Any], token: Secret) -> dict[str, Any] | None:
    """Look *token* up with the responder's rights; None when the server does not know it."""
    import hvac.exceptions as hv

    with answers("token lookup"):
        try:
            found: dict[str, Any] = client(settings).auth.token.lookup(token.reveal().decode())["data"]
        except hv.Forbidden as error:
            if "bad token" in str(error):
                return None
            raise
        except (hv.InvalidPath, hv.InvalidRequest):
            return None
    return found


def sweep(settings: Mapping[str, Any], path: str, meta: Mapping[str, str]) -> list[str]:
    """List accessors of tokens that were issued at *path* with *meta*; needs sudo on the accessor list."""
    import hvac.exceptions as hv

    vault = client(settings)
    found = []
    with answers("token sweep"):
        for accessor in vault.auth.token.list_accessors()["data"]["keys"]:
            try:
                data = vault.auth.token.lookup_accessor(accessor)["data"]
            except (hv.InvalidRequest, hv.Forbidden, hv.InvalidPath):
                continue
            have = data.get("meta") or {}
            if data.get("path") == path and all(have.get(name) == value for name, value in meta.items()):
                found.append(accessor)
    return found


def revoke_accessors(settings: Mapping[str, Any], accessors: list[str]) -> None:
    """Revoke tokens by accessor; one that is gone already is fine."""
    import hvac.exceptions as hv

    vault = client(settings)
    for accessor in accessors:
        with answers("token revoke-accessor"):
            try:
                vault.auth.token.revoke_accessor(accessor)
            except (hv.InvalidRequest, hv.InvalidPath):
                continue
            except hv.Forbidden as error:
                if "invalid accessor" not in str(error):
                    raise
