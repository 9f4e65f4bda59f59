"""Who acts for which account: chosen by globs, filled from templates, and never the leaked credential."""

from __future__ import annotations

import json
import pathlib
from collections.abc import Iterator

import pytest

from detector.errors import UsageError
from detector.secret import Secret
from rotators.core import aws as aws_clients
from rotators.core.identities import IdentityRule, choose_identity, complete_settings, refuse_leaked
from rotators.core.model import Leak, UnexpectedState, WrongIdentity
from rotators.core.policy import Policy, read_policy
from tests.fakes import vault as fake
from tests.rotators.world import Aws, Operator, policy, secret_text

pytestmark = pytest.mark.net

ROLE = "arn:{partition}:iam::{account}:role/LeakfirstResponder"
FIVE_LINES = f"""[[identities]]
accounts = ["aws:*"]
profile = "hub"
assume_role = "{ROLE}"
external_id_env = "LEAKFIRST_EXTERNAL_ID"
"""


def read(text: str, folder: pathlib.Path) -> Policy:
    path = folder / "rotation.toml"
    path.write_text(text)
    path.chmod(0o600)
    return read_policy(str(path))


def test_two_hundred_accounts_are_five_lines(tmp_path: pathlib.Path) -> None:
    rules = read(FIVE_LINES, tmp_path).identities
    roles = {complete_settings(rules, {}, f"aws:{100000000000 + n}")["assume_role"] for n in range(200)}
    assert len(roles) == 200
    assert "arn:aws:iam::100000000007:role/LeakfirstResponder" in roles


def test_the_first_table_that_matches_decides(tmp_path: pathlib.Path) -> None:
    text = f"""[[identities]]
accounts = ["aws:2*"]
partition = "aws-us-gov"
profile = "gov"
assume_role = "{ROLE}"

{FIVE_LINES}"""
    rules = read(text, tmp_path).identities
    gov = complete_settings(rules, {}, "aws:222222222222", "0123456789abcdef")
    assert gov["assume_role"] == "arn:aws-us-gov:iam::222222222222:role/LeakfirstResponder"
    assert (gov["region"], gov["profile"], gov["session_name"]) == ("us-gov-west-1", "gov", "leakfirst-0123456789ab")
    assert complete_settings(rules, {}, "aws:333333333333")["profile"] == "hub"
    assert choose_identity(rules, "vault:vault.test") is None


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ('[[identities]]\nprofile = "x"', "needs accounts"),
        ('[[identities]]\naccounts = "aws:*"', "needs accounts"),
        ('[[identities]]\naccounts = ["aws:*"]\nassume_rol = "x"', "did you mean 'assume_role'"),
        ('[[identities]]\naccounts = ["aws:*"]\nauth = "approle"', "unknown key 'auth'"),
        ('[[identities]]\naccounts = ["vault:*"]\nrole_id_emv = "x"', "did you mean 'role_id_env'"),
    ],
)
def test_a_mistake_in_the_table_is_one_line(text: str, problem: str, tmp_path: pathlib.Path) -> None:
    with pytest.raises(UsageError, match=problem):
        read(text, tmp_path)


def test_an_identity_is_named_in_one_place() -> None:
    rules = (IdentityRule(("aws:*",), {"profile": "hub"}),)
    with pytest.raises(UsageError, match="in one place"):
        complete_settings(rules, {"profile": "other"}, "aws:111111111111")


def test_a_template_needs_an_account() -> None:
    with pytest.raises(UsageError, match="is not known"):
        complete_settings((IdentityRule(("*",), {"assume_role": ROLE}),), {}, "by-hand")


def test_a_namespace_of_the_account_is_where_we_ask() -> None:
    rules = (IdentityRule(("vault:v.test/*",), {"token_env": "TEAM"}),)
    assert complete_settings(rules, {"address": "https://v.test"}, "vault:v.test/team/a")["namespace"] == "team/a"


def test_the_leaked_credential_never_acts(tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch) -> None:
    leak = Leak("x", "lf1:x", Secret(b"canary-leaked"))
    (tmp_path / "token").write_text("canary-leaked\n")
    monkeypatch.setenv("MINE", "canary-leaked")
    for settings in ({"token_env": "MINE"}, {"secret_id_file": str(tmp_path / "token")}):
        with pytest.raises(UnexpectedState, match="the leaked credential itself"):
            refuse_leaked(settings, leak, "vault:v.test")
    refuse_leaked({"token_env": "NOT_SET", "jwt_file": str(tmp_path / "none")}, leak, "vault:v.test")


# -- two accounts of AWS --------------------------------------------------------

HERE, THERE = "123456789012", "111122223333"


@pytest.fixture
def other_account(aws: Aws) -> Iterator[Aws]:
    """Another account of the emulator, whose role the operator of the first one may assume."""
    trust = {"Version": "2012-10-17", "Statement": []}
    role = f"arn:aws:iam::{THERE}:role/LeakfirstResponder"
    sts = aws.client("sts")
    given = sts.assume_role(RoleArn=role, RoleSessionName="setup")["Credentials"]
    world = Aws(aws.url)
    keys = (given["AccessKeyId"], Secret(given["SecretAccessKey"].encode()), Secret(given["SessionToken"].encode()))
    world.client = lambda service, keys_=None: aws_clients.make_client(  # type: ignore[method-assign]
        service, {"endpoint": aws.url}, keys=(keys_[0], Secret(keys_[1].encode()), None) if keys_ else keys
    )
    world.client("iam").create_role(RoleName="LeakfirstResponder", AssumeRolePolicyDocument=json.dumps(trust))
    yield world
    world.client("iam").delete_role(RoleName="LeakfirstResponder")


def make_rules(aws: Aws, secret: str, **identity: str) -> Policy:
    places = {"prod": ("aws-secrets-manager", {"endpoint": aws.url, "secret": secret})}
    rules = policy("aws-iam", {"endpoint": aws.url, "prove_by_use": False}, places, order="contain-first")
    return rules._replace(identities=(IdentityRule((f"aws:{THERE}",), identity),))


def test_a_key_of_another_account_is_replaced_by_the_role_of_that_account(
    aws: Aws, other_account: Aws, tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("EXTERNAL", "shared-with-the-hub")
    leaks = [(aws, aws.plant()), (other_account, other_account.plant())]
    for number, (world, leak) in enumerate(leaks):
        assumed = {"assume_role": ROLE, "external_id_env": "EXTERNAL"}
        operator = Operator(str(tmp_path / str(number)), make_rules(aws, world.secret, **assumed), leak)
        plan = operator.approved()
        account = (HERE, THERE)[number]
        assert dict(plan.facts)["account"] == f"aws:{account}"
        if number:
            assert plan.bindings["rotator.identity"] == f"arn:aws:sts::{THERE}:assumed-role/LeakfirstResponder"
            assert plan.bindings["destination.prod.account"] == THERE
        assert operator.finish(plan).state in ("finished", "ended")
        assert world.old[0] not in set(world.keys())
        assert world.stored()["access_key_id"] in set(world.keys())


def test_without_its_identity_the_key_of_another_account_is_not_found(
    aws: Aws, other_account: Aws, tmp_path: pathlib.Path
) -> None:
    leak = other_account.plant()
    operator = Operator(str(tmp_path), make_rules(aws, other_account.secret)._replace(identities=()), leak)
    with pytest.raises(Exception, match=r"NoSuchEntity|no user in"):
        operator.plan()


def test_another_role_than_the_approved_one_stops(aws: Aws, other_account: Aws, tmp_path: pathlib.Path) -> None:
    leak = other_account.plant()
    operator = Operator(str(tmp_path), make_rules(aws, other_account.secret, assume_role=ROLE), leak)
    plan = operator.approved()
    operator.policy = make_rules(aws, other_account.secret, assume_role=ROLE.replace("Leakfirst", "Other"))
    with pytest.raises(UnexpectedState, match="not what the plan was approved for: rotator"):
        operator.run(plan).apply()
    assert other_account.keys()[other_account.old[0]] == "Active"


def test_a_profile_of_another_account_is_noticed(aws: Aws) -> None:
    with pytest.raises(WrongIdentity, match=f"for account {THERE} act in account {HERE}"):
        aws_clients.describe_access({"endpoint": aws.url, "account": THERE})


def test_the_leaked_key_is_not_the_operators_even_below_a_role(aws: Aws, monkeypatch: pytest.MonkeyPatch) -> None:
    leak = aws.plant()
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", aws.old[0])
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", aws.old[1])
    with pytest.raises(UnexpectedState, match="the leaked key itself"):
        refuse_leaked({"endpoint": aws.url, "assume_role": "arn:aws:iam::1:role/x"}, leak, f"aws:{HERE}")


def test_whose_it_is_decides_who_acts(tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A token of a child namespace is ended by the identity of that namespace."""
    monkeypatch.setenv("ROOT", fake.ROOT)
    monkeypatch.setenv("TEAM", fake.ROOT)
    leaked = secret_text()
    with fake.running() as (address, server):
        server.tokens[leaked] = server.token("auth/token/create", ["default"], namespace_path="team/")
        host = address.partition("://")[2]
        rules = policy("vault-token", {"address": address})._replace(
            identities=(
                IdentityRule((f"vault:{host}",), {"token_env": "ROOT"}),
                IdentityRule((f"vault:{host}/team",), {"token_env": "TEAM"}),
            )
        )
        leak = Leak("vault.token", "lf1:n", Secret(leaked.encode()))
        plan = Operator(str(tmp_path), rules, leak).plan()
        assert dict(plan.facts)["account"] == f"vault:{host}/team"
        assert '"token_env":"TEAM"' in plan.bindings["rotator"] and '"namespace":"team"' in plan.bindings["rotator"]
        only = rules._replace(identities=rules.identities[:1])
        bound = Operator(str(tmp_path), only, leak).plan().bindings["rotator"]
        assert '"token_env":"ROOT"' in bound and '"namespace":"team"' in bound, "who acts above acts below, too"
