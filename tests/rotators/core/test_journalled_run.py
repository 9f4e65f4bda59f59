"""What a run writes down when a step fails: the reason, and never a value."""

from __future__ import annotations

import pathlib
import shutil

import pytest

from detector.errors import RotationError, StateError
from detector.secret import Secret
from rotators.core.model import Leak, NotKnownYet, RateLimited, RotationStep, StepKind
from tests.rotators.world import Operator, policy

STEP = RotationStep("contain", StepKind.CONTAIN, "stop the abuse now")
VALUE = "canary-of-the-journalled-run"


@pytest.fixture
def operator(tmp_path: pathlib.Path) -> Operator:
    return Operator(str(tmp_path), policy("runbook", {}), Leak("x", "lf1:x", Secret(VALUE.encode())))


@pytest.mark.parametrize(
    ("error", "raised"),
    [
        (ValueError(f"cannot parse {VALUE}"), RotationError),
        (NotKnownYet(f"ask {VALUE} later", 60), NotKnownYet),
        (RateLimited("slower"), RotationError),
    ],
)
def test_a_failure_is_noted_and_raised_without_the_value(
    operator: Operator, error: Exception, raised: type[Exception]
) -> None:
    def fail() -> None:
        raise error

    plan = operator.approved(rotator_name="runbook")
    run = operator.run(plan)
    with pytest.raises(raised) as failure:
        run._run_guarded(STEP, fail)
    assert VALUE not in str(failure.value) and failure.value.__context__ is None
    assert operator.steps(plan)[-1] == "contain failed"
    assert VALUE not in pathlib.Path(operator.journal.path).read_text()


@pytest.mark.parametrize("key", ["missing", "of another host"])
def test_a_run_goes_on_only_with_the_key_that_it_was_begun_with(
    operator: Operator, tmp_path_factory: pytest.TempPathFactory, key: str
) -> None:
    """The folder was copied to another host: who has no key cannot tell what was done, nor open what is sealed."""
    plan = operator.approved(rotator_name="runbook")
    assert operator.run(plan).apply().state == "needs-person"
    elsewhere = tmp_path_factory.mktemp("elsewhere") / "state"
    shutil.copytree(operator.folder, elsewhere)
    (elsewhere / "key").unlink()
    if key == "missing":
        with pytest.raises(StateError, match="the key that they were begun with"):
            Operator(str(elsewhere), operator.policy, operator.leak)
        return
    (elsewhere / "key").write_bytes(b"k" * 32)
    (elsewhere / "key").chmod(0o600)
    other = Operator(str(elsewhere), operator.policy, operator.leak)
    with pytest.raises(StateError, match="written with another key"):
        other.run(plan)
