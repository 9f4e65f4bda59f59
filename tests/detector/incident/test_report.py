"""The account shows foreign text as such, and is the same whoever makes it."""

from __future__ import annotations

import re
from html.parser import HTMLParser

from markdown_it import MarkdownIt

from detector.incident.report import document, markdown, page
from tests.detector.incident.making import DUE, START, Log

EVIL = "a|b `x` <script>alert(1)</script> [l](https://evil.test) @all\n/close ::set-env"


def hostile() -> Log:
    log = Log(targets=[f"/tmp/{EVIL}"], package=EVIL, paths=[EVIL], range=EVIL)
    log("material", f"/tmp/{EVIL}", sha256="ab" * 32, bytes=5)
    log.found("lf1:a1", where=[{"path": EVIL, "line": 1, "origin": EVIL}])
    log("verdict", "lf1:a1", state="live", why=EVIL, owner=EVIL)("skipped", EVIL, reason=EVIL)
    log("dependent", EVIL, repository=EVIL, path=EVIL, version=EVIL, direct=False, via=[EVIL], match="locked")
    log("scanned", EVIL, refs="r", findings=1, complete=True)
    log("place", "p", fingerprint="lf1:a1", repository=EVIL, path=EVIL, line=1, commit="c", tip=True, there=True)
    return log("told", "x", destination=EVIL, phase="opened", summary=EVIL)("approved", "lf1:a1", scope=EVIL, who=EVIL)


def test_markdown_is_inert() -> None:
    text = markdown(document(hostile().case, [EVIL], START))
    shown = MarkdownIt("gfm-like", {"linkify": False}).render(text)
    assert "<script>" not in shown and "href" not in shown
    outside = re.sub(r"<code>.*?</code>", "", shown, flags=re.DOTALL)
    assert "evil.test<" not in outside
    rows = [line for line in text.splitlines() if line.startswith("|")]
    assert rows and not any(line.startswith("/close") for line in text.splitlines())
    tables = [len(re.findall(r"(?<!\\)\|", row)) for row in rows]
    for before, row in zip(tables, rows[1:], strict=False):
        if row.startswith("|---"):
            assert before == row.count("|"), "a cell does not break out of its row"


TAGS = {
    *("html", "head", "meta", "title", "style", "body", "h1", "h2", "p"),
    *("table", "thead", "tbody", "tr", "th", "td", "code"),
}


class _Tags(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.seen: set[str] = set()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.seen.add(tag)
        assert not any(name.startswith("on") or name in ("src", "href") for name, _ in attrs)


def test_the_page_is_inert() -> None:
    text = page(document(hostile().case, [EVIL], START))
    tags = _Tags()
    tags.feed(text)
    assert tags.seen <= TAGS
    assert "default-src 'none'" in text and text.isascii()


def test_it_tells_the_whole_clock() -> None:
    log = Log().found("lf1:a1")("verdict", "lf1:a1", state="live", why="", owner="user ci")
    log("used", "lf1:a1", at=DUE, what="s3 (perhaps our own check)")("contained", "lf1:a1", at=DUE)
    text = markdown(document(log("dead", "lf1:a1", at=DUE, result="unverifiable", why="").case, [], START))
    assert "ended (unverifiable)" in text and "perhaps our own check" in text and "1 d 23 h" in text
    assert "nobody has edited the log" in text


def test_a_broken_chain_is_said() -> None:
    text = markdown(document(Log().case, ["line 3 was changed after it was written"], START))
    assert "line 3 was changed" in text and "nobody has edited" not in text
