"""Why there is no usable answer."""

from __future__ import annotations


class RequestFailed(Exception):
    """There is no usable answer. The text says why in one line and never contains a part of a credential.

    *sent* tells whether the server may have got the request (and may have acted
    on it); *temporary* whether the same request may succeed later.
    """

    def __init__(self, why: str, *, sent: bool = False, temporary: bool = False) -> None:
        super().__init__(why)
        self.sent, self.temporary = sent, temporary
