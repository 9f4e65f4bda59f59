from __future__ import annotations

import os
import pathlib

import pytest

from detector.errors import UsageError
from rotators.core.model import Decision
from rotators.core.policy import read_policy

FULL = """
[accounts]
allow = ["aws:123456789012", "vault:*"]

[limits]
acts_per_run = 8
plan_expires = "30m"
stop_file = "/etc/leakfirst/stop"

[[rotate]]
rules = ["aws.*"]
verdicts = ["live"]
decide = "auto"
order = "contain-first"
may = ["disable", "reissue", "delete"]
destinations = ["prod"]
grace = "2d"
notify = ["oncall"]

[[rotate]]
rules = ["github.*"]
decide = "never"

[destinations.prod]
store = "aws-secrets-manager"
secret = "app/prod"

[rotators.aws-iam]
profile = "operator"
"""


def write(folder: pathlib.Path, text: str) -> str:
    path = folder / "rotation.toml"
    path.write_text(text)
    os.chmod(path, 0o600)
    return str(path)


def test_without_a_file_everything_asks_and_only_disables() -> None:
    clause = read_policy(None).clause("aws.access-key", "live")
    assert clause.decide == Decision.ASK
    assert clause.may == ("disable",)
    assert not read_policy(None).allows("aws:123456789012")


def test_the_first_matching_clause_decides(tmp_path: pathlib.Path) -> None:
    policy = read_policy(write(tmp_path, FULL))
    live = policy.clause("aws.access-key", "live")
    assert (live.decide, live.order, live.grace) == (Decision.AUTO, "contain-first", 172800)
    assert policy.clause("aws.access-key", "unknown").decide == Decision.ASK
    assert policy.clause("github.pat", "live").decide == Decision.NEVER
    assert policy.limits.plan_expires == 1800
    assert policy.destinations["prod"].settings == {"secret": "app/prod"}
    assert policy.allows("vault:host:8200")
    assert not policy.allows("aws:999999999999")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("[[rotate]]\ndecide = 'perhaps'", "auto, auto-final, ask, never"),
        ("[[rotate]]\ndecide = 'auto-final'", "verdicts"),
        ("[[rotate]]\norder = 'reconcile'", "reissue-first"),
        ("[[rotate]]\nmay = ['explode']", "disable, reissue, delete"),
        ("[[rotate]]\nmay = ['reissue']", "no destination"),
        ("[[rotate]]\nrules = 'aws.*'", "is a list"),
        ("[[rotate]]\nrulez = ['aws.*']", "unknown key 'rulez'; did you mean 'rules'"),
        ("[[rotate]]\ndestinations = ['nowhere']", "'nowhere'"),
        ("[[rotate]]\ngrace = 'a while'", "no duration"),
        ("[destinations.x]\nsecret = 'a'", "needs a store"),
        ("[limitz]", "unknown key 'limitz'; did you mean 'limits'"),
        ("[rotate", "rotation.toml"),
    ],
)
def test_a_wrong_file_says_what_is_wrong(tmp_path: pathlib.Path, text: str, message: str) -> None:
    with pytest.raises(UsageError) as caught:
        read_policy(write(tmp_path, text))
    assert message in str(caught.value)


def test_a_file_that_others_can_write_is_refused(tmp_path: pathlib.Path) -> None:
    path = write(tmp_path, FULL)
    os.chmod(path, 0o666)
    with pytest.raises(UsageError, match="chmod go-w"):
        read_policy(path)


def test_a_table_may_be_for_certain_credentials(tmp_path) -> None:
    file = tmp_path / "policy.toml"
    file.touch(0o600)
    file.write_text(
        '[[rotate]]\nrules = ["aws.*"]\ncredentials = ["user ci-*", "AKIA*7"]\ngrace = "1s"\n'
        '[[rotate]]\nrules = ["aws.*"]\ngrace = "2s"\n'
    )
    policy = read_policy(str(file))
    assert policy.clause("aws.access-key", "live", ("AKIA1", "user ci-7")).grace == 1
    assert policy.clause("aws.access-key", "live", ("AKIA17", "user other")).grace == 1
    assert policy.clause("aws.access-key", "live", ("AKIA1", "user other")).grace == 2
    assert policy.clause("aws.access-key", "live").grace == 1, "nobody has asked yet whose it is"


def test_a_clause_may_name_a_rotator(tmp_path: pathlib.Path) -> None:
    policy = read_policy(write(tmp_path, '[[rotate]]\nrules = ["acme.*"]\nrotator = "command"\n'))
    assert policy.clause("acme.key", "live").rotator == "command"
    with pytest.raises(UsageError, match="name of one rotator"):
        read_policy(write(tmp_path, '[[rotate]]\nrotator = ["command"]\n'))


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ('revoked = "x"', "needs approvers"),
        ('approvers = "x"\nfinal = 0', "1 to 9"),
        ('approvers = "x"\nfinale = 2', "finale"),
        ('approvers = "x"\n[[approvals.roles]]\nrules = ["*"]', "needs who"),
        ('approvers = "x"\n[[approvals.roles]]\nwho = ["a"]\nscope = "all"', "scope is one of"),
    ],
)
def test_a_mistake_in_the_approvals_is_told(text: str, words: str, tmp_path: pathlib.Path) -> None:
    with pytest.raises(UsageError, match=words):
        read_policy(write(tmp_path, f"[approvals]\n{text}\n"))
