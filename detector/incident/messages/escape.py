"""Escape untrusted text for the format of each channel.

Whoever writes to a scanned repository chooses its paths, branches and authors. Such a
text may contain `<!channel>`, a quick action that closes an issue, a line break that
adds a header to an e-mail, or a link to a phishing page. After escaping, it is
displayed as text only: no mention, no command, no link.
"""

from __future__ import annotations

import html
import re

from detector.text.untrusted import make_printable, strip_url_credentials

_BACKTICKS = re.compile("`+")
_SCHEME = re.compile(r"(?<=\w)://")
_HOST = re.compile(r"\b(www)\.", re.IGNORECASE)


def to_plain(text: str, limit: int = 500) -> str:
    """Return *text* on one line, printable, at most *limit* characters, with no URL that a client would link.

    >>> to_plain("a\\nb https://evil.example/x")
    'a b https[:]//evil.example/x'
    """
    line = make_printable(" ".join(strip_url_credentials(text).split()))
    line = _HOST.sub(r"\1[.]", _SCHEME.sub("[:]//", line))
    return line if len(line) <= limit else line[: limit - 1] + "…"


def to_slack(text: str, limit: int = 500) -> str:
    """Return *text* for Slack's mrkdwn: no mention, no link, no command.

    >>> to_slack("<!channel> & co")
    '&lt;!channel&gt; &amp; co'
    """
    return html.escape(to_plain(text, limit), quote=False)


def to_code_span(text: str, limit: int = 500) -> str:
    """Return *text* as a Markdown code span, whatever backticks it contains.

    >>> to_code_span("a`b @all")
    '``a`b @all``'
    """
    line = to_plain(text, limit).strip() or "(empty)"
    fence = "`" * (max((len(run) for run in _BACKTICKS.findall(line)), default=0) + 1)
    space = " " if line[0] == "`" or line[-1] == "`" else ""
    return f"{fence}{space}{line}{space}{fence}"


def to_html(text: str, limit: int = 2000) -> str:
    """Return *text* escaped for HTML."""
    return html.escape(to_plain(text, limit), quote=True)


def to_header(text: str, limit: int = 180) -> str:
    """Return *text* for an e-mail header: one line of printable characters."""
    return "".join(character if character.isprintable() else "?" for character in to_plain(text, limit))


def get_safe_url(target: str) -> str:
    """Return *target* if it is an https URL of harmless characters, else an empty string."""
    return target if re.fullmatch(r"https://[\w.:-]+(?:/[\w.~!$&()*+,;=:@%/?#-]*)?", target) else ""
