"""An operator's own provider and store, for `command` and `webhook`: keys in a file."""

from __future__ import annotations

import base64
import json
import pathlib
import secrets
from typing import Any


class Provider:
    """What a program or a service behind `command` and `webhook` does: keys in a file."""

    def __init__(self, path: pathlib.Path) -> None:
        self.path = path

    def answer(self, request: dict[str, Any]) -> dict[str, Any]:
        keys = json.loads(self.path.read_text())
        leaked = base64.b64decode(request["secrets"].get("leaked", "")).decode()
        answer: dict[str, Any] = {}
        if request["verb"] == "identify":
            answer = {"handle": "old", "account": "acme:prod"}
        elif request["verb"] == "create":
            keys["new"] = "canary" + secrets.token_hex(17)
            answer = {"handle": "new", "secrets": {"value": base64.b64encode(keys["new"].encode()).decode()}}
        elif request["verb"] == "verify_new":
            answer = {"state": "alive"}
        elif request["verb"] == "verify_dead":
            answer = {"state": "alive" if leaked in keys.values() else "dead"}
        elif request["verb"] in ("disable", "delete"):
            keys.pop("old", None)
        elif request["verb"] == "write":
            keys["stored"] = base64.b64decode(request["secrets"]["value"]).decode()
        elif request["verb"] == "read":
            answer = {"secrets": {"value": base64.b64encode(keys["stored"].encode()).decode()}}
        self.path.write_text(json.dumps(keys))
        return answer
