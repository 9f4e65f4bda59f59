"""The report escapes untrusted text and shows times, results and the state of the log."""

from __future__ import annotations

import re
from html.parser import HTMLParser

from markdown_it import MarkdownIt

from detector.incident.report import build_report, render_html, render_markdown
from tests.detector.incident.making import DUE, START, IncidentLog

HOSTILE = "a|b `x` <script>alert(1)</script> [l](https://evil.test) @all\n/close ::set-env"


def make_hostile_log() -> IncidentLog:
    log = IncidentLog(targets=[f"/tmp/{HOSTILE}"], package=HOSTILE, paths=[HOSTILE], range=HOSTILE)
    log("material", f"/tmp/{HOSTILE}", sha256="ab" * 32, bytes=5)
    log.found("lf1:a1", where=[{"path": HOSTILE, "line": 1, "origin": HOSTILE}])
    log("verdict", "lf1:a1", state="live", why=HOSTILE, owner=HOSTILE)("skipped", HOSTILE, reason=HOSTILE)
    log(
        "dependent",
        HOSTILE,
        repository=HOSTILE,
        path=HOSTILE,
        version=HOSTILE,
        direct=False,
        via=[HOSTILE],
        match="locked",
    )
    log("scanned", HOSTILE, refs="r", findings=1, complete=True)
    log(
        "location",
        "p",
        fingerprint="lf1:a1",
        repository=HOSTILE,
        path=HOSTILE,
        line=1,
        commit="c",
        at_head=True,
        present=True,
    )
    return log("notified", "x", destination=HOSTILE, phase="opened", summary=HOSTILE)(
        "approved", "lf1:a1", scope=HOSTILE, who=HOSTILE
    )


def test_markdown_is_inert() -> None:
    text = render_markdown(build_report(make_hostile_log().incident, [HOSTILE], START))
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
    text = render_html(build_report(make_hostile_log().incident, [HOSTILE], START))
    tags = _Tags()
    tags.feed(text)
    assert tags.seen <= TAGS
    assert "default-src 'none'" in text and text.isascii()


def test_it_shows_the_times_and_results() -> None:
    log = IncidentLog().found("lf1:a1")("verdict", "lf1:a1", state="live", why="", owner="user ci")
    log("used", "lf1:a1", at=DUE, what="s3 (perhaps our own check)")("contained", "lf1:a1", at=DUE)
    text = render_markdown(
        build_report(log("dead", "lf1:a1", at=DUE, result="unverifiable", why="").incident, [], START)
    )
    assert "ended (unverifiable)" in text and "perhaps our own check" in text and "1 d 23 h" in text
    assert "The hash chain is intact" in text


def test_a_broken_hash_chain_is_reported() -> None:
    text = render_markdown(build_report(IncidentLog().incident, ["line 3 was changed after it was written"], START))
    assert "line 3 was changed" in text and "intact" not in text
