"""The whole story on two AWS emulators and a Vault, through the command line and over real HTTP.

Each emulator gets other things right: `DIFFERENCES` says which, and is itself
tested, so that a better emulator makes itself known.
"""

from __future__ import annotations

import json
import os
import pathlib
import secrets
import subprocess
from collections.abc import Iterator
from typing import Any

import pytest

from leakfirst._program import main
from rotators.core import executor
from rotators.core.aws import decode_account, get_error_code
from tests.fakes import vault as fake
from tests.rotators import world
from tests.rotators.world import Aws

pytestmark = pytest.mark.net

DIFFERENCES: dict[str, dict[str, bool]] = {
    "an inactive key is refused": {"moto": False, "ministack": True},
    "a deleted key is refused": {"moto": True, "ministack": True},
    "a third key is refused": {"moto": True, "ministack": False},
    "the last use is known": {"moto": True, "ministack": False},
    "a key id spells its account": {"moto": True, "ministack": False},
    "a secret is read at AWSCURRENT when no stage is named": {"moto": False, "ministack": True},
}


@pytest.fixture(params=["moto", "ministack"])
def cloud(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[str, Aws]]:
    """An account that checks signatures, with an operator of its own."""
    url = request.getfixturevalue(f"{request.param}_url")
    if request.param == "ministack":
        yield "ministack", Aws(url)
        return
    world.moto_api(url, "reset-auth", b"inf")
    account = Aws(url)
    iam = account.client("iam")
    name = f"operator-{secrets.token_hex(4)}"
    iam.create_user(UserName=name)
    rule = {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "*", "Resource": "*"}]}
    iam.put_user_policy(UserName=name, PolicyName="all", PolicyDocument=json.dumps(rule))
    key = iam.create_access_key(UserName=name)["AccessKey"]
    account.root = (key["AccessKeyId"], key["SecretAccessKey"])
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", account.root[0])
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", account.root[1])
    world.moto_api(url, "reset-auth", b"0")
    yield "moto", account
    world.moto_api(url, "reset-auth", b"inf")


def refused(account: Aws, service: str, call: str, keys: tuple[str, ...], **arguments: Any) -> bool:
    import boto3
    from botocore.exceptions import ClientError

    names = ("aws_access_key_id", "aws_secret_access_key", "aws_session_token")
    given = dict(zip(names, keys, strict=False))
    client: Any = boto3.client(service, endpoint_url=account.url, region_name="us-east-1", **given)
    try:
        getattr(client, call)(**arguments)
    except ClientError as error:
        return bool(get_error_code(error))
    return False


def observed(account: Aws) -> dict[str, bool]:
    """Find out what this emulator does."""
    iam, found = account.client("iam"), {}
    account.plant()
    account.client("sts", account.old).get_caller_identity()
    used = iam.get_access_key_last_used(AccessKeyId=account.old[0])["AccessKeyLastUsed"]
    found["the last use is known"] = "LastUsedDate" in used
    mine = account.client("sts").get_caller_identity()["Account"]
    found["a key id spells its account"] = decode_account(account.old[0]) == mine
    iam.create_access_key(UserName=account.user)
    found["a third key is refused"] = refused(account, "iam", "create_access_key", account.root, UserName=account.user)
    iam.update_access_key(UserName=account.user, AccessKeyId=account.old[0], Status="Inactive")
    found["an inactive key is refused"] = refused(account, "sts", "get_caller_identity", account.old)
    iam.delete_access_key(UserName=account.user, AccessKeyId=account.old[0])
    found["a deleted key is refused"] = refused(account, "sts", "get_caller_identity", account.old)
    sm = account.client("secretsmanager")
    fresh = str(__import__("uuid").uuid4())
    sm.put_secret_value(SecretId=account.secret, ClientRequestToken=fresh, SecretString="{}", VersionStages=["X"])
    current = sm.describe_secret(SecretId=account.secret)["VersionIdsToStages"]
    away = next(version for version, labels in current.items() if "AWSCURRENT" in labels)
    sm.update_secret_version_stage(
        SecretId=account.secret, VersionStage="AWSCURRENT", MoveToVersionId=fresh, RemoveFromVersionId=away
    )
    plain = sm.get_secret_value(SecretId=account.secret)["SecretString"]
    found["a secret is read at AWSCURRENT when no stage is named"] = plain == "{}"
    return found


def test_the_emulators_differ_as_the_table_says(cloud: tuple[str, Aws]) -> None:
    name, account = cloud
    assert observed(account) == {what: column[name] for what, column in DIFFERENCES.items()}


EMULATOR_RULE = """
[[rule]]
id = "aws.emulator-key"
finds = "Access key of an emulator"
harm = "None: no real key has this shape."
severity = "high"
confidence = "high"
anchors = ["AKIA"]
pattern = '''\\b(AKIA[0-9A-F]{16})\\b'''
examples = ["AKIA{hex:16}\\n{hex:40}"]
[[rule.companions]]
name = "secret-access-key"
pattern = '''\\b([0-9a-f]{40})\\b'''
within = 512
required = true
"""
"""ministack makes keys in hexadecimal, which the rule for real keys knows not to be any."""


def git(folder: pathlib.Path, *words: str) -> None:
    subprocess.run(["git", "-C", str(folder), *words], check=True, capture_output=True)


def commit_and_remove(folder: pathlib.Path, key_id: str, secret: str) -> pathlib.Path:
    """A developer commits a key, and removes it with the next commit. Returns the repository."""
    repository = folder / "repository"
    repository.mkdir()
    git(repository, "init", "-q")
    config = repository / "settings.ini"
    config.write_text(f"[aws]\naws_access_key_id = {key_id}\naws_secret_access_key = {secret}\n")
    git(repository, "add", ".")
    git(repository, "commit", "-qm", "Add settings")
    config.write_text("[aws]\n")
    git(repository, "commit", "-qam", "Remove the key")
    return repository


def write_policy(folder: pathlib.Path, name: str, account: Aws, address: str) -> pathlib.Path:
    """Allow everything for the keys of the account, with both stores as destinations."""
    # moto takes an inactive key for a live one, and applies a deny of old sessions to everything.
    kind = {"moto": {"prove_by_use": False, "end_sessions": False}, "ministack": {}}[name]
    policy = folder / "rotation.toml"
    policy.touch(0o600)
    policy.write_text(
        f"""
        [accounts]
        allow = ["aws:*"]
        [[rotate]]
        rules = ["aws.*"]
        may = ["disable", "reissue", "delete"]
        destinations = ["manager", "kv"]
        grace = "1s"
        notify = ["oncall"]
        [rotators.aws-iam]
        endpoint = "{account.url}"
        {"".join(f"{key} = false{os.linesep}" for key in kind)}
        [destinations.manager]
        store = "aws-secrets-manager"
        endpoint = "{account.url}"
        secret = "{account.secret}"
        [destinations.kv]
        store = "vault-kv"
        address = "{address}"
        token_env = "OPERATOR_TOKEN"
        path = "app"
        """
    )
    return policy


def replace_key(
    report: pathlib.Path,
    fingerprint: str,
    account: Aws,
    operator: list[str],
    options: list[str],
    capsys: pytest.CaptureFixture[str],
) -> tuple[dict[str, Any], str]:
    """Plan, approve, apply and resume until the old key is gone; return the plan, and what was printed of it."""
    assert main(["rotate", "plan", str(report), "--only", fingerprint, "--json", *options]) == 0
    shown = capsys.readouterr().out
    plan = json.loads(shown)[0]
    assert main(["rotate", "apply", plan["id"], *options]) == 4, "nobody has approved it"
    assert main(["rotate", "approve", plan["id"], "--digest", plan["digest"], *operator]) == 0
    assert main(["rotate", "apply", plan["id"], *options]) == 0
    old = account.old[0]
    assert account.keys().get(old) in ("Inactive", None)
    for _ in range(200):
        assert main(["rotate", "resume", "--all", *options]) == 0
        left = account.keys()
        if old not in left:
            break
    return plan, shown


def test_from_a_planted_leak_to_a_replaced_key(
    cloud: tuple[str, Aws],
    tmp_path: pathlib.Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    name, account = cloud
    account.plant()
    monkeypatch.setenv("LEAKFIRST_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("OPERATOR_TOKEN", fake.ROOT)
    monkeypatch.setattr(executor, "PAUSE", 0.05)

    repository = commit_and_remove(tmp_path, *account.old)
    report = tmp_path / "report.json"
    with fake.running() as (address, vault):
        vault.kv["app"] = {
            "current_version": 1,
            "versions": {"1": {"created_time": "", "deletion_time": "", "destroyed": False}},
            "data": {"1": {"access_key_id": account.old[0], "secret_access_key": account.old[1]}},
        }
        policy = write_policy(tmp_path, name, account, address)
        rule = "aws.access-key"
        options: list[str] = []
        if name == "ministack":
            rule = "aws.emulator-key"
            (tmp_path / "emulator.toml").write_text(EMULATOR_RULE)
            options = ["--patterns", str(tmp_path / "emulator.toml")]
        assert main(["scan", str(repository), "--report", f"json={report}", "--quiet", *options]) == 1
        capsys.readouterr()
        rows = json.loads(report.read_text())["findings"]
        ours = next(row["fingerprint"] for row in rows if row["rule"] == rule)

        operator = ["--policy", str(policy)]
        plan, shown = replace_key(report, ours, account, operator, options + operator, capsys)
        old = account.old[0]

        (new,) = account.keys()
        assert new != old
        stored = account.stored()
        assert stored["access_key_id"] == new
        assert vault.kv["app"]["data"]["2"] == {
            "access_key_id": new,
            "secret_access_key": stored["secret_access_key"],
        }
        account.client("sts", (new, stored["secret_access_key"])).get_caller_identity()
        assert refused(account, "sts", "get_caller_identity", account.old)
        assert main(["rotate", "log", "--check", *operator]) == 0
        assert main(["rotate", "status", plan["id"], *operator]) == 0
    printed = capsys.readouterr()
    log = (tmp_path / "home" / "rotations" / "journal.jsonl").read_text()
    assert ("prove-dead done" in steps(log)) and ('"result":"dead"' in log) == (name == "ministack")
    for text in (printed.out, printed.err, log, shown, *everything(tmp_path / "home")):
        assert stored["secret_access_key"] not in text
        assert account.old[1] not in text


def steps(log: str) -> set[str]:
    return {f"{entry['step']} {entry['phase']}" for entry in map(json.loads, log.splitlines())}


def everything(folder: pathlib.Path) -> list[str]:
    return [path.read_bytes().decode("latin-1") for path in folder.rglob("*") if path.is_file()]
