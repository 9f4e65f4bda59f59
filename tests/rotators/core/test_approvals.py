"""Signed approvals, with the real ssh-keygen: who counts, how far, until when, and that a run stops without them."""

from __future__ import annotations

import pathlib
import shutil
import subprocess
from collections.abc import Iterator
from typing import Any

import pytest

from detector.errors import RotationError, UsageError
from detector.secret import Secret
from rotators.core import approvals
from rotators.core.approvals import ApprovalRole, ApprovalRules
from rotators.core.model import Leak, RotationPlan
from rotators.core.policy import Policy
from rotators.core.service import RotationService
from tests.fakes import vault as fake
from tests.rotators import world

pytestmark = [
    pytest.mark.net,
    pytest.mark.skipif(not shutil.which("ssh-keygen"), reason="ssh-keygen is not installed"),
]

PEOPLE = ("alice", "bob", "carol")


class Team:
    """People with keys, and the operator's list of them."""

    def __init__(self, folder: pathlib.Path) -> None:
        self.folder = folder
        self.approvers, self.revoked = folder / "approvers", folder / "revoked"
        self.revoked.write_text("")
        lines = []
        for name in PEOPLE:
            self.make_key(name)
            lines.append(self.line(name, name))
        self.approvers.write_text("".join(lines))

    def make_key(self, name: str) -> None:
        command = ["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", name, "-f", str(self.folder / name)]
        subprocess.run(command, check=True)

    def public(self, name: str) -> str:
        return " ".join((self.folder / f"{name}.pub").read_text().split()[:2])

    def line(self, name: str, key: str, options: str = "") -> str:
        return f'{name}@example.com {options}namespaces="{approvals.NAMESPACE}" {self.public(key)}\n'

    def sign(self, document: bytes, key: str, namespace: str = approvals.NAMESPACE) -> str:
        path = self.folder / "document"
        path.write_bytes(document)
        signature = self.folder / "document.sig"
        signature.unlink(missing_ok=True)
        command = ["ssh-keygen", "-q", "-Y", "sign", "-f", str(self.folder / key), "-n", namespace, str(path)]
        subprocess.run(command, check=True, capture_output=True)
        return signature.read_text()


@pytest.fixture
def team(tmp_path: pathlib.Path) -> Team:
    folder = tmp_path / "team"
    folder.mkdir(mode=0o700)
    return Team(folder)


class Incident:
    """A leaked Vault token, a destination, and a service under a policy with approvals."""

    def __init__(self, team: Team, folder: pathlib.Path, address: str, vault: fake.Vault, **rules: Any) -> None:
        self.team, self.folder, self.address, self.vault = team, folder, address, vault
        self.time = world.Time()
        token = vault.issue("auth/token/create", ["default"])["client_token"]
        self.leak = Leak("vault.token", "lf1:t", Secret(token.encode()), verdict="live")
        self.token = token
        vault.token_roles["app"] = {"orphan": True}
        for path in ("app", "elsewhere"):
            vault.kv[path] = {
                "current_version": 1,
                "versions": {"1": {"created_time": "", "deletion_time": "", "destroyed": False}},
                "data": {"1": {"value": token}},
            }
        self.rules = ApprovalRules(str(team.approvers), str(team.revoked), **rules)
        self.settings = {"address": address, "token_env": "OPERATOR_TOKEN"}

    def policy(self, path: str = "app", **settings: Any) -> Policy:
        places = {"kv": ("vault-kv", {**self.settings, "path": path})}
        made = world.policy("vault-token", {**self.settings, "role": "app", **settings}, places)
        return made._replace(approvals=self.rules)

    def service(self, policy: Policy | None = None) -> RotationService:
        return RotationService(policy or self.policy(), str(self.folder / "state"), self.time.clock)

    def plan(self, by: str = "carol") -> RotationPlan:
        plan = self.service().make_plan(self.leak, made_by=f"{by}@example.com")
        return plan

    def approve(self, plan: RotationPlan, by: str, scope: str = "final", key: str = "", **more: Any) -> None:
        document = self.service().write_approval(plan, scope, f"{by}@example.com", more.pop("lasts", 3600), **more)
        self.service().add_approval(plan, document, self.team.sign(document, key or by))

    def apply(self, plan: RotationPlan, policy: Policy | None = None) -> Any:
        return self.service(policy).apply(plan, self.leak)


@pytest.fixture
def vault(monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[str, fake.Vault]]:
    monkeypatch.setenv("OPERATOR_TOKEN", fake.ROOT)
    with fake.running() as found:
        yield found


@pytest.fixture
def incident(team: Team, tmp_path: pathlib.Path, vault: tuple[str, fake.Vault]) -> Incident:
    return Incident(team, tmp_path, *vault)


@pytest.fixture
def four_eyes(team: Team, tmp_path: pathlib.Path, vault: tuple[str, fake.Vault]) -> Incident:
    return Incident(team, tmp_path, *vault, final=2)


def test_a_signed_approval_lets_the_run_finish_and_is_named_in_the_log(incident: Incident) -> None:
    plan = incident.plan()
    incident.approve(plan, "alice")
    assert incident.apply(plan).state == "finished"
    assert incident.token not in incident.vault.tokens
    (entry,) = [entry for entry in incident.service().list_entries(plan) if entry.step == "approve"]
    assert entry.facts["by"] == "alice@example.com"
    assert entry.facts["key"].startswith("SHA256:") and "@" in entry.who


def test_an_approval_without_a_signature_does_not_count(incident: Incident) -> None:
    plan = incident.plan()
    with pytest.raises(UsageError, match="signed"):
        incident.service().approve(plan, plan.digest, "alice")
    facts = {"digest": plan.digest, "scope": "all", "by": "alice@example.com"}
    incident.service().journal.append(plan.id, "approve", "done", facts)
    outcome = incident.apply(plan)
    assert outcome.state == "needs-person" and "without a signature" in outcome.why
    assert incident.token in incident.vault.tokens


def test_a_forged_note_of_the_policys_approval_does_not_count(incident: Incident) -> None:
    plan = incident.plan()
    facts = {"digest": plan.digest, "scope": "all", "by": "policy"}
    incident.service().journal.append(plan.id, "approve", "done", facts)
    assert incident.apply(plan).state == "needs-person"


@pytest.mark.parametrize(
    "what", ["another person", "another namespace", "a changed document", "another plan", "expired"]
)
def test_a_signature_for_something_else_is_refused(what: str, incident: Incident) -> None:
    plan, service = incident.plan(), incident.service()
    document = service.write_approval(plan, "final", "alice@example.com", 3600)
    signature = incident.team.sign(document, "alice")
    if what == "another person":
        signature = incident.team.sign(document, "bob")
    elif what == "another namespace":
        signature = incident.team.sign(document, "alice", "git")
    elif what == "a changed document":
        document = document.replace(b"final", b"contain")
    elif what == "another plan":
        plan = incident.plan()
    else:
        incident.time.ahead += 7200
    with pytest.raises(RotationError):
        service.add_approval(plan, document, signature)


def test_a_long_lasting_approval_and_strange_names_are_refused(incident: Incident) -> None:
    plan, service = incident.plan(), incident.service()
    document = service.write_approval(plan, "final", "alice@example.com", 365 * 86400)
    with pytest.raises(RotationError, match="longer than the policy"):
        service.add_approval(plan, document, incident.team.sign(document, "alice"))
    for name in ("", "a b", "alice*", "alice\n", "älice"):
        with pytest.raises(UsageError, match="no name"):
            service.write_approval(plan, "final", name, 3600)


def test_a_revoked_approver_stops_what_has_not_happened(incident: Incident) -> None:
    plan = incident.plan()
    incident.approve(plan, "alice", "reversible")
    assert incident.apply(plan).state == "needs-person"
    incident.approve(plan, "alice", "final")
    incident.team.revoked.write_text(incident.team.public("alice") + "\n")
    outcome = incident.service().open_run(plan, incident.leak).resume()
    assert outcome.state == "needs-person" and "alice" in outcome.why
    assert incident.token in incident.vault.tokens
    incident.approve(plan, "bob", "final")
    assert incident.service().open_run(plan, incident.leak).resume().state == "finished"


@pytest.mark.parametrize("options", ['valid-before="20200101Z",', 'valid-after="20990101Z",'])
def test_a_key_outside_of_its_time_does_not_count(options: str, incident: Incident) -> None:
    team = incident.team
    team.approvers.write_text(team.line("alice", "alice", options))
    with pytest.raises(RotationError, match="no valid signature"):
        incident.approve(incident.plan(), "alice")


def test_an_approvers_file_that_others_may_write_is_refused(incident: Incident) -> None:
    incident.team.approvers.chmod(0o666)
    with pytest.raises(RotationError, match="chmod"):
        incident.approve(incident.plan(), "alice")


def test_four_eyes(four_eyes: Incident) -> None:
    """Two people with two keys, of whom neither made the plan; and whoever made it has signed it."""
    plan = four_eyes.plan("carol")
    four_eyes.approve(plan, "alice")
    outcome = four_eyes.apply(plan)
    assert outcome.state == "needs-person" and "has not signed" in outcome.why
    four_eyes.approve(plan, "carol", "made")
    four_eyes.approve(plan, "carol", "final")
    outcome = four_eyes.apply(plan)
    assert outcome.state == "needs-person" and "carol@example.com made the plan" in outcome.why
    four_eyes.approve(plan, "alice")
    assert four_eyes.apply(plan).state == "needs-person"
    assert four_eyes.token in four_eyes.vault.tokens
    four_eyes.approve(plan, "bob")
    assert four_eyes.apply(plan).state == "finished"


def test_one_key_under_two_names_is_one_approver(four_eyes: Incident) -> None:
    team = four_eyes.team
    with team.approvers.open("a") as file:
        file.write(team.line("dave", "alice"))
        file.write(team.line("erin", "carol"))
    plan = four_eyes.plan("carol")
    four_eyes.approve(plan, "carol", "made")
    four_eyes.approve(plan, "alice")
    four_eyes.approve(plan, "dave", key="alice")
    assert four_eyes.apply(plan).state == "needs-person"
    four_eyes.approve(plan, "erin", key="carol")  # the maker's key under another name
    assert four_eyes.apply(plan).state == "needs-person"
    four_eyes.approve(plan, "bob")
    assert four_eyes.apply(plan).state == "finished"


def test_an_approval_of_some_steps_and_a_role_of_some_accounts(incident: Incident) -> None:
    plan = incident.plan()
    incident.approve(plan, "alice", steps=("disable",))
    outcome = incident.apply(plan)
    assert outcome.state == "needs-person" and outcome.step == "mint"
    with pytest.raises(UsageError, match="no step"):
        incident.approve(plan, "alice", steps=("nonsense",))
    incident.rules = incident.rules._replace(
        roles=(ApprovalRole(("alice@*",), accounts=("aws:*",)), ApprovalRole(("bob@*",), scope="reversible"))
    )
    incident.approve(plan, "alice")
    assert "no role" in incident.apply(plan).why
    incident.approve(plan, "bob")
    outcome = incident.apply(plan)
    assert outcome.state == "needs-person" and outcome.step == "disable"


@pytest.mark.parametrize("change", ["path", "address", "ca_file", "namespace"])
def test_a_changed_destination_is_another_plan(change: str, incident: Incident, tmp_path: pathlib.Path) -> None:
    plan = incident.plan()
    incident.approve(plan, "alice")
    changed = incident.policy("elsewhere" if change == "path" else "app")
    if change != "path":
        kv = changed.destinations["kv"]
        value = {"address": incident.address.replace("127.0.0.1", "localhost")}.get(change, str(tmp_path))
        changed = changed._replace(destinations={"kv": kv._replace(settings={**kv.settings, change: value})})
    with pytest.raises(RotationError, match=r"destination\.kv"):
        incident.apply(plan, changed)
    assert incident.token in incident.vault.tokens
    assert incident.apply(plan).state == "finished"


def test_another_identity_or_server_is_another_plan(incident: Incident, monkeypatch: pytest.MonkeyPatch) -> None:
    plan = incident.plan()
    incident.approve(plan, "alice")
    other = incident.vault.issue("auth/token/create", ["root"], display_name="somebody")["client_token"]
    monkeypatch.setenv("OPERATOR_TOKEN", other)
    with pytest.raises(RotationError, match=r"rotator\.identity"):
        incident.apply(plan)
    monkeypatch.setenv("OPERATOR_TOKEN", fake.ROOT)
    incident.vault.cluster = "another"
    with pytest.raises(RotationError, match="cluster"):
        incident.apply(plan)
    assert incident.token in incident.vault.tokens


def test_the_plan_shows_where_values_go(incident: Incident) -> None:
    from rotators.core.plan_text import format_plan

    plan = incident.plan()
    shown = format_plan(plan)
    assert incident.address in plan.bindings["destination.kv"] and '"path":"app"' in plan.bindings["destination.kv"]
    assert "bound to destination.kv" in shown and "made by carol@example.com" in shown
    assert incident.token not in shown
