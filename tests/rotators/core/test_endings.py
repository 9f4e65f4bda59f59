"""The word at the end of a run is the least that its facets allow."""

from __future__ import annotations

import pathlib

import pytest

from rotators.core import runs
from rotators.core.endings import format_facets, judge_ending, judge_facets, list_proven
from rotators.core.model import Facet, FacetReport, FacetState, Leak, Order, RunState
from tests.rotators.world import Aws, Operator, policy


def reports(*states: FacetState) -> list[FacetReport]:
    return [FacetReport(facet, state, f"why {state}") for facet, state in zip(Facet, states, strict=False)]


CLOSED, OPEN, UNKNOWN, BOUNDED = FacetState.CLOSED, FacetState.OPEN, FacetState.UNKNOWN, FacetState.BOUNDED


@pytest.mark.parametrize(
    ("states", "ending"),
    [
        ((CLOSED, CLOSED, CLOSED, CLOSED), RunState.FINISHED),
        ((CLOSED,), RunState.FINISHED),
        ((CLOSED, BOUNDED, CLOSED), RunState.ENDED),
        ((UNKNOWN, CLOSED), RunState.ENDED),
        ((UNKNOWN, OPEN, CLOSED), RunState.NEEDS_PERSON),
    ],
)
def test_the_worst_facet_decides(states: tuple[FacetState, ...], ending: RunState) -> None:
    assert judge_ending(reports(*states)) == ending


def test_what_is_not_closed_is_told_first() -> None:
    assert format_facets(reports(CLOSED, UNKNOWN)) == "sessions unknown: why unknown; value closed: why closed"


@pytest.mark.net
def test_each_proof_of_a_run_adds_a_word_until_all_is_proven(aws: Aws, tmp_path: pathlib.Path) -> None:
    leak = aws.plant()
    places = {"prod": ("aws-secrets-manager", aws.settings(secret=aws.secret))}
    rules = policy("aws-iam", aws.settings(end_sessions=False, prove_by_use=False), places)
    operator = Operator(str(tmp_path), rules, leak)
    plan = operator.approved()

    def proven() -> tuple[str, ...]:
        return list_proven(plan, runs.read_progress(operator.journal.entries(plan.id)))

    assert proven() == ()
    operator.run(plan).apply()
    assert proven() == ("replaced",), "an inactive key that nobody tried is not proven"
    operator.time.ahead += 7 * 86400
    outcome = operator.run(plan).resume()
    assert (outcome.state, outcome.step) == ("waiting", "prove-gone"), "one look at a list is not enough"
    assert operator.finish(plan).state == "finished"
    assert proven() == ("contained", "replaced")


def test_a_key_that_is_kept_and_not_tried_does_not_finish(aws: Aws, tmp_path: pathlib.Path) -> None:
    leak = Leak("aws.access-key", "lf1:x", aws.plant().secret)
    places = {"prod": ("aws-secrets-manager", aws.settings(secret=aws.secret))}
    rules = policy("aws-iam", aws.settings(end_sessions=False), places, may=("disable", "reissue"))
    operator = Operator(str(tmp_path), rules, leak)
    outcome = operator.finish(operator.approved())
    assert outcome.state == "ended"
    assert "value unknown: listed as Inactive" in outcome.why


def test_a_key_that_opened_sessions_does_not_finish_before_they_are_over(aws: Aws, tmp_path: pathlib.Path) -> None:
    leak = aws.plant()
    aws.client("sts", aws.old).get_caller_identity()
    places = {"prod": ("aws-secrets-manager", aws.settings(secret=aws.secret))}
    rules = policy("aws-iam", aws.settings(end_sessions=False, prove_by_use=False), places, grace=1)
    operator = Operator(str(tmp_path), rules, leak)
    plan = operator.approved()
    outcome = operator.run(plan).apply()
    while outcome.state == "waiting":
        operator.time.ahead += 3700
        outcome = operator.run(plan).resume()
    assert outcome.state == "ended" and "sessions unknown: whether it opened any" in outcome.why


def test_a_key_that_nobody_explains_is_left_to_a_person(aws: Aws, tmp_path: pathlib.Path) -> None:
    leak = aws.plant()
    places = {"prod": ("aws-secrets-manager", aws.settings(secret=aws.secret))}
    rules = policy("aws-iam", aws.settings(end_sessions=False, prove_by_use=False), places)
    operator = Operator(str(tmp_path), rules, leak)
    plan = operator.approved()
    outcome = operator.run(plan).apply()
    while outcome.step != "prove-gone":
        operator.time.ahead += 90000
        outcome = operator.run(plan).resume()
    other = aws.client("iam").create_access_key(UserName=aws.user)["AccessKey"]["AccessKeyId"]
    outcome = operator.finish(plan)
    assert outcome.state == "needs-person" and f"strangers open: {other}" in outcome.why
    outcome = operator.run(plan).resume(person_done=True)
    assert outcome.state == "ended" and "accepted by a person" in outcome.why


def test_a_reconciled_value_says_nothing_about_the_old_one(aws: Aws, tmp_path: pathlib.Path) -> None:
    leak = aws.plant()
    places = {"prod": ("aws-secrets-manager", aws.settings(secret=aws.secret))}
    operator = Operator(str(tmp_path), policy("aws-iam", aws.settings(), places), leak)
    plan = operator.plan(order=Order.RECONCILE)
    assert [report.facet for report in judge_facets(plan, runs.read_progress([]), ())] == [Facet.SERVICE]
