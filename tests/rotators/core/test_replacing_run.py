"""What a destination holds is no stray, whatever the provider says of it."""

from __future__ import annotations

import os

import pytest

from rotators import aws_iam
from rotators.core.model import RotationStep, StepKind, UnexpectedState
from tests.rotators.world import Aws, Operator, policy

pytestmark = pytest.mark.net


def test_a_stray_that_a_destination_holds_is_left(
    aws: Aws, tmp_path: os.PathLike[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    leak = aws.plant()
    places = {"prod": ("aws-secrets-manager", aws.settings(secret=aws.secret))}
    operator = Operator(str(tmp_path), policy("aws-iam", aws.settings(), places), leak)
    run = operator.run(operator.plan())
    monkeypatch.setattr(aws_iam.Rotator, "strays", lambda self: (aws.stored()["access_key_id"],))
    with pytest.raises(UnexpectedState, match=f"prod holds {aws.old[0]}: it is left as it is"):
        run._discard_strays(RotationStep("mint", StepKind.MINT, "make the new credential"))
    assert aws.keys() == {aws.old[0]: "Active"}
