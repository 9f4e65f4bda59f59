"""Vault and OpenBao clients, and what their answers mean.

Several answers look like success and are none: revoking an unknown token is
204, revoking an unknown lease 202, looking an unknown secret-id up 204 with
no body (hvac then returns a response object instead of a dict). So rotators
here look before they act and prove afterwards. What an answer proves stands in
detector/probes/core/answers.py; any other answer, such as a proxy's 404 page,
proves nothing. No redirect is followed: hvac would send its token along.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any, NamedTuple

from detector.errors import UsageError
from detector.probes.core import answers
from detector.probes.core.answers import Answer, AnswerRow, Meaning
from detector.secret import Secret
from rotators.core import operator_credentials, vault_login
from rotators.core.model import Case, Leak, OutcomeUnknown, Proof, ProofState, RateLimited, UnexpectedState

SETTLE = 1.0
"""Seconds between the two negative looks that make a proof."""


def make_client(settings: Mapping[str, Any], token: Secret | None = None) -> Any:
    """Return an hvac client with the operator's token, or with *token*. It follows no redirect."""
    try:
        import hvac
    except ImportError:
        raise UsageError("rotating Vault credentials needs hvac: install leakfirst with the extra vault") from None

    client = hvac.Client(
        url=server_address(settings),
        token=token.reveal().decode() if token else "",  # None: hvac would take one from the environment
        namespace=settings.get("namespace") or None,
        verify=settings.get("ca_file") or True,
        timeout=float(settings.get("timeout", 30)),
        allow_redirects=False,
    )
    client.adapter.session.hooks["response"].append(_refuse_redirect)
    vault_login.use_socket(client, settings)
    if token is None:
        vault_login.sign_in(client, settings)
    return client


def _refuse_redirect(response: Any, *_: Any, **__: Any) -> None:
    """Stop at a redirect, which hvac would otherwise take for the answer."""
    if 300 <= response.status_code < 400:
        raise UnexpectedState("the server redirects elsewhere, which is not followed: name the active node as address")


class VaultReply(NamedTuple):
    """One answer: its status, what it says (`answers.read_vault`), and its data."""

    status: int
    said: str | None
    data: Mapping[str, Any]

    def judge(self, table: tuple[AnswerRow, ...]) -> Answer:
        """Return what the answer proves."""
        return answers.judge(table, self.status, self.said)


def ask(
    settings: Mapping[str, Any],
    path: str,
    body: Mapping[str, Any] | None = None,
    *,
    method: str = "POST",
    client: Any = None,
) -> VaultReply:
    """Ask the server one question with the operator's token; an answer of any status is returned.

    *client* is one of `make_client` that is used again.
    """
    response = _request(client or make_client(settings), path, body, method)
    if response.status_code == 429:
        raise RateLimited(f"{path}: the server's rate limit")
    said = answers.read_vault(response.status_code, response.content)
    data = response.json() if said is not None and response.status_code == 200 else {}
    return VaultReply(response.status_code, said, data.get("data") or data.get("auth") or {})


def _request(client: Any, path: str, body: Mapping[str, Any] | None, method: str) -> Any:
    from hvac.adapters import RawAdapter

    adapter = RawAdapter.from_adapter(client.adapter)
    with translate_errors(path):
        return adapter.request(method, f"/v1/{path}", raise_exception=False, **({"json": body} if body else {}))


def server_address(settings: Mapping[str, Any]) -> str:
    """Return where the server is."""
    return operator_credentials.require_setting(settings, "address").rstrip("/")


def guess_account(leak: Leak, settings: Mapping[str, Any]) -> str:  # noqa: ARG001
    """Return the server and namespace of the settings, where they name one."""
    return account_name(settings) if settings.get("address") else ""


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
    """Look *token* up with the operator's token; None when the server says that it does not know it.

    Raises `UnexpectedState` for an answer that speaks of something else.
    """
    reply = ask(settings, "auth/token/lookup", {"token": token.reveal().decode()})
    return _require_answer(reply, answers.VAULT_LOOKUP, "token lookup")


def look_up_accessor(settings: Mapping[str, Any], accessor: str, client: Any = None) -> dict[str, Any] | None:
    """Look a token up by its accessor; None when the server says that it does not know it.

    A token of another namespace is an empty answer: it lives.
    """
    reply = ask(settings, "auth/token/lookup-accessor", {"accessor": accessor}, client=client)
    return _require_answer(reply, answers.VAULT_LOOKUP_ACCESSOR, "accessor lookup")


def look_up_lease(settings: Mapping[str, Any], lease: str) -> dict[str, Any] | None:
    """Look a lease up; None when the server calls it invalid."""
    reply = ask(settings, "sys/leases/lookup", {"lease_id": lease}, method="PUT")
    return _require_answer(reply, answers.VAULT_LEASE, "lease lookup")


def _require_answer(reply: VaultReply, table: tuple[AnswerRow, ...], what: str) -> dict[str, Any] | None:
    answer = reply.judge(table)
    if answer.means == Meaning.LIVE:
        return dict(reply.data)
    if answer.means == Meaning.DEAD:
        return None
    raise UnexpectedState(f"{what}: {answer.why}")


# -- the server itself -------------------------------------------------------


def read_cluster(settings: Mapping[str, Any]) -> str:
    """Return the id of the cluster that answers, or "" where it does not say; asked outside of all namespaces."""
    client = make_client({**settings, "namespace": None})
    response = _request(client, "sys/health?standbyok=true&perfstandbyok=true", None, "GET")
    try:
        return str(response.json()["cluster_id"])
    except (ValueError, KeyError, TypeError):
        return ""


def describe_access(settings: Mapping[str, Any]) -> dict[str, str]:
    """Return which cluster answers, and as whom it knows us: what binds a plan."""
    found = {"cluster": read_cluster(settings)}
    reply = ask(settings, "auth/token/lookup-self", method="GET")
    if reply.said == "found":
        found["identity"] = str(reply.data.get("entity_id") or reply.data.get("display_name") or "")
    return found


def check_cluster(case: Case) -> None:
    """Raise `UnexpectedState` when another cluster answers at the address than when the plan was made."""
    known = case.handles.get("before.cluster")
    if known and (found := read_cluster(case.settings)) != known:
        raise UnexpectedState(f"another server answers at this address now: cluster {found or 'unknown'}, not {known}")


def check_responder(case: Case) -> None:
    """Raise `UnexpectedState` unless the server knows the operator's own token at this moment."""
    reply = ask(case.settings, "auth/token/lookup-self", method="GET")
    if reply.judge(answers.VAULT_LOOKUP_SELF).means != Meaning.LIVE:
        raise UnexpectedState("the operator's own token is not accepted, so nothing can be proven")


def prove_dead(case: Case, look: Callable[[], Any | None], what: str) -> Proof:
    """Look twice, between two looks at ourselves: the same server, which knows us, does not know the credential.

    *look* returns None when the server says that it does not know the credential.
    """
    for turn in range(2):
        if turn:
            case.clock.sleep(SETTLE)
        _check_ourselves(case)
        if look() is not None:
            return Proof(ProofState.ALIVE, f"the server still knows the {what}")
    _check_ourselves(case)
    return Proof(ProofState.DEAD, f"the server does not know the {what} any more")


def _check_ourselves(case: Case) -> None:
    """Check server and responder, where the plan noted which server it was made for."""
    if case.handles.get("before.cluster"):
        check_cluster(case)
        check_responder(case)


# -- sweeping ----------------------------------------------------------------


def find_accessors(settings: Mapping[str, Any], path: str, meta: Mapping[str, str]) -> list[str]:
    """List accessors of tokens that were issued at *path* with *meta*; needs sudo on the accessor list."""
    found = []
    client = make_client(settings)
    with translate_errors("token sweep"):
        keys = client.auth.token.list_accessors()["data"]["keys"]
    for accessor in keys:
        data = look_up_accessor(settings, accessor, client)
        if data is None:
            continue
        have = data.get("meta") or {}
        if data.get("path") == path and all(have.get(name) == value for name, value in meta.items()):
            found.append(accessor)
    return found


def count_tokens(settings: Mapping[str, Any]) -> int:
    """Return how many tokens with accessors the server has: one call, whatever their number."""
    with translate_errors("token count"):
        return len(make_client(settings).auth.token.list_accessors()["data"]["keys"])


def revoke_accessors(settings: Mapping[str, Any], accessors: list[str]) -> None:
    """Revoke tokens by accessor; one that is gone already is fine."""
    client = make_client(settings)
    for accessor in accessors:
        reply = ask(settings, "auth/token/revoke-accessor", {"accessor": accessor}, client=client)
        if reply.status in (200, 204) or reply.judge(answers.VAULT_LOOKUP_ACCESSOR).means == Meaning.DEAD:
            continue
        if reply.status >= 500 and reply.said is None:
            raise OutcomeUnknown(f"token revoke-accessor: the server failed (HTTP {reply.status}); it may have acted")
        raise UnexpectedState(f"token revoke-accessor: refused (HTTP {reply.status})")
