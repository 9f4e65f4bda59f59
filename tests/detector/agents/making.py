"""Credentials and texts that hold them, for the tests of the guard."""

from __future__ import annotations

import base64
import json
from functools import cache

from detector.agents.redact import Redactor
from detector.engine.engine import Engine
from detector.rules.shapes import expand
from hooks.core import examine

KEY = b"k" * 32

GITHUB = expand("ghp_{alnum:30}{check:github-crc32}", 3)
AWS_ID = expand("AKIA{base32:16}", 4)
AWS_SECRET = expand("{base64:40}", 5)
STRIPE = expand("sk_live_{alnum:24}", 6)
PASSWORD = expand("{[A-HJ-NP-Z]:3}{[2-9]:2}-{[a-km-z]:5}!{[2-9]:3}{[A-HJ-NP-Z]:4}", 7)
SERVICE_KEY = "kR7t" + expand("{alnum:28}", 8)
PEM = expand("{pem:rsa}", 9)

VALUES = [GITHUB, AWS_SECRET, STRIPE, PASSWORD, SERVICE_KEY]

DOTENV = (
    f'AWS_ACCESS_KEY_ID={AWS_ID}\nAWS_SECRET_ACCESS_KEY="{AWS_SECRET}"\nDB_PASSWORD={PASSWORD}\n'
    f"SERVICE_API_KEY={SERVICE_KEY}\n"
)

TEXTS = [
    DOTENV,
    f"token: {GITHUB}\n",
    f"postgres://app:{PASSWORD}@db.corp.example:5432/app",
    base64.b64encode(DOTENV.encode()).decode(),
    f"data: {base64.b64encode(base64.b64encode(DOTENV.encode())).decode()}\n",
    json.dumps({"stripe": STRIPE, "text": DOTENV}),
    json.dumps(json.dumps({"password": PASSWORD})),
    DOTENV.encode().hex(),
    f"é {STRIPE} ü",
    PEM,
    "".join(f"{number}\t{line}\n" for number, line in enumerate(DOTENV.splitlines(), 1)),
    "nothing to see",
    "\udcff \U0001f511",
]


@cache
def engine() -> Engine:
    """Return the engine with the shipped rules."""
    return examine.load_engine(examine.HookOptions())


def redactor() -> Redactor:
    """Return a redactor that allows nothing."""
    return Redactor(engine(), KEY)


def find(text: str) -> list[str]:
    """Return the rules of what a scan of *text* reports."""
    hits = engine().scan(text.encode("utf-8", "surrogatepass"))
    return [hit.rule.id for hit in hits if hit.confidence != "low"]
