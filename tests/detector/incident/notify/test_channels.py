"""Every channel, over real HTTP, against receivers that answer as documented."""

from __future__ import annotations

import base64
import email
import email.policy
import json
import urllib.parse
from pathlib import Path
from typing import Any

import pytest

from detector.config import Config
from detector.errors import UsageError
from detector.incident.notify import webhook
from detector.incident.notify._event import CLOSED, Event, Link
from detector.incident.notify._outbox import PACKAGE, Outbox, destinations
from detector.incident.notify._redact import cleaner
from detector.registry import load, names
from detector.rules.shapes import expand
from detector.scan.pipeline import rule_pack
from tests.fakes import mail
from tests.fakes.receivers import TOKEN, Receivers

pytestmark = pytest.mark.net

EVIL = "<!channel> @everyone <@U1> [x](https://evil.test) `a` <script>alert(1)</script>\r\nBcc: all@evil.test\n/close"


def event(**changes: Any) -> Event:
    made = Event(
        incident="inc-1",
        phase="opened",
        summary="acme-widgets 1.2.3: a source map was published",
        key="inc-1/opened",
        counts=(("credentials", 40), ("live", 12)),
        links=(Link("runbook", "https://example.test/runbook"), Link("next", "leakfirst respond next inc-1")),
        at="2025-01-01T00:00:00+00:00",
    )
    return made._replace(**changes)


def outbox(operator: Any, kept: Any, turned: Any, clean: Any = str) -> Outbox:
    return Outbox(destinations(operator), kept, turned.clock, clean)


def test_everybody_is_told_once(operator, kept, turned, there: Receivers) -> None:
    box = outbox(operator, kept, turned)
    for _ in range(2):
        for told in box.tell(event(owner="Ada")):
            assert not told.why, told
    assert len(there.slack) == 2, "the room and the thread"
    assert len(there.teams) == len(there.webhook) == len(there.pages) == 1
    assert len(there.issues) == len(there.work_items) == 1


def test_a_second_responder_with_another_state_doubles_no_issue(operator, kept, turned, there: Receivers) -> None:
    for memory in (type(kept)(), type(kept)()):
        outbox(operator, memory, turned).tell(event(owner="Ada"), ("board", "lab"))
    outbox(operator, kept, turned).tell(event(owner="Ada", phase=CLOSED, key="c"), ("board", "lab"))
    assert [issue["state"] for issue in there.issues] == ["closed"]
    assert [issue["state"] for issue in there.work_items] == ["closed"]
    assert there.work_items[0]["confidential"] is True


def test_an_issue_is_for_a_person(operator, kept, turned, there: Receivers) -> None:
    outbox(operator, kept, turned).tell(event())
    assert not there.issues and not there.work_items


def test_slack_continues_a_thread(operator, kept, turned, there: Receivers) -> None:
    box = outbox(operator, kept, turned)
    box.tell(event(), ("thread",))
    box.tell(event(phase="contained", key="second"), ("thread",))
    assert "thread_ts" not in there.slack[0]
    assert there.slack[1]["thread_ts"] == "1700000000.000001"


def test_an_alert_is_triggered_acknowledged_resolved(operator, kept, turned, there: Receivers) -> None:
    box = outbox(operator, kept, turned)
    for phase in ("opened", "acknowledged", "escalated", "closed"):
        (told,) = box.tell(event(phase=phase, key=phase), ("oncall",))
        assert told.sent, told.why
    assert there.alerts == {
        "leakfirst-inc-1": ["trigger", "acknowledge", "resolve"],
        "leakfirst-inc-1-deadline": ["trigger", "resolve"],
    }


def test_a_webhook_is_signed_with_its_time(operator, kept, turned, there: Receivers) -> None:
    outbox(operator, kept, turned).tell(event(), ("service",))
    ((headers, body),) = there.webhook
    at = headers["x-leakfirst-timestamp"]
    assert headers["x-leakfirst-signature"] == "sha256=" + webhook.signature("signing-key-canary", at, body)
    assert webhook.signature("signing-key-canary", str(int(at) + 1), body) not in headers["x-leakfirst-signature"]
    assert json.loads(body)["counts"] == {"credentials": 40, "live": 12}


def test_slack_says_no_in_a_good_answer(operator, kept, turned, there: Receivers, monkeypatch) -> None:
    monkeypatch.setenv("RECEIVER_TOKEN", "another")
    (told,) = outbox(operator, kept, turned).tell(event(), ("thread",))
    assert (told.sent, told.why) == (False, "Slack says invalid_auth")


# -- foreign text --------------------------------------------------------------


def hostile() -> Event:
    return event(summary=EVIL, owner=EVIL, lines=(EVIL, "path/" + EVIL), key="evil")


def test_foreign_text_is_inert_in_slack(operator, kept, turned, there: Receivers) -> None:
    outbox(operator, kept, turned).tell(hostile(), ("room",))
    (message,) = there.slack
    assert "<!" not in message["text"] and "<@" not in message["text"]
    for block in message["blocks"]:
        for element in [block.get("text"), *block.get("elements", [])]:
            if element and element["type"] == "mrkdwn":
                assert element["text"].startswith("<https://example.test/runbook|")
            elif element:
                assert "://" not in element["text"]


def test_foreign_text_is_inert_in_issues(operator, kept, turned, there: Receivers) -> None:
    outbox(operator, kept, turned).tell(hostile(), ("board", "lab"))
    for text in (there.issues[0]["body"], there.work_items[0]["description"]):
        for line in text.splitlines():
            assert not line.startswith("/")
        assert "https://evil" not in text
        from markdown_it import MarkdownIt

        shown = MarkdownIt("commonmark").render(text.partition("<!--")[0])
        assert "<script>" not in shown and 'evil.test"' not in shown
        outside = shown
        while "<code>" in outside:
            before, _, rest = outside.partition("<code>")
            outside = before + rest.partition("</code>")[2]
        assert "@" not in outside and "channel" not in outside


def test_foreign_text_is_inert_in_cards(operator, kept, turned, there: Receivers) -> None:
    outbox(operator, kept, turned).tell(hostile(), ("card",))
    card = there.teams[0]["attachments"][0]["content"]
    assert {part["type"] for part in card["body"]} == {"RichTextBlock"}
    assert [action["url"] for action in card["actions"]] == ["https://example.test/runbook"]


@pytest.fixture
def box(tmp_path: Path):
    with mail.receiving(tmp_path) as found:
        yield found


def mailing(box: mail.Mailbox, monkeypatch: pytest.MonkeyPatch, **more: Any) -> dict[str, Any]:
    monkeypatch.setenv("MAIL_PASSWORD", mail.PASSWORD)
    table = {
        "channel": "email",
        "host": "localhost",
        "port": box.port,
        "ca": box.ca,
        "user": "leakfirst",
        "password_env": "MAIL_PASSWORD",
        "from": "leakfirst@example.test",
        "to": ["oncall@example.test"],
    }
    return {"notify": {"mail": {**table, **more}}}


def test_mail_goes_encrypted_and_holds_no_foreign_header(box, kept, turned, monkeypatch) -> None:
    (told,) = outbox(mailing(box, monkeypatch), kept, turned).tell(hostile())
    assert told.sent, told.why
    ((secure, sender, to, message),) = box.arrived
    assert secure and sender == "leakfirst@example.test" and to == ["oncall@example.test"]
    read = email.message_from_bytes(message, policy=email.policy.default)
    assert set(read.keys()) <= {
        "From", "To", "Subject", "Message-ID", "References", "Auto-Submitted", "MIME-Version", "Content-Type",
    }  # fmt: skip
    page = read.get_body(("html",)).get_content()
    assert "<script>" not in page and "&lt;script&gt;" in page
    assert '<a href="https://example.test/runbook">' in page


def test_the_same_mail_has_the_same_id(box, turned, kept, monkeypatch) -> None:
    for memory in (type(kept)(), type(kept)()):
        outbox(mailing(box, monkeypatch), memory, turned).tell(event())
    first, second = box.arrived
    assert first[3] == second[3]


def test_mail_is_tried_again_when_the_server_is_busy(box, kept, turned, monkeypatch) -> None:
    box.trouble = ["451 later"]
    (told,) = outbox(mailing(box, monkeypatch), kept, turned).tell(event())
    assert told.sent and len(box.arrived) == 1 and turned.slept == [30.0]


def test_mail_is_never_sent_past_a_wrong_certificate(box, kept, turned, monkeypatch) -> None:
    (told,) = outbox(mailing(box, monkeypatch, ca=None), kept, turned).tell(event())
    assert not told.sent and "SSL" in told.why and not box.arrived


def test_a_wrong_password_is_final(box, kept, turned, monkeypatch) -> None:
    operator = mailing(box, monkeypatch)
    monkeypatch.setenv("MAIL_PASSWORD", "wrong")
    (told,) = outbox(operator, kept, turned).tell(event())
    assert told.why == "the mail server answered 535" and not turned.slept


def test_apprise_takes_what_is_left(operator, kept, turned, there: Receivers, monkeypatch) -> None:
    pytest.importorskip("apprise")
    monkeypatch.setenv("OTHER", there.url.replace("http://", "json://") + "/hook")
    operator["notify"] = {"other": {"channel": "apprise", "urls_env": "OTHER"}}
    (told,) = outbox(operator, kept, turned).tell(event())
    assert told.sent, told.why
    assert "acme-widgets" in json.loads(there.webhook[0][1])["title"]


def test_apprise_calls_nobody() -> None:
    from detector.incident.notify import apprise

    hostile = "@everyone <!channel> <@U1>"
    draft = apprise.draft(event(summary=hostile, owner=hostile, lines=(hostile,), links=(Link("a", hostile),)), {})
    assert not {"@", "<"} & {*str(draft.body)}


# -- the canary ------------------------------------------------------------------

CANARIES = [
    expand("ghp_{alnum:30}{check:github-crc32}", 71),
    expand("glpat-{alnum:20}", 72),
    expand("sk_live_{alnum:24}", 73),
]


def test_no_channel_lets_a_credential_out(operator, kept, turned, there: Receivers, box, monkeypatch, capfd) -> None:
    clean = cleaner(lambda: rule_pack(Config()))
    github, gitlab, stripe = CANARIES
    loud = event(
        summary=f"branch {github} is exposed",
        owner=f"ada {gitlab}",
        lines=(f"src/{stripe}/settings.py:3", f"https://me:{gitlab}@git.test/a.git"),
        links=(Link("clone", f"git clone https://x:{github}@git.test/a.git"),),
    )
    everything = {**operator["notify"], **mailing(box, monkeypatch)["notify"]}
    places = destinations({"notify": everything})
    assert {place.channel for place in places.values()} == set(names(PACKAGE)) - {"apprise"}
    out = Outbox(places, kept, turned.clock, clean)
    shown = "".join(draft.shown() for _, draft in out.preview(loud))
    assert all(told.sent for told in out.tell(loud))
    texts = there.everything + box.arrived[0][3] + shown.encode() + "".join(capfd.readouterr()).encode()
    for part in email.message_from_bytes(box.arrived[0][3]).walk():
        texts += part.get_payload(decode=True) or b""
    for canary in CANARIES:
        for form in (canary, urllib.parse.quote(canary), base64.b64encode(canary.encode()).decode()[:24], canary[4:24]):
            assert form.encode() not in texts
    assert b"ghp_" in texts, "the redacted form is there"


def test_a_dry_run_shows_what_is_sent_and_no_credential_of_the_sender(
    operator, kept, turned, there, box, monkeypatch
) -> None:
    everything = {**operator["notify"], **mailing(box, monkeypatch)["notify"]}
    out = Outbox(destinations({"notify": everything}), kept, turned.clock, str)
    drafts = list(out.preview(event(owner="Ada")))
    assert {place.name for place, _ in drafts} == set(everything)
    assert not there.requests and not box.arrived
    shown = "".join(draft.shown() for _, draft in drafts)
    for hidden in (TOKEN, mail.PASSWORD, "url-canary", "signing-key-canary"):
        assert hidden not in shown
    out.tell(event(owner="Ada"))
    for place, draft in drafts:
        if isinstance(draft.body, dict):
            bodies = [json.loads(body) for _, _, _, body in there.requests if body]
            assert any(draft.body.items() <= body.items() for body in bodies), place.name


# -- the operator's file -----------------------------------------------------------


@pytest.mark.parametrize(
    ("table", "said"),
    [
        ({"channel": "carrier-pigeon"}, "unknown channel"),
        ({"url_env": "X"}, "needs a channel"),
        ({"channel": "slack", "uri_env": "X"}, "has no 'uri_env'"),
        ({"channel": "slack", "phases": "opened"}, "phases is a list"),
        ({"channel": "slack", "phases": ["close"]}, "fits none of opened"),
    ],
)
def test_a_wrong_table_is_one_clear_line(table: dict[str, Any], said: str) -> None:
    with pytest.raises(UsageError, match=said):
        destinations({"notify": {"x": table}})


def test_a_token_in_the_file_is_refused() -> None:
    with pytest.raises(UsageError, match="has no 'token'"):
        destinations({"notify": {"x": {"channel": "slack", "token": "t", "to": "C1"}}})


@pytest.mark.parametrize("name", names(PACKAGE))
def test_every_channel_keeps_the_promise(name: str) -> None:
    channel = load(PACKAGE, name, what="channel")
    assert isinstance(channel.SETTINGS, frozenset) and isinstance(channel.PER_OWNER, bool)
    assert not channel.SETTINGS & {"token", "password", "key", "routing_key"}
