"""Take values out of the messages of errors: several libraries quote the offending value in theirs."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterable
from urllib.parse import quote, quote_plus

from detector.secret import Secret


def scrub(text: str, secrets: Iterable[Secret]) -> str:
    """Return *text* on one line, without any spelling of *secrets*, at most 300 characters.

    >>> scrub("bad value 'hunter22'", [Secret(b"hunter22")])
    "bad value '… (8)'"
    """
    for secret in secrets:
        plain = secret.reveal()
        if len(plain) < 4:
            continue
        for form in _list_spellings(plain):
            text = text.replace(form, secret.redacted)
    return " ".join(text.split())[:300]


def _list_spellings(plain: bytes) -> list[str]:
    text = plain.decode("utf-8", "replace")
    forms = {
        text,
        quote(text, safe=""),
        quote(text),
        quote_plus(text),
        json.dumps(text)[1:-1],
        repr(text)[1:-1],
        plain.hex(),
        base64.b64encode(plain).decode().rstrip("="),
        base64.urlsafe_b64encode(plain).decode().rstrip("="),
    }
    return sorted(forms, key=len, reverse=True)
