"""What a person ends by hand is asked about before the word is believed, here at a real database."""

from __future__ import annotations

import pathlib
from collections.abc import Iterator

import pytest

from detector.scan import reread
from rotators.core.model import Leak, ProofState, UnexpectedState
from rotators.core.secret_lookup import load_rules, make_leak
from tests.fakes import servers
from tests.rotators.world import Operator, policy, secret_text

pytestmark = pytest.mark.net

RULE = "uri.database"


@pytest.fixture(scope="module")
def database() -> Iterator[tuple[int, str]]:
    password = secret_text(20)
    with servers.postgresql(password) as port:
        yield port, password


def find(port: int, password: str) -> Leak:
    pack, key = load_rules()
    text = f"DATABASE_URL=postgresql://app:{password}@127.0.0.1:{port}/postgres?sslmode=disable\n"
    return make_leak(reread.find_in_text(text.encode(), RULE, pack, key))


def change_password(port: int, password: str) -> None:
    import psycopg

    with psycopg.connect(f"host=127.0.0.1 port={port} user=admin dbname=postgres", autocommit=True) as admin:
        admin.execute(f"alter role app password '{password}'")


def test_done_is_believed_when_the_database_refuses_the_password(
    database: tuple[int, str], tmp_path: pathlib.Path
) -> None:
    port, password = database
    leak = find(port, password)
    operator = Operator(
        str(tmp_path), policy("runbook", {"hosts": ["127.0.0.1"], "allow_internal": ["127.0.0.1"]}), leak
    )
    operator.policy = operator.policy._replace(limits=operator.policy.limits._replace(proof_within=2))
    plan = operator.approved(rotator_name="runbook")
    assert [step.kind for step in plan.steps] == ["person", "prove-dead"]
    assert plan.steps[0].link, "the plan says where and how"
    assert operator.run(plan).apply().step == "person"
    with pytest.raises(UnexpectedState, match="still works"):
        operator.run(plan).resume(person_done=True)
    assert operator.run(plan)._now.outcome is None, "'done' was not true"
    change_password(port, secret_text(20))
    outcome = operator.run(plan).resume()
    assert outcome.state == "ended", outcome.why
    assert "value closed" in outcome.why and "sessions unknown" in outcome.why
    log = pathlib.Path(operator.journal.path).read_text()
    assert password not in log


def test_what_cannot_be_asked_stays_unknown(database: tuple[int, str], tmp_path: pathlib.Path) -> None:
    """The probe may not ask an internal address without leave."""
    port, password = database
    operator = Operator(str(tmp_path), policy("runbook", {}), find(port, password))
    plan = operator.approved(rotator_name="runbook")
    operator.run(plan).apply()
    outcome = operator.run(plan).resume(person_done=True)
    assert outcome.state == "ended" and "value unknown" in outcome.why


def test_without_a_probe_it_is_said(tmp_path: pathlib.Path) -> None:
    from detector.secret import Secret
    from rotators.core import catalogue
    from rotators.core.model import Case, Clock

    leak = Leak("acme.key", "lf1:x", Secret(b"canary"), runbook="Acme console, Revoke.")
    plan = Operator(str(tmp_path), policy("runbook", {}), leak).plan(rotator_name="runbook")
    assert plan.unprovable == ("whether it is dead: its rule has no probe",)
    rotator = catalogue.open_rotator("runbook", Case("run", leak, {}, {}, Clock(float, lambda seconds: None)))
    assert rotator.verify_dead().state == ProofState.UNVERIFIABLE
