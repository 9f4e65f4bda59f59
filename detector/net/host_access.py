"""The operator's own tokens: where they come from, and for which host each is.

A token is named in the operator's configuration (``[sweep.host."git.example.org"]``
with ``token-env`` or ``token-command``) or in the variable ``LEAKFIRST_TOKEN_<host>``,
with ``_`` for a dot, ``__`` for a hyphen, ``___`` for the colon before a port. For
github.com and gitlab.com, the variables of their own clients are read, too. A
token is sent only to its host, over TLS. Neither a scanned repository nor a
server's answer can change that.
"""

from __future__ import annotations

import base64
import os
from collections.abc import Mapping
from typing import Any, NamedTuple
from urllib.parse import urlsplit

from detector.errors import UsageError
from detector.secret import Secret

CLIENT_VARIABLES = {
    "github.com": ("GH_TOKEN", "GITHUB_TOKEN"),
    "gitlab.com": ("GITLAB_TOKEN",),
}
"""The variables that the clients of these hosts read."""

KEYS = ("token-env", "token-command", "user")
_COMMAND_SECONDS = 60.0

_HELPER = (
    '!f() { test "$1" = get && printf "username=%s\\npassword=%s\\n" "$LEAKFIRST_GIT_USER" "$LEAKFIRST_GIT_TOKEN"; }; f'
)


class HostAccess(NamedTuple):
    """The token for one host, if there is one, and the user that git sends with it."""

    host: str
    token: Secret | None = None
    user: str = "x-access-token"

    def make_headers(self, style: str = "bearer") -> dict[str, str]:
        """Return the HTTP header with the token: *style* is bearer, token or private-token."""
        if self.token is None:
            return {}
        text = self.token.reveal().decode("ascii")
        if style == "private-token":
            return {"PRIVATE-TOKEN": text}
        return {"Authorization": f"{'token' if style == 'token' else 'Bearer'} {text}"}

    def make_basic_header(self) -> str:
        """Return the value of the header for user and token; there must be a token."""
        assert self.token is not None
        return "Basic " + base64.b64encode(f"{self.user}:".encode() + self.token.reveal()).decode("ascii")

    def make_git_environment(self, url: str) -> dict[str, str]:
        """Return the environment with which git sends the token to the server of *url*.

        git asks the helper only for this scheme, host and port, also after a redirect.
        """
        parts = urlsplit(url)
        if self.token is None or parts.scheme not in ("https", "http"):
            return {}
        return {
            "GIT_CONFIG_COUNT": "1",
            "GIT_CONFIG_KEY_0": f"credential.{parts.scheme}://{parts.netloc}.helper",
            "GIT_CONFIG_VALUE_0": _HELPER,
            "LEAKFIRST_GIT_USER": self.user,
            "LEAKFIRST_GIT_TOKEN": self.token.reveal().decode("ascii"),
        }

    def redact(self, text: str) -> str:
        """Return *text* with the token redacted, in case a server has echoed it."""
        return text if self.token is None else text.replace(self.token.reveal().decode("ascii"), self.token.redacted)


def find_access(url: str, operator: Mapping[str, Any]) -> HostAccess:
    """Return the access for the host of *url*. Raises `UsageError` if the operator's configuration is invalid."""
    parts = urlsplit(url)
    host = parts.netloc.rpartition("@")[2].lower()
    table = _find_table(host, operator)
    token = _find_token(host, table)
    if token is not None and parts.scheme == "http" and parts.hostname not in ("localhost", "127.0.0.1", "::1"):
        raise UsageError(f"{host}: a token is only sent over https; write https://{host}")
    user = table.get("user", HostAccess._field_defaults["user"])
    if not isinstance(user, str) or not user.isprintable():
        raise UsageError(f'[sweep.host."{host}"] user: must be a printable string')
    return HostAccess(host, token, user)


def _find_table(host: str, operator: Mapping[str, Any]) -> Mapping[str, Any]:
    sweep = operator.get("sweep", {})
    hosts = sweep.get("host", {}) if isinstance(sweep, Mapping) else None
    if not isinstance(hosts, Mapping) or not all(isinstance(table, Mapping) for table in hosts.values()):
        raise UsageError('[sweep.host]: must contain tables such as [sweep.host."git.example.org"]')
    table: Mapping[str, Any] = {name.lower(): table for name, table in hosts.items()}.get(host, {})
    for key in table:
        if key not in KEYS:
            raise UsageError(f'[sweep.host."{host}"] {key}: unknown key; known: {", ".join(KEYS)}')
    return table


def name_variable(host: str) -> str:
    """Return the name of the environment variable for the token of *host*.

    >>> name_variable("my-git.example.org:8443")
    'LEAKFIRST_TOKEN_MY__GIT_EXAMPLE_ORG___8443'
    """
    plain = host.replace(":", "___").replace("-", "__").replace(".", "_")
    return "LEAKFIRST_TOKEN_" + "".join(c for c in plain if c.isalnum() or c == "_").upper()


def _find_token(host: str, table: Mapping[str, Any]) -> Secret | None:
    if "token-command" in table:
        return _make_secret(host, _run_command(host, table["token-command"]))
    if "token-env" in table:
        name = table["token-env"]
        if not isinstance(name, str) or not os.environ.get(name):
            raise UsageError(f'[sweep.host."{host}"] token-env: {name!r} is not set')
        return _make_secret(host, os.environ[name])
    for name in (name_variable(host), *CLIENT_VARIABLES.get(host, ())):
        if os.environ.get(name):
            return _make_secret(host, os.environ[name])
    return None


def _run_command(host: str, command: object) -> str:
    import subprocess

    if not isinstance(command, list) or not command or not all(isinstance(word, str) for word in command):
        raise UsageError(f'[sweep.host."{host}"] token-command: must be a list of strings')
    try:
        done = subprocess.run(command, stdout=subprocess.PIPE, timeout=_COMMAND_SECONDS, check=True)
    except (OSError, subprocess.SubprocessError) as error:
        raise UsageError(f'[sweep.host."{host}"] token-command: failed ({type(error).__name__})') from None
    return done.stdout.decode("utf-8", "replace")


def _make_secret(host: str, text: str) -> Secret:
    token = text.strip()
    if not token or not token.isascii() or not token.isprintable() or " " in token:
        raise UsageError(f"the token for {host} is invalid: it must be one line of printable ASCII characters")
    return Secret(token.encode())
