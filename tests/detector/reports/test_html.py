from __future__ import annotations

import io
import re
from html.parser import HTMLParser

from detector.model import Scan
from detector.reports._document import build_document
from detector.reports.html import MAX_LOCATIONS, render_page, write
from tests.golden.sample import OPTIONS, TOKEN, empty, large, scan


class Tags(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))


def parsed(found: Scan) -> tuple[str, Tags]:
    out = io.StringIO()
    write(found, out, OPTIONS._replace(show_ignored=True, show_secrets=True))
    tags = Tags()
    tags.feed(out.getvalue())
    return out.getvalue(), tags


def test_nothing_is_asked_of_anybody() -> None:
    _, page_ = parsed(scan())
    for tag, attributes in page_.tags:
        assert tag not in ("img", "iframe", "object", "embed", "base")
        assert "src" not in attributes and "style" not in attributes
        assert not [name for name in attributes if name.startswith("on")]
        if tag == "a":
            assert (attributes["href"] or "").startswith(("https://", "#"))
    assert [attributes["href"] for tag, attributes in page_.tags if tag == "link"] == ["data:,"]
    assert [tag for tag, _ in page_.tags].count("script") == 1


def test_the_policy_allows_the_own_script_and_style_only() -> None:
    from base64 import b64encode
    from hashlib import sha256

    text, page_ = parsed(scan())
    policy = next(a["content"] for tag, a in page_.tags if a.get("http-equiv") == "Content-Security-Policy") or ""
    assert policy.startswith("default-src 'none'")
    assert "unsafe" not in policy
    for tag in ("style", "script"):
        inner = re.search(f"<{tag}>(.*?)</{tag}>", text, re.DOTALL)
        assert inner
        assert f"{tag}-src 'sha256-{b64encode(sha256(inner[1].encode()).digest()).decode()}'" in policy


def test_the_page_is_ascii_and_has_no_secret() -> None:
    text, _ = parsed(scan())
    assert text.isascii()
    assert TOKEN.reveal().decode() not in text


def test_a_credential_in_very_many_places_is_cut_short() -> None:
    text, _ = parsed(large(1, MAX_LOCATIONS + 7))
    assert "and 7 more locations" in text


def test_an_incomplete_scan_says_so() -> None:
    assert "Found nothing, but some content could not be scanned" in parsed(empty(complete=False))[0]
    assert "No credentials found" in parsed(empty())[0]


def test_a_report_from_elsewhere_may_hold_nonsense_where_nothing_is_required() -> None:
    report = build_document(scan(), OPTIONS)
    report |= {
        "rules": {"github.pat-classic": [], "aws.access-key": {"links": "x", "harm": 3}},
        "notes": {},
        "ignored": [1],
    }
    for finding in report["findings"]:
        finding["evidence"] = ["x", {}]
        finding["severity"] = '"><script>'
        for location in finding["locations"]:
            location |= {"commit": 7, "snippet": None, "decoded_via": 3, "repository": ["x"]}
    assert "<script>alert" not in "".join(render_page(report))
