"""A plan on paper: everything that an approval covers, and nothing that a terminal would act on."""

from rotators.core.model import Decision, Order, RotationPlan, RotationStep, StepKind, ValueSource
from rotators.core.plan_text import format_plan, printable

PLAN = RotationPlan(
    id="f" * 32,
    fingerprint="lf1:1",
    rule_id="aws.access-key",
    rotator="aws-iam",
    stores=(),
    order=Order.CONTAIN_FIRST,
    value_source=ValueSource.PROVIDER,
    lock="lock",
    decision=Decision.ASK,
    facts=(("account", "1234"), ("name", "\x1b[31mred")),
    unprovable=("that nobody copied it",),
    steps=(
        RotationStep("disable", StepKind.DISABLE, "disable the old credential", ("iam:UpdateAccessKey",)),
        RotationStep("grace", StepKind.GRACE, "leave time", wait=60),
        RotationStep("delete", StepKind.DELETE, "delete it", reversible=False),
        RotationStep("person", StepKind.PERSON, "do it", link="https://acme.test/keys"),
    ),
    preconditions={},
    where=(),
    notify=(),
    created_at="2026-01-01T00:00:00+00:00",
    expires_at="2026-01-01T01:00:00+00:00",
)


def test_it_shows_all_that_is_approved() -> None:
    text = format_plan(PLAN)
    lines = [" ".join(line.split()) for line in text.splitlines()]
    assert lines[0] == f"plan {'f' * 12} aws.access-key contain-first (ask)"
    assert lines[5:12] == [
        "1. disable the old credential",
        "iam:UpdateAccessKey",
        "2. leave time 60 s",
        "3. delete it irreversible",
        "4. do it",
        "https://acme.test/keys",
        "cannot be proven: that nobody copied it",
    ]
    assert f"--digest {PLAN.digest[:16]}" in lines[-1]
    assert "\x1b" not in text and "?[31mred" in text


def test_line_breaks_stay_and_controls_do_not() -> None:
    assert printable("a\nb\rc\x9b\u202e") == "a\nb?c??"
