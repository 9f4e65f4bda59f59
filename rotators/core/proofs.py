"""What shows that consumers work: checks of the operator's, named in the policy as ``[proofs.NAME]``.

A credential that signs in may still be useless. A clause names checks that try the
new value as its consumer does (`prove`), and checks of the consumers themselves
(`health`), which are asked after the new value is current, and again when only the
new one works. A check that is not answered has not passed.
"""

from __future__ import annotations

import base64
import re
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from detector.errors import LeakfirstError, UsageError
from rotators.core import external_program, http
from rotators.core.contracts import Values
from rotators.core.model import UnexpectedState

ANY_STATUS = tuple(range(100, 600))
_FIELD = re.compile(r"\{new\.([\w]+)\}")


class ProofRule(NamedTuple):
    """One ``[proofs.NAME]`` table; *within* is how many seconds it may take to pass."""

    name: str
    kind: str
    settings: Mapping[str, Any]
    within: int = 120


SETTINGS = {
    "command": frozenset({"command", "pass_env", "timeout"}),
    "http": frozenset({"url", "method", "headers", "expect", "ca_file"}),
    "aws": frozenset({"service", "call", "arguments", "endpoint", "region"}),
    "vault": frozenset({"address", "path", "method", "namespace", "ca_file"}),
}
"""The settings of each kind."""

NEEDED = {"command": ("command",), "http": ("url",), "aws": ("service", "call"), "vault": ("address", "path")}


class Tried(NamedTuple):
    """What a check is given: the run, the values that it may use, and those that may be shown."""

    run: str
    values: Values
    shown: Mapping[str, str]


def select_shown(values: Values, public: frozenset[str], handle: str) -> dict[str, str]:
    """Return what a check may show: the fields that are names rather than secrets, and the provider's id."""
    shown = {name: http.reveal_text(value) for name, value in values.items() if name in public}
    return {**({"handle": handle} if handle else {}), **shown}


def find_failure(rule: ProofRule, tried: Tried) -> str:
    """Run the check once; return why it has not passed, or "" if it has."""
    try:
        return _KINDS[rule.kind](rule.settings, tried)
    except LeakfirstError as error:
        return str(error)
    except Exception as error:  # a library's error may quote a request, and so a value
        return f"not answered ({type(error).__name__})"


def _run_command(settings: Mapping[str, Any], tried: Tried) -> str:
    secrets = {name: base64.b64encode(value.reveal()).decode() for name, value in tried.values.items()}
    request = {"verb": "prove", "run": tried.run, "secrets": secrets, "shown": dict(tried.shown)}
    external_program.run_program(settings, request)
    return ""


def _ask_http(settings: Mapping[str, Any], tried: Tried) -> str:
    known = {**{name: http.reveal_text(value) for name, value in tried.values.items()}, **tried.shown}
    headers = {name: _fill(str(text), known) for name, text in settings.get("headers", {}).items()}
    client = http.ApiClient(str(settings["url"]), headers, ca_file=str(settings.get("ca_file", "")))
    reply = client.call(str(settings.get("method", "GET")), "", accept=ANY_STATUS)
    for name, wanted in {"status": 200, **settings.get("expect", {})}.items():
        found = reply.status if name == "status" else _look_up(reply.data, name)
        if isinstance(wanted, str):
            wanted = _fill(wanted, tried.shown)
        if found != wanted:
            return f"{name} is not {wanted}" if name != "status" else f"answered {found}, not {wanted}"
    return ""


def _call_aws(settings: Mapping[str, Any], tried: Tried) -> str:
    from rotators.core import aws

    keys = (http.reveal_text(tried.values["access_key_id"]), tried.values["secret_access_key"], None)
    client = aws.make_client(str(settings["service"]), settings, keys=keys)
    try:
        getattr(client, re.sub(r"(?<!^)(?=[A-Z])", "_", str(settings["call"])).lower())(**settings.get("arguments", {}))
    except Exception as error:
        if not hasattr(error, "response"):
            raise
        return f"AWS answered {aws.get_error_code(error)}"
    return ""


def _call_vault(settings: Mapping[str, Any], tried: Tried) -> str:
    from rotators.core import vault

    client = vault.make_client(settings, next(iter(tried.values.values())))
    reply = vault.ask(settings, str(settings["path"]), method=str(settings.get("method", "GET")), client=client)
    return "" if reply.status in (200, 204) else f"answered {reply.status}"


_KINDS: Mapping[str, Callable[[Mapping[str, Any], Tried], str]] = {
    "command": _run_command,
    "http": _ask_http,
    "aws": _call_aws,
    "vault": _call_vault,
}


def _fill(text: str, known: Mapping[str, str]) -> str:
    def replace(match: re.Match[str]) -> str:
        if match[1] not in known:
            raise UsageError(f"{{new.{match[1]}}} is not known here; known: {', '.join(sorted(known)) or 'nothing'}")
        return known[match[1]]

    return _FIELD.sub(replace, text)


def _look_up(data: Any, path: str) -> Any:
    """Return what stands at a path such as ``$.key.id``."""
    for name in path.removeprefix("$").strip(".").split("."):
        if not isinstance(data, dict) or name not in data:
            raise UnexpectedState(f"the answer has no {path}")
        data = data[name]
    return data
