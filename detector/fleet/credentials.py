"""The operator's own tokens: where they come from and which host each is for.

A token is named in the operator's file (``[sweep.host."git.example.org"]`` with
``token-env`` or ``token-command``) or stands in ``LEAKFIRST_TOKEN_<host>``, with
``_`` for a dot, ``__`` for a hyphen, ``___`` for the colon before a port. The
variables that the clients of github.com and gitlab.com read serve for those two
hosts. A token goes to its host alone, over TLS; nothing of a scanned repository
or a server's answer has a say in it.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Any, NamedTuple
from urllib.parse import urlsplit

from detector.errors import UsageError
from detector.secret import Secret

USUAL = {
    "github.com": ("GH_TOKEN", "GITHUB_TOKEN"),
    "gitlab.com": ("GITLAB_TOKEN",),
}
"""The variables that other programs read for these hosts, too."""

KEYS = ("token-env", "token-command", "user")
_COMMAND_SECONDS = 60.0

_HELPER = (
    '!f() { test "$1" = get && printf "username=%s\\npassword=%s\\n" "$LEAKFIRST_GIT_USER" "$LEAKFIRST_GIT_TOKEN"; }; f'
)


class Access(NamedTuple):
    """What one host is asked with: nothing, or a token."""

    host: str
    token: Secret | None = None
    user: str = "x-access-token"

    def headers(self, style: str = "bearer") -> dict[str, str]:
        """Return the header that carries the token to an API: *style* is bearer, token or private-token."""
        if self.token is None:
            return {}
        text = self.token.reveal().decode("ascii")
        if style == "private-token":
            return {"PRIVATE-TOKEN": text}
        return {"Authorization": f"{'token' if style == 'token' else 'Bearer'} {text}"}

    def git(self, url: str) -> dict[str, str]:
        """Return what git's environment needs in order to ask *url* with the token.

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

    def hide(self, text: str) -> str:
        """Return *text* without the token, should a server have echoed it."""
        return text if self.token is None else text.replace(self.token.reveal().decode("ascii"), self.token.redacted)


def access(url: str, operator: Mapping[str, Any]) -> Access:
    """Return how the host of *url* is to be asked. Raises `UsageError` when the operator's file is wrong."""
    parts = urlsplit(url)
    host = parts.netloc.rpartition("@")[2].lower()
    table = _table(host, operator)
    token = _token(host, table)
    if token is not None and parts.scheme == "http" and parts.hostname not in ("localhost", "127.0.0.1", "::1"):
        raise UsageError(f"{host}: a token is sent over https only; write https://{host}")
    user = table.get("user", Access._field_defaults["user"])
    if not isinstance(user, str) or not user.isprintable():
        raise UsageError(f'sweep.host."{host}".user in the operator\'s file must be a text')
    return Access(host, token, user)


def _table(host: str, operator: Mapping[str, Any]) -> Mapping[str, Any]:
    sweep = operator.get("sweep", {})
    hosts = sweep.get("host", {}) if isinstance(sweep, Mapping) else None
    if not isinstance(hosts, Mapping) or not all(isinstance(table, Mapping) for table in hosts.values()):
        raise UsageError('the operator\'s file names hosts in tables such as [sweep.host."git.example.org"]')
    table: Mapping[str, Any] = {name.lower(): table for name, table in hosts.items()}.get(host, {})
    for key in table:
        if key not in KEYS:
            raise UsageError(f'sweep.host."{host}".{key} in the operator\'s file is unknown; known: {", ".join(KEYS)}')
    return table


def variable(host: str) -> str:
    """Return the name of the variable that may hold the token of *host*.

    >>> variable("my-git.example.org:8443")
    'LEAKFIRST_TOKEN_MY__GIT_EXAMPLE_ORG___8443'
    """
    plain = host.replace(":", "___").replace("-", "__").replace(".", "_")
    return "LEAKFIRST_TOKEN_" + "".join(c for c in plain if c.isalnum() or c == "_").upper()


def _token(host: str, table: Mapping[str, Any]) -> Secret | None:
    if "token-command" in table:
        return _checked(host, _asked(host, table["token-command"]))
    if "token-env" in table:
        name = table["token-env"]
        if not isinstance(name, str) or not os.environ.get(name):
            raise UsageError(f'sweep.host."{host}".token-env names {name!r}, which is not set')
        return _checked(host, os.environ[name])
    for name in (variable(host), *USUAL.get(host, ())):
        if os.environ.get(name):
            return _checked(host, os.environ[name])
    return None


def _asked(host: str, command: object) -> str:
    import subprocess

    if not isinstance(command, list) or not command or not all(isinstance(word, str) for word in command):
        raise UsageError(f'sweep.host."{host}".token-command in the operator\'s file must be a list of words')
    try:
        done = subprocess.run(command, stdout=subprocess.PIPE, timeout=_COMMAND_SECONDS, check=True)
    except (OSError, subprocess.SubprocessError) as error:
        raise UsageError(f'sweep.host."{host}".token-command failed ({type(error).__name__})') from None
    return done.stdout.decode("utf-8", "replace")


def _checked(host: str, text: str) -> Secret:
    token = text.strip()
    if not token or not token.isascii() or not token.isprintable() or " " in token:
        raise UsageError(f"the token for {host} is none: one line of printable characters is")
    return Secret(token.encode())
