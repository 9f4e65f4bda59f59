"""Foreign text made harmless, one way per channel.

A path, a branch or an author of a scanned repository is chosen by whoever
wrote it: it may say `<!channel>`, close an issue with a quick action, add a
header to a mail or lead a reader to a page of its own. Nothing of it may do
more than be read, and no address in it becomes a link.
"""

from __future__ import annotations

import html
import re

from detector.text.untrusted import printable, without_password

_RUN = re.compile("`+")
_SCHEME = re.compile(r"(?<=\w)://")
_HOST = re.compile(r"\b(www)\.", re.IGNORECASE)


def plain(text: str, most: int = 500) -> str:
    """Return *text* on one line, printable, bounded, with no address that a client would link.

    >>> plain("a\\nb https://evil.example/x")
    'a b https[:]//evil.example/x'
    """
    line = printable(" ".join(without_password(text).split()))
    line = _HOST.sub(r"\1[.]", _SCHEME.sub("[:]//", line))
    return line if len(line) <= most else line[: most - 1] + "…"


def slack(text: str, most: int = 500) -> str:
    """Return *text* for Slack's mrkdwn: no mention, no link, no command.

    >>> slack("<!channel> & co")
    '&lt;!channel&gt; &amp; co'
    """
    return html.escape(plain(text, most), quote=False)


def code(text: str, most: int = 500) -> str:
    """Return *text* as a Markdown code span, whatever backticks it holds: nothing in it is active.

    >>> code("a`b @all")
    '``a`b @all``'
    """
    line = plain(text, most).strip() or "(empty)"
    fence = "`" * (max((len(run) for run in _RUN.findall(line)), default=0) + 1)
    space = " " if line[0] == "`" or line[-1] == "`" else ""
    return f"{fence}{space}{line}{space}{fence}"


def page(text: str, most: int = 2000) -> str:
    """Return *text* for an HTML page or mail."""
    return html.escape(plain(text, most), quote=True)


def header(text: str, most: int = 180) -> str:
    """Return *text* for a header of a mail: one line, nothing that could end it."""
    return "".join(sign if sign.isprintable() else "?" for sign in plain(text, most))


def address(target: str) -> str:
    """Return *target* if it is a plain https address that may be made a link, else the empty text."""
    return target if re.fullmatch(r"https://[\w.:-]+(?:/[\w.~!$&()*+,;=:@%/?#-]*)?", target) else ""
