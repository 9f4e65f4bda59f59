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
from rotators.core.model import OutcomeUnknown, RateLimited, UnexpectedState


def make_client(settings: Mapping[str, Any], token: Secret | None = None) -> Any:
    """Return an hvac client with the operator's token, or with *token*."""
    try:
        import hvac
    except ImportError:
        raise UsageError("rotating Vault credentials needs hvac: pip install 'leakfirst[vault]'") from None

    mine = token or operator_credentials.read_credential(settings)
    return hvac.Client(
        url=server_address(settings),
        token=mine.reveal().decode(),
        namespace=settings.get("namespace") or None,
        verify=settings.get("ca_file") or True,
        timeout=float(settings.get("timeout", 30)),
    )


def server_address(settings: Mapping[str, Any]) -> str:
    """Return where the server is."""
    return operator_credentials.require_setting(settings, "address").rstrip("/")


def account_name(settings: Mapping[str, Any]) -> str:
    """Return the name of the server for the policy's allow-list."""
    namespace = settings.get("namespace")
    host = server_address(settings).partition("://")[2]
    return f"vault:{host}/{namespace}" if namespace else f"vault:{host}"


@contextmanager
def translate_errors(what: str = "Vault") -> Iterator[None]:
    """Translate hvac's and requests' errors; hvac quotes request paths, never bodies."""
    import hvac.exceptions as hv
    import requests

    try:
        yield
    except hv.RateLimitExceeded:
        raise RateLimited(f"{what}: the server's rate limit") from None
    except (hv.InternalServerError, hv.BadGateway, hv.VaultDown) as error:
        raise OutcomeUnknown(f"{what}: the server failed ({type(error).__name__}); it may have acted") from None
    except hv.Forbidden:
        raise UnexpectedState(f"{what}: permission denied; does the policy of the operator's token allow it?") from None
    except requests.ConnectionError as error:
        if isinstance(error, requests.ConnectTimeout) or "refused" in str(error):
            raise UnexpectedState(f"{what}: no connection to the server") from None
        raise OutcomeUnknown(f"{what}: the answer was lost; it may have acted") from None
    except requests.RequestException as error:
        raise OutcomeUnknown(f"{what}: no answer ({type(error).__name__}); it may have acted") from None


def look_up_token(settings: Mapping[str, Any], token: Secret) -> dict[str, Any] | None:
    """Look *token* up with the operator's token; None when the server does not know it."""
    import hvac.exceptions as hv

    with translate_errors("token lookup"):
        try:
            found: dict[str, Any] = make_client(settings).auth.token.lookup(token.reveal().decode())["data"]
        except hv.Forbidden as error:
            if "bad token" in str(error):
                return None
            raise
        except (hv.InvalidPath, hv.InvalidRequest):
            return None
    return found


def find_accessors(settings: Mapping[str, Any], path: str, meta: Mapping[str, str]) -> list[str]:
    """List accessors of tokens that were issued at *path* with *meta*; needs sudo on the accessor list."""
    import hvac.exceptions as hv

    vault = make_client(settings)
    found = []
    with translate_errors("token sweep"):
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

    vault = make_client(settings)
    for accessor in accessors:
        with translate_errors("token revoke-accessor"):
            try:
                vault.auth.token.revoke_accessor(accessor)
            except (hv.InvalidRequest, hv.InvalidPath):
                continue
            except hv.Forbidden as error:
                if "invalid accessor" not in str(error):
                    raise
