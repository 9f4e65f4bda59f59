"""A rotation that is killed, starved, misled or raced: it converges, and the consumer's secret works throughout.

`docs/rotation-faults.md` counts these cases; `test_docs` there compares the count.
"""

from __future__ import annotations

import json
import pathlib
import threading
from collections.abc import Iterator

import pytest

from detector.errors import RotationError
from detector.secret import Secret
from rotators.core.model import Leak, UnexpectedState
from tests.fakes import vault as fake
from tests.rotators.faults import Proxy, killed_at, proxied
from tests.rotators.world import Aws, Operator, policy

pytestmark = pytest.mark.net

ISSUER_LINES = 21
"""Journal lines of a provider-made rotation up to its grace period, approval left out."""


class Scene:
    """An IAM key with two destinations, behind a proxy that can fail."""

    def __init__(self, aws: Aws, url: str, proxy: Proxy, folder: pathlib.Path) -> None:
        self.aws, self.proxy = aws, proxy
        leak = aws.plant()
        self.env = folder / "consumer.env"
        self.env.write_text(f"AWS_ACCESS_KEY_ID={aws.old[0]}\nAWS_SECRET_ACCESS_KEY={aws.old[1]}\n")
        names = {"access_key_id": "AWS_ACCESS_KEY_ID", "secret_access_key": "AWS_SECRET_ACCESS_KEY"}
        settings = {"endpoint": url, "region": "us-east-1", "end_sessions": False, "prove_by_use": False}
        places = {
            "prod": ("aws-secrets-manager", {"endpoint": url, "secret": aws.secret}),
            "host": ("env-file", {"path": str(self.env), "fields": names}),
        }
        self.operator = Operator(str(folder / "state"), policy("aws-iam", settings, places), leak)

    def consumers(self) -> set[str]:
        """Return the key ids that consumers read now; each must be complete and of one key."""
        stored = self.aws.stored()
        lines = dict(line.split("=", 1) for line in self.env.read_text().splitlines())
        pairs = {
            (stored["access_key_id"], stored["secret_access_key"]),
            (lines["AWS_ACCESS_KEY_ID"], lines["AWS_SECRET_ACCESS_KEY"]),
        }
        assert len({key for key, _ in pairs}) == len(pairs), "a key id with two secrets"
        return {key for key, _ in pairs}

    def assert_works(self) -> None:
        """Every consumer's key exists and is active."""
        keys = self.aws.keys()
        for key in self.consumers():
            assert keys.get(key) == "Active", f"a consumer reads {key}, which is {keys.get(key)}"

    def assert_replaced(self) -> None:
        (key,) = self.consumers()
        assert key != self.aws.old[0]
        assert self.aws.keys() == {key: "Active"}
        self.assert_clean()

    def assert_rolled_back(self) -> None:
        assert self.consumers() == {self.aws.old[0]}
        assert self.aws.keys() == {self.aws.old[0]: "Active"}
        self.assert_clean()

    def assert_clean(self) -> None:
        """Nothing is pending, nothing in escrow, and the log verifies."""
        labels = self.aws.client("secretsmanager").describe_secret(SecretId=self.aws.secret)["VersionIdsToStages"]
        assert not any("AWSPENDING" in names for names in labels.values())
        escrow = pathlib.Path(self.operator.folder) / "escrow"
        assert not escrow.exists() or not list(escrow.iterdir())
        assert self.operator.journal.check() == []


@pytest.fixture
def scene(aws: Aws, tmp_path: pathlib.Path) -> Iterator[Scene]:
    with proxied(aws.url) as (url, proxy):
        yield Scene(aws, url, proxy, tmp_path)


KILLS = range(0, 2 * ISSUER_LINES + 1)
UNDONE = range(3, 2 * ISSUER_LINES)
WHILE_UNDOING = range(0, 14)


@pytest.mark.slow
@pytest.mark.parametrize("boundary", KILLS)
def test_killed_anywhere_it_resumes(scene: Scene, boundary: int) -> None:
    plan = scene.operator.approved()
    died = killed_at(boundary, lambda: scene.operator.run(plan).apply())
    assert died == (boundary < 2 * ISSUER_LINES)
    scene.assert_works()
    assert scene.operator.finish(plan).state == "finished"
    scene.assert_replaced()


@pytest.mark.slow
@pytest.mark.parametrize("boundary", UNDONE)
def test_killed_anywhere_it_is_undone(scene: Scene, boundary: int) -> None:
    plan = scene.operator.approved()
    assert killed_at(boundary, lambda: scene.operator.run(plan).apply())
    scene.assert_works()
    assert scene.operator.run(plan).undo().state == "rolled-back"
    scene.assert_rolled_back()


@pytest.mark.slow
@pytest.mark.parametrize("boundary", WHILE_UNDOING)
def test_killed_while_undoing_it_is_undone_again(scene: Scene, boundary: int) -> None:
    plan = scene.operator.approved()
    scene.operator.run(plan).apply()
    killed_at(boundary, lambda: scene.operator.run(plan).undo())
    scene.assert_works()
    assert scene.operator.run(plan).undo().state == "rolled-back"
    scene.assert_rolled_back()


def test_an_undo_that_stopped_halfway_is_never_gone_forward_from(scene: Scene) -> None:
    plan = scene.operator.approved()
    scene.operator.run(plan).apply()
    scene.proxy.inject(b"UpdateSecretVersionStage", "lose", 4)
    with pytest.raises(RotationError, match="may have acted"):
        scene.operator.run(plan).undo()
    scene.proxy.faults.clear()
    assert scene.operator.run(plan).resume().state == "rolled-back", "going forward would disable the key in use"
    scene.assert_rolled_back()


LOST = [b"CreateAccessKey", b"PutSecretValue", b"UpdateSecretVersionStage", b"Status=Inactive", b"DeleteAccessKey"]


@pytest.mark.parametrize("call", LOST, ids=bytes.decode)
def test_an_answer_that_is_lost_after_the_provider_acted(scene: Scene, call: bytes) -> None:
    plan = scene.operator.approved()
    times = 1 if call == b"CreateAccessKey" else 4  # past the client's own repetitions of safe calls
    scene.proxy.inject(call, "lose", times)
    with pytest.raises(RotationError, match="may have acted"):
        scene.operator.finish(plan)
    scene.proxy.faults.clear()
    scene.assert_works()
    assert scene.operator.finish(plan).state == "finished"
    scene.assert_replaced()
    assert sum(b"Action=CreateAccessKey" in seen for seen in scene.proxy.seen) <= 2


@pytest.mark.parametrize("call", LOST, ids=bytes.decode)
def test_throttling_is_waited_out(scene: Scene, call: bytes) -> None:
    plan = scene.operator.approved()
    scene.proxy.inject(call, "refuse", 2)
    assert scene.operator.finish(plan).state == "finished"
    scene.assert_replaced()


def test_a_key_that_takes_a_minute_to_work(scene: Scene) -> None:
    plan = scene.operator.approved()
    scene.proxy.inject(b"Action=GetCallerIdentity", "unknown", 30)
    assert scene.operator.finish(plan).state == "finished"
    assert sum(scene.operator.time.slept) >= 60
    scene.assert_replaced()


def test_a_key_that_never_works_is_not_given_to_anybody(scene: Scene) -> None:
    plan = scene.operator.approved()
    scene.proxy.inject(b"Action=GetCallerIdentity", "unknown", 10_000)
    with pytest.raises(UnexpectedState, match="does not work"):
        scene.operator.run(plan).apply()
    assert scene.consumers() == {scene.aws.old[0]}
    scene.operator.run(plan).undo()
    scene.assert_rolled_back()


def test_a_key_that_works_here_and_not_there_must_become_steady(scene: Scene) -> None:
    plan = scene.operator.approved()
    for _ in range(3):
        scene.proxy.inject(b"Action=GetCallerIdentity", "then", 2)
        scene.proxy.inject(b"Action=GetCallerIdentity", "unknown", 1)
    assert scene.operator.finish(plan).state == "finished"
    asked = sum(b"Action=GetCallerIdentity" in seen for seen in scene.proxy.seen)
    assert asked >= 3 * 3 + 3


def test_a_store_that_refuses_at_preflight_costs_nothing(scene: Scene) -> None:
    plan = scene.operator.approved()
    scene.proxy.inject(b"PutSecretValue", "fail", 1)
    with pytest.raises(RotationError):
        scene.operator.run(plan).apply()
    assert not any(b"Action=CreateAccessKey" in seen for seen in scene.proxy.seen)
    assert scene.operator.finish(plan).state == "finished"
    scene.assert_replaced()


def test_a_store_that_refuses_the_pending_value(scene: Scene) -> None:
    plan = scene.operator.approved()
    scene.proxy.inject(b"AWSPENDING", "fail", 1)
    with pytest.raises(RotationError):
        scene.operator.run(plan).apply()
    scene.assert_works()
    assert scene.operator.finish(plan).state == "finished"
    scene.assert_replaced()


def test_a_second_store_that_fails_takes_the_first_one_back(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    from rotators.stores import env_file

    plan = scene.operator.approved()
    working = env_file.Store.promote

    def failing(self: env_file.Store, token: str, values: object) -> object:
        raise OSError("disk full")

    monkeypatch.setattr(env_file.Store, "promote", failing)
    with pytest.raises(RotationError, match="disk full"):
        scene.operator.run(plan).apply()
    assert scene.consumers() == {scene.aws.old[0]}
    scene.assert_works()
    monkeypatch.setattr(env_file.Store, "promote", working)
    assert scene.operator.finish(plan).state == "finished"
    scene.assert_replaced()


def test_two_runs_at_once(scene: Scene) -> None:
    first, second = scene.operator.approved(), scene.operator.approved()
    results: list[str] = []

    def run(plan: object) -> None:
        try:
            results.append(scene.operator.run(plan).apply().state)  # type: ignore[arg-type]
        except RotationError as error:
            results.append(type(error).__name__)

    threads = [threading.Thread(target=run, args=(plan,)) for plan in (first, second)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(results, key=lambda text: text == "waiting")[-1] == "waiting"
    assert results.count("waiting") == 1
    assert sum(b"Action=CreateAccessKey" in seen for seen in scene.proxy.seen) == 1
    scene.assert_works()


def test_a_second_plan_waits_for_the_first_run_to_end(scene: Scene) -> None:
    first, second = scene.operator.approved(), scene.operator.approved()
    scene.operator.run(first).apply()
    with pytest.raises(RotationError, match="still open"):
        scene.operator.run(second).apply()


# -- whose is a key that appeared? ------------------------------------------


def make_foreign_key(scene: Scene, *, used: bool = False, stored: bool = False) -> str:
    """Let a colleague make a key, and use it or give it to the consumers."""
    key = scene.aws.client("iam").create_access_key(UserName=scene.aws.user)["AccessKey"]
    pair = (key["AccessKeyId"], key["SecretAccessKey"])
    if used:
        scene.aws.client("sts", pair).get_caller_identity()
    if stored:
        document = {**scene.aws.stored(), "access_key_id": pair[0], "secret_access_key": pair[1]}
        manager = scene.aws.client("secretsmanager")
        manager.put_secret_value(SecretId=scene.aws.secret, SecretString=json.dumps(document))
    return pair[0]


@pytest.mark.parametrize("kind", ["fail", "refuse"])
@pytest.mark.parametrize("verb", ["resume", "undo"])
def test_after_a_refusal_a_colleagues_key_is_not_looked_for(scene: Scene, kind: str, verb: str) -> None:
    plan = scene.operator.approved()
    scene.proxy.inject(b"CreateAccessKey", kind, 50)
    with pytest.raises(RotationError):
        scene.operator.run(plan).apply()
    scene.proxy.faults.clear()
    other = make_foreign_key(scene)
    if verb == "undo":
        assert scene.operator.run(plan).undo().state == "rolled-back"
    else:
        with pytest.raises(UnexpectedState, match=f"{other} .* is not ours to delete"):
            scene.operator.run(plan).resume()
    assert scene.aws.keys() == {scene.aws.old[0]: "Active", other: "Active"}


@pytest.mark.parametrize("how", ["used", "stored"])
def test_a_key_that_somebody_uses_is_left_although_an_answer_was_lost(scene: Scene, how: str) -> None:
    plan = scene.operator.approved()
    scene.proxy.inject(b"CreateAccessKey", "lose-before", 1)
    with pytest.raises(RotationError, match="may have acted"):
        scene.operator.run(plan).apply()
    other = make_foreign_key(scene, used=how == "used", stored=how == "stored")
    for verb in ("resume", "undo"):
        with pytest.raises(UnexpectedState, match=rf"{other}.* left as it is"):
            getattr(scene.operator.run(plan), verb)()
    assert scene.aws.keys() == {scene.aws.old[0]: "Active", other: "Active"}


def test_cloudtrail_says_that_a_lost_key_is_ours(scene: Scene) -> None:
    scene.proxy.trail = []
    plan = scene.operator.approved()
    scene.proxy.inject(b"CreateAccessKey", "lose", 1)
    with pytest.raises(RotationError, match="may have acted"):
        scene.operator.run(plan).apply()
    assert len(scene.aws.keys()) == 2
    assert scene.operator.finish(plan).state == "finished"
    scene.assert_replaced()


def test_cloudtrail_says_that_a_new_key_is_somebody_elses(scene: Scene) -> None:
    scene.proxy.trail = []
    plan = scene.operator.approved()
    scene.proxy.inject(b"CreateAccessKey", "lose-before", 1)
    with pytest.raises(RotationError, match="may have acted"):
        scene.operator.run(plan).apply()
    other = make_foreign_key(scene)
    event = {"userAgent": "aws-cli/2", "responseElements": {"accessKey": {"accessKeyId": other}}}
    scene.proxy.trail.append({"CloudTrailEvent": json.dumps(event)})
    with pytest.raises(UnexpectedState, match="CloudTrail says so"):
        scene.operator.run(plan).resume()
    assert scene.aws.keys() == {scene.aws.old[0]: "Active", other: "Active"}


def test_an_event_that_is_late_is_waited_for_and_then_a_person_decides(scene: Scene) -> None:
    scene.proxy.trail, scene.proxy.trail_is_late = [], True
    plan = scene.operator.approved()
    scene.proxy.inject(b"CreateAccessKey", "lose", 1)
    with pytest.raises(RotationError, match="may have acted"):
        scene.operator.run(plan).apply()
    outcome = scene.operator.run(plan).resume()
    assert (outcome.state, outcome.step) == ("waiting", "mint")
    scene.operator.time.ahead += 1000
    with pytest.raises(UnexpectedState, match="CloudTrail has no event"):
        scene.operator.run(plan).resume()
    assert set(scene.aws.keys().values()) == {"Active"} and len(scene.aws.keys()) == 2
    scene.proxy.trail_is_late = False
    assert scene.operator.finish(plan).state == "finished"
    scene.assert_replaced()


def test_a_damaged_answer_is_a_lost_one_and_shows_no_value(scene: Scene) -> None:
    plan = scene.operator.approved()
    scene.proxy.inject(b"Action=CreateAccessKey", "damage", 1)
    with pytest.raises(RotationError, match="cannot be read") as failure:
        scene.operator.run(plan).apply()
    assert "Secret" not in str(failure.value)
    assert "SecretAccessKey" not in pathlib.Path(scene.operator.journal.path).read_text()
    assert scene.operator.finish(plan).state == "finished"
    scene.assert_replaced()


def test_an_operator_who_changes_the_value_meanwhile(scene: Scene) -> None:
    plan = scene.operator.approved()
    scene.proxy.inject(b"AWSPENDING", "then", 1, after=lambda: edit(scene, "access_key_id"))
    with pytest.raises(UnexpectedState, match="somebody changed"):
        scene.operator.run(plan).apply()
    assert scene.aws.stored()["access_key_id"] == "AKIAOPERATOR"
    scene.operator.run(plan).undo()
    assert scene.aws.stored()["access_key_id"] == "AKIAOPERATOR"
    assert scene.aws.keys() == {scene.aws.old[0]: "Active"}


def test_an_operator_who_changes_another_field_meanwhile(scene: Scene) -> None:
    plan = scene.operator.approved()
    scene.proxy.inject(b"AWSPENDING", "then", 1, after=lambda: edit(scene, "host"))
    with pytest.raises(UnexpectedState, match="other fields"):
        scene.operator.run(plan).apply()
    scene.operator.run(plan).undo()
    assert scene.aws.stored()["host"] == "AKIAOPERATOR"
    scene.aws.client("secretsmanager")
    assert scene.aws.keys() == {scene.aws.old[0]: "Active"}


def edit(scene: Scene, field: str) -> None:
    import json

    document = {**scene.aws.stored(), field: "AKIAOPERATOR"}
    scene.aws.client("secretsmanager").put_secret_value(SecretId=scene.aws.secret, SecretString=json.dumps(document))


def test_an_old_key_that_is_still_used_is_not_deleted(scene: Scene) -> None:
    plan = scene.operator.approved()
    scene.operator.run(plan).apply()
    scene.operator.time.ahead += 2 * 86400
    from rotators import aws_iam

    original = aws_iam.Rotator.used_since
    aws_iam.Rotator.used_since = lambda self, when: "a batch job"  # type: ignore[method-assign]
    try:
        outcome = scene.operator.run(plan).resume()
    finally:
        aws_iam.Rotator.used_since = original  # type: ignore[method-assign]
    assert (outcome.state, outcome.step) == ("needs-person", "grace")
    assert "a batch job" in outcome.why
    assert len(scene.aws.keys()) == 2
    assert scene.operator.finish(plan).state == "finished"


def test_the_stop_file_stops_everything(scene: Scene, tmp_path: pathlib.Path) -> None:
    stop = tmp_path / "stop"
    stop.touch()
    limits = scene.operator.policy.limits._replace(stop_file=str(stop))
    scene.operator.policy = scene.operator.policy._replace(limits=limits)
    plan = scene.operator.approved()
    with pytest.raises(RotationError, match="nothing acts"):
        scene.operator.run(plan).apply()
    assert scene.aws.keys() == {scene.aws.old[0]: "Active"}
    stop.unlink()
    assert scene.operator.finish(plan).state == "finished"


def test_the_hourly_cap_stops_and_the_run_goes_on_later(scene: Scene) -> None:
    scene.operator.policy = scene.operator.policy._replace(
        limits=scene.operator.policy.limits._replace(acts_per_hour=3)
    )
    plan = scene.operator.approved()
    with pytest.raises(RotationError, match="one hour"):
        scene.operator.run(plan).apply()
    scene.assert_works()
    for _ in range(4):
        scene.operator.time.ahead += 7200
        try:
            scene.operator.run(plan).resume()
        except RotationError:
            continue
    assert scene.operator.finish(plan).state == "finished"
    scene.assert_replaced()


def test_a_changed_plan_is_not_carried_out(scene: Scene) -> None:
    plan = scene.operator.approved()
    with pytest.raises(RotationError, match="changed after it was approved"):
        scene.operator.run(plan._replace(order="contain-first")).apply()
    scene.operator.run(plan).apply()
    for verb in ("apply", "resume", "undo"):
        with pytest.raises(RotationError, match="changed after it was approved"):
            getattr(scene.operator.run(plan._replace(notify=("somebody else",))), verb)()


def test_an_expired_plan_is_not_carried_out(scene: Scene) -> None:
    plan = scene.operator.approved()
    scene.operator.time.ahead += 7200
    with pytest.raises(RotationError, match="expired"):
        scene.operator.run(plan).apply()


def test_final_steps_want_an_approval_of_their_own(scene: Scene) -> None:
    plan = scene.operator.plan()
    scene.operator.approve(plan, "reversible")
    scene.operator.run(plan).apply()
    scene.operator.time.ahead += 7 * 86400
    outcome = scene.operator.run(plan).resume()
    assert (outcome.state, outcome.step) == ("needs-person", "delete")
    scene.operator.approve(plan)
    assert scene.operator.finish(plan).state == "finished"


# -- values that we make: the other protocol ---------------------------------


class OwnScene:
    """A userpass password, kept in KV (whose writes wait in escrow)."""

    def __init__(self, address: str, vault: fake.Vault, folder: pathlib.Path) -> None:
        self.vault = vault
        vault.users["app"] = {"password": "canary-before", "token_policies": ["default"]}
        vault.kv["app"] = {
            "current_version": 1,
            "versions": {"1": {"created_time": "", "deletion_time": "", "destroyed": False}},
            "data": {"1": {"username": "app", "password": "canary-before"}},
        }
        settings = {"address": address, "token_env": "OPERATOR_TOKEN"}
        places = {"kv": ("vault-kv", {**settings, "path": "app"})}
        leak = Leak("vault.userpass", "lf1:p", Secret(b"canary-before"))
        self.operator = Operator(str(folder), policy("vault-userpass", {**settings, "user": "app"}, places), leak)

    def stored(self) -> str:
        entry = self.vault.kv["app"]
        return str(entry["data"][str(entry["current_version"])]["password"])

    def assert_replaced(self) -> None:
        assert self.stored() == self.vault.users["app"]["password"] != "canary-before"
        escrow = pathlib.Path(self.operator.folder) / "escrow"
        assert not escrow.exists() or not list(escrow.iterdir())
        assert self.operator.journal.check() == []


@pytest.fixture
def own(tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[OwnScene]:
    monkeypatch.setenv("OPERATOR_TOKEN", fake.ROOT)
    with fake.running() as (address, vault):
        yield OwnScene(address, vault, tmp_path)


OWN_LINES = 12
OWN_KILLS = range(0, 2 * OWN_LINES + 1)


@pytest.mark.slow
@pytest.mark.parametrize("boundary", OWN_KILLS)
def test_our_own_value_rolls_forward_after_a_kill(own: OwnScene, boundary: int) -> None:
    plan = own.operator.approved()
    died = killed_at(boundary, lambda: own.operator.run(plan).apply())
    assert died == (boundary < 2 * OWN_LINES)
    if own.operator.journal.entries(plan.id)[-1].step != "end":
        assert own.operator.run(plan).apply().state == "finished"
    own.assert_replaced()


def test_a_value_that_the_provider_refuses_twice_is_made_anew(own: OwnScene) -> None:
    plan = own.operator.approved()
    refused: list[str] = []

    def refuse(method: str, path: str) -> None:
        if path.endswith("/password") and len(refused) < 2:
            refused.append(path)
            raise fake.Refused(400, "password does not meet the policy")

    own.vault.before = refuse
    for _ in range(2):
        with pytest.raises(RotationError):
            own.operator.run(plan).apply()
    assert own.operator.run(plan).resume().state == "finished"
    steps = own.operator.steps(plan)
    assert steps.count("store:kv done") == 2
    own.assert_replaced()
