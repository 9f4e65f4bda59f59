"""The order of the steps that contain, disable and lift."""

from __future__ import annotations

import time

from detector.secret import Secret
from rotators.core import contracts
from rotators.core.model import Capability, Case, Clock, Leak, Measure, Order, StepKind
from rotators.core.plan_steps import make_steps
from rotators.core.policy import Clause

OFF = Measure("off", "switch it off", ("PUT off",))
CUT = Measure("cut", "cut sessions", ("PUT cut",), best_effort=True, lasts=3600)
HOLD = Measure("hold", "hold everything", ("PUT hold",), best_effort=True, hinders_new=True)


class Measured(contracts.Rotator):
    def measures(self, kind: StepKind) -> tuple[Measure, ...]:
        return (OFF, CUT, HOLD) if kind == StepKind.CONTAIN else (OFF, CUT)


class Store(contracts.Store):
    staged = True


ABLE = Capability(can_contain=True, can_reissue=True, reversible_disable=True, can_delete=True)


def ids(order: Order, *, reissue: bool) -> list[str]:
    clock = Clock(time.time, time.sleep)
    case = Case("run", Leak("x", "lf1:x", Secret(b"x")), {}, {}, clock)
    stores = {"prod": Store(case)} if reissue else {}
    clause = Clause(may=("disable", "reissue", "delete"))
    return [step.id for step in make_steps(clause, order, ABLE, Measured(case), stores)]


def test_containing_comes_first_and_what_hinders_the_new_one_is_lifted_before_it_is_tried() -> None:
    found = ids(Order.CONTAIN_FIRST, reissue=True)
    assert found[:3] == ["contain:off", "contain:cut", "contain:hold"]
    assert found.index("lift:hold") < found.index("prove-new")
    assert found[-1] == "lift:cut", "what stays for a time is lifted last"


def test_without_a_new_one_everything_temporary_is_lifted_in_the_end() -> None:
    assert ids(Order.CONTAIN_FIRST, reissue=False)[-2:] == ["lift:cut", "lift:hold"]


def test_reissue_first_disables_by_the_same_measures_without_the_extra_ones() -> None:
    found = ids(Order.REISSUE_FIRST, reissue=True)
    assert [name for name in found if name.startswith("disable")] == ["disable:off", "disable:cut"]
    assert not any("hold" in name for name in found)
