"""One incident from the first minute to the last, over real HTTP; then the same one, killed again and again.

`world.py` describes what exists in it.
"""

from __future__ import annotations

import base64
import json
import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.detector.fleet.synthetic import ImportStream
from tests.detector.incident.world import ADA, DIRECT, GRACE, LINUS, PROGRAM, THROUGH, World, world

pytestmark = [pytest.mark.net, pytest.mark.slow, pytest.mark.timeout(400)]

KILLS = int(os.environ.get("LEAKFIRST_KILLS", "6"))

COMMITTER = "Ada Example <ada@example.test>"
"""The last author of the files with a current copy."""


@pytest.fixture
def there(tmp_path: Path, moto_url: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[World]:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "test")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "test")
    with world(tmp_path, moto_url) as made:
        yield made


def load_status(there: World) -> dict[str, Any]:
    """Return the output of `status --json`."""
    done = there.run("status", "--json")
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def load_log(there: World) -> list[dict[str, Any]]:
    return [json.loads(line) for line in there.run("log", "--json").stdout.splitlines()]


def load_end_state(there: World) -> dict[str, Any]:
    """Return everything that must be the same however often the program was killed, here and at the providers."""
    case = load_status(there)
    owners = {one["fingerprint"]: one for one in case["credentials"]}
    credentials = sorted(
        (one["rule"], one["redacted"] if "aws" not in one["rule"] else "", one["verdict"], one["settled"],
         one["hold"].get("kind", ""), [phase for phase, at in one["times"].items() if at])
        for one in owners.values()
    )  # fmt: skip
    keys = []
    for account in there.accounts:
        listed = account.keys()
        stored = account.stored()["access_key_id"]
        replaced = stored != account.old[0]
        keys.append((listed.get(account.old[0]), sorted(listed.values()), replaced, listed.get(stored)))
    return {
        "counts": case["counts"],
        "steps": {name: (step["state"], step["why"]) for name, step in case["steps"].items()},
        "credentials": credentials,
        "keys": keys,
        "vault": sorted(token[:8] for token in there.vault.tokens if token.startswith("hvs.")),
        "github": [bool(service.by_value(token)) for token, service in there.github.items()],
        "locations": sorted((at["repository"], at["path"], at["at_head"]) for at in case["locations"]),
        "dependents": sorted((row["repository"], row["path"], row["direct"]) for row in case["dependents"]),
        "scanned": sorted(case["scanned"]),
        "tasks": sorted((task["owner"], task["why"]) for task in case["tasks"]),
        "issues": sorted((issue["title"].partition("]")[2], issue["state"]) for issue in there.receivers.issues),
        "alerts": [actions[0] for actions in there.receivers.alerts.values()],
        "slack": sorted({_remove_times(message["text"]) for message in there.receivers.slack}),
    }  # fmt: skip


def _remove_times(text: str) -> str:
    """Return a message without what differs from run to run: the incident's name and how much time is left."""
    return text.partition("]")[2].partition(", due ")[0].partition("; ")[0]


def read_everything_written(there: World) -> bytes:
    """Return all that the program has written on this machine and sent to anybody but the providers."""
    home = b"".join(path.read_bytes() for path in sorted((there.folder / "home").rglob("*")) if path.is_file())
    return home + there.receivers.everything


def list_spellings(value: str) -> set[bytes]:
    raw = value.encode()
    return {raw, raw.hex().encode(), base64.b64encode(raw).rstrip(b"="), raw[::-1], raw[4 : 4 + len(raw) * 2 // 3]}


def test_an_incident_from_beginning_to_end(there: World) -> None:
    opened = there.open()
    assert opened.returncode == 4, opened.stderr
    case = json.loads(opened.stdout)

    # detect, verify
    assert case["counts"]["credentials"] == 40
    assert case["counts"]["live"] == 12
    assert sorted(one["rule"] for one in case["credentials"] if one["live"]) == (
        ["aws.access-key"] * 6 + ["github.pat-classic"] * 3 + ["vault.service-token"] * 3
    )
    assert sum(one["verdict"] == "dead" for one in case["credentials"]) == 16

    # contain and reissue: every live one is replaced, or waits for a named person
    for account in there.accounts[:4]:
        stored = account.stored()["access_key_id"]
        assert account.keys() == {account.old[0]: "Inactive", stored: "Active"}
    for account in there.accounts[4:]:
        assert account.keys() == {account.old[0]: "Inactive"}
    for one in case["credentials"]:
        if one["live"]:
            assert one["settled"] or (one["hold"]["why"] and one["owner"] in (ADA, GRACE, LINUS))
            assert one["times"]["dead"] or one["rule"] != "aws.access-key"
    assert {task["owner"] for task in case["tasks"]} == {ADA, GRACE, LINUS, COMMITTER}
    assert all(task["due"] == case["due"] and (task["command"] or "remove it" in task["why"]) for task in case["tasks"])

    # spread and dependents: other locations by keyed digest, and the repositories that depend on the package
    assert sorted((at["repository"], at["path"], at["at_head"]) for at in case["locations"]) == [
        ("r03", "deploy.env", True), ("r21", "config/prod.env", True), ("r25", "old.env", False),
    ]  # fmt: skip
    assert {row["repository"] for row in case["dependents"]} == {*DIRECT, *THROUGH}
    only_through = {row["repository"] for row in case["dependents"]} - {
        row["repository"] for row in case["dependents"] if row["direct"]
    }
    assert only_through == set(THROUGH)
    assert set(case["scanned"]) == {*DIRECT, *THROUGH}
    assert all(row["complete"] for row in case["scanned"].values())

    # notify
    assert list(there.receivers.alerts.values()) == [["trigger"]]
    assert len(there.receivers.issues) == 4
    before = load_end_state(there), load_log(there), len(there.receivers.requests)

    # a second run changes nothing
    again = there.run("next")
    assert again.returncode == 4, again.stderr
    assert (load_end_state(there), load_log(there), len(there.receivers.requests)) == before

    _do_the_manual_tasks(there, case)
    _close(there)
    _check_no_value_was_written(there)


def _do_the_manual_tasks(there: World, case: dict[str, Any]) -> None:
    """Approve the irreversible steps, do the manual ones, remove the copies, accept what cannot be verified."""
    name = case["incident"]
    assert there.run("take", name, "--by", "grace").returncode == 4
    for one in case["credentials"]:
        if one["live"] and not one["settled"] and one["hold"]["kind"] == "final":
            read = there.run("approve", name, one["plan"])
            assert read.returncode == 4 and one["digest"][:16] in read.stdout and "irreversible" in read.stdout
            wrong = there.run("approve", name, one["plan"], "--digest", "0" * 16, "--by", "grace")
            assert wrong.returncode == 2 and "digest" in wrong.stderr
            done = there.run("approve", name, one["plan"], "--digest", one["digest"], "--by", "grace")
            assert done.returncode == 4, done.stderr
    assert not any(service.by_value(token) for token, service in there.github.items())
    assert not any(token in there.vault.tokens for token in there.label if there.label[token].startswith("vault"))
    for one in load_status(there)["credentials"]:
        if one["live"] and not one["settled"]:
            assert there.run("approve", name, one["fingerprint"], "--done", "--by", "ada").returncode == 4
        elif not one["live"] and one["verdict"] == "unknown":
            assert there.run("accept", name, one["fingerprint"], "--reason", "rotated last year").returncode in (0, 4)
    refused = there.run("close", name, "--reason", "done")
    assert refused.returncode == 4 and "at a branch head" in refused.stderr
    for repository, path in (("r03", "deploy.env"), ("r21", "config/prod.env")):
        stream = ImportStream(700)
        stream.commit("main", {path: None}, "Without it", onto="refs/heads/main^0")
        stream.write_to(there.folder / "repositories" / repository)
    assert there.run("next", name).returncode == 0
    assert load_status(there)["counts"]["dead"] == 12


def _close(there: World) -> None:
    assert there.run("close", "--reason", "all dead").returncode == 0
    assert list(there.receivers.alerts.values()) == [["trigger", "acknowledge", "resolve"], ["resolve"]]
    assert {issue["state"] for issue in there.receivers.issues} == {"closed"}
    checked = there.run("log", "--check")
    assert checked.returncode == 0 and "the log is intact" in checked.stdout
    html, markdown = there.folder / "report.html", there.folder / "report.md"
    assert there.run("report", "--html", str(html), "--markdown", str(markdown)).returncode == 0
    for text in (html.read_text(), markdown.read_text()):
        for expected in (
            "Closed: all dead", "12 live, 12 contained, 4 replaced, 12 dead", "r07", "ui-kit", "grace", "approved (all)",
            "rotated last year", "Content-Security-Policy" if text.startswith("<") else "# Incident",
        ):  # fmt: skip
            assert expected in text, expected
    case = load_status(there)
    for one in case["credentials"]:
        if one["live"]:
            clock = one["times"]
            assert clock["found"] <= clock["confirmed"] <= clock["dead"] < case["due"]
            assert clock["contained"] is None or clock["contained"] <= clock["dead"]


def _check_no_value_was_written(there: World) -> None:
    """No value was written or sent anywhere; the ids of AWS keys are not secret."""
    written = read_everything_written(there)
    accounts = (there.folder / "report.html").read_bytes() + (there.folder / "report.md").read_bytes()
    names = {account.old[0] for account in there.accounts}
    fresh = [account.stored()["secret_access_key"] for account in there.accounts[:4]]
    for value in (*there.values, *fresh):
        if value not in names:
            assert not [form for form in list_spellings(value) if form in written + accounts], there.label.get(
                value, "a key"
            )


def _run_and_kill(there: World, words: list[str], after: float) -> bool:
    """Run a command and kill it *after* seconds; return whether it had ended before."""
    command = [sys.executable, "-c", PROGRAM, "respond", *there.command(*words)]
    process = subprocess.Popen(
        command, env=there.environment, cwd=there.folder, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        start_new_session=True,
    )  # fmt: skip
    try:
        process.wait(after)
        return True
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()
        return False


def test_kills_change_nothing(tmp_path: Path, moto_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "test")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "test")
    for name in ("calm", "stormy"):
        (tmp_path / name).mkdir()
    with world(tmp_path / "calm", moto_url) as calm:
        began = time.monotonic()
        assert calm.open().returncode == 4
        whole = time.monotonic() - began
        expected = load_end_state(calm)
    chance = random.Random(os.environ.get("LEAKFIRST_SEED", "20"))
    with world(tmp_path / "stormy", moto_url) as stormy:
        opened = stormy.run("open", "--only-open", "--package", "npm:acme-widgets@2.4.1", "--by", "ada", *stormy.leaked)
        assert opened.returncode == 0, opened.stderr
        killed = 0
        while killed < KILLS:
            # Most moments are after the program has started.
            moment = 0.3 + chance.random() ** 2 * whole
            killed += not _run_and_kill(stormy, ["next", "--by", "ada"], moment)
        last = stormy.run("next", "--by", "ada")
        assert last.returncode == 4, last.stderr
        assert load_end_state(stormy) == expected
        assert stormy.run("log", "--check").returncode == 0
        strays = [account.user for account in stormy.accounts[:4] if len(account.keys()) != 2]
        assert not strays, "a key that nobody holds is left"
        _check_no_value_was_written_yet(stormy)


def _check_no_value_was_written_yet(there: World) -> None:
    written = read_everything_written(there)
    names = {account.old[0] for account in there.accounts}
    assert not [value for value in there.values if value not in names and value.encode() in written]
