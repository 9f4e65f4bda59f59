"""Ask a program or a service of the operator's: JSON there, JSON back.

Values are base64 in the body, on a pipe or in a signed request; the program
gets a bare environment. What it prints to standard error stays unread.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import os
import subprocess
from collections.abc import Mapping
from typing import Any

from detector.errors import UsageError
from rotators.core import http, operator_credentials
from rotators.core.model import OutcomeUnknown, UnexpectedState

KEPT = ("PATH", "HOME", "LANG", "LC_ALL", "TZ", "TMPDIR")


def run_program(settings: Mapping[str, Any], request: Mapping[str, Any]) -> dict[str, Any]:
    """Run the `command` of *settings* with *request*; return its answer."""
    command = settings.get("command")
    if not isinstance(command, list) or not command:
        raise UsageError("command is a list: the program and its arguments")
    names = (*KEPT, *settings.get("pass_env", ()))
    env = {name: os.environ[name] for name in names if name in os.environ}
    try:
        done = subprocess.run(
            [str(word) for word in command],
            input=json.dumps(request).encode(),
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env=env,
            timeout=float(settings.get("timeout", 60)),
            check=False,
        )
    except OSError as error:
        raise UnexpectedState(f"cannot run {command[0]}: {error.strerror}") from None
    except subprocess.TimeoutExpired:
        raise OutcomeUnknown(f"{command[0]} took too long at {request['verb']}; it may have acted") from None
    if done.returncode:
        raise UnexpectedState(f"{command[0]} ended {request['verb']} with {done.returncode}")
    return _parse_object(done.stdout, str(command[0]))


def call_service(settings: Mapping[str, Any], request: Mapping[str, Any]) -> dict[str, Any]:
    """Send *request* to the `url` of *settings*; return its answer."""
    url = operator_credentials.require_setting(settings, "url")
    if not url.startswith("https://") and not url.startswith(("http://127.0.0.1:", "http://localhost:")):
        raise UsageError("a webhook gets values: its url must be https")
    body = json.dumps(request).encode()
    key = operator_credentials.read_credential(settings, "key").reveal()
    signature = hmac.new(key, body, hashlib.sha256).hexdigest()
    headers = {"content-type": "application/json", "x-leakfirst-signature": f"sha256={signature}"}
    answer = http.ApiClient(url, headers).call("POST", "", content=body)
    if not isinstance(answer.data, dict):
        raise UnexpectedState(f"{url} did not answer with a JSON object")
    return answer.data


def _parse_object(data: bytes, who: str) -> dict[str, Any]:
    try:
        found = json.loads(data or b"{}")
    except ValueError:
        raise UnexpectedState(f"{who} did not answer with JSON") from None
    if not isinstance(found, dict):
        raise UnexpectedState(f"{who} did not answer with a JSON object")
    return found
