"""Keep values out of logs and messages while clients talk to issuers.

botocore's debug log prints request bodies and answers, urllib3's and hvac's
print headers, http.client can print everything to standard output, and
several libraries quote the offending value in their exceptions. Whoever turns
these logs on wants to see *his* problem, not our credentials.
"""

from __future__ import annotations

import base64
import json
import logging
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from urllib.parse import quote, quote_plus

from detector.secret import Secret


@contextmanager
def wire_silence() -> Iterator[None]:
    """Switch debug and info logging off, in all libraries, for the duration of a call."""
    from http.client import HTTPConnection

    level, loud = logging.root.manager.disable, HTTPConnection.debuglevel
    logging.disable(max(level, logging.INFO))
    HTTPConnection.debuglevel = 0
    try:
        yield
    finally:
        logging.disable(level)
        HTTPConnection.debuglevel = loud


def scrub(text: str, secrets: Iterable[Secret]) -> str:
    """Return *text* on one line, without any spelling of *secrets*, at most 300 characters.

    >>> scrub("bad value 'hunter22'", [Secret(b"hunter22")])
    "bad value '… (8)'"
    """
    for secret in secrets:
        plain = secret.reveal()
        if len(plain) < 4:
            continue
        for form in _spellings(plain):
            text = text.replace(form, secret.redacted)
    return " ".join(text.split())[:300]


def _spellings(plain: bytes) -> list[str]:
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
